"""The overlay video of a run: takes pictures and poses, draws and encodes in its own thread."""

import queue
import threading

import numpy as np

from glpose.errors import VideoError
from glpose.imaging import Rgb
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FramePoses
from glpose.video.writer import VideoWriter
from glpose.viewer.overlay import draw

_QUEUED_FRAMES = 4


class OverlayVideo:
    """Draws and writes while the networks process the next frames.

    A frame that could not be decoded repeats the previous picture. Leaving the `with` block always
    finishes the video; its error is raised unless another exception is propagating.
    """

    needs_pictures = True

    def __init__(
        self, writer: VideoWriter, size_hw: tuple[int, int], skeleton: Skeleton, timings: Timings
    ) -> None:
        self._writer, self._skeleton, self._spent = writer, skeleton, timings
        self._last: Rgb = np.zeros((*size_hw, 3), np.uint8)
        self._queue: queue.Queue[tuple[Frame, FramePoses] | None] = queue.Queue(_QUEUED_FRAMES)
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="glpose-overlay", daemon=True)
        self._thread.start()

    @property
    def warnings(self) -> list[str]:
        """What was left out of the video; complete after it is closed."""
        return self._writer.warnings

    def write(self, frame: Frame, poses: FramePoses) -> None:
        """Append a frame. Raises VideoError if an earlier one could not be written."""
        if self._problem is not None:
            raise self._problem
        self._queue.put((frame, poses))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._problem is not None:
                continue  # keep emptying the queue, so that `write` does not block
            try:
                self._write(*item)
            except Exception as problem:  # noqa: BLE001  (raised again in the other thread)
                self._problem = problem

    def _write(self, frame: Frame, poses: FramePoses) -> None:
        with self._spent("draw"):
            if frame.rgb is not None:
                self._last = frame.rgb
            picture = draw(self._last, poses, self._skeleton)
        with self._spent("write"):
            self._writer.write(picture, frame.time_s)

    def __enter__(self) -> "OverlayVideo":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._queue.put(None)
        self._thread.join()
        why = error or self._problem  # a video that counts only as a whole is given up then
        try:
            with self._spent("write"):
                self._writer.__exit__(kind, why, trace)
        except VideoError as problem:
            self._problem = self._problem or problem
        if self._problem is not None and error is None:
            raise self._problem
