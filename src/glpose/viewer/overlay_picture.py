"""The overlay of a single picture: a picture."""

from pathlib import Path

from glpose.imaging import write_image
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FramePoses
from glpose.viewer.overlay import draw


class OverlayPicture:
    """Draws the frame of a source that has one, and writes it as PNG."""

    needs_pictures = True
    warnings = ()

    def __init__(self, path: Path, skeleton: Skeleton, timings: Timings) -> None:
        self._path, self._skeleton, self._spent = path, skeleton, timings

    def write(self, frame: Frame, poses: FramePoses) -> None:
        """Write the picture. Raises VideoError if that fails."""
        if frame.rgb is None:
            return
        with self._spent("draw"):
            picture = draw(frame.rgb, poses, self._skeleton)
        with self._spent("write"):
            write_image(self._path, picture)

    def __enter__(self) -> "OverlayPicture":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Nothing is open."""
