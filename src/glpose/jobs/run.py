"""Run over several sources: poses, overlay and summary of each; a failed one stops no other.

outcomes = run_sources(["walk.mp4"], Options(Path("results")))
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from glpose import __version__
from glpose.api import (
    DETECT_EVERY,
    Boxes,
    Models,
    check_boxes,
    check_span,
    load_models,
    poses_of,
    shared_motions,
)
from glpose.errors import BadInput, GLPoseError
from glpose.flow import Flow
from glpose.formats.results import read_boxes, write_summary
from glpose.formats.text.lines import cannot_write
from glpose.jobs.interrupt import Interrupt, Interrupted
from glpose.jobs.lock import only_writer
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.writers import (
    DERIVED,
    OpenWriter,
    Origin,
    PoseWriter,
    Target,
    files_of,
    overlay_mp4,
    poses_csv,
    poses_jsonl,
)
from glpose.pipeline import can_follow
from glpose.refine import Refiner, refiner_named
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import Opened, open_flow
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FrameAndPoses, FramePoses, VideoInfo
from glpose.video.source import Source, SourceEntry, find_sources
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_POSE

State = Literal["ok", "incomplete", "failed", "interrupted"]

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `glpose run`; each source gets its own result folder in `output`.

    A frame counts as done when the first of the `writers` has it. `refiners` are applied in order;
    None means the usual ones. Those with the names `also` come after them. `causal` is as in
    `glpose.run`; refiners in `also` look ahead nevertheless. `flow` is the file of a flow network,
    see `runtime.flow_network`; None means dense inverse search.
    """

    output: Path
    boxes: Path | None = None
    weights: str = DEFAULT_POSE
    detector: str = DEFAULT_DETECTOR
    start_s: float | None = None
    end_s: float | None = None
    engine: EngineSpec = EngineSpec()
    overwrite: bool = False
    writers: tuple[OpenWriter, ...] = (poses_jsonl, poses_csv, overlay_mp4)
    refiners: tuple[Refiner, ...] | None = None
    detect_every: int = DETECT_EVERY
    also: tuple[str, ...] = ()
    flow: Path | None = None
    causal: bool = False


@runtime_checkable
class Work(Origin, Protocol):
    """What is done with the frames of a source, to have their poses."""

    def check(self, info: VideoInfo, label: str) -> None:
        """Raises: BadInput if what was given does not belong to this source."""
        ...

    def pairs(
        self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
    ) -> Iterator[FrameAndPoses]:
        """The frames with their poses, with their pictures if they are to be kept."""
        ...

    def settings(self) -> dict[str, object]:
        """What was asked for, for the results."""
        ...

    def missing(self, label: str, last_frame: int) -> str | None:
        """One line about what the results lack, if anything; `last_frame` is the last one of them."""
        ...


@dataclass(slots=True)
class Outcome:
    """The outcome of one source, updated as it runs; "incomplete" if results lack something.

    `tracks` holds the track ids of all people; `poses` counts each person once per frame.
    """

    name: str
    folder: Path
    state: State = "ok"
    frames: int = 0
    undecodable: int = 0
    frames_with_people: int = 0
    poses: int = 0
    tracks: set[int] = field(default_factory=set)
    last_frame: int = -1
    warnings: list[str] = field(default_factory=list)

    def add(self, poses: FramePoses) -> None:
        """Count a frame."""
        self.frames += 1
        self.undecodable += poses.status == "undecodable"
        self.frames_with_people += len(poses.people) > 0
        self.poses += len(poses.people)
        self.tracks.update(poses.people.track_id.tolist())
        self.last_frame = poses.frame


def run_sources(
    sources: Iterable[str | Path | Source],
    options: Options,
    reporter: Reporter = SILENT,
    interrupt: Interrupt | None = None,
) -> list[Outcome]:
    """Run over all sources, one after the other, until all are done or a stop is requested.

    Problems of a source are reported and kept in its outcome; they do not stop the others.
    Raises: GLPoseError if nothing can be run: boxes, weights or output folder cannot be used.
    """
    check_span(options.start_s, options.end_s)
    entries = find_sources(sources)
    boxes = None if options.boxes is None else read_boxes(options.boxes)
    if boxes is not None and len(entries) != 1:
        raise BadInput(
            f"--boxes belongs to one video, but {len(entries)} sources were given; run each alone"
        )
    make_folder(options.output)
    models = load_models(
        options.weights,
        options.detector if boxes is None else None,
        options.engine,
    )
    for name in options.also:
        refiner_named(name, models.skeleton)  # raises for a name that is unknown
    if options.flow is not None and not options.also:
        raise BadInput(f"--flow {options.flow} is for refining; add --refine flow, or leave it out")
    work = _Estimation(models, boxes, options, open_flow(options.flow, options.engine))
    interrupt = interrupt or Interrupt()
    outcomes: list[Outcome] = []
    with interrupt.listening():
        for entry in entries:
            if interrupt.requested:
                break
            outcomes.append(SourceJob(entry, options, work, reporter, interrupt).run())
    return outcomes


def make_folder(folder: Path) -> None:
    """Make a folder and its parents. Raises BadInput if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as problem:
        raise BadInput(f"{folder}: is a file; expected a folder, choose another -o") from problem
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


@dataclass(frozen=True, slots=True, eq=False)
class _Estimation:
    """The `Work` of `glpose run`."""

    models: Models
    boxes: Boxes | None
    options: Options
    flow: Opened[Flow]

    @property
    def skeleton(self) -> Skeleton:
        return self.models.skeleton

    @property
    def record(self) -> dict[str, dict[str, object]]:
        refined = {"flow": self.flow.record} if self.options.also else {}
        return self.models.record | refined

    def check(self, info: VideoInfo, label: str) -> None:
        check_boxes(self.boxes, info, label)

    def pairs(
        self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
    ) -> Iterator[FrameAndPoses]:
        motions = shared_motions(self.models.estimate.card, self.flow.network)
        pairs = poses_of(
            frames,
            info,
            self.models,
            self.boxes,
            timings,
            refiners=self.options.refiners,
            keep_pictures=keep_pictures or bool(self.options.also),
            detect_every=self.options.detect_every,
            causal=self.options.causal,
            motions=motions,
        )
        for name in self.options.also:
            pairs = refiner_named(name, self.skeleton, motions=motions)(pairs)
        return pairs

    def settings(self) -> dict[str, object]:
        how = self.options
        # The detector may skip frames only if poses are followed; else it looks at all, or at none.
        follows = self.boxes is None and can_follow(self.models.estimate.card)
        return {
            "glpose": __version__,
            "boxes": None if how.boxes is None else how.boxes.name,
            "detect_every": how.detect_every if follows else None,
            "start_s": how.start_s,
            "end_s": how.end_s,
            "refine": list(how.also),
            "causal": how.causal,
        }

    def missing(self, label: str, last_frame: int) -> str | None:
        beyond = [frame for frame in self.boxes or () if frame > last_frame]
        if not beyond or self.options.end_s is not None:
            return None
        return (
            f"the boxes name {len(beyond)} frames behind the last one of {label} ({last_frame}); "
            "give the boxes of this video"
        )


class SourceJob:
    """One source being processed."""

    def __init__(
        self,
        entry: SourceEntry,
        options: Options,
        work: Work,
        reporter: Reporter,
        interrupt: Interrupt,
    ) -> None:
        self.entry, self.options, self.work = entry, options, work
        self.reporter, self.interrupt = reporter, interrupt
        self.folder = options.output / entry.name
        self.outcome, self.timings = Outcome(entry.name, self.folder), Timings()
        self.writers: list[PoseWriter] = []

    def run(self) -> Outcome:
        """Process the source; its problems are reported and counted, not raised."""
        with ExitStack() as held:
            return self._run(held)

    def _run(self, held: ExitStack) -> Outcome:
        out = self.outcome
        begin = time.perf_counter()
        try:
            source = self.entry.open()
            self.work.check(source.info, self.entry.label)
            make_folder(self.folder)
            held.enter_context(only_writer(self.folder))
            self._remove_old()
        except GLPoseError as problem:
            self._warn(str(problem), "failed")
            return out
        self.reporter.start(self.entry.name, _expected_frames(source.info, self.options))
        try:
            self._estimate(source)
        except Interrupted:
            self._warn(
                f"{self.entry.name}: interrupted after {out.frames} frames; what was done is kept "
                f"in {self.folder}",
                "interrupted",
            )
        except (GLPoseError, OSError, MemoryError) as problem:
            # The last two come from a writer of a user, or from the system.
            said = str(problem) if isinstance(problem, GLPoseError) else _in_words(problem)
            self._warn(f"{said} ({out.frames} frames were done)", "failed")
        else:
            self._judge(source)
        finally:
            self.reporter.stop()
        seconds = time.perf_counter() - begin
        try:
            write_summary(self.folder / SUMMARY, self._summary(source.info, seconds))
        except GLPoseError as problem:
            self._warn(str(problem), "interrupted" if out.state == "interrupted" else "failed")
        self.reporter.result(
            f"{self.entry.name}: {out.frames} frames, {len(out.tracks)} people, "
            f"{out.frames / seconds:.1f} frames/s; results in {self.folder}"
        )
        return out

    def _warn(self, message: str, state: State | None = None) -> None:
        """Report a problem, keep it for the summary, and set `state` if given."""
        self.reporter.problem(message)
        self.outcome.warnings.append(message)
        self.outcome.state = state or self.outcome.state

    def _remove_old(self) -> None:
        # Also what is not made this time: the old one would not belong to the new poses.
        writers = (poses_jsonl, poses_csv, overlay_mp4, *self.options.writers)
        own = [name for writer in writers for name in files_of(writer)]
        names = dict.fromkeys((*own, *DERIVED, SUMMARY))
        old = [p for name in names if (p := self.folder / name).exists()]
        if old and not self.options.overwrite:
            raise BadInput(
                f"{self.folder}: holds results already ({', '.join(p.name for p in old)}), which "
                "were kept; use --overwrite to replace them, or another folder with -o"
            )
        try:
            for path in old:
                path.unlink()
        except OSError as problem:
            raise cannot_write(self.folder, problem) from problem

    def _estimate(self, source: Source) -> None:
        how = self.options
        settings = self.work.settings()
        target = Target(self.folder, source, self.work, settings, self.timings, how.engine)
        with ExitStack() as stack:
            for open_writer in how.writers:
                self.writers.append(stack.enter_context(open_writer(target)))
            # Closing stops the decoding thread.
            frames = stack.enter_context(closing(source.frames(how.start_s, how.end_s)))
            pairs = self.work.pairs(
                self._watch(frames),
                source.info,
                self.timings,
                keep_pictures=any(writer.needs_pictures for writer in self.writers),
            )
            for frame, poses in pairs:
                for writer in self.writers[:1]:
                    writer.write(frame, poses)
                self.outcome.add(poses)
                for writer in self.writers[1:]:
                    writer.write(frame, poses)
                self.reporter.update(self.outcome.frames, len(self.outcome.tracks))
                self.interrupt.check()

    def _watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, until a stop is requested."""
        for frame in frames:
            self.interrupt.check()
            yield frame

    def _judge(self, source: Source) -> None:
        """Report what is missing from finished results."""
        out, name = self.outcome, self.entry.label
        if out.undecodable:
            self._warn(
                f"{name}: {out.undecodable} of {out.frames} frames could not be decoded; they are "
                "in the results without people",
                "incomplete",
            )
        for note in self.entry.notes:
            self._warn(note)
        if source.info.note:
            self._warn(f"{name}: {source.info.note}")
        for warning in source.warnings:
            self._warn(warning, "incomplete")
        for warning in (warning for writer in self.writers for warning in writer.warnings):
            self._warn(warning)
        if lack := self.work.missing(name, out.last_frame):
            self._warn(lack, "incomplete")
        if out.frames == 0:
            self._warn(
                f"{name}: no frame lies in the span asked for; change --start, --end", "failed"
            )
        elif not out.poses:
            self._warn(f"{name}: no person was found in any frame")

    def _summary(self, info: VideoInfo, seconds: float) -> dict[str, object]:
        out = self.outcome
        stages = {name: round(spent, 3) for name, spent in sorted(self.timings.seconds.items())}
        return {
            "source": info.name,
            "state": out.state,
            "frames": {
                "done": out.frames,
                "undecodable": out.undecodable,
                "with_people": out.frames_with_people,
            },
            "people": len(out.tracks),
            "poses": out.poses,
            "seconds": round(seconds, 3),
            "frames_per_s": round(out.frames / seconds, 3),
            "seconds_per_stage": stages,
            "warnings": out.warnings,
            "models": self.work.record,
            "settings": self.work.settings(),
        }


def _in_words(problem: OSError | MemoryError) -> str:
    if isinstance(problem, MemoryError):
        return "memory has run out; close other programs, or scale the video down"
    return f"{problem.filename or 'a file'}: cannot be used ({problem.strerror or problem})"


def _expected_frames(info: VideoInfo, options: Options) -> int | None:
    """Expected number of frames according to the header; for progress only."""
    if options.start_s is None and options.end_s is None:
        return info.num_frames
    if info.duration_s is None:
        return None
    end_s = min(info.duration_s, options.end_s or info.duration_s)
    start_s = min(end_s, options.start_s or 0.0)
    return round((end_s - start_s) * info.rate_hz) or None
