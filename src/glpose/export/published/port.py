"""Map published weights to one of our networks, and account for every one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from glpose.codecs.codec import Codec
from glpose.errors import BadInput, BadWeights, pasted
from glpose.export.pose import PoseParts
from glpose.export.published.files import HEAD, Published, num_parameters
from glpose.files import file_digest
from glpose.nets.heads import head_of_joints
from glpose.skeleton import SKELETONS, Skeleton, by_name, joint_map
from glpose.types import CropSpec


@dataclass(frozen=True, slots=True)
class Graphs:
    """A network in its exported form, with its crop settings and the codec of its maps."""

    parts: PoseParts
    crop: CropSpec
    codec: Codec


@dataclass(frozen=True, slots=True)
class Port:
    """How one of our networks imports published weights.

    `make` builds the network for given joints and crop size; `rename` maps a published name to
    ours. `left_out` are patterns of published names that the network does not use, with reasons.
    `settings` gives the buffers that go with the weights, depending on whether the pictures were
    BGR, in which case the first convolution is converted to RGB. `graphs` splits the network for
    export; without it, only the encoder is imported, without a head.
    """

    name: str
    architecture: str
    paper: str
    make: Callable[[Skeleton, tuple[int, int]], nn.Module]
    rename: Callable[[str], str]
    left_out: tuple[tuple[str, str], ...] = ()
    settings: Callable[[bool], dict[str, Tensor]] | None = None
    graphs: Callable[[nn.Module], Graphs] | None = None

    @property
    def has_head(self) -> bool:
        """Whether a whole estimator is imported."""
        return self.graphs is not None


@dataclass(slots=True)
class Account:
    """What happened to every weight: published names, our names, shapes and reasons.

    `num_anew` is the number of values in reinitialised channels of the head.
    """

    matched: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    anew: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    wrong_shape: list[str] = field(default_factory=list)
    num_anew: int = 0

    def leave_out(self, name: str, why: str) -> None:
        """Record a weight that is left out on purpose."""
        self.left_out.setdefault(why, []).append(name)

    def start_anew(self, name: str, why: str) -> None:
        """Record a weight of ours that is not in the file."""
        self.anew.setdefault(why, []).append(name)


@dataclass(frozen=True, slots=True)
class Imported:
    """All weights of one of our networks, and their origin."""

    port: Port
    published: Published
    weights: dict[str, Tensor]
    account: Account
    source_joints: str
    joints: str


def bring(
    published: Published,
    port: Port,
    joints: str = "posetrack15",
    source_joints: str | None = None,
    *,
    blue_first: bool | None = None,
) -> Imported:
    """Weights of `port`'s network, estimating `joints`, from a published file.

    A head for other joints is mapped by joint name; missing joints are initialised randomly, as is
    the head of a network trained for classification.

    Raises: BadWeights if the file is of another architecture, lacks weights or has weights of
    another shape; BadInput for joints or a colour order that do not fit.
    """
    if published.architecture.split(" up to ")[0] != port.architecture:
        raise BadWeights(
            f"{published.path}: is {published.architecture} ({published.family.name}), but "
            f"{port.name} is {port.architecture}; import it as what it is, see: "
            f"glpose weights info {pasted(published.path)}"
        )
    source = _source_joints(published, port, source_joints)
    target = by_name(joints)
    account, found = Account(), {}
    for name, value in _without_unused(published, port, account).items():
        found[port.rename(name)] = (name, value)
    with torch.device("meta"):
        wanted = port.make(target, (384, 288)).state_dict()
    extra = {}
    if port.settings is not None:
        is_blue_first = published.family.blue_first if blue_first is None else blue_first
        extra = port.settings(is_blue_first)
        first = port.rename("conv1.weight")
        if is_blue_first and first in found:
            found[first] = ("conv1.weight", found[first][1].flip(1))
    elif blue_first:
        raise BadInput(f"--colour bgr: {port.name} takes RGB pictures, as its published weights do")
    if source is not None and source != target.name:
        _change_joints(found, by_name(source), target, port, account)
    weights = _fill(wanted, found, extra, published, account)
    _refuse(published, port, account)
    return Imported(port, published, weights, account, source or "", target.name)


def _source_joints(published: Published, port: Port, given: str | None) -> str | None:
    """The joints of the published head; None if there is no head or it is not used."""
    number = published.num_joints
    if number is None or not port.has_head:
        return None
    guess = given or {15: "posetrack15", 17: published.family.joints17}.get(number)
    if guess is None or len(by_name(guess).joints) != number:
        fit = [name for name, skeleton in SKELETONS.items() if len(skeleton.joints) == number]
        raise BadInput(
            f"{published.path}: its head has {number} channels"
            + (f", but {given} has {len(by_name(given).joints)} joints" if given else "")
            + f"; name its joints with --source-joints ({', '.join(fit) or 'none known fit'}), or "
            "take over the encoder alone, e.g. --as glpose_w48"
        )
    return guess


def _without_unused(published: Published, port: Port, account: Account) -> dict[str, Tensor]:
    for name in published.others:
        account.leave_out(name, published.family.why)
    kept = {}
    for name, value in published.weights.items():
        reasons = [why for pattern, why in port.left_out if re.match(pattern, name)]
        if reasons:
            account.leave_out(published.full_name(name), reasons[0])
        else:
            kept[name] = value
    return kept


def _change_joints(
    found: dict[str, tuple[str, Tensor]],
    source: Skeleton,
    target: Skeleton,
    port: Port,
    account: Account,
) -> None:
    """Map the channels of the head by joint name; initialise the others."""
    index = torch.from_numpy(joint_map(source, target))
    for part in ("weight", "bias"):
        ours = port.rename(HEAD + part)
        if ours not in found:
            continue
        name, old = found[ours]
        new = head_of_joints(old, source, target)
        account.num_anew += new[index < 0].numel()
        found[ours] = (name, new)
    for joint, i in zip(target.joints, index.tolist(), strict=True):
        if i < 0:
            account.start_anew(f"channel of {joint}", f"{source.name} has no such joint")
    for i, joint in enumerate(source.joints):
        if i not in index.tolist():
            account.leave_out(f"channel of {joint}", f"{target.name} has no such joint")


def _fill(
    wanted: dict[str, Tensor],
    found: dict[str, tuple[str, Tensor]],
    extra: dict[str, Tensor],
    published: Published,
    account: Account,
) -> dict[str, Tensor]:
    """All weights of the network, from the file where it has them; recorded in the account."""
    weights = {}
    can_lack = _can_lack(published)
    for ours, like in wanted.items():
        if ours in extra:
            account.start_anew(ours, "how pictures are normalised, kept with the weights")
            weights[ours] = extra[ours]
        elif ours not in found:
            why = next((why for pattern, why in can_lack if re.search(pattern, ours)), None)
            if why is None:
                account.missing.append(ours)
            else:
                account.start_anew(ours, why)
                weights[ours] = _fresh(ours, torch.empty(like.shape, dtype=like.dtype))
        elif found[ours][1].shape != like.shape:
            name, value = found[ours]
            account.wrong_shape.append(
                f"{published.full_name(name)} is {tuple(value.shape)}, expected {tuple(like.shape)}"
            )
        else:
            name, value = found[ours]
            if not torch.isfinite(value).all():
                raise BadWeights(
                    f"{published.path}: {published.full_name(name)} has values that are not finite; "
                    "the training that made it has failed"
                )
            account.matched[published.full_name(name)] = ours
            weights[ours] = value.detach().to(like.dtype).contiguous().clone()
    account.unexpected += [
        published.full_name(name) for ours, (name, _) in found.items() if ours not in wanted
    ]
    return weights


def _can_lack(published: Published) -> list[tuple[str, str]]:
    reasons = [("num_batches_tracked$", "counters that older versions of torch did not save")]
    if published.family.joints17 is None:
        why = "a network that classifies has no head for poses"
        reasons += [(r"^head\.", why), (r"deconv_layers\.", why)]
    return reasons


def _fresh(name: str, like: Tensor) -> Tensor:
    """Initial values: normal(0, 0.001) for weights, as published; deterministic."""
    if like.ndim > 1:
        generator = torch.Generator().manual_seed(0)
        return 0.001 * torch.randn(like.shape, generator=generator)
    if name.endswith("running_var") or (name.endswith("weight") and not name.startswith("head.")):
        return torch.ones_like(like)
    return torch.zeros_like(like)


def _refuse(published: Published, port: Port, account: Account) -> None:
    """Raises: BadWeights if the network is not complete."""
    faults = []
    if account.missing:
        faults.append(f"{len(account.missing)} are missing, e.g. {account.missing[0]}")
    if account.wrong_shape:
        number, first = len(account.wrong_shape), account.wrong_shape[0]
        faults.append(f"{number} have another shape, e.g. {first}")
    if faults:
        raise BadWeights(
            f"{published.path}: does not fit {port.name}: of its weights {'; '.join(faults)}; "
            "nothing was written"
        )


def report(imported: Imported) -> list[str]:
    """The summary in a few lines."""
    file, account = imported.published, imported.account
    nested = f", under '{file.nested}'" if file.nested else ""
    prefix = f", prefix '{file.prefix}'" if file.prefix else ""
    taken = {name: imported.weights[name] for name in account.matched.values()}
    number = num_parameters(taken.items()) - account.num_anew
    total = num_parameters(imported.weights.items())
    lines = [
        f"{imported.port.name} from {file.path.name}: {file.family.name}, {file.architecture}"
        + prefix
        + nested,
        f"matched: {len(account.matched)} tensors, {number:,} of {total:,} parameters",
    ]
    if imported.source_joints:
        lines.append(f"joints: {imported.source_joints} in the file, {imported.joints} here")
    for title, groups in (
        ("left out on purpose", account.left_out),
        ("started anew", account.anew),
    ):
        lines.append(f"{title}: {sum(map(len, groups.values())) or 'none'}")
        lines += [f"  {_some(names)}: {why}" for why, names in groups.items()]
    lines.append(f"unexpected: {_some(account.unexpected) if account.unexpected else 'none'}")
    return [*lines, "missing: none", "wrong shape: none"]


def full_report(imported: Imported) -> list[str]:
    """The summary, then every weight by name."""
    account, weights = imported.account, imported.weights
    digest = f"SHA-256 of the file: {file_digest(imported.published.path)}"
    lines = [*report(imported), digest, "", "matched (published name, our name, shape)"]
    lines += [f"  {a}  {b}  {tuple(weights[b].shape)}" for a, b in account.matched.items()]
    for title, groups in (
        ("left out on purpose", account.left_out),
        ("started anew", account.anew),
        ("unexpected", {"there is no place for it": account.unexpected}),
    ):
        lines += ["", title]
        lines += [f"  {name}  ({why})" for why, names in groups.items() for name in names]
    return lines


def _some(names: list[str], most: int = 4) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
