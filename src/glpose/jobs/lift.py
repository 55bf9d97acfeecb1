"""Poses in space of poses in pictures: `glpose lift`.

made = lift_results(Path("glpose-out/walk"), LiftOptions(height_m=1.8))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glpose import __version__
from glpose.errors import BadInput
from glpose.formats.poses import GivenPoses, find_all_poses, read_poses
from glpose.formats.results import ResultWriter, write_whole_result
from glpose.jobs.ended import lack_of, passed_on
from glpose.jobs.given import Made, SinglePicture, check_new, each_alone
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.jobs.writers import POSES_3D, PoseWriter, Target, Writing
from glpose.lifting import check_height, check_rate, lift_frames, lift_settings, unit_of
from glpose.runtime.engine import EngineSpec
from glpose.runtime.lift import Lifter
from glpose.runtime.load import Opened, open_lifter
from glpose.track.link import link
from glpose.types import Detections, Frame, FramePoses, VideoInfo
from glpose.weights import DEFAULT_LIFT


@dataclass(frozen=True, slots=True)
class LiftOptions:
    """The options of `glpose lift`; `output` is a file, NAME_3d.jsonl beside the poses if None.

    `rate_hz` is for poses that name none.
    """

    output: Path | None = None
    weights: str | Path = DEFAULT_LIFT
    height_m: float | None = None
    rate_hz: float | None = None
    overwrite: bool = False
    engine: EngineSpec = EngineSpec()


def lift_results(
    poses: Path | Sequence[Path],
    options: LiftOptions = LiftOptions(),
    reporter: Reporter = SILENT,
) -> Made:
    """Write poses with joints in space; people without track ids are linked by overlap first.

    `poses` are files of any tool or results folders, or a folder of these: a file beside each, and what
    is bad is reported. Raises: BadInput if the only poses cannot be lifted, or the output may not be
    written; BadWeights. Nothing is left half written.
    """
    check_height(options.height_m)
    opened = open_lifter(options.weights, options.engine)

    def target_of(file: Path) -> Path:
        return options.output or file.with_name(f"{file.stem}_3d.jsonl")

    return each_alone(
        poses,
        lambda file: _lift(file, target_of(file), opened, options, reporter),
        reporter,
        {"-o": options.output},
        files_of=find_all_poses,
        place_of=target_of,
    )


def _lift(
    poses: Path, target: Path, opened: Opened[Lifter], options: LiftOptions, reporter: Reporter
) -> Made:
    given = read_poses(poses)
    read = poses, len(given.frames), given.settings
    check_new([target], overwrite=options.overwrite, inputs=[poses])
    video = _video(given, poses, options.rate_hz)
    if given.video is None:  # nor are there times
        timed = tuple(replace(p, time_s=p.frame / video.rate_hz) for p in given.frames)
        given = replace(given, frames=timed)
    if not given.has_ids:
        given = _linked(given)
    try:
        frames = lift_frames(
            given.frames,
            given.skeleton,
            video.rate_hz,
            opened.network,
            options.height_m,
            video.size_hw,
        )
    except BadInput as problem:
        kind = SinglePicture if video.is_still else BadInput
        raise kind(f"{poses}: {problem}") from problem
    models = {**given.models, "lift": opened.record}
    # What was asked for of the run stays known, above all who was to be hidden, and `smooth`.
    settings = {
        **given.settings, **passed_on(*read), "glpose": __version__, "poses": poses.name,
        **lift_settings(opened.network, options.height_m),
    }  # fmt: skip
    make_folder(target.parent)
    write_whole_result(target, frames, video, given.skeleton, models, settings)
    made = Made([target])
    if lack := lack_of(*read):
        made.lack(lack, reporter)
    unit = unit_of(opened.network, options.height_m)
    reporter.result(f"{target}: lifted {_counts(frames)}, in {unit}")
    return made


def _counts(frames: Sequence[FramePoses]) -> str:
    """How many poses and people there are, and how many of them were lifted, in words."""
    people: set[int] = set()
    lifted_people: set[int] = set()
    num = num_lifted = 0
    for poses in frames:
        ids = poses.people.track_id
        people |= set(ids.tolist())
        num += len(ids)
        if poses.lifted is not None:
            done = np.isfinite(poses.lifted.xyz).any((1, 2))
            num_lifted += int(done.sum())
            lifted_people |= set(ids[done].tolist())
    return f"{num_lifted} of {num} poses, {len(lifted_people)} of {len(people)} people"


def lifted_jsonl(opened: Opened[Lifter], height_m: float | None) -> Writing:
    """A writer of `poses_3d.jsonl`, the poses of a run in space; they are kept until its end."""
    return Writing((POSES_3D,), lambda target: _LiftedFile(target, opened, height_m))


class _LiftedFile:
    """`poses_3d.jsonl` as a `PoseWriter`."""

    needs_pictures = False

    def __init__(self, target: Target, opened: Opened[Lifter], height_m: float | None) -> None:
        self._target, self._opened, self._height_m = target, opened, height_m
        self._frames: list[FramePoses] = []
        self.warnings: list[str] = []

    def write(self, frame: Frame, poses: FramePoses) -> None:
        del frame
        self._frames.append(poses)

    def __enter__(self) -> PoseWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            with self._target.timings("lift"):
                self._finish()

    def _finish(self) -> None:
        target, lifter = self._target, self._opened.network
        skeleton, info = target.models.skeleton, target.source.info
        frames: Sequence[FramePoses] = self._frames
        try:
            frames = lift_frames(
                frames, skeleton, info.rate_hz, lifter, self._height_m, info.size_hw
            )
        except BadInput as problem:
            self.warnings.append(f"nobody was lifted: {problem}")
        models = {**target.models.record, "lift": self._opened.record}
        settings = {**target.settings, **lift_settings(lifter, self._height_m)}
        with ResultWriter(target.folder / POSES_3D, info, skeleton, models, settings) as writer:
            for poses in frames:
                writer.write(poses)


def _linked(given: GivenPoses) -> GivenPoses:
    """The same with track ids from 1, by the overlap of boxes alone: there are no pictures."""
    boxes = {p.frame: Detections(p.people.xyxy, p.people.score) for p in given.frames}
    numbers = link(boxes)

    def numbered(poses: FramePoses) -> FramePoses:
        if not len(poses.people):
            return poses
        track_id = numbers[poses.frame].track_id + 1
        return replace(poses, people=replace(poses.people, track_id=track_id))

    return replace(given, frames=tuple(map(numbered, given.frames)))


def _video(given: GivenPoses, path: Path, rate_hz: float | None) -> VideoInfo:
    video = given.video or VideoInfo(path.stem, (0, 0), math.nan)
    if math.isnan(video.rate_hz):
        if rate_hz is None:
            raise BadInput(
                f"{path}: names no frame rate; expected the video's, give it with --rate"
            )
        video = replace(video, rate_hz=rate_hz)
    check_rate(video.rate_hz, f"{path}: the frame rate")
    if rate_hz is not None and not math.isclose(rate_hz, video.rate_hz, rel_tol=1e-3):
        raise BadInput(
            f"{path}: names {video.rate_hz:g} frames a second; a rate can be given only for poses "
            "that name none"
        )
    return video
