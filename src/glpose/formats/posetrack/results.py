"""The poses of a video as predictions of PoseTrack, without labels that name its frames."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from glpose.formats.posetrack import form18
from glpose.formats.posetrack.file import check_tracks
from glpose.formats.posetrack.people import FileFrame, dummy_person, people_of
from glpose.formats.text.lines import dump, write_text
from glpose.skeleton import POSETRACK15, Skeleton, convert
from glpose.types import FramePoses


def write_video_predictions(
    path: Path,
    video: str,
    skeleton: Skeleton,
    frames: Iterable[tuple[FramePoses, Float32[np.ndarray, " _"]]],
) -> int:
    """Write all frames as predictions in the form of 2018; returns how many people there are.

    `frames` come with the scores of their people. Their `id` is the number of the frame, `file_name`
    that of its picture in the folder `video`, empty without one. Joints that the skeleton lacks are not
    predicted. Frames without people get a dummy, as of `write_prediction_file`. Raises: BadInput for
    track ids that poseval does not take, or if the file cannot be written.
    """
    rows: list[FileFrame] = []
    num_people = 0
    for poses, scores in frames:
        check_tracks(f"{path}: frame {poses.frame}", poses.people.track_id.tolist())
        xy, score = convert(poses.xy, poses.score, skeleton, POSETRACK15)
        who = replace(poses.people, score=scores)
        people = people_of(FramePoses(poses.frame, poses.time_s, who, xy, score))
        num_people += len(people)
        name = "" if poses.picture is None else f"images/{video}/{poses.picture}"
        people = people if len(people) else dummy_person()
        rows.append(FileFrame(name, poses.frame, labelled=True, people=people))
    write_text(path, dump(form18.document(rows)) + "\n")
    return num_people
