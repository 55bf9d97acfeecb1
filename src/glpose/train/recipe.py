"""The settings of a training run: nested frozen dataclasses, built by named Python functions.

No torch here. Every field is read somewhere; `--set optimizer.lr=5e-4` changes one by name.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from glpose.errors import BadConfig


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW or Adam with a warm-up and a cosine or stepwise decay; `milestones` are in steps."""

    kind: Literal["adam", "adamw"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 200
    decay: Literal["cosine", "steps"] = "cosine"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    max_norm: float = 1.0


@dataclass(frozen=True, slots=True)
class DataRoots:
    """Folders of data on this machine; empty means that the set is not used."""

    lspet: str = ""
    coco: str = ""
    jhmdb: str = ""
    person_boxes: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One complete run. `model` and `data` are dataclasses of the system; see `recipes`.

    `init_from` is a checkpoint to start from, `pretrained_on` the sets it has seen (for the card).
    """

    name: str
    system: str
    model: Any
    data: Any
    optimizer: Optimizer = field(default_factory=Optimizer)
    roots: DataRoots = field(default_factory=DataRoots)
    batch_size: int = 32
    num_steps: int = 1000
    ema_decay: float = 0.999
    precision: Literal["fp32", "bf16"] = "bf16"
    validate_every: int = 500
    init_from: str = ""
    pretrained_on: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "num_steps", "validate_every"):
            if getattr(self, name) < 1:
                raise BadConfig(f"{name} is {getattr(self, name)}; expected 1 or more")
