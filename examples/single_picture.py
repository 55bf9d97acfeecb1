"""People and joints of a single picture: python single_picture.py PICTURE.

Uses the library's parts directly: a detector, an estimator, and the pipeline on one frame.
"""

import sys
from pathlib import Path

import numpy as np

from glpose import GLPoseError, People
from glpose.imaging import read_image
from glpose.pipeline import estimate_poses
from glpose.runtime.load import load_detector, load_estimator
from glpose.types import Frame

if len(sys.argv) != 2:
    sys.exit(__doc__)

detect, estimate = load_detector("person_small"), load_estimator("picture_small")


def people_of(frame: Frame) -> People:
    """All detected people, numbered from 1, highest score first."""
    if frame.rgb is None:
        return People.empty()
    found = detect(frame.rgb)
    return People(found.xyxy, found.score, np.arange(1, len(found) + 1))


try:
    picture = Frame(index=0, time_s=0.0, rgb=read_image(Path(sys.argv[1])))
except GLPoseError as problem:
    sys.exit(str(problem))
for _, poses in estimate_poses([picture], people_of, estimate):
    for number, box, score in zip(
        poses.people.track_id, poses.people.xyxy, poses.score, strict=True
    ):
        print(f"person {number} in {box.round().tolist()}: mean score {score.mean():.2f}")
