"""Writers for the poses of a run: `poses.jsonl`, a table, the overlay, any other `PoseWriter`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, runtime_checkable

from glpose.formats.results import POSES, ResultWriter
from glpose.formats.tables import CsvTable, long_layout
from glpose.runtime.engine import EngineSpec
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FramePoses
from glpose.video.source import Source
from glpose.video.writer import VideoWriter, partial_of
from glpose.viewer.overlay_picture import OverlayPicture
from glpose.viewer.overlay_video import OverlayVideo

TABLE, OVERLAY = "poses.csv", "overlay.mp4"
POSES_3D, SMOOTH_3D = "poses_3d.jsonl", "smooth_3d.jsonl"
SMOOTH, ANGLES, ANGLES_PICTURE, GAIT = "smooth.jsonl", "angles.csv", "angles.png", "gait.json"
REPORT = "report.html"

DERIVED = (POSES_3D, SMOOTH, SMOOTH_3D, ANGLES, ANGLES_PICTURE, GAIT, REPORT)
"""What other commands make of `poses.jsonl`, beside it."""
OVERLAY_PICTURE = "overlay.png"


@runtime_checkable
class Origin(Protocol):
    """Where poses come from: their joints, and a description of the networks for the results."""

    @property
    def skeleton(self) -> Skeleton:
        """The joints of the poses."""
        ...

    @property
    def record(self) -> dict[str, dict[str, object]]:
        """The networks by name."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What a writer is opened with: a source, its existing folder, and the settings of the run.

    Without `sound` that of the source is left out: voices tell who people are. With `whole` a video
    replaces an old one only when all of it is written; else what is done when a run ends stays.
    """

    folder: Path
    source: Source
    models: Origin
    settings: dict[str, object]
    timings: Timings
    engine: EngineSpec = EngineSpec()
    sound: bool = True
    whole: bool = False


@runtime_checkable
class PoseWriter(Protocol):
    """Writes the frames of a source with their poses; a context manager that closes on exit."""

    @property
    def needs_pictures(self) -> bool:
        """Whether frames must have their pictures; read before the first frame."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What was left out, one line each; read after closing."""
        ...

    def write(self, frame: Frame, poses: FramePoses) -> None:
        """Write the next frame. Raises GLPoseError if that fails, which ends the run."""
        ...

    def __enter__(self) -> "PoseWriter": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


OpenWriter = Callable[[Target], PoseWriter]
"""Opens a writer for a source; called once per source of a run.

It may have an attribute `files`, the names of the files that it writes into the folder: old ones
are then replaced or protected before the run. `writing` gives a function one; a class that is
called as it is has it as an attribute of its own.
"""


@dataclass(frozen=True, slots=True)
class Writing:
    """An `OpenWriter` that states the names of its files."""

    files: tuple[str, ...]
    open: OpenWriter

    def __call__(self, target: Target) -> PoseWriter:
        """Open the writer."""
        return self.open(target)


def writing(*files: str) -> Callable[[OpenWriter], Writing]:
    """Decorate a function that opens a writer with the names of the files that it writes."""
    return partial(Writing, files)


def files_of(open_writer: OpenWriter) -> tuple[str, ...]:
    """The names of the files that a writer states."""
    return getattr(open_writer, "files", ())


@writing(POSES)
def poses_jsonl(target: Target) -> PoseWriter:
    """Write `poses.jsonl`, line by line as frames are done."""
    return _PosesFile(target)


@writing(OVERLAY, partial_of(Path(OVERLAY)).name, OVERLAY_PICTURE)
def overlay(target: Target) -> PoseWriter:
    """Write the source with skeletons drawn in: `overlay.mp4`, of a picture `overlay.png`."""
    if not target.source.info.is_still:
        return overlay_mp4(target)
    return OverlayPicture(target.folder / OVERLAY_PICTURE, target.models.skeleton, target.timings)


@writing(TABLE)
def poses_csv(target: Target) -> PoseWriter:
    """Write `poses.csv`, a row for each joint, as `glpose table` does."""
    return _PosesTable(target)


@writing(OVERLAY, partial_of(Path(OVERLAY)).name)
def overlay_mp4(target: Target) -> PoseWriter:
    """Write `overlay.mp4`: the pictures with skeletons drawn in, and the audio of the source."""
    source, info = target.source, target.source.info
    writer = VideoWriter(
        target.folder / OVERLAY,
        info.size_hw,
        info.rate_hz,
        time_base=source.time_base,
        audio=source.audio if target.sound else None,
        threads=target.engine.threads or 0,
        whole=target.whole,
    )
    return OverlayVideo(writer, info.size_hw, target.models.skeleton, target.timings)


class _PosesFile:
    """`poses.jsonl` as a `PoseWriter`."""

    needs_pictures = False
    warnings = ()

    def __init__(self, target: Target) -> None:
        skeleton, models = target.models.skeleton, target.models.record
        path, info = target.folder / POSES, target.source.info
        self._results = ResultWriter(path, info, skeleton, models, target.settings)
        self._spent = target.timings

    def write(self, frame: Frame, poses: FramePoses) -> None:
        del frame
        with self._spent("write"):
            self._results.write(poses)

    def __enter__(self) -> "_PosesFile":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._results.__exit__(kind, error, trace)


class _PosesTable:
    """`poses.csv` as a `PoseWriter`."""

    needs_pictures = False
    warnings = ()

    def __init__(self, target: Target) -> None:
        pictures = bool(target.source.info.pictures)
        self._layout = long_layout(target.models.skeleton, pictures=pictures)
        self._table = CsvTable(target.folder / TABLE, self._layout.columns)
        self._spent = target.timings

    def write(self, frame: Frame, poses: FramePoses) -> None:
        del frame
        with self._spent("write"):
            self._table.write(self._layout.rows(poses))

    def __enter__(self) -> "_PosesTable":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._table.__exit__(kind, error, trace)
