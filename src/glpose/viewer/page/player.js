// Steps and plays through the rows. With a video the frame that the browser shows says which row it
// is; without one, or if it cannot be played, the clock of the browser does.

const MOST_SEEKS = 16; // for the picture of one row

class Player {
  // `onRow` is called with each new row, and when the picture is found to be of another one; `onState`
  // when playing starts or ends, `onLost` with a text if the video cannot be played.
  constructor(video, { onRow, onState, onLost }) {
    this.video = video;
    this.row = 0;
    this.isPlaying = false;
    this.speed = 1;
    this.hasVideo = false;
    this.tellsFrames = "requestVideoFrameCallback" in video;
    this.shownS = null; // what the video shows, by its own time
    this.search = null; // for the second at which the browser shows the picture of the row
    this.otherRow = null; // whose picture it shows instead
    this.offset = facts.picture ? facts.picture.begin : 0; // time of the results - time of the video
    Object.assign(this, { onRow, onState, onLost });
    if (facts.picture) this.openVideo();
  }

  openVideo() {
    const { video } = this;
    const data = document.getElementById("video-data").textContent;
    const lost = () => {
      const had = this.hasVideo;
      this.hasVideo = false;
      video.hidden = true;
      this.otherRow = null;
      if (had && this.isPlaying) this.run();
      this.onLost(`The video ${facts.picture.name} cannot be played here: it is not where it was when `
        + "this page was made, or this browser does not know its format. The skeletons are drawn "
        + "without it; glpose report --embed puts a copy into the page that every browser plays.");
    };
    video.addEventListener("error", lost, { once: true });
    // The first picture may begin behind the beginning of the file, e.g. where sound comes first.
    let hasBegun = false;
    const begin = (firstS) => {
      if (hasBegun) return;
      hasBegun = true;
      this.offset -= firstS;
      this.hasVideo = true;
      this.seekVideo();
      this.follow();
      if (this.isPlaying) this.run();
    };
    if (this.tellsFrames) this.whenShown(begin);
    video.addEventListener("loadeddata", () => {
      if (!video.videoWidth) return lost(); // sound alone
      // Some browsers tell of no frame before they play.
      setTimeout(() => begin(0), this.tellsFrames ? 1000 : 0);
    }, { once: true });
    video.addEventListener("ended", () => this.pause());
    // The frame is told of a little before or behind this.
    video.addEventListener("seeked", () => requestAnimationFrame(() => requestAnimationFrame(() => this.compare())));
    video.src = facts.picture.url ?? URL.createObjectURL(new Blob([bytesOf(data)], { type: "video/mp4" }));
  }

  // Call with the time of the next frame that the browser shows.
  whenShown(then) {
    if (this.tellsFrames) {
      this.video.requestVideoFrameCallback((_, { mediaTime }) => {
        this.shownS = mediaTime;
        then(mediaTime);
      });
    } else {
      requestAnimationFrame(() => then(this.video.currentTime));
    }
  }

  // The row of the picture, for the skeletons to fit it.
  get pictureRow() {
    return this.otherRow ?? this.row;
  }

  // While the video plays, its frames set the row.
  follow() {
    this.whenShown((shownS) => {
      if (this.isPlaying && this.hasVideo) {
        const second = shownS + this.offset;
        this.setRow(nearestRow(second));
        if (second >= endS) this.pause();
      } else this.compare();
      this.follow();
    });
  }

  setRow(row) {
    const next = Math.min(lastRow, Math.max(0, row));
    if (next === this.row) return;
    this.row = next;
    this.onRow();
  }

  // Into the middle of the frame, so that rounding does not lead to the one before.
  seekVideo() {
    if (!this.hasVideo) return;
    const next = Math.min(lastRow, this.row + 1); // the last frame lasts as long as the one before
    const gap = times[next] - times[next - 1];
    const second = Math.max(0, times[this.row] - this.offset + Math.min(gap, 0.02) / 2);
    this.otherRow = null;
    this.search = { second, from: null, to: null, step: 0.01, left: MOST_SEEKS };
    this.video.currentTime = second;
  }

  // How long a frame lasts, browsers guess from the order in the file: if the rate varies and there
  // are B-frames, they show a neighbour. Mostly a second before or behind gives the frame itself.
  compare() {
    const { video, search } = this;
    if (!this.hasVideo || this.isPlaying || video.seeking || this.shownS === null) return;
    const shown = nearestRow(this.shownS + this.offset);
    if (!search) return this.setRow(shown);
    if (shown !== this.row && search.left > 0) {
      search[shown < this.row ? "from" : "to"] = search.second;
      const { from, to } = search;
      if (from !== null && to !== null) search.second = (from + to) / 2;
      else search.second += from !== null ? search.step : -search.step;
      search.step *= 2;
      search.left -= 1;
      video.currentTime = search.second;
      return;
    }
    const other = shown === this.row ? null : shown;
    if (other === this.otherRow) return;
    this.otherRow = other;
    this.onRow();
  }

  go(row) {
    this.setRow(row);
    this.seekVideo();
    this.startedAt = performance.now();
    this.startedS = times[this.row];
  }

  step(rows) {
    this.pause();
    this.go(this.row + rows);
  }

  skip(seconds) {
    const second = times[this.row] + seconds;
    const row = nearestRow(second);
    // Also over a gap in the times.
    this.go(row === this.row ? row + Math.sign(seconds) : row);
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (this.row === lastRow) this.go(0);
    this.isPlaying = true;
    this.otherRow = null;
    this.onState();
    this.run();
  }

  // Starts the clock that there is: that of the video or that of the browser.
  async run() {
    if (this.hasVideo) {
      this.video.playbackRate = this.speed;
      try {
        await this.video.play();
      } catch {
        this.pause();
      }
      return;
    }
    this.startedAt = performance.now();
    this.startedS = times[this.row];
    requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    if (!this.isPlaying || this.hasVideo) return;
    this.setRow(rowAt(this.startedS + this.speed * (now - this.startedAt) / 1000));
    if (this.row === lastRow) return this.pause();
    requestAnimationFrame((next) => this.tick(next));
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.video.pause();
    // The video may go on by a frame: the row follows, but not behind the last one.
    if (this.tellsFrames && this.row < lastRow) this.search = null;
    else this.seekVideo();
    this.onState();
  }

  setSpeed(speed) {
    this.startedAt = performance.now();
    this.startedS = times[this.row];
    this.speed = speed;
    this.video.playbackRate = speed;
  }
}
