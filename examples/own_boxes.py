"""Poses of people whose boxes you know: python own_boxes.py VIDEO X1 Y1 X2 Y2.

Here one person stays inside one box, in image pixels, for the first ten frames.
"""

import sys

import numpy as np

import glpose

if len(sys.argv) != 6:
    sys.exit(__doc__)
video, *corners = sys.argv[1:]
try:
    box = np.array([corners], np.float32)
except ValueError:
    sys.exit(f"found {' '.join(corners)} in place of a box; expected X1 Y1 X2 Y2 in pixels")
person = glpose.People(
    xyxy=box,
    score=np.ones(1, np.float32),
    track_id=np.array([1], np.int64),
)

try:
    for poses in glpose.run(video, boxes=dict.fromkeys(range(10), person)):
        if len(poses.people):
            print(f"frame {poses.frame}: mean score {poses.score.mean():.2f}")
except glpose.GLPoseError as problem:
    sys.exit(str(problem))
