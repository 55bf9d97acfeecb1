"""Makes tiny weights, so that the command line and the runtime can be tested without real ones.

The encoder averages grey values over 4x4 pixels; the fusion gives each joint that map, plus a
little of its neighbours; the detector says that one person stands in the middle of every picture
that is not black; the lifter gives the joints of the middle sample as they are.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from glpose.codecs.gaussian import GaussianCodec
from glpose.config import to_plain
from glpose.runtime.card import (
    CARD_KEY,
    Card,
    DetectorCard,
    EmbeddingCard,
    EncoderCard,
    KeySlot,
    LiftCard,
    NeighbourSlot,
    PoseCard,
    SimilarSlot,
    Slot,
    StarterCard,
    SummaryCard,
)
from glpose.types import CropSpec, HeatmapSpec

CROP_HW = (64, 48)
MAP_HW = (16, 12)


def slots(offsets: tuple[int, ...] = (), num: int = 0, **settings: object) -> tuple[Slot, ...]:
    """The key, neighbours at these offsets if there are any, and so many similar crops."""
    found: list[Slot] = [KeySlot("crop")]
    of_neighbours = {name: settings.pop(name) for name in ("border", "box") if name in settings}
    if offsets:
        found.append(NeighbourSlot("around", offsets, **of_neighbours))
    if num:
        found.append(SimilarSlot("alike", "alikeness", num, **settings))
    return tuple(found)


SLOTS = slots((-1, 1), 2, num_candidates=4, min_score=0.5)

Node = onnx.NodeProto
Info = onnx.ValueInfoProto


ABOUT = {
    "name": "tiny",
    "version": "1",
    "trained_on": ("nothing",),
    "terms": "none",
    "licence": "Apache-2.0",
    "source": "made by a test",
    "made_by": {},
}


def pose_card(**changes: object) -> PoseCard:
    """A card for a tiny solver."""
    plain = PoseCard(
        **ABOUT,
        skeleton="posetrack15",
        crop=CropSpec(CROP_HW),
        codec=GaussianCodec(HeatmapSpec(MAP_HW, sigma_px=1.5)),
        slots=SLOTS,
        partner="abc",
    )
    return replace(plain, **changes)


def encoder_card(**changes: object) -> EncoderCard:
    """A card for a tiny encoder."""
    return replace(EncoderCard(**ABOUT, crop=CropSpec(CROP_HW), partner="abc"), **changes)


def starter_card(**changes: object) -> StarterCard:
    """A card for a tiny starter."""
    return replace(StarterCard(**ABOUT, crop=CropSpec(CROP_HW), partner="abc"), **changes)


def summary_card(**changes: object) -> SummaryCard:
    """A card for a tiny graph that summarises."""
    return replace(SummaryCard(**ABOUT, partner="abc"), **changes)


def detector_card(**changes: object) -> DetectorCard:
    """A card for a tiny detector."""
    plain = DetectorCard(
        **ABOUT, size_hw=(64, 96), strides=(32,), iou_limit=0.6, min_score=0.1, fill=0
    )
    return replace(plain, **changes)


def lift_card(**changes: object) -> LiftCard:
    """A card for a tiny lifter: windows of 5 samples, at the rate of the video."""
    plain = LiftCard(
        **ABOUT, skeleton="limb13", window=5, rate_hz=25.0, root=("left_hip", "right_hip")
    )
    return replace(plain, **changes)


def write_lifter(path: Path, own: Card | None = None, window: int = 5) -> Path:
    nodes = [
        helper.make_node("Gather", ["joints", "middle"], ["at"], axis=1),
        helper.make_node("Gather", ["known", "middle"], ["there"], axis=1),
        helper.make_node("Unsqueeze", ["there", "last"], ["mask"]),
        helper.make_node("Mul", ["at", "mask"], ["xyz"]),
    ]
    constants = {"middle": np.array(window // 2), "last": np.array([2])}
    inputs = [_info("joints", ["n", window, 13, 3]), _info("known", ["n", window, 13])]
    outputs = [_info("xyz", ["n", 13, 3])]
    return _write(path, own or lift_card(), nodes, constants, inputs, outputs)


def write_pose(folder: Path, name: str = "tiny", **changes: object) -> Path:
    """A pair of pose weights, with what else the card asks for; gives the path of the encoder."""
    own = pose_card(**changes)
    maps = own.codec.channels(len(own.joints.joints)) if own.answers else None
    write_encoder(folder / f"{name}.encoder.onnx", encoder_card(), answers=maps)
    write_fusion(folder / f"{name}.fusion.onnx", own)
    if own.starter is not None:
        write_starter(folder / f"{name}.starter.onnx", starter_card(), own)
    if own.summarises:
        write_summary(folder / f"{name}.summary.onnx", summary_card())
    return folder / f"{name}.encoder.onnx"


def write_encoder(
    path: Path,
    own: Card,
    crop_hw: tuple[int, int] = CROP_HW,
    answers: dict[str, int] | None = None,
) -> Path:
    """An encoder; `answers` are the maps that it also gives, with their channels."""
    nodes, constants = _seen()
    nodes.append(helper.make_node("ReduceMean", ["features", "axes_hw"], ["embedding"], keepdims=0))
    inputs = [_info("crops", ["n", *crop_hw, 3], TensorProto.UINT8)]
    h, w = (side // 4 for side in crop_hw)
    outputs = [_info("features", ["n", 1, h, w]), _info("embedding", ["n", 1])]
    for name, num in (answers or {}).items():
        nodes.append(helper.make_node("Mul", ["features", f"share_of_{name}"], [name]))
        constants[f"share_of_{name}"] = _shares(num)
        outputs.append(_info(name, ["n", num, h, w]))
    return _write(path, own, nodes, constants, inputs, outputs)


def write_starter(path: Path, own: Card, like: PoseCard) -> Path:
    """A starter for a solver with this card; each state is the mean brightness."""
    nodes, constants = _seen()
    nodes.append(helper.make_node("ReduceMean", ["features", "axes_hw"], ["mean"], keepdims=1))
    outputs = []
    for name, num in like.codec.channels(15).items():
        nodes.append(helper.make_node("Mul", ["features", f"share_of_{name}"], [name]))
        constants[f"share_of_{name}"] = _shares(num)
        outputs.append(_info(name, ["n", num, *MAP_HW]))
    for slot in like.states:
        nodes.append(helper.make_node("Mul", ["mean", f"ones_{slot.name}"], [slot.output]))
        constants[f"ones_{slot.name}"] = np.ones((1, *slot.shape), np.float32)
        outputs.append(_info(slot.output, ["n", *slot.shape]))
    inputs = [_info("crops", ["n", *CROP_HW, 3], TensorProto.UINT8)]
    return _write(path, own, nodes, constants, inputs, outputs)


def write_summary(
    path: Path,
    own: Card,
    *,
    of: str = "heatmaps",
    channels: int = 1,
    out: str = "summary",
    seen: int = 1,
) -> Path:
    """A summary of one pixel: the mean of the features, plus that of the maps."""
    nodes = [
        helper.make_node("ReduceMean", [of, "all_but_n"], ["of_maps"], keepdims=1),
        helper.make_node("ReduceMean", ["features", "all_but_n"], ["of_features"], keepdims=1),
        helper.make_node("Add", ["of_maps", "of_features"], ["mean"]),
        helper.make_node("Mul", ["mean", "ones"], [out]),
    ]
    ones = np.ones((1, channels, 1, 1), np.float32)
    inputs = [_info("features", ["n", seen, *MAP_HW]), _info(of, ["n", 15, *MAP_HW])]
    outputs = [_info(out, ["n", channels, 1, 1])]
    constants = {"all_but_n": np.array([1, 2, 3]), "ones": ones}
    return _write(path, own, nodes, constants, inputs, outputs)


def write_states(path: Path, own: Card, like: PoseCard) -> Path:
    """A starter after another's maps: each state is the mean of the maps plus that of the features."""
    nodes = [
        helper.make_node("ReduceMean", ["heatmaps", "all_but_n"], ["of_maps"], keepdims=1),
        helper.make_node("ReduceMean", ["features", "all_but_n"], ["of_features"], keepdims=1),
        helper.make_node("Add", ["of_maps", "of_features"], ["mean"]),
    ]
    constants = {"all_but_n": np.array([1, 2, 3])}
    outputs = []
    for slot in like.states:
        nodes.append(helper.make_node("Mul", ["mean", f"ones_{slot.name}"], [slot.output]))
        constants[f"ones_{slot.name}"] = np.ones((1, *slot.shape), np.float32)
        outputs.append(_info(slot.output, ["n", *slot.shape]))
    inputs = [_info("features", ["n", 1, *MAP_HW]), _info("heatmaps", ["n", 15, *MAP_HW])]
    return _write(path, own, nodes, constants, inputs, outputs)


def _seen() -> tuple[list[Node], dict[str, np.ndarray]]:
    """The nodes that make features of crops, with their constants."""
    nodes = [
        helper.make_node("Cast", ["crops"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axis_1"], ["grey"], keepdims=1),
        helper.make_node(
            "AveragePool", ["grey"], ["features"], kernel_shape=[4, 4], strides=[4, 4]
        ),
    ]
    constants = {
        "scale": np.array(1 / 255, np.float32),
        "axis_1": np.array([1]),
        "axes_hw": np.array([2, 3]),
    }
    return nodes, constants


def _shares(num: int) -> np.ndarray:
    """By how much the features are multiplied for each channel of a map."""
    return np.linspace(0.5, 0.8, num, dtype=np.float32).reshape(1, -1, 1, 1)


def write_fusion(
    path: Path, own: PoseCard, like: PoseCard | None = None, num_joints: int = 15
) -> Path:
    """A solver with the slots of its card, or of the card `like` where the two are to differ."""
    how = like or own
    (key,) = (slot.name for slot in how.slots if isinstance(slot, KeySlot))
    nodes, total = [], key
    inputs = [_info(key, ["n", 1, *MAP_HW])]
    for slot in how.neighbours:
        size = (1, 1) if how.summarises else MAP_HW
        inputs.append(_info(slot.name, ["n", len(slot.offsets), 1, *size]))
        nodes += _plus(slot.name, total, f"with_{slot.name}", 0.05)
        total = f"with_{slot.name}"
    for slot in how.similar:
        inputs.append(_info(slot.name, ["n", slot.num, 1, *MAP_HW]))
        inputs.append(_info(slot.weight, ["n", slot.num, "weights"]))
        nodes += [
            helper.make_node("Unsqueeze", [slot.weight, "last_two"], ["weight"]),
            helper.make_node("Mul", [slot.name, "weight"], ["weighted"]),
            *_plus("weighted", total, f"with_{slot.name}", 0.02),
        ]
        total = f"with_{slot.name}"
    states = []
    for slot in how.states:
        inputs.append(_info(slot.name, ["n", *slot.shape]))
        nodes.append(helper.make_node("Add", [slot.name, "one"], [slot.output]))
        states.append(_info(slot.output, ["n", *slot.shape]))
    maps = how.codec.channels(num_joints)
    nodes += [helper.make_node("Mul", [total, f"share_of_{name}"], [name]) for name in maps]
    constants = {
        "axis_1": np.array([1]),
        "last_two": np.array([3, 4]),
        "share_0.05": np.array(0.05, np.float32),
        "share_0.02": np.array(0.02, np.float32),
        "one": np.array(1, np.float32),
        **{f"share_of_{name}": _shares(num) for name, num in maps.items()},
    }
    outputs = [_info(name, ["n", num, *MAP_HW]) for name, num in maps.items()]
    return _write(path, own, nodes, constants, inputs, [*outputs, *states])


def _plus(slots: str, total: str, out: str, share: float) -> list[Node]:
    return [
        helper.make_node("ReduceMean", [slots, "axis_1"], [f"{slots}_mean"], keepdims=0),
        helper.make_node("Mul", [f"{slots}_mean", f"share_{share}"], [f"{slots}_share"]),
        helper.make_node("Add", [total, f"{slots}_share"], [out]),
    ]


def write_detector(path: Path, own: Card | None = None) -> Path:
    nodes = [
        helper.make_node("Shape", ["pictures"], ["shape"]),
        helper.make_node("Gather", ["shape", "w_h_w_h"], ["sides"]),
        helper.make_node("Cast", ["sides"], ["sides_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["sides_float", "box_shares"], ["box"]),
        helper.make_node("Unsqueeze", ["box", "first_two"], ["boxes"]),
        helper.make_node("Cast", ["pictures"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "all_but_n"], ["grey"], keepdims=0),
        helper.make_node("Div", ["grey", "bright"], ["ratio"]),
        helper.make_node("Clip", ["ratio", "low", "high"], ["score"]),
        helper.make_node("Unsqueeze", ["score", "axis_1"], ["scores"]),
    ]
    constants = {
        "w_h_w_h": np.array([2, 1, 2, 1]),
        "box_shares": np.array([0.3, 0.1, 0.7, 0.9], np.float32),
        "first_two": np.array([0, 1]),
        "all_but_n": np.array([1, 2, 3]),
        "bright": np.array(32, np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(0.9, np.float32),
        "axis_1": np.array([1]),
    }
    inputs = [_info("pictures", ["n", "h", "w", 3], TensorProto.UINT8)]
    outputs = [_info("boxes", ["n", "points", 4]), _info("scores", ["n", "points"])]
    return _write(path, own or detector_card(), nodes, constants, inputs, outputs)


def write_embedder(path: Path, own: EmbeddingCard | None = None) -> Path:
    """An embedder: looks are the crop's mean colour, the pose is twice that of red."""
    own = own or EmbeddingCard(**ABOUT, crop=CropSpec(CROP_HW), appearance=3, pose=2)
    nodes = [
        helper.make_node("Cast", ["crops"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes_hw"], ["appearance"], keepdims=0),
        helper.make_node("Gather", ["appearance", "red_red"], ["pose"], axis=1),
    ]
    constants = {"axes_hw": np.array([1, 2]), "red_red": np.array([0, 0])}
    inputs = [_info("crops", ["n", *own.crop.size_hw, 3], TensorProto.UINT8)]
    outputs = [_info("appearance", ["n", 3]), _info("pose", ["n", 2])]
    return _write(path, own, nodes, constants, inputs, outputs)


def write_flow(
    path: Path,
    size_hw: tuple[int | str, int | str] = ("h", "w"),
    *,
    names: tuple[str, str, str] = ("a_rgb", "b_rgb", "flow"),
    kind: int = TensorProto.UINT8,
    channels: int = 2,
    scale: float = 1.0,
    out: str = "shape",
    more: tuple[str, ...] = (),
) -> Path:
    """A flow network: everything moves right by what b is brighter than a, in levels, and up by 1.

    `scale` is a factor of the flow, `out` the node that says how large it is, `more` are inputs
    that nothing needs.
    """
    a, b, flow = names
    nodes = [
        *(
            node
            for rgb, grey in ((a, "grey_a"), (b, "grey_b"))
            for node in (
                helper.make_node("Cast", [rgb], [f"float_{grey}"], to=TensorProto.FLOAT),
                helper.make_node("ReduceMean", [f"float_{grey}"], [grey], keepdims=0),
            )
        ),
        helper.make_node("Sub", ["grey_b", "grey_a"], ["brighter"]),
        helper.make_node("Mul", ["brighter", "right"], ["x"]),
        helper.make_node("Add", ["x", "up"], ["motion"]),
        helper.make_node("Mul", ["motion", "scale"], ["scaled"]),
        helper.make_node("Shape", [a], ["all_sides"]),
        helper.make_node("Gather", ["all_sides", "n_h_w"], ["sides"]),
        helper.make_node("Concat", ["sides", "channels"], ["shape"], axis=0),
        helper.make_node("Expand", ["scaled", out], [flow]),
    ]
    constants = {
        "right": np.array([1.0] + [0.0] * (channels - 1), np.float32),
        "up": np.array([0.0] * (channels - 1) + [-1.0], np.float32),
        "scale": np.array(scale, np.float32),
        "n_h_w": np.array([0, 1, 2]),
        "channels": np.array([channels]),
        "small": np.array([1, 8, 8, channels]),
    }
    inputs = [_info(rgb, [1, *size_hw, 3], kind) for rgb in (a, b)]
    inputs += [_info(name, [1]) for name in more]
    outputs = [_info(flow, [1, "out_h", "out_w", channels])]
    return _write(path, None, nodes, constants, inputs, outputs)


def _info(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> Info:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    path: Path,
    own: Card | None,
    nodes: list[Node],
    constants: dict[str, np.ndarray],
    inputs: list[Info],
    outputs: list[Info],
) -> Path:
    used = {name for node in nodes for name in node.input}
    values = [numpy_helper.from_array(v, n) for n, v in constants.items() if n in used]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if own is not None:
        helper.set_model_props(model, {CARD_KEY: json.dumps(to_plain(own))})
    path.write_bytes(model.SerializeToString())
    return path
