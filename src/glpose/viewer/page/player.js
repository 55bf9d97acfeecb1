// Steps and plays through the rows. With a video the frame that the browser shows says which row it
// is; without one, or if it cannot be played, the clock of the browser does.

class Player {
  // `onRow` is called with each new row, `onState` when playing starts or ends, `onLost` with a text
  // if the video cannot be played.
  constructor(video, { onRow, onState, onLost }) {
    this.video = video;
    this.row = 0;
    this.isPlaying = false;
    this.speed = 1;
    this.hasVideo = false;
    this.tellsFrames = "requestVideoFrameCallback" in video;
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
      if (had && this.isPlaying) this.pause();
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
    };
    if (this.tellsFrames) this.whenShown(begin);
    video.addEventListener("loadeddata", () => {
      if (!video.videoWidth) return lost(); // sound alone
      // Some browsers tell of no frame before they play.
      setTimeout(() => begin(0), this.tellsFrames ? 1000 : 0);
    }, { once: true });
    video.addEventListener("ended", () => this.pause());
    video.src = facts.picture.url ?? URL.createObjectURL(new Blob([bytesOf(data)], { type: "video/mp4" }));
  }

  // Call with the time of the next frame that the browser shows.
  whenShown(then) {
    if (this.tellsFrames) {
      this.video.requestVideoFrameCallback((_, shown) => then(shown.mediaTime));
    } else {
      requestAnimationFrame(() => then(this.video.currentTime));
    }
  }

  // While the video plays, its frames set the row.
  follow() {
    this.whenShown((shownS) => {
      if (this.isPlaying && this.hasVideo) {
        const second = shownS + this.offset;
        this.setRow(nearestRow(second));
        if (second >= endS) this.pause();
      }
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
    this.video.currentTime = Math.max(0, times[this.row] - this.offset + Math.min(gap, 0.02) / 2);
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

  async play() {
    if (this.row === lastRow) this.go(0);
    this.isPlaying = true;
    this.onState();
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
    this.seekVideo(); // the video may have gone on by a frame
    this.onState();
  }

  setSpeed(speed) {
    this.startedAt = performance.now();
    this.startedS = times[this.row];
    this.speed = speed;
    this.video.playbackRate = speed;
  }
}
