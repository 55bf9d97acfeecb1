// The timeline and the curves: canvases over the same span of time, with the playhead.

// The span that is shown. It moves by whole spans, not with each frame: that is calm, and cheap.
class View {
  constructor() {
    this.length = 0; // seconds, 0 for everything
    this.shown = NaN; // how many are shown
    this.show(beginS);
  }

  // Returns whether the span has moved.
  show(second) {
    const before = this.from;
    const whole = Math.max(endS - beginS, 1e-3);
    const length = this.length ? Math.min(this.length, whole) : whole;
    if (this.shown !== length || second < this.from || second > this.to) {
      const from = Math.min(Math.max(beginS, second - length / 10), endS - length);
      this.from = length === whole ? beginS : from;
      this.to = this.from + length;
      this.shown = length;
    }
    return this.from !== before;
  }

  setLength(length, second) {
    this.length = length;
    this.shown = NaN;
    this.show(second);
  }
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// The context of a canvas that has as many pixels as it takes on the screen, in CSS pixels.
function prepared(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = `12px system-ui, sans-serif`;
  return { context, width, height };
}

const LEFT = 44; // room for the labels of an axis

function xOf(view, width, second) {
  return LEFT + (second - view.from) / (view.to - view.from) * (width - LEFT);
}

function secondAt(view, width, x) {
  return view.from + (x - LEFT) / (width - LEFT) * (view.to - view.from);
}

// Bars for the rows [start, stop), each up to the beginning of the row behind it.
function drawBars(context, view, width, spans, first, y, height) {
  let drawnTo = -1;
  for (const [start, stop] of spans) {
    const x1 = xOf(view, width, times[first + start]);
    const x2 = xOf(view, width, times[Math.min(lastRow, first + stop)]);
    if (x2 < LEFT || x1 > width || x2 < drawnTo) continue; // nothing new in this pixel
    const from = Math.max(LEFT, x1);
    drawnTo = Math.min(width, Math.max(x2, x1 + 1));
    context.fillRect(from, y, drawnTo - from, height);
  }
}

const ROW_PX = 22;

// A row for each person: a bar where they are, and under it where something is unsure. `top` is how
// far the list is scrolled.
function drawTimeline(canvas, view, chosen, top) {
  const { context, width, height } = prepared(canvas);
  const first = Math.floor(top / ROW_PX);
  const last = Math.min(people.length - 1, Math.floor((top + height) / ROW_PX));
  for (let i = first; i <= last; i++) {
    const person = people[i];
    const y = i * ROW_PX - top;
    if (person === chosen) {
      context.fillStyle = style("--raised");
      context.fillRect(0, y, width, ROW_PX);
    }
    context.fillStyle = style("--text");
    context.textBaseline = "middle";
    context.font = `${person === chosen ? 700 : 400} 12px system-ui, sans-serif`;
    context.fillText(person.id, 6, y + ROW_PX / 2);
    context.fillStyle = style("--quiet"); // an edge: some colours are hardly seen on white
    drawBars(context, view, width, person.present, person.first, y + 3, 11);
    context.fillStyle = person.colours[0];
    drawBars(context, view, width, person.present, person.first, y + 4, 9);
    context.fillStyle = style("--doubt");
    drawBars(context, view, width, doubtSpans(person), 0, y + 14, 4);
  }
}

// The rows of a person in which something is doubtful, as spans [start, stop) in order that do not
// touch; made once.
function doubtSpans(person) {
  if (person.doubts) return person.doubts;
  person.doubts = [];
  for (const [, id, first, last] of facts.doubts) { // in the order of `first`
    if (id !== person.id) continue;
    const before = person.doubts.at(-1);
    if (before && first <= before[1]) before[1] = Math.max(before[1], last + 1);
    else person.doubts.push([first, last + 1]);
  }
  return person.doubts;
}

// The least and the greatest value of each pixel's width of a person's column, so that an hour of
// frames costs no more than the screen has pixels and no peak is lost. Angles are shown from `least`
// on; where one goes through the end of its range, points are not joined, and begin anew.
function extremes(person, column, view, width, least) {
  const from = Math.max(person.first, rowAt(view.from) - 1);
  const to = Math.min(person.first + column.length - 1, rowAt(view.to) + 1);
  const points = [];
  let last = null;
  for (let row = from; row <= to; row++) {
    const found = column[row - person.first];
    const value = found < least ? found + 360 : found;
    const x = xOf(view, width, times[row]);
    const pixel = Math.round(x);
    const wraps = last && least !== undefined && Math.abs(value - last.end) > 180;
    if (Number.isNaN(value)) {
      last = null;
    } else if (last && last.pixel === pixel && !wraps) {
      last.low = Math.min(last.low, value);
      last.high = Math.max(last.high, value);
      last.end = value;
    } else {
      const joined = last !== null && !wraps;
      last = { pixel, x, joined, begin: value, low: value, high: value, end: value };
      points.push(last);
    }
  }
  return points;
}

// Round steps of an axis with at most `most` of them.
function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(n * step);
  return { step, values: found };
}

function digits(step) {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

// `curves` are [column, name of a colour, dashed, of angles the least value]; `limits` [low, high] or
// null for those of the values; `none` is said where there are none. Doubtful spans of the person
// are shaded.
function drawCurves(canvas, view, person, curves, limits, none) {
  const { context, width, height } = prepared(canvas);
  const plots = (person ? curves : []).map(([column, colour, dashed, least]) =>
    [extremes(person, column, view, width, least), colour, dashed]);
  const all = plots.flatMap(([points]) => points);
  let [low, high] = limits ?? [Infinity, -Infinity];
  if (!limits) {
    for (const point of all) {
      low = Math.min(low, point.low);
      high = Math.max(high, point.high);
    }
    const room = Math.max((high - low) * 0.06, 0.5);
    [low, high] = [low - room, high + room];
  }
  const bottom = height - 18;
  const yOf = (value) => bottom - (value - low) / (high - low) * (bottom - 4);
  drawTimeAxis(context, view, width, bottom);
  if (!all.length) {
    context.fillStyle = style("--quiet");
    context.fillText(none, LEFT + 8, bottom / 2);
    return;
  }
  context.textBaseline = "middle";
  context.textAlign = "right";
  const { step, values } = ticks(low, high, Math.max(2, bottom / 28));
  for (const value of values) {
    context.fillStyle = style("--grid");
    context.fillRect(LEFT, yOf(value), width - LEFT, 1);
    context.fillStyle = style("--quiet");
    context.fillText(value.toFixed(digits(step)), LEFT - 5, Math.max(7, yOf(value)));
  }
  context.globalAlpha = 0.14;
  context.fillStyle = style("--doubt");
  drawBars(context, view, width, doubtSpans(person), 0, 0, bottom);
  context.globalAlpha = 1;
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, bottom);
  context.clip();
  for (const [points, colour, dashed] of plots) {
    context.strokeStyle = style(colour);
    context.lineWidth = 1.5;
    context.setLineDash(dashed ? [5, 3] : []);
    context.beginPath();
    for (const point of points) {
      if (point.joined) context.lineTo(point.x, yOf(point.begin));
      else context.moveTo(point.x, yOf(point.begin));
      if (point.high > point.low) {
        context.lineTo(point.x, yOf(point.low));
        context.lineTo(point.x, yOf(point.high));
        context.lineTo(point.x, yOf(point.end));
      } else if (!point.joined) {
        context.lineTo(point.x + 0.5, yOf(point.begin)); // a single value is a dot
      }
    }
    context.stroke();
  }
  context.restore();
}

function drawTimeAxis(context, view, width, bottom) {
  const { step, values } = ticks(view.from, view.to, Math.max(2, (width - LEFT) / 90));
  context.textBaseline = "top";
  for (const second of values) {
    const x = xOf(view, width, second);
    context.fillStyle = style("--grid");
    context.fillRect(x, 0, 1, bottom);
    context.fillStyle = style("--quiet");
    context.textAlign = x < LEFT + 20 ? "left" : x > width - 24 ? "right" : "center";
    context.fillText(clock(second, digits(step)), x, bottom + 3);
  }
  context.textAlign = "left";
}
