"""Run on a video and print where everyone's wrists are: python print_wrists.py VIDEO."""

import sys

import glpose
from glpose.skeleton import BODY19

if len(sys.argv) != 2:
    sys.exit(__doc__)

# Joints of the shipped weights.
wrists = [BODY19.index("left_wrist"), BODY19.index("right_wrist")]

try:
    for poses in glpose.run(sys.argv[1]):
        for track_id, xy, score in zip(poses.people.track_id, poses.xy, poses.score, strict=True):
            for joint in wrists:
                x, y = xy[joint]
                name = BODY19.joints[joint]
                print(f"{poses.time_s:.2f} s  person {track_id}  {name} {x:.1f} {y:.1f}", end="")
                print(f"  score {score[joint]:.2f}")
except glpose.GLPoseError as problem:
    sys.exit(str(problem))
