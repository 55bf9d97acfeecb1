"""Makes tiny weights, so that the command line and the runtime can be tested without real ones.

The encoder averages grey values over 4x4 pixels; the fusion gives each joint that map, plus a
little of its neighbours; the detector says that one person stands in the middle of every picture
that is not black.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from glpose.config import to_plain
from glpose.runtime.card import CARD_KEY, Card, DetectorCard, FusionCard
from glpose.types import CropSpec, HeatmapSpec

CROP_HW = (64, 48)
MAP_HW = (16, 12)
FUSION = FusionCard(offsets=(-1, 1), num_global=2, num_candidates=4, min_score=0.5)

Node = onnx.NodeProto
Info = onnx.ValueInfoProto


def card(kind: str, **changes: object) -> Card:
    """A card for tiny weights of a kind."""
    plain = Card(
        name="tiny",
        version="1",
        kind="fusion",
        trained_on=("nothing",),
        terms="none",
        licence="Apache-2.0",
        source="made by a test",
        made_by={},
        skeleton="posetrack15",
        crop=CropSpec(CROP_HW),
        heatmap=HeatmapSpec(MAP_HW, sigma_px=1.5),
        fusion=FUSION,
        partner="abc",
    )
    if kind == "detector":
        how = DetectorCard((64, 96), (32,), iou_limit=0.6, min_score=0.1, fill=0)
        plain = replace(
            plain, skeleton=None, crop=None, heatmap=None, fusion=None, partner=None, detector=how
        )
    return replace(plain, kind=kind, **changes)


def write_pose(folder: Path, name: str = "tiny", **changes: object) -> Path:
    """A pair of pose weights; gives the path of the encoder."""
    encoder = card("encoder", **changes)
    fusion = card("fusion", **changes)
    assert fusion.fusion is not None
    write_encoder(folder / f"{name}.encoder.onnx", encoder)
    write_fusion(folder / f"{name}.fusion.onnx", fusion, fusion.fusion)
    return folder / f"{name}.encoder.onnx"


def write_encoder(path: Path, own: Card, crop_hw: tuple[int, int] = CROP_HW) -> Path:
    nodes = [
        helper.make_node("Cast", ["crops"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axis_1"], ["grey"], keepdims=1),
        helper.make_node(
            "AveragePool", ["grey"], ["features"], kernel_shape=[4, 4], strides=[4, 4]
        ),
        helper.make_node("ReduceMean", ["features", "axes_hw"], ["embedding"], keepdims=0),
    ]
    constants = {
        "scale": np.array(1 / 255, np.float32),
        "axis_1": np.array([1]),
        "axes_hw": np.array([2, 3]),
    }
    inputs = [_info("crops", ["n", *crop_hw, 3], TensorProto.UINT8)]
    h, w = (side // 4 for side in crop_hw)
    outputs = [_info("features", ["n", 1, h, w]), _info("embedding", ["n", 1])]
    return _write(path, own, nodes, constants, inputs, outputs)


def write_fusion(path: Path, own: Card, how: FusionCard, num_joints: int = 15) -> Path:
    nodes, total = [], "key"
    inputs = [_info("key", ["n", 1, *MAP_HW])]
    if how.offsets:
        inputs.append(_info("local", ["n", len(how.offsets), 1, *MAP_HW]))
        nodes += _plus("local", total, "with_local", 0.05)
        total = "with_local"
    if how.num_global:
        inputs.append(_info("global", ["n", how.num_global, 1, *MAP_HW]))
        inputs.append(_info("global_weight", ["n", how.num_global, "weights"]))
        nodes += [
            helper.make_node("Unsqueeze", ["global_weight", "last_two"], ["weight"]),
            helper.make_node("Mul", ["global", "weight"], ["weighted"]),
            *_plus("weighted", total, "with_global", 0.02),
        ]
        total = "with_global"
    nodes.append(helper.make_node("Mul", [total, "joints"], ["heatmaps"]))
    constants = {
        "axis_1": np.array([1]),
        "last_two": np.array([3, 4]),
        "share_0.05": np.array(0.05, np.float32),
        "share_0.02": np.array(0.02, np.float32),
        "joints": np.linspace(0.5, 0.8, num_joints, dtype=np.float32).reshape(1, -1, 1, 1),
    }
    outputs = [_info("heatmaps", ["n", num_joints, *MAP_HW])]
    return _write(path, own, nodes, constants, inputs, outputs)


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
    return _write(path, own or card("detector"), nodes, constants, inputs, outputs)


def _info(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> Info:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    path: Path,
    own: Card,
    nodes: list[Node],
    constants: dict[str, np.ndarray],
    inputs: list[Info],
    outputs: list[Info],
) -> Path:
    used = {name for node in nodes for name in node.input}
    values = [numpy_helper.from_array(v, n) for n, v in constants.items() if n in used]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: json.dumps(to_plain(own))})
    path.write_bytes(model.SerializeToString())
    return path
