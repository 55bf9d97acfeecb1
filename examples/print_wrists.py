"""Run on a video and print where everyone's wrists are: python print_wrists.py VIDEO."""

import sys

import glpose
from glpose.skeleton import POSETRACK15

wrists = [POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")]  # of the shipped weights

for poses in glpose.run(sys.argv[1]):
    for track_id, xy, score in zip(poses.people.track_id, poses.xy, poses.score, strict=True):
        for joint in wrists:
            x, y = xy[joint]
            name = POSETRACK15.joints[joint]
            print(f"{poses.time_s:.2f} s  person {track_id}  {name} {x:.1f} {y:.1f}", end="")
            print(f"  score {score[joint]:.2f}")
