"""Refine poses that exist, of any tool that can be read, with the pictures of their video.

outcome = refine_video("walk.mp4", Path("poses.jsonl"), RefineOptions(Path("refined")))
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from glpose import __version__
from glpose.api import with_names
from glpose.errors import BadInput
from glpose.flow import Motions
from glpose.formats.poses import GivenPoses, check_order, find_poses, read_poses
from glpose.formats.results import POSES
from glpose.jobs.ended import lack_of, passed_on
from glpose.jobs.given import EDITED, check_new, edits_of
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.places import Places, file_record
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import Options, Outcome, SourceJob
from glpose.jobs.writers import OpenWriter, overlay, poses_jsonl
from glpose.refine import WINDOW, Refiner, refiner_named
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_flow
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.track.by_flow import with_links
from glpose.types import Frame, FrameAndPoses, FramePoses, VideoInfo
from glpose.video.arrays import RATE_HZ
from glpose.video.given import find_given_recordings
from glpose.video.source import Source
from glpose.viewer.private import Private

_REFINER = "flow"


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """The options of `glpose refine`; results go to a folder in `output` named after the video.

    `window` are the frames on each side. `flow` is the file of a flow network, see
    `runtime.flow_network`; None means dense inverse search.
    """

    output: Path
    window: int = WINDOW
    flow: Path | None = None
    overwrite: bool = False
    writers: tuple[OpenWriter, ...] = (poses_jsonl, overlay)
    engine: EngineSpec = EngineSpec()


def refine_video(
    video: str | Path | Source,
    poses: Path,
    options: RefineOptions,
    reporter: Reporter = SILENT,
    interrupt: Interrupt | None = None,
) -> Outcome:
    """Refine the poses of a video; if people lack track ids, all are linked first, see `with_links`.

    Problems while it works are reported and kept in the outcome, as in `run_sources`. Poses behind
    the end of a video that ends early are kept as they are. Of results of a part of the video, or of a
    run that did not end well, only the frames are refined that are there. Who was hidden by
    `glpose run --private` stays hidden.
    Raises: GLPoseError if video or poses cannot be used.
    """
    check_order(poses, "glpose refine VIDEO POSES")
    entries = find_given_recordings([video])
    if len(entries) != 1:
        raise BadInput(f"{video}: holds {len(entries)} videos; expected one, refine each alone")
    (entry,) = entries
    poses = find_poses(poses)
    given = read_poses(poses)
    _check_unchanged(given, poses)
    private = _private(given, poses, options)
    flow = open_flow(options.flow, options.engine)
    motions = Motions(flow.network)
    refiner = refiner_named(_REFINER, given.skeleton, options.window, motions)
    # Whether they may be replaced at all is for the job to say.
    name, _ = Places(options.output).find(entry.plain_name, file_record(entry))
    check_new([options.output / name / POSES], overwrite=True, inputs=[poses])
    read = poses, len(given.frames), given.settings
    state, lack = passed_on(*read), lack_of(*read)
    work = _Refinement(given, poses.name, refiner, motions, options, flow.record, state, lack)
    how = Options(
        options.output,
        overwrite=options.overwrite,
        writers=options.writers,
        engine=options.engine,
        frames=_part(given, lack),
        private=private,
    )
    interrupt = interrupt or Interrupt()
    with interrupt.listening():
        return SourceJob(entry, how, work, reporter, interrupt).run()


def _part(given: GivenPoses, lack: str) -> tuple[int, int] | None:
    """The first frame of poses of a part of their video, and the one behind the last; None of a whole one."""
    is_part = any(given.settings.get(name) is not None for name in ("start_s", "end_s", "frames"))
    if not given.frames or not (is_part or lack):
        return None
    return given.frames[0].frame, given.frames[-1].frame + 1


def _check_unchanged(given: GivenPoses, path: Path) -> None:
    """Raises: BadInput for poses that something was made of, which would no longer belong to them."""
    for setting, was in (("smooth", "smoothed"), ("lift", "lifted to poses in space")):
        if setting in given.settings:
            raise BadInput(
                f"{path}: was {was}; refine the poses.jsonl of the run, and do so afterwards"
            )


def _private(given: GivenPoses, path: Path, options: RefineOptions) -> Private | None:
    """How people were hidden in the results. Raises: BadInput if the overlay could not do so again."""
    private = given.settings.get("private")
    if private == "skeleton":
        return "skeleton"
    if private is not None and overlay in options.writers:
        raise BadInput(
            f"{path}: its faces were blurred, and those of people who were left out could not be; "
            "refine it with --no-overlay, or run the video with --refine flow --private blur"
        )
    return None if private is None else "blur"


def check_belongs(given: GivenPoses, info: VideoInfo, label: str) -> None:
    """Raises: BadInput for poses of another video."""
    before = given.video
    if before is not None and before.size_hw != info.size_hw:
        (h, w), (height, width) = before.size_hw, info.size_hw
        raise BadInput(
            f"the poses are those of a video of {w} x {h} pixels, but {label} has "
            f"{width} x {height}; give the poses of this video"
        )
    if info.num_frames is None:
        return
    counted = None if before is None else before.num_frames
    if counted is not None and counted != info.num_frames:
        raise BadInput(
            f"the poses are those of a video of {counted} frames, but {label} has "
            f"{info.num_frames}; give the poses of this video"
        )
    last = max((poses.frame for poses in given.frames), default=-1)
    if last >= info.num_frames:
        raise BadInput(
            f"the poses name frame {last}, but {label} has {info.num_frames} frames (the first "
            "is 0); give the poses of this video"
        )


@dataclass(slots=True, eq=False)
class _Refinement:
    """The `Work` of `glpose refine`; `decoded` counts the frames of the video."""

    given: GivenPoses
    name: str
    refiner: Refiner
    motions: Motions
    options: RefineOptions
    flow_record: dict[str, object]
    run_state: dict[str, object]
    lack: str
    decoded: int = field(default=0, init=False)

    @property
    def skeleton(self) -> Skeleton:
        return self.given.skeleton

    @property
    def record(self) -> dict[str, dict[str, object]]:
        return self.given.models | {"flow": self.flow_record}

    def check(self, info: VideoInfo, label: str) -> None:
        check_belongs(self.given, info, label)

    def pairs(
        self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
    ) -> Iterator[FrameAndPoses]:
        del timings, keep_pictures  # refiners need pictures
        pairs = self._with_frames(frames, info.rate_hz)
        if not self.given.has_ids:
            pairs = with_links(pairs, self.skeleton, self.motions, rate_hz=info.rate_hz)
        return with_names(self.refiner(pairs), info)

    def _with_frames(self, frames: Iterable[Frame], rate_hz: float) -> Iterator[FrameAndPoses]:
        """Each frame with the poses given for it, then the poses that the video has no frame for."""
        poses_at = {poses.frame: poses for poses in self.given.frames}
        num_joints, time_s = len(self.skeleton.joints), 0.0
        for frame in frames:
            self.decoded, time_s = frame.index + 1, frame.time_s
            poses = poses_at.pop(frame.index, None)
            if poses is None:
                poses = FramePoses.empty(frame.index, time_s, num_joints)
            yield frame, replace(poses, time_s=time_s, status=frame.status)
        last = self.decoded - 1
        for index in sorted(poses_at):
            # Poses of other tools have no times.
            made_up_s = time_s + (index - last) / (rate_hz if rate_hz > 0 else RATE_HZ)
            own_s, last = poses_at[index].time_s, index
            time_s = own_s if own_s > time_s else made_up_s
            yield Frame(index, time_s, None), replace(poses_at[index], time_s=time_s)

    def settings(self) -> dict[str, object]:
        how, before = self.options, self.given.settings
        drawn = {"drawn": overlay in how.writers}
        edited = {EDITED: [edit | drawn for edit in edits_of(before)]} if EDITED in before else {}
        return {
            **before,
            **edited,
            "glpose": __version__,
            "refined": self.name,
            "refiner": _REFINER,
            "window": how.window,
            "private": before.get("private"),
            **self.run_state,
        }

    def missing(self, label: str, last_frame: int) -> str | None:
        del last_frame
        beyond = [poses.frame for poses in self.given.frames if poses.frame >= self.decoded]
        lacks = [self.lack] if self.lack else []
        if beyond:
            ends = f"after {self.decoded} frames" if self.decoded else f"before frame {beyond[0]}"
            lacks.append(
                f"{label} ends {ends}; the poses of {len(beyond)} frames behind that were kept as they are"
            )
        return "; ".join(lacks) or None
