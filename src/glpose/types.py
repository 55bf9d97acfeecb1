"""The data types of glpose, from a video to poses. Start reading the project here.

Conventions used everywhere:

* Colour is RGB `uint8`, height x width x 3.
* Points are (x, y), x to the right, y down, in pixels; the centre of the top-left pixel is (0, 0).
* Boxes are `xyxy` in float32; width = x2 - x1, without "+1".
* Sizes are `size_hw`. Frames count from 0 in display order; time is in seconds.
* Scores are in [0, 1]; only those by which evaluations rank joints may be higher, of weights without
  calibration. A joint that was not found has NaN coordinates and score 0.
* Transforms between coordinate frames are named destination first: `crop_from_image`.

All types are frozen and hold arrays with the stated axes. Shapes are checked in the tests; external
data (files, weights, arrays from users) is always checked where it enters.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int8, Int64, UInt8

from glpose.config import check_range
from glpose.errors import BadInput
from glpose.skeleton import Skeleton

Anchor = Literal["centre", "msra"]
HeatmapMapping = Literal["centre", "origin", "corners"]
Decoding = Literal["argmax", "quarter", "dark"]
FrameStatus = Literal["ok", "undecodable"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video as shown (rotation applied). `rgb` is None if it was undecodable."""

    index: int
    time_s: float
    rgb: UInt8[np.ndarray, "height width 3"] | None

    @property
    def status(self) -> FrameStatus:
        """Whether there is a picture."""
        return "undecodable" if self.rgb is None else "ok"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known about a video before it is decoded.

    `size_hw` is the size as shown, `rotation_deg` the clockwise rotation applied to show it;
    `rate_hz` is NaN if it is not known, as of what is live; `num_frames` and `duration_s` come from the header and may be unknown or wrong. `note` says
    what is unusual in its pictures, or done to them; it is empty otherwise. `is_still`: a picture
    and no video, in which nobody is followed. Pictures in files may differ in size: `size_hw` is
    that of the first one, and `largest_hw` what memory is to be planned for, if that is larger;
    `pictures` are the names of the files, if there are several.
    """

    name: str
    size_hw: tuple[int, int]
    rate_hz: float
    num_frames: int | None = None
    duration_s: float | None = None
    rotation_deg: int = 0
    note: str = ""
    is_still: bool = False
    largest_hw: tuple[int, int] | None = None
    pictures: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """People found in one frame; boxes in image pixels."""

    xyxy: Float32[np.ndarray, "n 4"]
    score: Float32[np.ndarray, " n"]

    @classmethod
    def empty(cls) -> "Detections":
        """No detections."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """People of one frame with track ids, from 1.

    Unconfirmed tracks are left out; only while people are followed by their poses, between
    `Follower.__call__` and `learn`, do they have the id 0.
    """

    xyxy: Float32[np.ndarray, "n 4"]
    score: Float32[np.ndarray, " n"]
    track_id: Int64[np.ndarray, " n"]

    @classmethod
    def empty(cls) -> "People":
        """No people."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.track_id)

    def __getitem__(
        self, rows: Int64[np.ndarray, " kept"] | Bool[np.ndarray, " n"] | list[int]
    ) -> "People":
        """Select people by indices, in that order, or by a mask."""
        return People(self.xyxy[rows], self.score[rows], self.track_id[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """A 2x3 affine transform between two coordinate frames; float64, so that inverses are accurate."""

    matrix: Float64[np.ndarray, "2 3"]

    def apply(self, xy: Float[np.ndarray, "*points 2"]) -> Float64[np.ndarray, "*points 2"]:
        """Transform points; NaN stays NaN."""
        return xy @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self) -> "Affine":
        """The inverse transform."""
        linear = np.linalg.inv(self.matrix[:, :2])
        return Affine(np.column_stack([linear, -linear @ self.matrix[:, 2]]))

    def __matmul__(self, first: "Affine") -> "Affine":
        """`(a @ b).apply(x)` is `a.apply(b.apply(x))`."""
        linear = self.matrix[:, :2] @ first.matrix[:, :2]
        shift = self.matrix[:, :2] @ first.matrix[:, 2] + self.matrix[:, 2]
        return Affine(np.column_stack([linear, shift]))


@dataclass(frozen=True, slots=True)
class CropSpec:
    """How a person is cropped: the box is extended to the aspect of `size_hw`, then by `padding`.

    `anchor` says where the box centre lands: "centre" on the centre of the crop's pixel grid
    (exact); "msra" half a pixel further, as the HRNet family trains.
    """

    size_hw: tuple[int, int]
    padding: float = 1.25
    anchor: Anchor = "centre"

    def __post_init__(self) -> None:
        check_range("crop.size_hw", self.size_hw, 1, 4096)
        check_range("crop.padding", self.padding, 0.1, 10)


@dataclass(frozen=True, slots=True)
class HeatmapSpec:
    """Size and conventions of heatmaps.

    `mapping` says where heatmap pixels lie in the crop: "centre" aligns the areas (exact),
    "origin" multiplies by the stride, "corners" aligns the corner pixels. `rounded` centres the
    Gaussian of targets on a whole pixel, as the HRNet family trains; our own models use exact ones.
    """

    size_hw: tuple[int, int]
    sigma_px: float
    mapping: HeatmapMapping = "centre"
    decode: Decoding = "dark"
    rounded: bool = False

    def __post_init__(self) -> None:
        # The corner pixels of a single row are one.
        least = 2 if self.mapping == "corners" else 1
        check_range("heatmap.size_hw", self.size_hw, least, 4096)
        check_range("heatmap.sigma_px", self.sigma_px, 0.01, 100)


@dataclass(frozen=True, slots=True, eq=False)
class PosesInSpace:
    """The people of one frame in space, NaN where they could not be lifted; see `runtime.lift`.

    `xyz` are the joints relative to the person's root: x to the right of the picture, y up, z
    towards the camera, in metres or statures. `padded` marks people whose window passes an end of
    their track, `bridged` those with a joint that was interpolated in the picture.
    """

    xyz: Float[np.ndarray, "n joints 3"]
    padded: Bool[np.ndarray, " n"]
    bridged: Bool[np.ndarray, " n"]

    def __getitem__(
        self, rows: Int64[np.ndarray, " kept"] | Bool[np.ndarray, " n"]
    ) -> "PosesInSpace":
        """Those of some people, by indices, in that order, or by a mask."""
        return PosesInSpace(self.xyz[rows], self.padded[rows], self.bridged[rows])


@dataclass(frozen=True, slots=True, eq=False)
class BeforeSmoothing:
    """The joints of a frame's people as they were found, and which of them were not only filtered.

    `is_filled` marks joints that were missing or of a low score, `is_outlier` those that were replaced.
    """

    xy: Float[np.ndarray, "n joints 2"]
    is_filled: Bool[np.ndarray, "n joints"]
    is_outlier: Bool[np.ndarray, "n joints"]

    def __getitem__(
        self, rows: Int64[np.ndarray, " kept"] | Bool[np.ndarray, " n"]
    ) -> "BeforeSmoothing":
        """Those of some people, by indices, in that order, or by a mask."""
        return BeforeSmoothing(self.xy[rows], self.is_filled[rows], self.is_outlier[rows])


@dataclass(frozen=True, slots=True, eq=False)
class OtherPlaces:
    """Where the maps say that joints may be, too: best first, image pixels.

    NaN with score 0 where there are fewer.
    """

    xy: Float32[np.ndarray, "n joints places 2"]
    score: Float32[np.ndarray, "n joints places"]

    def __getitem__(
        self, rows: Int64[np.ndarray, " kept"] | Bool[np.ndarray, " n"]
    ) -> "OtherPlaces":
        """Those of some people, by indices, in that order, or by a mask."""
        return OtherPlaces(self.xy[rows], self.score[rows])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FramePoses:
    """The people of one frame and their joints in image pixels: the unit of streaming.

    Joints are float32, or float64 when a file is read for scoring, so that nothing is rounded.
    `side_evidence` says how clearly the network tells a joint from its mirror partner, see
    `Codec.side_evidence`; None where nothing is known. `unsure_sides` marks people whose left and
    right limbs may be exchanged, `propagated` those who were not found in this frame but in frames
    around it. `other_places` are known until a refiner has chosen among them, and in pictures.
    `before` has the raw joints of poses that `glpose smooth` has made.
    `lifted` are the same people in space, if they were lifted. `picture` is the name of the file, where
    several pictures in files are a video.
    `listed` as in `FrameTruth`.
    """

    frame: int
    time_s: float
    people: People
    xy: Float[np.ndarray, "n joints 2"]
    score: Float[np.ndarray, "n joints"]
    status: FrameStatus = "ok"
    side_evidence: Float[np.ndarray, "n joints"] | None = None
    unsure_sides: Bool[np.ndarray, " n"] | None = None
    propagated: Bool[np.ndarray, " n"] | None = None
    other_places: OtherPlaces | None = None
    lifted: PosesInSpace | None = None
    before: BeforeSmoothing | None = None
    picture: str | None = None
    listed: Bool[np.ndarray, " n"] | None = None

    def __repr__(self) -> str:
        """One line, as all arrays would be pages."""
        what = _people_of([self]) if self.status == "ok" else self.status
        return f"{type(self).__name__}(frame {self.frame}, {what})"

    @classmethod
    def empty(
        cls, frame: int, time_s: float, num_joints: int, status: FrameStatus = "ok"
    ) -> "FramePoses":
        """A frame without people."""
        return cls(
            frame,
            time_s,
            People.empty(),
            np.zeros((0, num_joints, 2), np.float32),
            np.zeros((0, num_joints), np.float32),
            status,
        )


def marks_with_more(
    poses: FramePoses, unsure: Bool[np.ndarray, " more"]
) -> tuple[Bool[np.ndarray, " all"], Bool[np.ndarray, " all"]]:
    """`unsure_sides` and `propagated` of a frame's people, and behind them of those who are put there.

    Their sides are `unsure` if they are so at either end of the gap: both ends tell where joints lie.
    """
    num = len(poses.people)
    before = [
        np.zeros(num, bool) if marks is None else marks
        for marks in (poses.unsure_sides, poses.propagated)
    ]
    return np.r_[before[0], unsure], np.r_[before[1], np.ones(len(unsure), bool)]


FrameAndPoses = tuple[Frame, FramePoses]
"""A frame and the poses of its people: yielded by the pipeline, taken by refiners and writers."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameTruth:
    """Annotated people of one frame; a separate type, so that ground truth is not taken for estimates.

    `visibility`: 0 not labelled, 1 hidden, 2 visible. `ignore`: polygons without annotations.
    `head_px`: the length by which PoseTrack normalises a person's errors, 0.6 times the diagonal of
    the head box; NaN for a person without a head box. `listed`: for whom a file of PoseTrack has a list
    of joints, even an empty one; None stands for the people who have joints.
    """

    frame: int
    time_s: float
    people: People
    xy: Float[np.ndarray, "n joints 2"]
    visibility: Int8[np.ndarray, "n joints"]
    ignore: tuple[Float[np.ndarray, "_ 2"], ...] = ()
    head_px: Float64[np.ndarray, " n"] | None = None
    listed: Bool[np.ndarray, " n"] | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoseResult:
    """All poses of one video: what is saved, viewed and scored.

    `frames` are in order, by place: the first one need not be the first of the video, and some may
    be left out. By number there is `at`.
    """

    video: VideoInfo
    skeleton: Skeleton
    frames: tuple[FramePoses, ...]
    models: dict[str, dict[str, object]] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        """One line, as all frames would be pages."""
        frames = f"{len(self.frames)} {'frame' if len(self.frames) == 1 else 'frames'}"
        name = type(self).__name__
        return f"{name}({self.video.name}, {frames}, {_people_of(self.frames)})"

    def at(self, frame: int) -> FramePoses:
        """The poses of a frame by its number in the video. Raises: BadInput if it is not there."""
        place = len(self.frames)
        if isinstance(frame, int | np.integer):
            place = bisect_left(self.frames, frame, key=lambda poses: poses.frame)
        if place == len(self.frames) or self.frames[place].frame != frame:
            known = (
                f"it has some of {self.frames[0].frame} to {self.frames[-1].frame}"
                if self.frames
                else "it has none"
            )
            raise BadInput(f"{self.video.name}: frame {frame!s:.40} is not in the result; {known}")
        return self.frames[place]


def track_ids_of(frames: Iterable[FramePoses]) -> tuple[int, ...]:
    """The numbers of all people of some frames, in order."""
    return tuple(sorted({int(number) for poses in frames for number in poses.people.track_id}))


_MANY = 10


def _people_of(frames: Iterable[FramePoses]) -> str:
    """Who is in some frames, in words."""
    found = track_ids_of(frames)
    if found and found[0] < 0:
        return "people without numbers"
    if len(found) > _MANY:
        return f"{len(found)} people"
    who = "person" if len(found) == 1 else "people"
    return f"{who} {', '.join(map(str, found))}" if found else "nobody"
