// Fills the page and ties its parts together. What comes from the results is written as text only.

const byId = (id) => document.getElementById(id);

const view = new View();
// Who walks, or is seen longest.
const countOf = (person) => person.present.reduce((sum, [start, stop]) => sum + stop - start, 0);
let chosen = people.toSorted((a, b) => Boolean(b.gait) - Boolean(a.gait) || countOf(b) - countOf(a))[0];
let doubtsShown = facts.doubts; // in the order of their first rows
let doubtAt = -1; // the place of the one gone to last

const player = new Player(byId("video"), {
  onRow: () => {
    drawFrame();
    tellSoon();
  },
  onState: () => {
    byId("play").textContent = player.isPlaying ? "Pause" : "Play";
    if (player.isPlaying) byId("status").textContent = "Playing";
    else tellSoon();
  },
  onLost: (text) => {
    byId("problem").textContent = text;
    byId("problem").hidden = false;
    byId("drawn").checked = true;
    drawFrame();
  },
});

// ---- what is drawn

function drawFrame() {
  const { row } = player;
  drawPeople(byId("skeletons"), player.pictureRow, chosen, byId("drawn").checked);
  byId("slider").value = row;
  byId("slider").setAttribute("aria-valuetext", `frame ${frameNumbers[row]}, ${clock(times[row])}`);
  byId("clock").textContent = `${clock(times[row])} of ${clock(endS)}, frame ${frameNumbers[row]}`;
  if (view.show(times[row])) drawCharts();
  else movePlayheads();
  tellValues();
}

function drawCharts() {
  byId("shown").textContent = `${clock(view.from)} to ${clock(view.to)}`;
  drawPeopleOverTime();
  const angle = facts.angles.names.length ? angleCurves() : [];
  drawCurves(byId("angle-curve"), view, chosen, angle, null, "not seen from the side, or not found here");
  drawCurves(byId("joint-curve"), view, chosen, jointCurves(), null, "not found here");
  drawCurves(byId("score-curve"), view, chosen, scoreCurves(), [0, 1.04], "not found here");
  movePlayheads();
}

function drawPeopleOverTime() {
  const room = byId("timeline-room");
  byId("timeline-height").style.height = `${people.length * ROW_PX}px`;
  byId("timeline").style.height = `${Math.min(room.clientHeight, people.length * ROW_PX)}px`;
  drawTimeline(byId("timeline"), view, chosen, room.scrollTop);
}

function movePlayheads() {
  for (const mark of document.querySelectorAll(".playhead")) {
    mark.style.left = `${xOf(view, mark.parentElement.clientWidth, times[player.row])}px`;
  }
}

function resize() {
  const stage = byId("stage");
  const [width, height] = facts.size;
  // As wide as its column, but not so high that the controls leave the screen.
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.maxWidth = `${Math.max(240, innerHeight * 0.72) * width / height}px`;
  const canvas = byId("skeletons");
  const place = stage.getBoundingClientRect();
  canvas.width = Math.round(place.width * devicePixelRatio);
  canvas.height = Math.round(place.height * devicePixelRatio);
  drawPeople(canvas, player.pictureRow, chosen, byId("drawn").checked);
  drawCharts();
}

// ---- curves: [column, colour, dashed, least angle]

function angleCurves() {
  const names = byId("angle").value.split(" ");
  return names.map((name, i) => {
    const at = facts.angles.names.indexOf(name);
    return [chosen.angles[at], i ? "--curve-b" : "--curve-a", i > 0, chosen.least[at]];
  });
}

function jointCurves() {
  const joint = Number(byId("joint").value);
  return [[chosen.xy[2 * joint], "--curve-a", false], [chosen.xy[2 * joint + 1], "--curve-b", true]];
}

function scoreCurves() {
  const joint = Number(byId("joint").value);
  return [[meanScores(chosen), "--curve-a", false], [chosen.score[joint], "--curve-b", true]];
}

function spoken(name) {
  return name.replaceAll("_", " ");
}

// The values at this frame, as text beside the curves.
function tellValues() {
  const at = (curves) => curves.map(([column]) => (chosen ? valueAt(chosen, column, player.row) : NaN));
  const said = (value, unit, places) => (Number.isNaN(value) ? "none" : value.toFixed(places) + unit);
  if (facts.angles.names.length) {
    const values = at(angleCurves()).map((value) => said(value, " degrees", 1));
    byId("angle-value").textContent = values.join(", ");
  }
  byId("joint-value").textContent = at(jointCurves()).map((value) => said(value, " px", 1)).join(", ");
  byId("score-value").textContent = at(scoreCurves()).map((value) => said(value, "", 2)).join(", ");
}

// Names in the colours of their curves.
function fillKey(id, one, other) {
  const parts = [[one, "key-a", "\u2014 "], [other, "key-b", "- - "]].filter(([name]) => name);
  byId(id).replaceChildren(...parts.map(([name, kind, line], i) => {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = `${line}${name}${i + 1 < parts.length ? ", " : ":"}`;
    return part;
  }));
}

function fillKeys() {
  const joint = spoken(facts.joints[Number(byId("joint").value)]);
  const sides = byId("angle").value.split(" ").map((name) => spoken(name).split(" ")[0]);
  fillKey("angle-key", ...sides);
  fillKey("joint-key", "x to the right", "y down");
  fillKey("score-key", "mean of all joints", joint);
}

// ---- what is said

let telling = 0;

// In one message for many steps, and nothing while it plays.
function tellSoon() {
  clearTimeout(telling);
  if (!player.isPlaying) telling = setTimeout(tell, 150);
}

function tell() {
  const { row } = player;
  const there = whoIsAt(row);
  const parts = [`Frame ${frameNumbers[row]}, ${clock(times[row])}.`];
  parts.push(there.length ? `People: ${there.map((person) => person.id).join(", ")}.` : "Nobody is found.");
  if (player.pictureRow !== row) {
    parts.push(`This browser does not show that picture; what you see is frame ${frameNumbers[player.pictureRow]}.`);
  }
  const doubts = facts.doubts.filter(([, , first, last]) => first <= row && row <= last);
  parts.push(...doubts.map(([kind, id]) => `${id === null ? "" : `Person ${id}: `}${kind}.`));
  byId("status").textContent = parts.join(" ");
}

// ---- what is done

function choose(person) {
  chosen = person;
  byId("person").value = person.id;
  markRows("people", (row) => row.dataset.person === person.id);
  byId("skeletons").setAttribute("aria-label",
    `The people of this frame, drawn as skeletons; person ${person.id} is marked`);
  drawFrame();
  drawCharts();
}

function goTo(row, person) {
  player.pause();
  if (person && person !== chosen) choose(person);
  player.go(row);
  tellSoon();
}

function goToDoubt(doubt) {
  const [, id, first] = doubt;
  goTo(first, personOf.get(id));
  doubtAt = doubtsShown.indexOf(doubt);
  markRows("doubts", (_, i) => i === doubtAt);
}

// Many may begin in one frame: the row tells the place only after the user has moved.
function stepDoubt(direction) {
  const { row } = player;
  let place = doubtAt + direction;
  if (doubtsShown[doubtAt]?.[2] !== row) {
    place = direction > 0
      ? doubtsShown.findIndex(([, , first]) => first >= row)
      : doubtsShown.findLastIndex(([, , first]) => first <= row);
  }
  if (doubtsShown[place]) goToDoubt(doubtsShown[place]);
  else byId("status").textContent = `There is no ${direction > 0 ? "later" : "earlier"} span to look at.`;
}

function zoom(direction) {
  const select = byId("span");
  const next = select.selectedIndex + direction;
  if (next < 0 || next >= select.options.length) return;
  select.selectedIndex = next;
  showSpan();
}

function showSpan() {
  view.setLength(Number(byId("span").value), times[player.row]);
  drawCharts();
}

// ---- tables

const MOST_ROWS = 300; // more come when asked for: thousands of rows make a page slow

function cell(content, { header = false, wide = false } = {}) {
  const made = document.createElement(header ? "th" : "td");
  if (header) made.scope = "row";
  if (wide) made.className = "wide";
  if (content instanceof Node) made.append(content);
  else made.textContent = content;
  return made;
}

function button(text, label, then) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", then);
  return made;
}

// `cellsOf(item, row)` gives the cells of an item and may mark its row.
function fillTable(id, items, cellsOf, most = MOST_ROWS) {
  const rows = items.slice(0, most).map((item) => {
    const row = document.createElement("tr");
    row.append(...cellsOf(item, row));
    return row;
  });
  if (items.length > most) {
    const row = document.createElement("tr");
    const all = cell(button(`Show all ${items.length}`, `Show all ${items.length} rows`,
      () => fillTable(id, items, cellsOf, Infinity)));
    all.colSpan = byId(id).tHead.rows[0].cells.length;
    row.append(all);
    rows.push(row);
  }
  byId(id).tBodies[0].replaceChildren(...rows);
}

function markRows(id, isMarked) {
  for (const [i, row] of [...byId(id).tBodies[0].rows].entries()) {
    if (isMarked(row, i)) {
      row.setAttribute("aria-current", "true");
      showInside(row);
    } else {
      row.removeAttribute("aria-current");
    }
  }
}

// Scrolls the room of a table, not the page.
function showInside(row) {
  const room = row.closest(".scroll");
  const [inner, outer] = [row.getBoundingClientRect(), room.getBoundingClientRect()];
  const head = row.closest("table").tHead.offsetHeight;
  if (inner.top < outer.top + head) room.scrollTop += inner.top - outer.top - head;
  else if (inner.bottom > outer.bottom) room.scrollTop += inner.bottom - outer.bottom;
}

function fillPeople() {
  fillTable("people", people, (person, row) => {
    row.dataset.person = person.id;
    const spans = person.present.map(([start, stop]) => {
      const [from, to] = [person.first + start, person.first + stop - 1];
      return `${clock(times[from])} to ${clock(times[to])}`;
    });
    const seen = spans.slice(0, 6).join(", ") + (spans.length > 6 ? ` and ${spans.length - 6} more` : "");
    const count = countOf(person);
    const mean = meanScores(person).reduce((sum, one) => sum + (Number.isNaN(one) ? 0 : one), 0) / count;
    const choice = button(person.id, `Choose person ${person.id} and go to the first frame`,
      () => {
        choose(person);
        goTo(person.first, person);
      });
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = person.colours[0];
    choice.prepend(swatch);
    const share = `${Math.round(100 * count / facts.rows)} %`;
    return [cell(choice, { header: true }), cell(seen, { wide: true }), cell(count), cell(share),
      cell(mean.toFixed(2)), cell(person.unsure), cell(person.gait || "none seen")];
  });
}

function fillDoubts() {
  const wanted = byId("doubts-of").value;
  doubtsShown = facts.doubts.filter(([kind, id]) => !wanted || kind === wanted || id === wanted);
  doubtAt = -1;
  fillTable("doubts", doubtsShown, (doubt) => {
    const [kind, id, first, last] = doubt;
    const who = id ?? "all";
    const label = `Go to ${clock(times[first])}, ${kind}, ${id === null ? "all" : `person ${id}`}`;
    const go = button(clock(times[first]), label, () => goToDoubt(doubt));
    return [cell(go), cell(clock(times[last])), cell(last - first + 1), cell(who), cell(kind)];
  });
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}

function fillChoices() {
  byId("person").append(...people.map((person) => option(person.id, person.id)));
  byId("joint").append(...facts.joints.map((name, j) => option(j, spoken(name))));
  // Left and right of an angle are one choice.
  const bases = new Map();
  for (const name of facts.angles.names) {
    const base = spoken(name.replace(/^(left|right)_/, "").replace(/_segment$/, ""));
    bases.set(base, [...(bases.get(base) ?? []), name]);
  }
  byId("angle").append(...[...bases].map(([base, names]) => option(names.join(" "), base)));
  for (const choice of [...byId("span").options]) {
    if (Number(choice.value) >= endS - beginS) choice.remove();
  }
  const kinds = [...new Set(facts.doubts.map(([kind]) => kind))];
  byId("doubts-of").append(option("", "everything"), ...kinds.map((kind) => option(kind, kind)),
    ...people.filter((person) => doubtSpans(person).length)
      .map((person) => option(person.id, `person ${person.id}`)));
}

function fillTexts() {
  byId("name").textContent = facts.name;
  const [width, height] = facts.size;
  byId("summary").textContent = `${facts.rows} frames from ${clock(beginS)} to ${clock(endS)}, `
    + `${width} x ${height} pixels, ${people.length} ${people.length === 1 ? "person" : "people"}`;
  byId("notes").append(...facts.notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  }));
  byId("made-by").textContent = `Made by ${facts.made_by}. Angles ${facts.angles.how}.`;
  fillTable("settings", facts.settings, ([name, value]) => [cell(name, { header: true }), cell(value, { wide: true })]);
  fillTable("weights", facts.weights, (one) => [cell(one.use, { header: true }), cell(one.name),
    cell(one.licence || "not known here", { wide: true }), cell(one.terms || "not known here", { wide: true }),
    cell(one.digest)]);
  for (const [name, items] of [["doubts", facts.doubts], ["weights", facts.weights]]) {
    byId(`${name}-none`).hidden = items.length > 0;
    byId(name).closest(".scroll").hidden = items.length === 0;
  }
  byId("doubts-controls").hidden = facts.doubts.length === 0;
}

// ---- keys, buttons, pointers

const KEYS = {
  " ": () => player.toggle(),
  k: () => player.toggle(),
  ArrowLeft: (event) => (event.shiftKey ? player.skip(-1) : player.step(-1)),
  ArrowRight: (event) => (event.shiftKey ? player.skip(1) : player.step(1)),
  Home: () => player.step(-Infinity),
  End: () => player.step(Infinity),
  n: () => stepDoubt(1),
  p: () => stepDoubt(-1),
  "+": () => zoom(1),
  "-": () => zoom(-1),
  s: () => byId("drawn").click(),
  w: () => tell(),
  "?": () => byId("keys").showModal(),
};

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || byId("keys").open) return;
  const { key, target } = event;
  // A list, a button and a box keep the keys that work them.
  if (target.matches("select") && !"?+-".includes(key)) return;
  if (key === " " && target.matches("button, input[type=checkbox]")) return;
  const isLetter = key.length === 1 && key !== " ";
  if (isLetter && !byId("letters").checked && key !== "?") return;
  const act = KEYS[key.length === 1 ? key.toLowerCase() : key];
  if (act) act(event);
  else if (/^[1-9]$/.test(key) && personOf.has(key)) {
    choose(personOf.get(key));
    byId("status").textContent = `Person ${key}`;
  } else return;
  event.preventDefault();
}

function seekByPointer(canvas, pick) {
  const seek = (event) => {
    const { left, width } = canvas.getBoundingClientRect();
    goTo(nearestRow(secondAt(view, width, event.clientX - left)), null);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (pick) pick(event);
    seek(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) seek(event);
  });
}

function listen() {
  document.addEventListener("keydown", onKey);
  byId("play").addEventListener("click", () => player.toggle());
  byId("first").addEventListener("click", () => player.step(-Infinity));
  byId("last").addEventListener("click", () => player.step(Infinity));
  byId("back").addEventListener("click", () => player.step(-1));
  byId("on").addEventListener("click", () => player.step(1));
  byId("slider").addEventListener("input", (event) => goTo(Number(event.target.value), null));
  byId("speed").addEventListener("change", (event) => player.setSpeed(Number(event.target.value)));
  byId("person").addEventListener("change", (event) => choose(personOf.get(event.target.value)));
  byId("drawn").addEventListener("change", drawFrame);
  byId("help").addEventListener("click", () => byId("keys").showModal());
  byId("span").addEventListener("change", showSpan);
  byId("doubts-of").addEventListener("change", fillDoubts);
  byId("doubt-back").addEventListener("click", () => stepDoubt(-1));
  byId("doubt-on").addEventListener("click", () => stepDoubt(1));
  for (const id of ["angle", "joint"]) {
    byId(id).addEventListener("change", () => {
      fillKeys();
      drawCharts();
      tellValues();
    });
  }
  byId("timeline-room").addEventListener("scroll", drawPeopleOverTime);
  for (const id of ["angle-curve", "joint-curve", "score-curve"]) seekByPointer(byId(id));
  seekByPointer(byId("timeline"), (event) => {
    const place = Math.floor((event.clientY - byId("timeline").getBoundingClientRect().top
      + byId("timeline-room").scrollTop) / ROW_PX);
    if (people[place]) choose(people[place]);
  });
  addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
}

byId("slider").max = lastRow;
byId("drawn").checked = !facts.picture?.drawn;
byId("video").hidden = facts.picture === null;
fillTexts();
fillChoices();
fillKeys();
fillPeople();
fillDoubts();
listen();
byId("loading").hidden = true;
choose(chosen);
resize();
tell();
