"""Published checkpoints, made of random weights under each project's names, give equal heatmaps."""

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import official_hrnet  # noqa: E402
import official_simple_baseline  # noqa: E402

from glpose.errors import BadInput, BadWeights  # noqa: E402
from glpose.export.published.files import FAMILIES, read_checkpoint, recognise  # noqa: E402
from glpose.export.published.port import Imported, Port, bring, full_report, report  # noqa: E402
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD, HRNet  # noqa: E402
from glpose.nets.spec import HRNetConfig, ResNetConfig  # noqa: E402
from glpose.skeleton import COCO17, POSETRACK15, POSETRACK17  # noqa: E402
from glpose.systems import PORTS, load_port  # noqa: E402
from glpose.systems.single_frame import port as single_frame  # noqa: E402

pytestmark = pytest.mark.torch

CROPS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
RGB = CROPS.permute(0, 3, 1, 2) / 255
NORMALISED = (RGB - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[
    :, None, None
]

# The port of HRNet at a width that is quick.
NARROW = Port(
    "narrow",
    "HRNet-W8",
    "",
    partial(single_frame.make, HRNetConfig(width=8, num_modules=(1, 4, 3))),
    single_frame.rename,
    graphs=single_frame.graphs,
)
NARROW_WEIGHTS = official_hrnet.random_weights(official_hrnet.pose_shapes(8))


@cache
def narrow_expected() -> torch.Tensor:
    return official_hrnet.Network(NARROW_WEIGHTS).heatmaps(NORMALISED)


def prefixed(weights: dict, prefix: str) -> dict:
    return {prefix + name: value for name, value in weights.items()}


def with_others(weights: dict, *names: str) -> dict:
    return weights | {name: torch.ones(3, 3) for name in names}


# What each project saves, as far as names go.
NAMINGS = {
    "HRNet": lambda w: w,
    "HRNet, several processors": lambda w: prefixed(w, "module."),
    "HRNet, nested": lambda w: {"epoch": 1, "state_dict": prefixed(w, "module.")},
    "DCPose": lambda w: {
        "begin_epoch": 20,
        "state_dict": with_others(
            prefixed(w, "rough_pose_estimation_net."),
            "diff_temporal_fuse.0.weight",
            "offsets_list.0.0.weight",
            "modulated_deform_conv_list.0.deform_conv.weight",
        ),
    },
    "FAMI-Pose": lambda w: {
        "state_dict": with_others(
            prefixed(w, "hrnet."), "dcn_1.weight", "init_feature_agg_block.0.x", "agg_final_layer.w"
        )
    },
    "PoseWarper": lambda w: with_others(
        w, "offset_feats.0.conv1.weight", "offsets1.weight", "deform_conv5.weight"
    ),
}


def brought(saved: object, port: Port, tmp_path: Path, **how: object) -> Imported:
    path = tmp_path / "published.pth"
    torch.save(saved, path)
    return bring(recognise(*read_checkpoint(path), path), port, **how)  # type: ignore[arg-type]


def heatmaps(imported: Imported) -> torch.Tensor:
    from glpose.skeleton import by_name

    model = imported.port.make(by_name(imported.joints), (64, 64)).eval()
    model.load_state_dict(imported.weights)
    with torch.inference_mode():
        return model(CROPS)["heatmaps"]


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_naming_gives_the_published_heatmaps(naming: str, tmp_path: Path) -> None:
    of_posetrack = naming in ("DCPose", "FAMI-Pose", "PoseWarper")
    joints = "posetrack17" if of_posetrack else "coco17"
    imported = brought(NAMINGS[naming](NARROW_WEIGHTS), NARROW, tmp_path, joints=joints)
    account = imported.account
    assert len(account.matched) == len(NARROW_WEIGHTS)
    assert account.unexpected == []
    assert account.anew == {}
    assert sum(map(len, account.left_out.values())) == (3 if of_posetrack else 0)
    torch.testing.assert_close(heatmaps(imported), narrow_expected(), atol=1e-4, rtol=1e-4)


def test_w48_gives_heatmaps_and_glposes_features(tmp_path: Path) -> None:
    from glpose.systems.glpose.spec import GLPoseConfig
    from glpose.train.initial import load_part

    weights = official_hrnet.random_weights(official_hrnet.pose_shapes(48))
    whole = brought(prefixed(weights, "module."), load_port("hrnet_w48"), tmp_path, joints="coco17")
    assert "63,595,745 parameters" in "\n".join(report(whole))
    official = official_hrnet.Network(weights)
    with torch.inference_mode():
        torch.testing.assert_close(
            heatmaps(whole), official.heatmaps(NORMALISED), atol=1e-4, rtol=1e-4
        )
    file = recognise(NAMINGS["DCPose"](weights)["state_dict"], "state_dict", tmp_path / "f.pth")
    encoder = bring(file, load_port("glpose_w48"))
    assert "16,705,824 parameters" in "\n".join(report(encoder))
    left_out = [name for names in encoder.account.left_out.values() for name in names]
    assert len(left_out) + len(encoder.account.matched) == len(weights) + 3
    assert "rough_pose_estimation_net.final_layer.bias" in left_out
    assert encoder.account.unexpected == []
    model = HRNet(GLPoseConfig().backbone).eval()
    load_part(model, encoder.weights, "encoder.", "f")
    with torch.inference_mode():
        expected = official.stages(NORMALISED)[1]
        torch.testing.assert_close(model(CROPS), expected, atol=1e-4, rtol=1e-4)


def test_simple_baseline_was_trained_on_blue_first_pictures(tmp_path: Path) -> None:
    weights = official_simple_baseline_weights()
    imported = brought(weights, load_port("simple_baseline_r50"), tmp_path, joints="coco17")
    expected = official_simple_baseline.heatmaps(weights, RGB)
    torch.testing.assert_close(heatmaps(imported), expected, atol=1e-4, rtol=1e-4)
    as_rgb = brought(
        weights, load_port("simple_baseline_r50"), tmp_path, joints="coco17", blue_first=False
    )
    expected = official_simple_baseline.heatmaps(weights, RGB.flip(1))
    torch.testing.assert_close(heatmaps(as_rgb), expected, atol=1e-4, rtol=1e-4)
    assert "33,999,697 parameters" in "\n".join(report(imported))


def official_simple_baseline_weights() -> dict:
    return official_hrnet.random_weights(official_simple_baseline.pose_shapes(50))


def test_heads_are_brought_to_our_joints_by_name(tmp_path: Path) -> None:
    old = NARROW_WEIGHTS["final_layer.weight"]
    imported = brought(NARROW_WEIGHTS, NARROW, tmp_path)
    of_channels = sum(v.numel() for k, v in imported.weights.items() if k.startswith("head.")) // 15
    assert imported.account.num_anew == 2 * of_channels
    new = imported.weights["head.weight"]
    assert new.shape == (15, 8, 1, 1)
    for j, joint in enumerate(POSETRACK15.joints):
        if joint in COCO17.joints:
            assert torch.equal(new[j], old[COCO17.joints.index(joint)])
        else:
            assert 0 < new[j].abs().max() < 0.01
            assert imported.weights["head.bias"][j] == 0
    # Eyes do not become the neck and the top of the head.
    (anew,) = imported.account.anew.values()
    assert anew == ["channel of head_bottom", "channel of head_top"]
    left_out = [name for names in imported.account.left_out.values() for name in names]
    assert left_out == [f"channel of {s}_{p}" for p in ("eye", "ear") for s in ("left", "right")]

    file = NAMINGS["DCPose"](NARROW_WEIGHTS)
    imported = brought(file, NARROW, tmp_path)
    assert imported.account.anew == {}
    index = [POSETRACK17.joints.index(joint) for joint in POSETRACK15.joints]
    assert torch.equal(imported.weights["head.weight"], old[index])
    # Slots 0, 5..16, 1 and 2 of datasets.md, section 1.
    assert index == [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, 1, 0, 2]


def test_networks_that_classify_give_all_but_the_head(tmp_path: Path) -> None:
    # The published one, but narrow: only the names and the head for classification matter.
    shapes = official_hrnet.classifier_shapes(8)
    weights = official_hrnet.random_weights(shapes)
    port = Port(
        "narrow",
        "HRNet-W8",
        "",
        partial(single_frame.make, HRNetConfig(width=8, num_modules=(1, 4, 3))),
        single_frame.rename,
        left_out=(single_frame._UNREAD,),
        graphs=single_frame.graphs,
    )
    imported = brought(weights, port, tmp_path)
    account = imported.account
    assert account.unexpected == []
    assert sum(map(len, account.anew.values())) == 2
    accounted = len(account.matched) + sum(map(len, account.left_out.values()))
    assert accounted == len(shapes)
    assert imported.weights["head.weight"].abs().max() < 0.01

    weights = official_hrnet.random_weights(official_simple_baseline.classifier_shapes(50))
    imported = brought(weights, load_port("simple_baseline_r50"), tmp_path)
    account = imported.account
    assert list(account.left_out.values()) == [["fc.weight", "fc.bias"]]
    # RGB, other than the checkpoints for poses.
    assert torch.equal(imported.weights["encoder.conv1.weight"], weights["conv1.weight"])
    mean = imported.weights["encoder.mean"].flatten() / 255
    assert mean.tolist() == pytest.approx(IMAGENET_MEAN)
    assert imported.weights["encoder.deconv_layers.1.weight"].tolist() == [1.0] * 256
    assert imported.weights["encoder.deconv_layers.1.running_var"].tolist() == [1.0] * 256


def test_every_weight_is_in_the_report(tmp_path: Path) -> None:
    saved = with_others(NAMINGS["PoseWarper"](NARROW_WEIGHTS), "surprise.weight")
    text = "\n".join(full_report(brought(saved, NARROW, tmp_path)))
    assert [name for name in saved if f"  {name}  " not in text] == []
    assert "unexpected: surprise.weight" in text
    assert "PoseWarper's layers for offsets and warping" in text


def test_old_checkpoints_without_counters_are_complete(tmp_path: Path) -> None:
    saved = {k: v for k, v in NARROW_WEIGHTS.items() if not k.endswith("num_batches_tracked")}
    imported = brought(saved, NARROW, tmp_path, joints="coco17")
    (why,) = imported.account.anew
    assert "counters" in why
    torch.testing.assert_close(heatmaps(imported), narrow_expected(), atol=1e-4, rtol=1e-4)


def without(name: str) -> dict:
    return {k: v for k, v in NARROW_WEIGHTS.items() if k != name}


FAULTS = {
    r"of its weights 1 are missing, e\.g\. encoder\.stage3\.1\.branches\.0\.2\.bn1\.bias": without(
        "stage3.1.branches.0.2.bn1.bias"
    ),
    r"1 have another shape, e\.g\. layer1\.0\.conv2\.weight is \(64, 64, 1, 1\), "
    r"expected \(64, 64, 3, 3\)": NARROW_WEIGHTS
    | {"layer1.0.conv2.weight": torch.zeros(64, 64, 1, 1)},
    r"1 are missing, e\.g\. head\.bias": without("final_layer.bias"),
    r"is HRNet-W4 \(HRNet\), but narrow is HRNet-W8": official_hrnet.random_weights(
        official_hrnet.pose_shapes(4)
    ),
    r"conv1\.weight has values that are not finite": NARROW_WEIGHTS
    | {"conv1.weight": torch.full((64, 3, 3, 3), torch.nan)},
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_does_not_fit_is_refused(message: str, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=message) as caught:
        brought(FAULTS[message], NARROW, tmp_path)
    assert "\n" not in str(caught.value)


def test_joints_must_be_those_of_the_head(tmp_path: Path) -> None:
    saved = official_hrnet.random_weights(official_hrnet.pose_shapes(8, num_joints=16))
    with pytest.raises(BadInput, match=r"head has 16 channels.*--source-joints .none known fit"):
        brought(saved, NARROW, tmp_path)
    with pytest.raises(BadInput, match=r"17 channels, but jhmdb15 has 15 joints"):
        brought(NARROW_WEIGHTS, NARROW, tmp_path, source_joints="jhmdb15")
    with pytest.raises(BadInput, match=r"unknown skeleton 'coco'"):
        brought(NARROW_WEIGHTS, NARROW, tmp_path, joints="coco")
    with pytest.raises(BadInput, match=r"--colour bgr: narrow takes RGB"):
        brought(NARROW_WEIGHTS, NARROW, tmp_path, blue_first=True)


def test_all_ports_and_families_are_whole() -> None:
    assert all(load_port(name).name == name for name in PORTS)
    assert len({family.sign for family in FAMILIES}) == len(FAMILIES)
    with torch.device("meta"):
        for name in PORTS:
            port = load_port(name)
            ours = set(port.make(POSETRACK15, (384, 288)).state_dict())
            assert port.rename("conv1.weight") in ours
    assert ResNetConfig().num_blocks == (3, 4, 6, 3)


def test_a_run_of_the_whole_hrnet_becomes_glposes_encoder(tmp_path: Path) -> None:
    run = {single_frame.rename(name): value for name, value in NARROW_WEIGHTS.items()}
    narrow = replace(load_port("glpose_w48"), architecture="HRNet-W8", make=_narrow_encoder)
    imported = brought({"ema": run, "recipe": "{}", "step": 3}, narrow, tmp_path)
    assert imported.account.unexpected == []
    left_out = {name for names in imported.account.left_out.values() for name in names}
    assert left_out | set(imported.account.matched) == set(run)
    assert torch.equal(imported.weights["encoder.conv1.weight"], run["encoder.conv1.weight"])


def _narrow_encoder(_joints: object, _size_hw: object) -> torch.nn.Module:
    return torch.nn.ModuleDict({"encoder": HRNet(HRNetConfig(width=8))})
