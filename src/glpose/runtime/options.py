"""`PoseOptions`: settings of pose estimation that need no other weights."""

from dataclasses import dataclass
from typing import Literal, get_args

from glpose.clip import Sampling
from glpose.errors import BadConfig
from glpose.types import Decoding

Candidates = Literal["past", "video"]
Neighbours = Literal["tracked", "all"]
ScoreKind = Literal["heatmap", "product", "rescored"]


@dataclass(frozen=True, slots=True)
class View:
    """Another look at a crop: turned anticlockwise about its centre, and with a `scale` above 1 smaller."""

    turn_deg: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not abs(self.turn_deg) <= 90:
            raise BadConfig(f"turn_deg is {self.turn_deg}; expected -90 to 90 degrees")
        if not 0.5 <= self.scale <= 2:
            raise BadConfig(f"scale is {self.scale}; expected 0.5 to 2")


@dataclass(frozen=True, slots=True)
class PoseOptions:
    """Test-time options; the defaults are those of `glpose run`.

    `flip`: average the heatmaps of each crop and of its mirror image; `flip_shift` moves the
    mirrored maps by a pixel, with None only if the card's mapping needs it ("origin").
    `views`: average those of these looks at each crop, too; not for estimators with states or flow.
    `in_box`: of several places where a joint may be, one in the person's box is preferred, see
    `crop.weight_of_box`; for boxes that say who is meant, as in a picture of a crowd.
    `decode`: how joints are found in heatmaps; None takes the card's setting.
    `score`: a joint's score is that of the heatmap, calibrated ("heatmap"), or that times the box score
    ("product", as in the DCPose family for PoseTrack); "rescored" keeps joint scores and sets the
    person's to the box score times the mean of the joints above 0.2, as in HRNet for COCO.
    Evaluations rank joints of weights without calibration by the raw maxima, which may exceed 1; those
    of calibrated weights keep their calibrated scores, which tie at the top, see docs/metrics.md.
    `oks_nms`: of two poses with a higher OKS than this, drop the weaker one; None keeps all.
    `min_box`: people with a lower box score are ignored.
    `neighbours`: frames for local slots: those where the person has a box ("tracked"), or "all",
    where the box of the key frame is used if the person has none.
    `candidates`: global crops come from the frames so far ("past"), or from the whole "video", as
    in the paper, which needs a first pass; `sampling`: how they are sampled. With "video",
    evaluations draw from all boxes of it; otherwise a sample of 128 crops is kept, so that memory is
    bounded.
    `causal`: nothing after a frame counts for its poses. Slots of later frames are filled as at the
    end of a video, see `clip.local_frames`.

    Usual in the paper's family (as in Pose-Group/DCPose): "product", a `min_box` of 0.2 for
    detected boxes, "quarter", no flip and no OKS-NMS, "all" neighbours and "video".
    """

    flip: bool = False
    flip_shift: bool | None = None
    views: tuple[View, ...] = ()
    in_box: bool = False
    decode: Decoding | None = None
    score: ScoreKind = "heatmap"
    oks_nms: float | None = None
    min_box: float = 0.0
    neighbours: Neighbours = "tracked"
    candidates: Candidates = "past"
    sampling: Sampling = "random"
    causal: bool = False

    def __post_init__(self) -> None:
        known = {
            "decode": (*get_args(Decoding), None),
            "score": get_args(ScoreKind),
            "neighbours": get_args(Neighbours),
            "candidates": get_args(Candidates),
            "sampling": get_args(Sampling),
        }
        for field, values in known.items():
            if (found := getattr(self, field)) not in values:
                raise BadConfig(f"{field} is {found!r}; expected {' or '.join(map(repr, values))}")
        if self.oks_nms is not None and not 0 <= self.oks_nms <= 1:
            raise BadConfig(f"oks_nms is {self.oks_nms}; expected a similarity from 0 to 1")
        if not 0 <= self.min_box <= 1:
            raise BadConfig(f"min_box is {self.min_box}; expected a score from 0 to 1")
        if self.causal and self.candidates != "past":
            raise BadConfig(
                f"causal is on, but candidates is {self.candidates!r}; expected 'past', since what "
                "comes is unknown"
            )
