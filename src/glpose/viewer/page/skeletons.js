// Draws the people of a frame as viewer/overlay.py does: colour for the person, shade for the side,
// weight for the score.

const EDGE = "#101010";

// If not `shown`, only the mark of the chosen person is drawn.
function drawPeople(canvas, row, chosen, shown) {
  const context = canvas.getContext("2d");
  const [width, height] = facts.size;
  const scale = canvas.width / width;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  // Joints count from the centre of the first pixel, the canvas from its corner.
  context.setTransform(scale, 0, 0, canvas.height / height, scale / 2, canvas.height / height / 2);
  context.lineCap = "round";
  // On a large picture that is shown small, lines have to be seen still.
  const least = 1.2 * devicePixelRatio / scale;
  for (const person of whoIsAt(row)) {
    const joints = jointsAt(person, row);
    const found = joints.filter((joint) => joint.isFound);
    if (!found.length) continue;
    const xs = found.map((joint) => joint.x);
    const ys = found.map((joint) => joint.y);
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    const size = Math.max(box[2] - box[0], box[3] - box[1]);
    const line = Math.max(least, Math.min(Math.max(size / 100, 2, height / 300), height / 80));
    if (person === chosen) drawMark(context, box, line);
    if (shown) {
      drawPerson(context, person, joints, line);
      drawNumber(context, person, box, line);
    }
  }
}

function jointsAt(person, row) {
  const at = row - person.first;
  const { hidden, doubtful, sure } = facts.limits;
  return facts.joints.map((_, j) => {
    const x = person.xy[2 * j][at];
    const y = person.xy[2 * j + 1][at];
    const score = person.score[j][at];
    const isFound = Number.isFinite(x) && score >= hidden;
    const weight = Math.min(1, Math.max(0, (score - doubtful) / (sure - doubtful)));
    return { x, y, isFound, isSure: isFound && score >= doubtful, weight, side: facts.sides[j] };
  });
}

function colourOf(person, side) {
  return person.colours[side > 0 ? 1 : side < 0 ? 2 : 0];
}

function drawPerson(context, person, joints, line) {
  const bones = facts.bones.map(([a, b]) => [joints[a], joints[b]])
    .filter(([a, b]) => a.isSure && b.isSure);
  for (const isEdge of [true, false]) { // all edges first, so that none cuts a limb
    for (const [a, b] of bones) {
      const strength = Math.min(a.weight, b.weight);
      context.globalAlpha = 0.3 + 0.7 * strength;
      context.strokeStyle = isEdge ? EDGE : colourOf(person, a.side + b.side);
      context.lineWidth = line * (0.55 + 0.45 * strength) + (isEdge ? 0.6 * line : 0);
      context.beginPath();
      context.moveTo(a.x, a.y);
      context.lineTo(b.x, b.y);
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  for (const joint of joints) {
    if (joint.isSure) {
      drawDot(context, joint, 1.25 * line, EDGE);
      drawDot(context, joint, 0.95 * line, colourOf(person, joint.side));
    } else if (joint.isFound) {
      drawRing(context, joint, 1.4 * line, 0.7 * line, EDGE);
      drawRing(context, joint, 1.4 * line, 0.3 * line, colourOf(person, 0));
    }
  }
}

function drawDot(context, joint, radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(joint.x, joint.y, radius, 0, 2 * Math.PI);
  context.fill();
}

function drawRing(context, joint, radius, line, colour) {
  context.strokeStyle = colour;
  context.lineWidth = line;
  context.beginPath();
  context.arc(joint.x, joint.y, radius, 0, 2 * Math.PI);
  context.stroke();
}

// Corners around the chosen person.
function drawMark(context, box, line) {
  const room = 6 * line;
  const [x1, y1, x2, y2] = [box[0] - room, box[1] - room, box[2] + room, box[3] + room];
  const arm = Math.min(x2 - x1, y2 - y1) / 5;
  context.beginPath();
  for (const [x, y, right, down] of [[x1, y1, 1, 1], [x2, y1, -1, 1], [x1, y2, 1, -1], [x2, y2, -1, -1]]) {
    context.moveTo(x + right * arm, y);
    context.lineTo(x, y);
    context.lineTo(x, y + down * arm);
  }
  for (const [colour, wide] of [[EDGE, 2 * line], ["#ffffff", line]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke();
  }
}

// The number at the feet, where it covers no face.
function drawNumber(context, person, box, line) {
  const high = 11 * line;
  const x = (box[0] + box[2]) / 2;
  const y = Math.min(box[3] + 3 * line, facts.size[1] - 1.2 * high);
  context.font = `700 ${high}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.lineWidth = 3 * line;
  context.lineJoin = "round";
  context.strokeStyle = EDGE;
  context.fillStyle = colourOf(person, 1); // the light one, on dark
  context.strokeText(person.id, x, y);
  context.fillText(person.id, x, y);
}
