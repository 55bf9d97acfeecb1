"""One joint of a result as a table: python joint_to_csv.py POSES.jsonl JOINT OUT.csv."""

import csv
import sys
from pathlib import Path

import glpose

if len(sys.argv) != 4:
    sys.exit(__doc__)
path, joint_name, out = sys.argv[1:]
try:
    result = glpose.load(path)
    joint = result.skeleton.index(joint_name)
except glpose.GLPoseError as problem:
    sys.exit(str(problem))

try:
    with Path(out).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time_s", "track_id", "x", "y", "score"])
        for poses in result.frames:
            for row, track_id in enumerate(poses.people.track_id):
                x, y = poses.xy[row, joint]  # NaN where the joint was not found
                table.writerow([poses.frame, poses.time_s, track_id, x, y, poses.score[row, joint]])
except OSError as problem:
    sys.exit(f"{out}: cannot be written ({problem.strerror})")
