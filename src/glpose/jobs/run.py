"""A run over several sources: each one's poses, overlay and summary, whatever happens to others."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from glpose import __version__
from glpose.api import Boxes, Models, check_boxes, check_span, load_models, poses_of
from glpose.cli.main import complain
from glpose.cli.progress import Reporter, make_reporter
from glpose.errors import BadInput, GLPoseError
from glpose.formats.results import ResultWriter, read_boxes, write_summary
from glpose.formats.text.lines import cannot_write
from glpose.jobs.interrupt import Interrupt, Interrupted
from glpose.runtime.engine import EngineSpec
from glpose.timing import Timings
from glpose.types import Frame, FramePoses, VideoInfo
from glpose.video.reader import VideoSource
from glpose.video.source import ImageSequence, SourceEntry, find_sources
from glpose.video.writer import VideoWriter
from glpose.viewer.overlay_video import OverlayVideo
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_POSE

State = Literal["ok", "incomplete", "failed", "interrupted"]

POSES, OVERLAY, SUMMARY = "poses.jsonl", "overlay.mp4", "summary.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What `glpose run` was told; see there."""

    output: Path
    boxes: Path | None = None
    weights: str = DEFAULT_POSE
    detector: str = DEFAULT_DETECTOR
    overlay: bool = True
    start_s: float | None = None
    end_s: float | None = None
    threads: int | None = None
    overwrite: bool = False


@dataclass(slots=True)
class Outcome:
    """How one source went, counted as it goes."""

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

    def warn(self, message: str, state: State | None = None) -> None:
        """Say what is wrong, keep it for the summary, and note a worse state."""
        complain(message)
        self.warnings.append(message)
        self.state = state or self.state


def run_sources(sources: Iterable[str], options: Options, *, quiet: bool) -> int:
    """Run over all sources; the result is the exit status of the command."""
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
        EngineSpec(threads=options.threads),
    )
    interrupt = Interrupt()
    outcomes: list[Outcome] = []
    with interrupt.listening():
        for entry in entries:
            if interrupt.requested:
                break
            outcomes.append(_Job(entry, options, models, boxes, interrupt).run(quiet=quiet))
    return _exit_status(outcomes)


def _exit_status(outcomes: list[Outcome]) -> int:
    states = {outcome.state for outcome in outcomes}
    if "interrupted" in states:
        return 130
    if states == {"ok"}:
        return 0
    return 3 if any(outcome.frames for outcome in outcomes) else 2


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises BadInput if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as problem:
        raise BadInput(f"{folder}: is a file; expected a folder, choose another -o") from problem
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


class _Job:
    """One source on its way to its folder."""

    def __init__(
        self,
        entry: SourceEntry,
        options: Options,
        models: Models,
        boxes: Boxes | None,
        interrupt: Interrupt,
    ) -> None:
        self.entry, self.options, self.models = entry, options, models
        self.boxes, self.interrupt = boxes, interrupt
        self.folder = options.output / entry.name
        self.outcome, self.timings = Outcome(), Timings()

    def run(self, *, quiet: bool) -> Outcome:
        """Do it all; problems of the source are said and counted, not raised."""
        out = self.outcome
        reporter = make_reporter(quiet=quiet)
        begin = time.perf_counter()
        try:
            source = self.entry.open()
            check_boxes(self.boxes, source.info, str(self.entry.paths[0]))
            self._prepare()
        except GLPoseError as problem:
            out.warn(str(problem), "failed")
            return out
        reporter.start(self.entry.name, _expected_frames(source.info, self.options))
        try:
            self._estimate(source, reporter)
        except Interrupted:
            out.warn(
                f"{self.entry.name}: interrupted after {out.frames} frames; what was done is kept "
                f"in {self.folder}",
                "interrupted",
            )
        except GLPoseError as problem:
            out.warn(f"{problem} ({out.frames} frames were done)", "failed")
        else:
            self._judge(source)
        finally:
            reporter.stop()
        seconds = time.perf_counter() - begin
        try:
            write_summary(self.folder / SUMMARY, self._summary(source.info, seconds))
        except GLPoseError as problem:
            out.warn(str(problem), "interrupted" if out.state == "interrupted" else "failed")
        if not quiet:
            print(
                f"{self.entry.name}: {out.frames} frames, {len(out.tracks)} people, "
                f"{out.frames / seconds:.1f} frames/s; results in {self.folder}",
                flush=True,
            )
        return out

    def _prepare(self) -> None:
        make_folder(self.folder)
        old = [p for name in (POSES, OVERLAY, SUMMARY) if (p := self.folder / name).exists()]
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

    def _estimate(self, source: VideoSource | ImageSequence, reporter: Reporter) -> None:
        how, skeleton = self.options, self.models.skeleton
        pending: deque[Frame] = deque()
        with ExitStack() as stack:
            results = stack.enter_context(
                ResultWriter(
                    self.folder / POSES, source.info, skeleton, self.models.record, self._settings()
                )
            )
            overlay = stack.enter_context(self._overlay(source)) if how.overlay else None
            frames = cast(Generator[Frame, None, None], source.frames(how.start_s, how.end_s))
            stack.enter_context(closing(frames))  # ends the thread that decodes
            watched = self._watch(frames, pending)
            for poses in poses_of(watched, source.info, self.models, self.boxes, self.timings):
                frame = pending.popleft()
                with self.timings("write"):
                    results.write(poses)
                self.outcome.add(poses)
                if overlay is not None:
                    overlay.put(frame, poses)
                reporter.update(self.outcome.frames, len(self.outcome.tracks))
                self.interrupt.check()

    def _watch(self, frames: Iterable[Frame], pending: deque[Frame]) -> Iterator[Frame]:
        """The frames, which are kept for the overlay until their poses come."""
        for frame in frames:
            self.interrupt.check()
            if not self.options.overlay:
                pending.append(Frame(frame.index, frame.time_s, None))
            else:
                pending.append(frame)
            yield frame

    def _overlay(self, source: VideoSource | ImageSequence) -> OverlayVideo:
        info = source.info
        writer = VideoWriter(
            self.folder / OVERLAY,
            info.size_hw,
            info.rate_hz,
            time_base=source.time_base,
            audio_from=source if isinstance(source, VideoSource) else None,
            threads=self.options.threads or 0,
        )
        self._writer = writer
        return OverlayVideo(writer, info.size_hw, self.models.skeleton, self.timings)

    def _settings(self) -> dict[str, object]:
        how = self.options
        return {
            "glpose": __version__,
            "boxes": None if how.boxes is None else how.boxes.name,
            "start_s": how.start_s,
            "end_s": how.end_s,
        }

    def _judge(self, source: VideoSource | ImageSequence) -> None:
        """Say what is missing from results that were finished."""
        out, name = self.outcome, str(self.entry.paths[0])
        if out.undecodable:
            out.warn(
                f"{name}: {out.undecodable} of {out.frames} frames could not be decoded; they are "
                "in the results without people",
                "incomplete",
            )
        for warning in source.warnings:
            # A video warns of what is lost; pictures also of files that are none.
            out.warn(warning, "incomplete" if isinstance(source, VideoSource) else None)
        if self.options.overlay:
            for warning in self._writer.warnings:
                out.warn(warning)
        beyond = [frame for frame in self.boxes or () if frame > out.last_frame]
        if beyond and self.options.end_s is None:
            out.warn(
                f"the boxes name {len(beyond)} frames behind the last one of {name} "
                f"({out.last_frame}); give the boxes of this video",
                "incomplete",
            )
        if out.frames == 0:
            out.warn(
                f"{name}: no frame lies in the span asked for; change --start, --end", "failed"
            )
        elif not out.poses:
            out.warn(f"{name}: no person was found in any frame")

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
            "models": self.models.record,
            "settings": self._settings(),
        }


def _expected_frames(info: VideoInfo, options: Options) -> int | None:
    """How many frames will come, as far as the header tells; for the progress only."""
    if options.start_s is None and options.end_s is None:
        return info.num_frames
    if info.duration_s is None:
        return None
    end_s = min(info.duration_s, options.end_s or info.duration_s)
    return max(0, round((end_s - (options.start_s or 0.0)) * info.rate_hz)) or None
