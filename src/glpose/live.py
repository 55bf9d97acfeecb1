"""Poses of a live source, such as a camera: a picture goes in, its poses come out at once."""

import math
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from pathlib import Path

import numpy as np

from glpose.api import check_kinds, load_models, poses_of
from glpose.errors import BadInput
from glpose.result import Poses
from glpose.runtime.engine import EngineSpec
from glpose.runtime.presets import Preset, Wish
from glpose.skeleton import Skeleton
from glpose.track.assign import prepare
from glpose.track.scenes import STALL_S
from glpose.types import Frame, FrameAndPoses, FramePoses, VideoInfo
from glpose.video.arrays import LATEST_S, checked_picture
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_POSE


class Live:
    """Estimates the poses of a source picture by picture, without waiting for the next one.

        live = glpose.Live()
        poses = live.push(rgb, time_s)

    The poses are those of `glpose.run` with `causal` and the same settings on the same pictures, but
    for rounding: networks may add up in another order where they get several frames at once.
    That costs accuracy: estimators whose cards ask for later frames get earlier ones in their place,
    and what is left and right is decided by the past alone; docs/howto/live.md says how to measure it.

    Memory does not grow with the number of pictures, and nothing has to be closed. A push takes as
    long as the networks do, longer with more people; leave out pictures of a source that is faster.
    One thread at a time may push.

    `weights`, `detector`, `engine`, `preset` and its parts are as in `glpose.run` for a video. A picture that comes
    more than `stall_s` seconds after the one before starts anew, as `reset` does: with few pictures
    a second give more, as a run waits for 30 pictures at least, or infinity.

    Raises: GLPoseError if weights or settings cannot be used.
    """

    def __init__(
        self,
        *,
        weights: str | Path | None = None,
        detector: str | Path = DEFAULT_DETECTOR,
        engine: EngineSpec = EngineSpec(),
        preset: Preset = "balanced",
        detect_every: int | None = None,
        flip: bool | None = None,
        fuse: bool | None = None,
        small_people: bool | None = None,
        stall_s: float = STALL_S,
    ) -> None:
        check_kinds(weights=weights, detector=detector, engine=engine)
        wish = Wish(preset, detect_every, flip, fuse, small_people)
        if not isinstance(stall_s, Real) or not stall_s > 0:
            raise BadInput(f"stall_s is {stall_s!r:.40}; expected seconds above 0")
        self._models = load_models(DEFAULT_POSE if weights is None else weights, detector, engine)
        prepare()
        card, detector_card = self._models.estimate.card, self._models.detector_card
        self._effort, self._stall_s = wish.effort(card, detector=detector_card), stall_s
        self._next_frame = self._last_id = 0
        self.reset()

    @property
    def skeleton(self) -> Skeleton:
        """The joints of the poses."""
        return self._models.skeleton

    def reset(self) -> None:
        """Forget the pictures so far: the source was cut, or is another one.

        Frames are counted on and track ids are not used again, so that nobody who is found later is
        taken for somebody before. The next picture may have any size and time.
        """
        self._first_frame, self._first_id = self._next_frame, self._last_id
        self._pairs: Iterator[FrameAndPoses] | None = None
        self._given: Frame | None = None
        self._size_hw: tuple[int, int] | None = None
        self._time_s = -math.inf

    def push(self, rgb: np.ndarray | None, time_s: float) -> Poses:
        """The poses of the next picture; `time_s` is its time in seconds, from any origin.

        `rgb` is uint8 of height x width x 3. It is copied, so that its memory may be used again. None
        stands for a picture that was lost: it has nobody, with the status "undecodable".

        Raises: BadInput for what is no picture, for one of another size than before, and for a time
        that is no number or not later than the one before. Such a picture does not count, the next
        one goes on. After any other error the source starts anew, as after `reset`.
        """
        what = f"picture {self._next_frame}"
        time_s = self._checked_time(time_s, what)
        has_stalled = time_s - self._time_s > self._stall_s
        if rgb is not None:
            rgb = checked_picture(rgb, what).copy()
            if not has_stalled:
                self._check_size(rgb.shape[:2], what)
        # All is right from here on: what is refused above changes nothing.
        if has_stalled:
            self.reset()
        if rgb is not None:
            self._size_hw = rgb.shape[:2]
        self._time_s = time_s
        poses = self._answered(Frame(self._next_frame - self._first_frame, time_s, rgb))
        track_id = poses.people.track_id + self._first_id
        self._next_frame += 1
        self._last_id = max(self._last_id, int(track_id.max(initial=0)))
        people = replace(poses.people, track_id=track_id)
        poses = replace(poses, frame=poses.frame + self._first_frame, people=people)
        return Poses.of(poses, self.skeleton)

    def _answered(self, frame: Frame) -> FramePoses:
        if self._pairs is None:
            if self._size_hw is None:
                num_joints = len(self.skeleton.joints)
                return FramePoses.empty(frame.index, frame.time_s, num_joints, frame.status)
            self._pairs = self._opened(self._size_hw)
        self._given = frame
        try:
            with np.errstate(under="ignore"):  # whatever the caller has set
                _, poses = next(self._pairs)
        except BaseException:
            self.reset()  # a generator that failed has ended
            raise
        return poses

    def _opened(self, size_hw: tuple[int, int]) -> Iterator[FrameAndPoses]:
        return poses_of(
            self._taken(),
            VideoInfo("live", size_hw, rate_hz=math.nan),
            self._models,
            keep_pictures=False,
            effort=self._effort,
            causal=True,
            block_frames=1,
            stall_s=math.inf,  # `push` starts anew
        )

    def _taken(self) -> Iterator[Frame]:
        """The pushed frames, each when it is asked for."""
        while True:
            frame, self._given = self._given, None
            assert frame is not None, "the pipeline asked for a frame before it answered the last"
            yield frame

    def _checked_time(self, time_s: float, what: str) -> float:
        try:
            found = float(time_s)
        except (TypeError, ValueError, OverflowError):
            found = math.nan
        if not (self._time_s < found and abs(found) <= LATEST_S):
            before = "" if self._time_s == -math.inf else f", after one at {self._time_s} s"
            raise BadInput(
                f"{what} is at {time_s!s:.40} s{before}; expected seconds that increase, up to "
                f"{LATEST_S:g}, or reset() where a source starts anew"
            )
        return found

    def _check_size(self, size_hw: tuple[int, int], what: str) -> None:
        if self._size_hw not in (None, size_hw):
            (h, w), (height, width) = size_hw, self._size_hw
            raise BadInput(
                f"{what} has {w} x {h} pixels, after one of {width} x {height}; expected one size, "
                "or reset() where a source changes"
            )
