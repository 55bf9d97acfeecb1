"""Run over several sources: poses, overlay and summary of each; a failed one stops no other.

outcomes = run_sources(["walk.mp4"], Options(Path("results")))
"""

import math
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from glpose import __version__
from glpose.api import (
    Boxes,
    Models,
    checked_boxes,
    checked_span,
    effort_settings,
    follows,
    load_models,
    poses_of,
    shared_motions,
    usual_weights,
)
from glpose.errors import BadInput, GLPoseError, VideoError, reason
from glpose.files import check_name, is_same_file
from glpose.flow import Flow
from glpose.formats.lock import in_turn, only_writer
from glpose.formats.results import (
    POSES,
    count_frames,
    holds_frames,
    left_aside,
    put_aside,
    read_boxes,
    write_summary,
)
from glpose.formats.text.lines import cannot_write
from glpose.jobs.aside import Aside
from glpose.jobs.ended import BEGUN, SUMMARY, how_ended
from glpose.jobs.interrupt import Interrupt, Interrupted
from glpose.jobs.person import Rule, find_person, of_person
from glpose.jobs.places import Places, file_in, file_record, without_folders
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.writers import (
    DERIVED,
    OpenWriter,
    Origin,
    PoseWriter,
    Target,
    files_of,
    overlay,
    poses_csv,
    poses_jsonl,
)
from glpose.refine import Refiner, refiner_named
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import Opened, open_flow
from glpose.runtime.presets import Effort, Plan, Wish
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FrameAndPoses, FramePoses, VideoInfo
from glpose.video.arrays import checked_rate
from glpose.video.given import Given, find_given, let_go
from glpose.video.network import Watch
from glpose.video.source import Source, SourceEntry, frames_within
from glpose.viewer.private import Private, without_faces
from glpose.weights import DEFAULT_DETECTOR

State = Literal["ok", "incomplete", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `glpose run`; each source gets its own result folder in `output`.

    A frame counts as done when the first of the `writers` has it. `refiners` are applied in order;
    None means the usual ones. Those with the names `also` come after them. `wish` is the preset and what
    is asked for besides. `causal`, `frames` and
    `fps` are as in `glpose.run`; refiners in `also` look ahead nevertheless. `flow` is the file of a
    flow network, see `runtime.flow_network`; None means dense inverse search. `weights` are those of
    poses, None those of `api.usual_weights`.

    `person` is the only one in the results: a number, or who is meant by a rule. For a rule the
    source is read twice, and all poses are kept in memory until they can be written. `private` says
    what pictures show, in which the sound is left out as well.
    """

    output: Path
    boxes: Path | None = None
    weights: str | None = None
    detector: str = DEFAULT_DETECTOR
    start_s: float | None = None
    end_s: float | None = None
    engine: EngineSpec = EngineSpec()
    overwrite: bool = False
    writers: tuple[OpenWriter, ...] = (poses_jsonl, poses_csv, overlay)
    refiners: tuple[Refiner, ...] | None = None
    wish: Wish = Wish()
    also: tuple[str, ...] = ()
    flow: Path | None = None
    causal: bool = False
    frames: tuple[int, int | None] | None = None
    fps: float | None = None
    person: Rule | int | None = None
    private: Private | None = None
    allow_network: bool = False


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

    `kept` says whether results are in the folder. Of a run without a frame, or without the person
    who was asked for, there are none; older ones stay then. `tracks` holds the track ids of all people; `poses` counts each person once per frame.
    """

    name: str
    folder: Path
    state: State = "ok"
    kept: bool = False
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
    sources: Iterable[Given],
    options: Options,
    reporter: Reporter = SILENT,
    interrupt: Interrupt | None = None,
) -> list[Outcome]:
    """Run over all sources, one after the other, until all are done or a stop is requested.

    Each is whatever `glpose.run` takes, or a folder or glob of several videos.

    Problems of a source are reported and kept in its outcome; they do not stop the others. So is any
    exception that a `Source` or an iterator of yours raises while it is read. Of your refiners and writers
    it is GLPoseError, OSError and MemoryError; others, and faults of glpose itself, are raised at once.
    Raises: GLPoseError if nothing can be run: boxes, weights or output folder cannot be used, or one of
    the sources is none.
    """
    start_s, end_s, frames = checked_span(options.start_s, options.end_s, options.frames)
    fps = None if options.fps is None else checked_rate(options.fps, "fps")
    options = replace(options, start_s=start_s, end_s=end_s, frames=frames, fps=fps)
    entries = find_given(sources, options.fps, allow_network=options.allow_network)
    boxes = None if options.boxes is None else read_boxes(options.boxes)
    if boxes is not None and len(entries) != 1:
        raise BadInput(
            f"--boxes belongs to one video, but {len(entries)} sources were given; run each alone"
        )
    if options.flow is not None and not options.also:
        raise BadInput(f"--flow {options.flow} is for refining; add --refine flow, or leave it out")
    weights = [
        usual_weights(is_still=entry.is_still) if options.weights is None else options.weights
        for entry in entries
    ]
    of_videos = {name for entry, name in zip(entries, weights, strict=True) if not entry.is_still}
    # Before anything is run: weights that cannot be used are a problem of all sources.
    works = _works({name: name not in of_videos for name in weights}, boxes, options)
    make_folder(options.output)
    places = Places(options.output)
    interrupt = interrupt or Interrupt()
    outcomes: list[Outcome] = []
    told: set[str] = set()
    with interrupt.listening():
        for entry, name in zip(entries, weights, strict=True):
            if interrupt.requested:
                break
            work = works[name]
            note = work.in_words(is_still=entry.is_still)
            once = "" if note in told else note
            job = SourceJob(entry, options, work, reporter, interrupt, once, places)
            outcomes.append(job.run())
            if outcomes[-1].frames:
                told.add(note)
    return outcomes


def _works(
    weights: Mapping[str, bool], boxes: Boxes | None, options: Options
) -> dict[str, "_Estimation"]:
    """The work with each of these weights, by whether all its sources are single pictures.

    Detector and flow network are opened once.
    """
    flow = open_flow(options.flow, options.engine)
    works: dict[str, _Estimation] = {}
    shared: Models | None = None
    for name, is_still in weights.items():
        detector = options.detector if boxes is None and shared is None else None
        models = load_models(name, detector, options.engine)
        if shared is not None:
            record = shared.record | models.record
            models = replace(models, detect=shared.detect, record=record)
        shared = models
        for refiner in options.also:
            refiner_named(refiner, models.skeleton)  # raises for a name that is unknown
        card, is_given = models.estimate.card, boxes is not None
        effort = options.wish.effort(
            card, is_still=is_still, is_given=is_given, detector=models.detector_card
        )
        works[name] = _Estimation(models, boxes, options, flow, effort)
    return works


def make_folder(folder: Path) -> None:
    """Make a folder and its parents. Raises BadInput if that fails."""
    try:
        check_name(folder)
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
    effort: Effort

    @property
    def skeleton(self) -> Skeleton:
        return self.models.skeleton

    @property
    def record(self) -> dict[str, dict[str, object]]:
        refined = {"flow": self.flow.record} if self.options.also else {}
        return self.models.record | refined

    def check(self, info: VideoInfo, label: str) -> None:
        checked_boxes(self.boxes, info, label)

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
            effort=self.effort,
            causal=self.options.causal,
            motions=motions,
        )
        for name in self.options.also:
            pairs = refiner_named(name, self.skeleton, motions=motions)(pairs)
        return pairs

    def settings(self) -> dict[str, object]:
        how = self.options
        return {
            "glpose": __version__,
            "boxes": None if how.boxes is None else how.boxes.name,
            **effort_settings(
                how.wish.preset,
                self.effort,
                follows=follows(self.models, self.boxes),
                searches=self.boxes is None,
            ),
            "device": how.engine.device,
            "start_s": how.start_s,
            "end_s": how.end_s,
            "frames": how.frames,
            "refine": list(how.also),
            "causal": how.causal,
            "person": how.person,
            "private": how.private,
        }

    def in_words(self, *, is_still: bool) -> str:
        """What is done, and by what."""
        provider = self.models.record["pose"]["provider"]
        plan = Plan(self.effort, self.models.estimate.card, is_still)
        done = plan.in_words(searches=self.boxes is None, causal=self.options.causal)
        return f"preset {self.options.wish.preset}: {done}; ONNX Runtime on {provider}"

    def missing(self, label: str, last_frame: int) -> str | None:
        beyond = [frame for frame in self.boxes or () if frame > last_frame]
        is_whole = self.options.end_s is None and self.options.frames is None
        if not beyond or not is_whole:
            return None
        return (
            f"the boxes name {len(beyond)} frames behind the last one of {label} ({last_frame}); "
            "give the boxes of this video"
        )


class SourceJob:
    """One source being processed; `note` is said when work begins, `places` are those of its run."""

    def __init__(
        self,
        entry: SourceEntry,
        options: Options,
        work: Work,
        reporter: Reporter,
        interrupt: Interrupt,
        note: str = "",
        places: Places | None = None,
    ) -> None:
        self.entry, self.options, self.work = entry, options, work
        self.reporter, self.interrupt, self.note = reporter, interrupt, note
        self.outcome, self.timings = Outcome(entry.name, options.output / entry.name), Timings()
        self.writers: list[PoseWriter] = []
        self.seen: set[int] = set()  # the numbers of everybody, in the results or not
        self._file, self._places = file_record(entry), places or Places(options.output)
        self._has_place, self.old = False, Aside(self.folder)

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.outcome.folder

    def run(self) -> Outcome:
        """Process the source; its problems are reported and counted, not raised."""
        try:
            with ExitStack() as held:
                return self._run(held)
        finally:
            # What failed before has the folder that would have been its own.
            if not self._has_place:
                self._find_folder()
            self._places.take(self.outcome.name)

    def _find_folder(self) -> str:
        """Choose the folder; returns what is to be said about it, if anything."""
        name, remark = self._places.find(self.entry.plain_name, self._file)
        self.outcome.name, self.outcome.folder = name, self.options.output / name
        self._has_place, self.old = True, Aside(self.folder)
        return remark

    def _take_folder(self, held: ExitStack, info: VideoInfo) -> str:
        """Choose the folder and make it one's own; returns what is to be said about it, if anything.

        Raises: BadInput if results are there that are to be kept, or nothing can be written.
        """
        make_folder(self.options.output)
        # Nobody else chooses until the folder says whose it is.
        with in_turn(self.options.output):
            remark = self._find_folder()
            self._check_apart()
            if not self.folder.exists():
                held.callback(_remove_if_empty, self.folder)
            make_folder(self.folder)
            held.enter_context(only_writer(self.folder))
            self._move_old()
            held.callback(self._settle)
            with suppress(GLPoseError):  # poses that cannot be written either will say so
                write_summary(self.folder / BEGUN, self._origin(info) | {"state": "begun"})
        return remark

    def _run(self, held: ExitStack) -> Outcome:
        out = self.outcome
        begin = time.perf_counter()
        try:
            if isinstance(self.options.person, str) and self.entry.is_read_once:
                raise BadInput(
                    f"{self.entry.label}: --person {self.options.person} reads a source twice, which "
                    "this one cannot; give a number, or record it first"
                )
            watch = Watch(self.reporter.problem, self.interrupt.check)
            source = self.entry.open(self.options.fps, watch)
            held.callback(let_go, source)
            self.work.check(source.info, self.entry.label)
            remark = self._take_folder(held, source.info)
        except (GLPoseError, OSError) as problem:
            self._warn(_in_words(problem), "failed")
            return out
        except Interrupted:
            self._warn(f"{out.name}: interrupted before it began", "interrupted")
            return out
        if remark:
            self._warn(remark)
        if self.note:
            self.reporter.note(self.note)
        self.reporter.start(out.name, _expected_frames(source.info, self.options))
        try:
            self._estimate(source)
        except Interrupted:
            kept = "nothing was to be kept"
            if self._has_results:
                kept = f"what was done is kept in {self.folder}"
            self._warn(f"{out.name}: interrupted after {out.frames} frames; {kept}", "interrupted")
        except (GLPoseError, OSError, MemoryError) as problem:
            # The last two come from a writer of a user, or from the system.
            self._warn(f"{_in_words(problem)} ({out.frames} frames were done)", "failed")
        else:
            self._judge(source)
        finally:
            self.reporter.stop()
        if not self._has_results:
            return out
        self._conclude(source.info, time.perf_counter() - begin)
        return out

    def _conclude(self, info: VideoInfo, seconds: float) -> None:
        """Write the summary of results that are kept, and tell of them."""
        out, entry = self.outcome, self.entry
        out.kept = True
        try:
            write_summary(self.folder / SUMMARY, self._summary(info, seconds))
            (self.folder / BEGUN).unlink(missing_ok=True)
        except (GLPoseError, OSError) as problem:
            state = "interrupted" if out.state == "interrupted" else "failed"
            self._warn(_in_words(problem), state)
        what = f" ({entry.label})" if out.name != entry.plain_name else ""
        self.reporter.result(
            f"{out.name}{what}: {out.frames} frames, {len(out.tracks)} people, "
            f"{out.frames / seconds:.1f} frames/s; results in {self.folder}"
        )

    def _warn(self, message: str, state: State | None = None) -> None:
        """Report a problem, keep it for the summary, and set `state` if given."""
        self.reporter.problem(message)
        if self.options.private is not None:
            message = without_folders(message, self.entry, self.options.output)
        self.outcome.warnings.append(message)
        self.outcome.state = state or self.outcome.state

    def _check_apart(self) -> None:
        """Raises: BadInput if results would lie among pictures, to be taken for such next time."""
        for folder in {path.parent for path in self.entry.paths if self.entry.is_images}:
            if is_same_file(folder, self.folder):
                raise BadInput(
                    f"{self.folder}: holds the pictures themselves, and results are not put among them; "
                    "choose another -o"
                )

    @property
    def _files(self) -> list[Path]:
        """The files of results that are in the folder."""
        # Also what is not made this time: the old one would not belong to the new poses.
        writers = (poses_jsonl, poses_csv, overlay, *self.options.writers)
        own = [name for writer in writers for name in files_of(writer)]
        names = dict.fromkeys((*own, *DERIVED, SUMMARY, BEGUN))
        return [path for name in names if (path := self.folder / name).exists()]

    def _move_old(self) -> None:
        # A run that was killed before its first frame leaves files, but no results; those that it was to
        # replace are beside them.
        poses, is_back = self.folder / POSES, False
        if not holds_frames(poses):
            is_back = self._recover()
        old = self._files
        for path in self.entry.paths:
            if any(is_same_file(path, file) for file in old):
                raise BadInput(f"{path}: would be replaced by its own results; choose another -o")
        is_result = poses not in old or holds_frames(poses)
        if old and is_result:
            self._check_replaced([path.name for path in old if path.name != BEGUN], is_back=is_back)
        try:
            self.old.move(old)
        except OSError as problem:
            raise cannot_write(self.folder, problem) from problem

    def _recover(self) -> bool:
        """Put back what a run was to replace that was killed before its first frame, if there was such a run."""
        is_left = bool(left_aside(self.folder))
        try:
            (self.folder / BEGUN).unlink(missing_ok=True)
            if is_left and (self.folder / POSES).exists():
                # All was put aside before it opened its files: these are its own. Its poses go last, as
                # without them it had opened none.
                for path in reversed(self._files):
                    path.unlink()
            self.old.recover()
        except OSError as problem:
            raise cannot_write(self.folder, problem) from problem
        return is_left

    def _check_replaced(self, old: list[str], *, is_back: bool) -> None:
        """Raises: BadInput if the results that are there, in files of these names, are to be kept."""
        if self.options.overwrite:
            return
        of, kept = "", "which were kept"
        if is_back:
            kept = "put back as the run that was to replace them was killed"
        if ended := how_ended(self.folder):
            of = f", of a run that {ended} ({count_frames(self.folder / POSES)} frames)"
        before = (file_in(self.folder) or {}).get("bytes")
        if before is not None and self._file is not None and before != self._file["bytes"]:
            of += f", of {self.entry.label} as it was before it changed"
        raise BadInput(
            f"{self.folder}: holds results already ({', '.join(old)}){of}, {kept}; "
            f"use --overwrite to replace them, or another folder with -o{put_aside(self.folder)}"
        )

    @property
    def _has_results(self) -> bool:
        """Whether there is a frame and, where anybody was seen, the person who was asked for."""
        is_missed = self.options.person is not None and self.seen and not self.outcome.poses
        return self.outcome.frames > 0 and not is_missed

    def _settle(self) -> None:
        """Remove old results, or, if there are no new ones, put them back."""
        try:
            if self._has_results:
                self.old.remove()
                return
            for path in reversed(self._files):  # as in `_recover`
                path.unlink()
            self.old.put_back()
        except OSError as problem:
            self._warn(str(cannot_write(self.folder, problem)), "failed")

    def _estimate(self, source: Source) -> None:
        how = self.options
        settings = self.work.settings()
        target = Target(
            self.folder,
            source,
            self.work,
            settings,
            self.timings,
            how.engine,
            sound=how.private is None,
        )
        with ExitStack() as stack:
            for open_writer in how.writers:
                self.writers.append(stack.enter_context(open_writer(target)))
            needed = any(writer.needs_pictures for writer in self.writers)
            pairs = stack.enter_context(closing(self._shown(source, keep_pictures=needed)))
            for frame, poses in pairs:
                for writer in self.writers[:1]:
                    writer.write(frame, poses)
                self.outcome.add(poses)
                for writer in self.writers[1:]:
                    writer.write(frame, poses)
                if how.person is None or self.outcome.poses:  # results, whatever comes
                    self.old.remove()
                self.reporter.update(self.outcome.frames, len(self.outcome.tracks))

    def _shown(
        self, source: Source, *, keep_pictures: bool
    ) -> Generator[FrameAndPoses, None, None]:
        """The frames with their poses as the writers take them."""
        person, private = self.options.person, self.options.private
        if isinstance(person, str):
            found, is_stopped = self._everybody(source)
            track_id = find_person(person, found)
            given = self._again(source, [poses for poses, _ in found], is_stopped=is_stopped)
        else:
            track_id = person
            given = self._estimated(source, keep_pictures=keep_pictures)
        with closing(given) as pairs:
            # Before others are left out: their faces are to be blurred, too.
            hidden = without_faces(pairs, self.work.skeleton, private) if private else pairs
            for frame, poses in hidden:
                self.seen.update(poses.people.track_id.tolist())
                yield frame, poses if person is None else of_person(poses, track_id)

    def _everybody(self, source: Source) -> tuple[list[tuple[FramePoses, tuple[int, int]]], bool]:
        """The poses of all people in the whole source, with the sizes of the pictures.

        If a stop is requested, those of what was read until then, and true.
        """
        found: list[tuple[FramePoses, tuple[int, int]]] = []
        sizes: dict[int, tuple[int, int]] = {}
        people: set[int] = set()
        with closing(self._estimated(source, keep_pictures=False, sizes=sizes)) as pairs:
            try:
                for _, poses in pairs:
                    found.append((poses, sizes.get(poses.frame, source.info.size_hw)))
                    people.update(poses.people.track_id.tolist())
                    self.reporter.update(len(found), len(people))
            except Interrupted:
                return found, True
        return found, False

    def _estimated(
        self,
        source: Source,
        *,
        keep_pictures: bool,
        sizes: dict[int, tuple[int, int]] | None = None,
    ) -> Generator[FrameAndPoses, None, None]:
        """The frames with their poses; `sizes` gets those of the pictures, by frame."""

        def measured() -> Iterator[Frame]:
            for frame in frames:
                if sizes is not None and frame.rgb is not None:
                    sizes[frame.index] = frame.rgb.shape[:2]
                yield frame

        with closing(self._frames(source)) as frames:
            yield from self.work.pairs(
                measured(), source.info, self.timings, keep_pictures=keep_pictures
            )

    def _again(
        self, source: Source, found: list[FramePoses], *, is_stopped: bool
    ) -> Generator[FrameAndPoses, None, None]:
        """The frames once more, with their poses; the source may have changed since.

        `is_stopped`: a stop was requested when people were searched. It is honoured after these.
        """
        num = 0
        with closing(self._frames(source, heed=not is_stopped)) as frames:
            for poses, frame in zip(found, frames, strict=False):
                num += 1
                yield frame, poses
            if is_stopped:
                raise Interrupted
            has_more = next(frames, None) is not None
        if has_more or num < len(found):
            now = "more" if has_more else f"{num}"
            self._warn(
                f"{self.entry.label}: had {len(found)} frames when people were searched and {now} when "
                "it was read again; only those are in the results that it had both times",
                "incomplete",
            )

    def _frames(self, source: Source, *, heed: bool = True) -> Generator[Frame, None, None]:
        """The frames asked for; closing it stops the decoding thread.

        Until a stop is requested, unless one is not to be heeded any more.
        """
        with closing(self._given_frames(source)) as frames:
            for frame in frames:
                if heed and self.interrupt.requested:
                    # What is held back for later frames comes now, which may take some seconds.
                    self.reporter.note(
                        "stopping: what was read is written; once more stops at once"
                    )
                    raise Interrupted
                yield frame

    def _given_frames(self, source: Source) -> Generator[Frame, None, None]:
        """The frames asked for. Raises: VideoError for whatever a source of a user raises."""
        how = self.options
        try:
            yield from frames_within(source, how.start_s, how.end_s, how.frames)
        except (GLPoseError, MemoryError):
            raise
        except Exception as problem:
            if self.entry.given is None:
                raise
            raise VideoError(
                f"{self.entry.label}: {type(problem).__name__}: {problem}"
            ) from problem

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
        for warning in dict.fromkeys(source.warnings):  # it may have been read twice
            self._warn(warning, "incomplete")
        for warning in (warning for writer in self.writers for warning in writer.warnings):
            self._warn(warning)
        if out.frames and (lack := self.work.missing(name, out.last_frame)):
            self._warn(lack, "incomplete")
        if out.frames == 0:
            self._warn(
                f"{name}: no frame lies in the span asked for; change --start, --end or --frames",
                "failed",
            )
        elif not self.seen:
            self._warn(f"{name}: no person was found in any frame")
        elif not out.poses:
            numbers = ", ".join(map(str, sorted(self.seen)))
            self._warn(
                f"{name}: nobody has the number {self.options.person}; the numbers are: {numbers}",
                "failed",
            )

    def _origin(self, info: VideoInfo) -> dict[str, object]:
        """What the results are of; where it lies may tell who is seen."""
        file = self._file
        if file is not None and self.options.private is not None:
            file = file | {"path": None}
        return {"name": self.outcome.name, "source": info.name, "file": file}

    def _summary(self, info: VideoInfo, seconds: float) -> dict[str, object]:
        out = self.outcome
        stages = {name: round(spent, 3) for name, spent in sorted(self.timings.seconds.items())}
        return {
            **self._origin(info),
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


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _in_words(problem: GLPoseError | OSError | MemoryError) -> str:
    if isinstance(problem, GLPoseError):
        return str(problem)
    if isinstance(problem, MemoryError):
        return "memory has run out; close other programs, or scale the video down"
    return f"{problem.filename or 'a file'}: cannot be used ({reason(problem)})"


def _expected_frames(info: VideoInfo, options: Options) -> int | None:
    """Expected number of frames according to the header; for progress only."""
    if options.start_s is None and options.end_s is None:
        total = info.num_frames
    elif info.duration_s is None or math.isnan(info.rate_hz):
        return None
    else:
        end_s = min(info.duration_s, options.end_s or info.duration_s)
        start_s = min(end_s, options.start_s or 0.0)
        total = round((end_s - start_s) * info.rate_hz)
    if options.frames is None:
        return total or None
    first, end = options.frames
    ends = [number for number in (total, end) if number is not None]
    return max(0, min(ends) - first) or None if ends else None
