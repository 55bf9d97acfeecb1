"""`PoseOptions`: what may be done differently when poses are estimated, without other weights."""

from dataclasses import dataclass
from typing import Literal, get_args

from glpose.clip import Sampling
from glpose.errors import BadConfig
from glpose.types import Decoding

Candidates = Literal["past", "video"]
Neighbours = Literal["tracked", "all"]
ScoreKind = Literal["heatmap", "product", "rescored"]


@dataclass(frozen=True, slots=True)
class PoseOptions:
    """Switches of the test phase; the defaults are those of `glpose run`.

    `flip`: each crop is also looked at mirrored, and the heatmaps are averaged; `flip_shift` moves
    the mirrored maps by a pixel, None where the card's mapping needs it ("origin").
    `decode`: how joints are found in heatmaps; None as the card says.
    `score`: of a joint the heatmap's maximum ("heatmap"), or that times the box score ("product",
    as the DCPose family ranks joints for PoseTrack); "rescored" leaves joints alone and gives the
    person the box score times the mean of the joints above 0.2, as HRNet ranks people for COCO.
    `oks_nms`: of two poses that are more alike than this the weaker one goes; None keeps all.
    `min_box`: people with a lower box score are not looked at.
    `neighbours`: frames that fill local slots, those where the person has a box ("tracked"), or
    "all", where the box of the key frame cuts the person out if there is none.
    `candidates`: global crops come from what was seen so far ("past"), or from all of the "video",
    as in the paper, which takes a pass of its own; `sampling`: how they are drawn from there.

    Usual for the paper's family (as in Pose-Group/DCPose): "product", a `min_box` of 0.2 for
    detected boxes, "quarter", no flip and no suppression, "all" neighbours and "video".
    """

    flip: bool = False
    flip_shift: bool | None = None
    decode: Decoding | None = None
    score: ScoreKind = "heatmap"
    oks_nms: float | None = None
    min_box: float = 0.0
    neighbours: Neighbours = "tracked"
    candidates: Candidates = "past"
    sampling: Sampling = "random"

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
