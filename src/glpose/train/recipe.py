"""The settings of a training run: nested frozen dataclasses, built by named Python functions.

No torch here. `--set optimizer.lr=5e-4` changes a field by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from glpose.config import check_range, check_ranges, from_plain, unknown_setting
from glpose.errors import BadConfig
from glpose.formats.sets import root_names, usual_validation


@runtime_checkable
class DataSettings(Protocol):
    """What the training data settings of every system provide."""

    def set_names(self) -> tuple[str, ...]:
        """The sets that are trained and validated on."""
        ...

    def synth_only(self) -> DataSettings:
        """The same settings without real data."""
        ...


Model = TypeVar("Model")
Data = TypeVar("Data", bound=DataSettings)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """AdamW or Adam with a warm-up and a cosine or stepwise decay.

    The rate is multiplied by `gamma` at each of `milestones`, in steps, and of
    `epoch_milestones`, in epochs. `max_norm` clips the norm of the whole gradient; 0 is no limit.

    `rates` are factors of `lr` for parts of the network, by the name of the part; the first part
    that a weight belongs to counts. A part of factor 0 is frozen: its weights do not change, and
    its norms use their stored statistics.
    """

    kind: Literal["adam", "adamw"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 200
    decay: Literal["cosine", "steps"] = "cosine"
    milestones: tuple[int, ...] = ()
    epoch_milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    max_norm: float = 1.0
    rates: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        where, steps = "optimizer.", (0, 10**9)
        check_ranges(self, where, lr=(0, 1000), weight_decay=(0, 1000), max_norm=(0, 1e9))
        check_ranges(self, where, gamma=(0, 1), warmup_steps=steps, milestones=steps)
        check_ranges(self, where, epoch_milestones=(0, 10**6))
        check_range("optimizer.rates", [rate for _, rate in self.rates], 0, 1000)

    def rate_of(self, name: str) -> float:
        """The factor of the learning rate for a module or weight of this name."""
        inside = (rate for part, rate in self.rates if f"{name}.".startswith(f"{part}."))
        return next(inside, 1.0)


def data_roots(**folders: str) -> dict[str, str]:
    """Data folders on this machine by their names in `formats.sets`; "" where none is given.

    Raises: BadConfig for a name that no set has.
    """
    roots = dict.fromkeys(root_names(), "")
    for name in folders:
        if name not in roots:
            raise BadConfig(unknown_setting(name, roots, "roots"))
    return roots | folders


@dataclass(frozen=True, slots=True)
class Recipe(Generic[Model, Data]):
    """One complete run. `model` and `data` are dataclasses of the system, see its `spec.Settings`.

    `num_epochs`, if not 0, is the number of passes over the data, and `num_steps` is computed when
    the data is opened; otherwise `num_steps` applies. `batch_size` counts the samples of a step
    over all processes and over `accumulate` parts, only one of which is in memory at a time (batch
    norms see one part across all processes, not the whole batch). `validate_every` 0 means every
    epoch, or every 500 steps without epochs. A killed run loses at most `checkpoint_every` steps;
    each line of the log averages the losses of `log_every` steps.

    `roots` are data folders on this machine by name, "" where a set is not used; `data_roots`
    makes them. `init_from` is what to start from: a run's checkpoint (`.pt`), weights that
    `glpose weights import` wrote (`.safetensors`), an exported encoder (`.onnx`), or "imagenet" for
    the ImageNet weights of an installed package; which of them a system takes is said by its
    `build`. `pretrained_on` are the sets that these were trained on (for the card), where
    the file does not say so itself, see `jobs.origin`.

    `data_workers` processes prefetch batches; 0 uses two threads of this process. Each process
    caches at most `picture_cache_mb` MiB of decoded pictures of sets stored as picture files.
    Both affect only speed, so a run may be resumed with other values.
    """

    name: str
    system: str
    model: Model
    data: Data
    optimizer: Optimizer = field(default_factory=Optimizer)
    roots: dict[str, str] = field(default_factory=data_roots)
    batch_size: int = 32
    accumulate: int = 1
    num_steps: int = 1000
    num_epochs: int = 0
    ema_decay: float = 0.999
    precision: Literal["fp32", "bf16"] = "bf16"
    validate_every: int = 0
    checkpoint_every: int = 200
    log_every: int = 100
    init_from: str = ""
    pretrained_on: tuple[str, ...] = ()
    seed: int = 0
    data_workers: int = 0
    picture_cache_mb: int = 256

    def __post_init__(self) -> None:
        object.__setattr__(self, "roots", data_roots(**self.roots))
        count, steps = (1, 10**6), (1, 10**9)
        check_ranges(self, batch_size=count, accumulate=count, ema_decay=(0, 1))
        check_ranges(self, num_steps=steps, checkpoint_every=steps, log_every=steps)
        check_ranges(self, num_epochs=(0, 10**6), validate_every=(0, 10**9), seed=(0, 2**63 - 1))
        check_ranges(self, data_workers=(0, 1000), picture_cache_mb=(0, 10**9))

    def sets_seen(self, own: Iterable[str]) -> tuple[str, ...]:
        """The sets that the weights have seen: those of what they start from, and the run's own."""
        before = self.pretrained_on if self.init_from else ()
        return tuple(dict.fromkeys((*before, *own)))

    def trained_and_validated_on(self) -> str:
        """The set of which both is true, "" if there is none.

        Systems without `validation` in their data hold out samples of their own.
        """
        named = getattr(self.data, "validation", None)
        if named is None:
            return ""
        names = list(self.data.set_names())
        if named:
            names.remove(named)  # where it is what is validated on
        held = named or usual_validation(self.roots)
        return held if held in names else ""


def recorded(
    plain: Mapping[str, Any], system: str, model: type[Model], data: type[Data]
) -> Recipe[Model, Data]:
    """The recipe of a record, of a system whose settings have these types.

    Settings newer than the record get their defaults. Raises: BadConfig for a setting that is not
    valid; KeyError if a part is missing.
    """
    parts = {
        "system": system,
        "roots": data_roots(**plain["roots"]),
        "model": from_plain(model, plain["model"]),
        "data": from_plain(data, plain["data"]),
    }
    return from_plain(Recipe, {**plain, **parts})
