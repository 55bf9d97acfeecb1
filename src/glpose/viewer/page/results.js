// The results: rows of frames with their times, and people with values for the rows in which they
// may be there. Rows count the frames of the results from 0; the number of a frame in its video may
// be another one.

const facts = JSON.parse(document.getElementById("facts").textContent);
const [times, frameNumbers, people] = await (async () => {
  const element = document.getElementById("poses");
  const bytes = await inflated(element.textContent);
  element.remove(); // it is kept as arrays now
  const [time] = columnsOf(bytes, facts.times, Float64Array);
  const [number] = columnsOf(bytes, facts.frames, Float64Array);
  const unpacked = facts.people.map((person) => ({
    ...person,
    xy: columnsOf(bytes, person.xy),
    score: columnsOf(bytes, person.score),
    angles: columnsOf(bytes, person.angles),
  }));
  return [time, number, unpacked];
})();
const personOf = new Map(people.map((person) => [person.id, person]));
const lastRow = facts.rows - 1;
const beginS = times[0];
const endS = times[lastRow];

// The last row whose time is `second` or before, 0 if there is none.
function rowAt(second) {
  let low = 0;
  let high = lastRow;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= second) low = middle;
    else high = middle - 1;
  }
  return low;
}

function nearestRow(second) {
  const row = rowAt(second);
  return row < lastRow && times[row + 1] - second < second - times[row] ? row + 1 : row;
}

// Whether a row is in one of the spans [start, stop), which are in order.
function isIn(spans, row) {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle][1] <= row) low = middle + 1;
    else high = middle;
  }
  return low < spans.length && spans[low][0] <= row;
}

function isPresent(person, row) {
  return isIn(person.present, row - person.first);
}

function whoIsAt(row) {
  return people.filter((person) => isPresent(person, row));
}

// The value of a column of a person at a row of the results.
function valueAt(person, column, row) {
  const at = row - person.first;
  return at >= 0 && at < column.length ? column[at] : NaN;
}

// The mean score of all joints, missing ones as 0, as in motion/doubts.py; made once a person.
function meanScores(person) {
  person.mean ??= person.score[0].map((_, at) => {
    let sum = 0;
    for (const column of person.score) sum += column[at]; // NaN where the person is not there
    return sum / person.score.length;
  });
  return person.mean;
}

// As many decimals as tell neighbouring frames apart.
const clockDigits = (() => {
  let least = 1;
  for (let row = 1; row <= lastRow; row++) least = Math.min(least, Math.max(0.001, times[row] - times[row - 1]));
  return Math.ceil(-Math.log10(least) - 1e-9);
})();

// m:ss with decimals, always with a dot.
function clock(second, digits = clockDigits) {
  const parts = 10 ** digits;
  const count = Math.round(second * parts);
  const whole = Math.abs(count);
  const minutes = Math.floor(whole / (60 * parts));
  const seconds = ((whole % (60 * parts)) / parts).toFixed(digits);
  return `${count < 0 ? "-" : ""}${minutes}:${seconds.padStart(digits ? digits + 3 : 2, "0")}`;
}
