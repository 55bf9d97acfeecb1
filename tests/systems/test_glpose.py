"""GLPose: counts of the paper's network, all settings, data, learning, export, resuming."""

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from full_disk import files_of_at_most  # noqa: E402
from glpose import clip  # noqa: E402
from glpose.codecs.gaussian import crop_from_heatmap, decode, encode  # noqa: E402
from glpose.config import to_plain  # noqa: E402
from glpose.crop import crop_from_image, cut  # noqa: E402
from glpose.errors import BadConfig, BadInput, BadWeights, GLPoseError  # noqa: E402
from glpose.export.pose import export_pose  # noqa: E402
from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.losses import heatmap_loss  # noqa: E402
from glpose.nets.spec import (  # noqa: E402
    EfficientNetLiteConfig,
    HourglassConfig,
    LossConfig,
    ResNetConfig,
)
from glpose.recipes import RECIPES, load_recipe  # noqa: E402
from glpose.runtime.protocols import Encoded  # noqa: E402
from glpose.skeleton import POSETRACK15  # noqa: E402
from glpose.systems.glpose.data import ClipData  # noqa: E402
from glpose.systems.glpose.features import Encode, FeatureData, FeatureMix, _save_whole  # noqa: E402
from glpose.systems.glpose.net import Fusion, GLPose, rank  # noqa: E402
from glpose.systems.glpose.queries import JointQueries, _gaussian, peaks  # noqa: E402
from glpose.systems.glpose.scoring import global_entropy  # noqa: E402
from glpose.systems.glpose.spec import (  # noqa: E402
    AggregateConfig,
    ClipConfig,
    EnhanceConfig,
    GlobalConfig,
    GLPoseConfig,
    LocalConfig,
    QueriesConfig,
    with_sources,
)
from glpose.systems.glpose.system import SYSTEM, GLPoseTask, _check_features  # noqa: E402
from glpose.train.change import with_settings  # noqa: E402
from glpose.train.data.augment import Augmentation  # noqa: E402
from glpose.train.data.people import LABELLED  # noqa: E402
from glpose.train.data.store import PictureStore, content_digest, write_store  # noqa: E402
from glpose.train.data.tracks import Tracks  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.train.recipe import Optimizer, Recipe  # noqa: E402
from glpose.train.run.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402
from glpose.types import Affine, CropSpec  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

BACKBONE = tiny_hrnet()
TINY = GLPoseConfig(
    backbone=BACKBONE,
    crop=CropSpec((64, 48)),
    sigma_px=1.5,
    rounded=False,
    mapping="centre",
    decode="dark",
    local=LocalConfig(k=1, box="own"),
    global_=GlobalConfig(n=2, num_candidates=4),
)
LITE = EfficientNetLiteConfig(width=0.25, pyramid=(16, 8, 8), channels=8)
QUERIES = replace(with_sources(TINY, n=0), single_head="conv1x1", queries=QueriesConfig(8, 1, 2))
STILL = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def random_crops(seed: int, *shape: int) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (*shape, 64, 48, 3)).astype(np.uint8))


def slots_of(config: GLPoseConfig) -> tuple[Tensor, Tensor | None, Tensor | None]:
    k, n = len(config.offsets), config.global_.num_candidates
    return (
        random_crops(0, 2),
        random_crops(1, 2, k) if k else None,
        random_crops(2, 2, n) if config.global_.n else None,
    )


# --- the network ---


def test_parameter_counts_of_the_paper_s_network() -> None:
    config = load_recipe("glpose_w48_posetrack17").model
    with torch.device("meta"):
        model = GLPose(config)
        counts = {
            (k, n): num_parameters(Fusion(with_sources(config, k=k, n=n)).aggregate)
            for k, n in ((4, 6), (0, 6), (4, 0))
        }
    assert counts == {(4, 6): 449_952, (0, 6): 265_632, (4, 0): 311_712}
    assert num_parameters(model.encoder) == 16_705_824
    assert model.fusion.enhance is not None
    assert num_parameters(model.fusion.enhance.psi) == 20_832
    assert num_parameters(model.fusion.enhance.a) == 67_104
    assert num_parameters(model.fusion.head) == 6_495


def test_the_small_network_is_below_5_million() -> None:
    with torch.device("meta"):
        assert num_parameters(GLPose(load_recipe("glpose_small").model)) < 5_000_000


TABLE_A = {
    "defaults": TINY,
    "single": replace(TINY, start="single"),
    "psi conv1x1": replace(TINY, enhance=EnhanceConfig(encoder="conv1x1")),
    "psi block": replace(TINY, enhance=EnhanceConfig(encoder="block")),
    "one mask": replace(TINY, enhance=EnhanceConfig(mask="one")),
    "one mask, block": replace(TINY, enhance=EnhanceConfig(encoder="block", mask="one")),
    "A conv": replace(TINY, enhance=EnhanceConfig(aggregate="conv")),
    "A add": replace(TINY, enhance=EnhanceConfig(aggregate="add")),
    "no enhancement": replace(TINY, enhance=EnhanceConfig(enabled=False)),
    "head of S": replace(TINY, head_input="aggregated", head="mlp"),
    "wider S": replace(TINY, aggregate=AggregateConfig(channels=12, num_blocks=2)),
    "5x5": replace(TINY, head="conv5x5"),
    "mlp": replace(TINY, head="mlp", skeleton="posetrack17"),
    "k = 0": with_sources(TINY, k=0),
    "n = 0": with_sources(TINY, n=0),
    "single head": replace(TINY, single_head="conv3x3"),
    "queries": QUERIES,
    "k = n = 0": with_sources(TINY, k=0, n=0),
    "k = n = 0, single": replace(with_sources(TINY, k=0, n=0), start="single"),
    "rank by stage 2": replace(TINY, global_=replace(TINY.global_, rank_stage=2)),
    "channel weights": replace(TINY, global_=replace(TINY.global_, similarity="channel")),
    "over channels": replace(TINY, global_=replace(TINY.global_, similarity="over_channels")),
    "cosine, all": replace(
        TINY, global_=replace(TINY.global_, similarity="cosine", softmax_over="all")
    ),
}


PAPER = {n: c for n, c in TABLE_A.items() if c.start == "paper" and not c.queries}


@pytest.mark.parametrize("config", PAPER.values(), ids=PAPER.keys())
def test_tiny_weights_have_a_batch_norm_behind_them_unless_they_are_the_last(
    config: GLPoseConfig,
) -> None:
    """What comes after others sees next to nothing, and learns nothing for long."""
    fusion, ran = Fusion(config), list[torch.nn.Module]()
    for layer in fusion.modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda layer, *_: ran.append(layer))
    slots = torch.rand(2, 8, 8, 16, 12)
    local, similar = slots[:, : fusion.num_local], slots[:, : fusion.num_global]
    fusion(slots[:, 0], local, similar, torch.ones(2, fusion.num_global, 1))
    convolutions = [i for i, layer in enumerate(ran) if isinstance(layer, torch.nn.Conv2d)]
    assert len(convolutions) > 5
    for i in convolutions:
        weight = ran[i].weight
        assert isinstance(weight, torch.Tensor)
        if i == convolutions[-1] or isinstance(ran[i + 1], torch.nn.BatchNorm2d):
            assert float(weight.detach().std()) < 0.002
        else:
            assert float(weight.detach().std()) == pytest.approx((2 / len(weight)) ** 0.5, rel=0.3)


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("config", TABLE_A.values(), ids=TABLE_A.keys())
def test_every_trainable_parameter_gets_a_gradient(config: GLPoseConfig, freeze: bool) -> None:
    torch.manual_seed(0)
    if config.single_head and not freeze:
        pytest.skip("a single-frame head is that of a frozen encoder")
    model = GLPose(replace(config, freeze=freeze)).train()
    # Layers of zeros let nothing through in the very first step.
    if isinstance(model.fusion, JointQueries):
        torch.nn.init.normal_(model.fusion.kernel.weight)
        torch.nn.init.normal_(model.fusion.evidence.weight)
    elif model.fusion.residual is not None:
        torch.nn.init.normal_(model.fusion.residual.weight)
    heatmaps = model(*slots_of(config))
    assert heatmaps.shape == (2, config.num_joints, 16, 12)
    weight = torch.ones(2, config.num_joints)
    heatmap_loss(heatmaps, torch.rand_like(heatmaps), weight, config.loss).backward()
    without = [
        name
        for name, p in model.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert without == []
    assert all(p.requires_grad == (not freeze) for p in model.encoder.parameters())
    if model.single_head is not None:
        assert not any(p.requires_grad for p in model.single_head.parameters())


def test_peaks_are_found_between_pixels_and_at_the_border() -> None:
    xy = np.array([[[3.3, 8.1], [11.0, 0.2], [0.0, 15.0]]])
    heatmap = replace(TINY.heatmap, rounded=False)
    maps = torch.from_numpy(encode(xy, np.ones((1, 3), bool), heatmap))
    found, score = peaks(0.4 * maps, TINY.sigma_px)
    assert found[0, 0].numpy() == pytest.approx(xy[0, 0], abs=0.1)
    assert found.numpy() == pytest.approx(xy, abs=0.3)
    assert score.numpy() == pytest.approx(0.4, abs=0.02)
    nowhere, none = peaks(torch.zeros(1, 3, 16, 12), TINY.sigma_px)
    assert torch.isfinite(nowhere).all()
    assert not none.any()


def test_gaussians_end_before_numbers_that_are_slow_to_multiply() -> None:
    across = torch.linspace(0, 60, 1000)
    for sigma in (0.4, 1.5, 3.0):
        one = _gaussian(across, sigma)
        products = one[:, None] * one
        assert float(products.min()) > torch.finfo(torch.float32).tiny
        exact = torch.exp(-across.double().square() / (2 * sigma**2))
        assert (one - exact).abs().max() < 1e-7


def fused(queries: JointQueries, frames: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Joint queries on features and maps of a key, which comes first, and its neighbours."""
    local = queries.summarise(frames[:, 1:].flatten(0, 1), maps[:, 1:].flatten(0, 1))
    return queries(frames[:, 0], maps[:, 0], local.unflatten(0, frames[:, 1:].shape[:2]))


def test_neighbours_write_where_they_expect_the_joint() -> None:
    model = GLPose(QUERIES).eval()
    assert isinstance(model.fusion, JointQueries)
    xy = np.full((3, 15, 2), 5.0) + np.array([[0.0, 0.0], [2.0, 1.0], [2.0, 1.0]])[:, None]
    maps = torch.from_numpy(encode(xy, np.ones((3, 15), bool), QUERIES.heatmap))[None]
    with torch.inference_mode():
        # As much as the neighbour's peak, where the key's other joints say that it is here.
        model.fusion.evidence.bias.copy_(torch.tensor([0.5, 0.0, 0.0, 0.0, 0.0]))
        maps[0, 0, 3] = 0.0
        found = fused(model.fusion, torch.rand(1, 3, 8, 16, 12), maps)
    place, score = decode(found.numpy(), QUERIES.heatmap)
    assert place[0, 3] == pytest.approx([5.0, 5.0], abs=0.3)
    assert score[0, 3] == pytest.approx(1.0, abs=0.1)


def test_any_encoder_serves() -> None:
    resnet = ResNetConfig((1, 1, 1, 1), width=4, deconv_width=8)
    config = replace(TINY, backbone=resnet, crop=CropSpec((64, 64)), start="single", freeze=False)
    model = GLPose(config).train()
    crops = torch.randint(0, 256, (2, 7, 64, 64, 3), dtype=torch.uint8)
    heatmaps = model(crops[:, 0], crops[:, 1:3], crops[:, 3:])
    assert heatmaps.shape == (2, 15, *config.heatmap.size_hw) == (2, 15, 16, 16)
    heatmaps.square().mean().backward()
    assert all(p.grad is not None for p in model.encoder.parameters())
    features, embedding = model.eval().encode(crops[:, 0])
    assert torch.equal(embedding, features.mean((-2, -1)))
    parts, card = opened(tiny_recipe(model=config)).parts(model)
    assert torch.equal(parts.encoder(crops[:, 0])[0], features)
    assert card.source == f"GLPose (Jiao et al., ACM TOMM 2022) on {resnet.family}"


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(BadConfig, match=r"global_\.n is 9, but only 4 candidates"):
        replace(TINY, global_=replace(TINY.global_, n=9))
    with pytest.raises(BadConfig, match=r"local\.k is -1"):
        with_sources(TINY, k=-1)
    for change in ({"start": "single"}, {"enhance": EnhanceConfig(aggregate="add")}):
        with pytest.raises(BadConfig, match=r"leave aggregate\.channels at 0"):
            replace(TINY, aggregate=AggregateConfig(channels=16), **change)


def test_settings_of_the_single_frame_head_belong_together() -> None:
    with pytest.raises(BadConfig, match="single_head is the head of a frozen encoder"):
        replace(TINY, single_head="conv3x3", freeze=False)
    for change in ({"single_head": None}, {"local": LocalConfig(k=0)}, {"global_": TINY.global_}):
        with pytest.raises(BadConfig, match="queries read the single-frame head's maps"):
            replace(QUERIES, **change)
    with pytest.raises(BadConfig, match=r"queries\.channels is 9; expected a multiple of the 2"):
        QueriesConfig(9, num_heads=2)


def test_queries_start_as_the_single_frame_network() -> None:
    model = GLPose(QUERIES).eval()
    key, local, _ = slots_of(QUERIES)
    assert model.single_head is not None
    with torch.inference_mode():
        expected = model.single_head(model.encoder(key))
        torch.testing.assert_close(model(key, local, None), expected, rtol=0, atol=1e-5)


def test_a_single_start_is_the_single_frame_network() -> None:
    model = GLPose(replace(TINY, start="single")).eval()
    key, local, proposals = slots_of(TINY)
    with torch.inference_mode():
        assert torch.equal(model(key, local, proposals), model.fusion.head(model.encoder(key)))


def test_the_paper_start_draws_small_weights_and_no_biases() -> None:
    torch.manual_seed(0)
    fusion = GLPose(TINY).fusion
    convs = [m for m in fusion.modules() if isinstance(m, torch.nn.Conv2d)]
    weights = torch.cat([c.weight.detach().flatten() for c in convs])
    assert float(weights.std()) == pytest.approx(1e-3, rel=0.1)
    assert all((c.bias == 0).all() for c in convs if c.bias is not None)


def test_a_frozen_encoder_keeps_its_statistics_in_training() -> None:
    model = GLPose(TINY)
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    model.train()
    assert model.fusion.training
    assert not any(m.training for m in model.encoder.modules())
    model(*slots_of(TINY))
    assert all(torch.equal(v, before[k]) for k, v in model.encoder.state_dict().items())
    assert GLPose(replace(TINY, bn_eval=False)).train().encoder.training
    assert GLPose(replace(TINY, freeze=False)).train().encoder.training


@pytest.mark.parametrize("similarity", get_args(clip.Similarity))
@pytest.mark.parametrize("over", get_args(clip.SoftmaxOver))
def test_ranking_in_torch_is_that_of_clip(similarity: Any, over: Any) -> None:
    how = GlobalConfig(
        n=3, num_candidates=7, similarity=similarity, softmax_over=over, temperature=0.7
    )
    key, proposals = torch.rand(4, 8), torch.rand(4, 7, 8)
    index, weight = rank(key, proposals, replace(TINY, global_=how))
    for row in range(4):
        kept, expected = clip.rank(
            key[row].numpy(), proposals[row].numpy(), 3, similarity, 0.7, over
        )
        assert index[row].tolist() == kept.tolist()
        assert weight[row].numpy() == pytest.approx(expected, abs=1e-6)


def test_ranking_without_proposals_is_refused() -> None:
    how = replace(TINY, global_=GlobalConfig(n=3, num_candidates=7))
    with pytest.raises(BadInput, match="no proposals for 3 slots"):
        rank(torch.rand(4, 8), torch.rand(4, 0, 8), how)


@pytest.mark.parametrize("similarity", get_args(clip.Similarity))
@pytest.mark.parametrize("over", get_args(clip.SoftmaxOver))
def test_few_proposals_fill_the_slots_as_in_the_runtime(similarity: Any, over: Any) -> None:
    how = GlobalConfig(
        n=3, num_candidates=7, similarity=similarity, softmax_over=over, temperature=0.7
    )
    key, proposals = torch.rand(4, 8), torch.rand(4, 7, 8)
    counts = torch.tensor([1, 2, 4, 7])
    index, weight = rank(key, proposals, replace(TINY, global_=how), counts)
    for row, count in enumerate(counts.tolist()):
        rows, expected = clip.global_slots(
            key[row].numpy(),
            proposals[row, :count].numpy(),
            3,
            similarity=similarity,
            temperature=0.7,
            softmax_over=over,
        )
        assert index[row].tolist() == rows.tolist()
        assert weight[row].numpy() == pytest.approx(expected, abs=1e-6)


def test_slots_enter_in_order_and_with_their_weights() -> None:
    model = GLPose(TINY).eval()
    seen: list[Tensor] = []
    model.fusion.aggregate.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    key, local, chosen = (
        torch.rand(1, 8, 16, 12),
        torch.rand(1, 2, 8, 16, 12),
        torch.rand(1, 2, 8, 16, 12),
    )
    weight = torch.tensor([[[0.75], [0.25]]])
    model.fusion(key, local, chosen, weight)
    parts = seen[0].split(8, 1)
    expected = [key, local[:, 0] / 2, local[:, 1] / 2, chosen[:, 0] * 0.75, chosen[:, 1] * 0.25]
    assert all(torch.equal(a, b) for a, b in zip(parts, expected, strict=True))


@pytest.mark.parametrize("pixels", ["mean", "sum"])
@pytest.mark.parametrize("factor", [1.0, 0.5])
@pytest.mark.parametrize("divide", [True, False])
def test_the_loss_is_normalised_as_set(pixels: Any, factor: float, divide: bool) -> None:
    config = LossConfig(pixels, factor, divide)
    target = torch.zeros(2, 2, 2, 2)
    target[0, 0] = 1.0  # 4 pixels of 1
    target[1, 1, 0, 0] = 2.0  # one pixel of 2: squares sum to 4 as well
    weight = torch.tensor([[1.0, 1.0], [1.0, 0.5]])
    per_joint = 1000.0 if pixels == "mean" else 4.0
    expected = factor * per_joint * (1 + 0.5) / (2 if divide else 1) / 2
    assert float(heatmap_loss(torch.zeros_like(target), target, weight, config)) == pytest.approx(
        expected
    )


# --- data ---

LEFT, RIGHT = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")
RED, BLUE = (255, 0, 0), (0, 0, 255)


def small_store(folder: Path, num_frames: int = 6) -> PictureStore:
    """Two clips of two people each; a red patch on each left wrist and a blue one on each right."""
    rng = np.random.default_rng(0)

    def pictures():
        for number in range(2):
            for frame in range(num_frames):
                rgb = rng.integers(0, 120, (90, 160, 3)).astype(np.uint8)
                corner = np.array([[6 + frame, 8], [86 + frame, 6]], np.float32)
                xyxy = np.concatenate([corner, corner + [50, 70]], 1).astype(np.float32)
                xy = corner[:, None] + rng.uniform(4, 46, (2, 15, 2)).astype(np.float32)
                for person in range(2):
                    xy[person, LEFT] = corner[person] + [10, 30]
                    xy[person, RIGHT] = corner[person] + [38, 50]
                    for joint, colour in ((LEFT, RED), (RIGHT, BLUE)):
                        x, y = np.rint(xy[person, joint]).astype(int)
                        rgb[y - 3 : y + 4, x - 3 : x + 4] = colour
                yield (
                    rgb,
                    {
                        "xyxy": xyxy,
                        "xy": xy.astype(np.float32),
                        "state": np.full((2, 15), LABELLED, np.int8),
                        "clip": np.full(2, number),
                        "frame": np.full(2, frame),
                        "track": np.arange(1, 3),
                    },
                )

    return write_store(folder, pictures())


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Tracks:
    return Tracks(small_store(tmp_path_factory.mktemp("store")))


def sample_pixels(crops: np.ndarray) -> np.ndarray:
    """A stand-in for an encoder: every fourth pixel, in the channels of the tiny backbone."""
    pixels = crops[:, 2::4, 2::4].transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.concatenate([pixels, pixels, pixels[:, :2]], 1)


def test_tracks_follow_one_person_of_one_clip(tracks: Tracks) -> None:
    assert len(tracks) == 24
    for i in range(len(tracks)):
        for row, offset in zip(
            tracks.neighbours(i, TINY.offsets, TINY.local.border), TINY.offsets, strict=True
        ):
            assert tracks.track[row] == tracks.track[i]
            assert tracks.frame[row] == np.clip(tracks.frame[i] + offset, 0, 5)
        proposals = tracks.proposals(
            i, TINY.global_.num_candidates, TINY.global_.pool, np.random.default_rng(0)
        )
        assert len(set(proposals.tolist())) == 4
        assert (tracks.clip[proposals] == tracks.clip[i]).all()
        assert (tracks.frame[proposals] != tracks.frame[i]).all()


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("augment", ["none", "own", "same"])
@pytest.mark.parametrize("box", ["exact", "own"])
def test_clips_have_the_right_shapes_and_depend_on_seed_and_step(
    tracks: Tracks, box: Any, augment: Any
) -> None:
    config = replace(
        TINY, local=LocalConfig(k=1, box=box), global_=replace(TINY.global_, augment=augment)
    )
    how = ClipConfig(damage_share=0.5)
    data = ClipData([tracks], config, how, 3, seed=4)
    batch = data.rows(7, range(3))
    assert {name: (a.shape, a.dtype.name) for name, a in batch.items()} == {
        "key": ((3, 64, 48, 3), "uint8"),
        "local": ((3, 2, 64, 48, 3), "uint8"),
        "proposals": ((3, 4, 64, 48, 3), "uint8"),
        "num_proposals": ((3,), "int64"),
        "heatmaps": ((3, 15, 16, 12), "float32"),
        "weight": ((3, 15), "float32"),
    }
    assert same(batch, ClipData([tracks], config, how, 3, seed=4).rows(7, range(3)))
    assert not same(batch, data.rows(8, range(3)))
    assert not same(batch, ClipData([tracks], config, how, 3, seed=5).rows(7, range(3)))


@pytest.mark.parametrize(("k", "n"), [(0, 2), (1, 0), (0, 0)])
def test_slots_that_the_network_lacks_are_not_made(tracks: Tracks, k: int, n: int) -> None:
    config = with_sources(TINY, k=k, n=n)
    made = set(ClipData([tracks], config, ClipConfig(), 2, seed=0).rows(0, range(2)))
    assert ("local" in made) == (k > 0)
    assert ("proposals" in made) == (n > 0)
    features = FeatureData(tracks, config, ClipConfig(), sample_pixels, seed=0, num_variants=1)
    made = set(FeatureMix([features], ClipConfig(), 2, seed=0).rows(0, range(2)))
    assert ("local" in made) == (k > 0)
    assert ("global" in made) == ("global_weight" in made) == (n > 0)


def colour_at(picture: np.ndarray, target: np.ndarray) -> str:
    """The colour (of a 64x48 picture) where a target map peaks."""
    y, x = np.divmod(target.argmax(), target.shape[1])
    red, _, blue = picture[4 * y + 1 : 4 * y + 3, 4 * x + 1 : 4 * x + 3].reshape(-1, 3).mean(0)
    return "red" if red > blue else "blue"


def test_features_that_another_run_has_saved_first_are_used(tracks: Tracks, tmp_path: Path) -> None:
    folder, maps = tmp_path / "features", []

    def made(encode: Encode) -> FeatureData:
        return FeatureData(
            tracks, TINY, ClipConfig(), encode, seed=0, num_variants=1, folder=folder
        )

    def overtaken(crops: np.ndarray) -> np.ndarray:
        maps.append(np.load(made(sample_pixels)._folder / "clean.npy", mmap_mode="r"))
        return sample_pixels(crops) + 1

    found = made(overtaken)
    expected = FeatureData(tracks, TINY, ClipConfig(), sample_pixels, seed=0, num_variants=1)
    for clean in (maps[0], found.clean, made(overtaken).clean):
        assert np.array_equal(clean, expected.clean)
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def test_features_on_a_full_disk_are_one_line_to_the_last_byte(
    tracks: Tracks, tmp_path: Path
) -> None:
    def made(folder: Path) -> FeatureData:
        return FeatureData(
            tracks, TINY, ClipConfig(), sample_pixels, seed=0, num_variants=1, folder=folder
        )

    made(tmp_path / "whole")
    size = (tmp_path / "whole" / "clean.npy").stat().st_size
    for limit in (0, size // 2, size - 1):
        with (
            pytest.raises(BadInput, match=r"features: .*\(File too large"),
            files_of_at_most(limit),
        ):
            made(tmp_path / "features")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_features_are_saved_as_they_are_in_whatever_order_memory_holds_them(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(24.0).reshape(2, 3, 4))
    _save_whole(tmp_path / "clean.npy", array)
    assert np.array_equal(np.load(tmp_path / "clean.npy"), array)


@pytest.mark.parametrize("flip_share", [0.0, 1.0])
def test_left_and_right_change_places_with_the_mirror(tracks: Tracks, flip_share: float) -> None:
    how = ClipConfig(augmentation=replace(STILL, flip_share=flip_share))
    on_left, on_right = ("blue", "red") if flip_share else ("red", "blue")
    batch = ClipData([tracks], TINY, how, 8, seed=0).rows(0, range(8))
    for picture, target in zip(batch["key"], batch["heatmaps"], strict=True):
        assert colour_at(picture, target[LEFT]) == on_left
        assert colour_at(picture, target[RIGHT]) == on_right
    features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=1)
    for i in features.keys[:8]:
        sample = features.sample(int(i), np.random.default_rng(0), damaged=False)
        picture = sample["key"][:3].repeat(4, 1).repeat(4, 2).transpose(1, 2, 0)
        assert colour_at(picture, sample["heatmaps"][LEFT]) == on_left
        assert colour_at(picture, sample["heatmaps"][RIGHT]) == on_right


@pytest.mark.parametrize("half_body_share", [0.0, 1.0])
def test_neighbours_are_cut_with_the_key_s_box_of_half_a_body(
    tracks: Tracks, half_body_share: float
) -> None:
    """As in DCPose: one box, whole or half, for the key and all frames around it."""
    config = replace(TINY, local=LocalConfig(k=1, box="exact"), global_=GlobalConfig(n=0))
    how = ClipConfig(augmentation=replace(STILL, half_body_share=half_body_share))
    data = ClipData([tracks], config, how, 1, seed=0)
    for key in range(len(tracks)):
        sample = data.sample(0, key, np.random.default_rng(key))
        to_key = Affine(sample["to_crop"])
        whole = crop_from_image(tracks.xyxy[key], TINY.crop).matrix
        assert np.allclose(to_key.matrix, whole) == (half_body_share == 0)
        places = tracks.neighbour_pictures(key, config.offsets, config.local.border)
        expected = [cut(tracks.pictures[place], to_key, TINY.crop) for place in places]
        assert np.array_equal(sample["local"], expected)


@pytest.mark.parametrize("row", [0, 7, 20])
def test_target_peaks_lie_where_the_joints_are(tracks: Tracks, row: int) -> None:
    data = ClipData([tracks], TINY, ClipConfig(augmentation=STILL), 4, seed=1)
    sample = data.sample(0, row, np.random.default_rng(0))
    found, _ = decode(sample["heatmaps"][None], TINY.heatmap)
    to_crop = crop_from_image(tracks.xyxy[row], TINY.crop)
    expected = (
        crop_from_heatmap(TINY.crop, TINY.heatmap).inverse().apply(to_crop.apply(tracks.xy[row]))
    )
    assert np.abs(found[0] - expected).max() < 0.5


def test_damaged_keys_differ_and_clean_ones_do_not(tracks: Tracks) -> None:
    clean = ClipData([tracks], TINY, ClipConfig(augmentation=STILL), 4, seed=1).rows(0, range(4))
    hurt = ClipConfig(augmentation=STILL, damage_share=1.0)
    assert all(
        (
            clean["key"][i] != ClipData([tracks], TINY, hurt, 4, seed=1).rows(0, range(4))["key"][i]
        ).any()
        for i in range(1)
    )
    features = FeatureData(tracks, TINY, hurt, sample_pixels, seed=0, num_variants=2)
    for i in features.keys:
        whole, damaged = (
            features.sample(int(i), np.random.default_rng(0), damaged=d) for d in (False, True)
        )
        assert (whole["key"] != damaged["key"]).any() == (i in features.damaged_keys)
        assert np.array_equal(whole["heatmaps"], damaged["heatmaps"])
        # At the ends of a clip the key itself fills a slot.
        is_key = features.tracks.neighbours(
            int(i) % len(tracks), TINY.offsets, TINY.local.border
        ) == int(i) % len(tracks)
        assert np.array_equal(whole["local"][~is_key], damaged["local"][~is_key])
        assert all(np.array_equal(crop, damaged["key"]) for crop in damaged["local"][is_key])


def test_damage_of_a_key_lasts_for_a_run_of_frames(tracks: Tracks) -> None:
    config = replace(TINY, local=LocalConfig(k=3, box="own"))
    how = ClipConfig(damaged_stride=1)
    features = FeatureData(tracks, config, how, sample_pixels, seed=0, num_variants=1)
    offsets = np.array([0, *config.offsets])
    runs = set()
    for seed in range(60):
        draw = features.draw(3, np.random.default_rng(seed), damaged=True, damage_run=3)
        hit = np.sort(offsets[[True, *draw.hit]])
        assert (np.diff(hit) == 1).all()
        runs.add((int(hit[0]), len(hit)))
    assert runs == {(0, 1), (0, 2), (-1, 2), (0, 3), (-1, 3), (-2, 3)}
    draw = features.draw(3, np.random.default_rng(0), damaged=False, damage_run=3)
    assert not any(draw.hit)


def test_damage_of_rows_is_seen_by_key_and_neighbours(tracks: Tracks) -> None:
    how = ClipConfig(damaged_stride=1, augmentation=STILL)
    features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=1)
    hurt = np.zeros(len(tracks), bool)
    hurt[2] = True
    for key, key_hit, hits in ((2, True, [False, False]), (1, False, [False, True])):
        draw = features.draw_hurt(key, np.random.default_rng(0), hurt)
        assert (draw.damaged, draw.hit) == (key_hit, hits)


def test_damage_of_rows_is_seen_by_all_slots(tracks: Tracks) -> None:
    how = ClipConfig(damaged_stride=1, augmentation=STILL)
    config = replace(TINY, global_=replace(TINY.global_, n=4, softmax_over="all"))
    features = FeatureData(tracks, config, how, sample_pixels, seed=0, num_variants=2)
    n, weights = len(tracks), []
    for hurt in (np.zeros(n, bool), np.arange(n) % 3 == 0, np.ones(n, bool)):
        key = n + 2
        draw = features.draw_hurt(key, np.random.default_rng(0), hurt)
        made, (places, weight) = features.make(draw), features.similar(draw)
        shown = np.where(np.tile(hurt, 2)[:, None, None, None], features.damaged, features.clean)
        assert np.array_equal(made["key"], shown[key])
        assert np.array_equal(
            made["local"], shown[n + tracks.neighbours(2, config.offsets, config.local.border)]
        )
        proposals = n + draw.proposals
        assert np.array_equal(made["global"], shown[proposals[places]])
        product = shown[[key, *proposals]].mean((-2, -1), dtype=np.float32)
        score = product[1:] @ product[0]
        expected = np.exp(score - score.max())
        assert weight[np.argsort(places), 0] == pytest.approx(expected / expected.sum(), rel=1e-4)
        weights.append(weight.ravel().tolist())
    assert len(set(map(tuple, weights))) == 3


def test_global_slots_without_a_crop_hold_the_key_or_nothing(tracks: Tracks) -> None:
    how = ClipConfig(damaged_stride=1, augmentation=STILL)
    for pad in ("key", "zeros"):
        config = replace(TINY, global_=GlobalConfig(n=20, num_candidates=20, pad=pad))
        features = FeatureData(tracks, config, how, sample_pixels, seed=0, num_variants=1)
        made = features.sample(3, np.random.default_rng(0), damaged=True)
        assert len(made["global"]) == 20
        # There are five other frames of two people in the clip.
        filled = features.damaged[3] if pad == "key" else np.zeros_like(features.clean[3])
        assert all(np.array_equal(crop, filled) for crop in made["global"][10:])
        assert all(crop.any() and not np.array_equal(crop, filled) for crop in made["global"][:10])


def centres(features: FeatureData) -> np.ndarray:
    """Where each crop lies, as shares of the person's box (50 x 70 pixels) from its centre."""
    tracks = features.tracks
    middle = np.array([23.5, 31.5])
    found = np.stack([m.inverse().apply(middle[None])[0] for m in features.to_crop])
    return (found - (tracks.xyxy[:, :2] + tracks.xyxy[:, 2:]) / 2) / [50, 70]


def test_boxes_drift_slowly_along_a_track_or_lag_a_frame(tracks: Tracks) -> None:
    def moved(**how: Any) -> np.ndarray:
        data = ClipConfig(augmentation=STILL, **how)
        return centres(FeatureData(tracks, TINY, data, sample_pixels, seed=0, num_variants=1))

    assert np.abs(moved()).max() < 1e-5
    drift = moved(box_drift=0.1).reshape(4, 6, 2)  # four tracks of six frames
    steps, ways = np.abs(np.diff(drift, axis=1)).mean(), np.abs(drift).mean()
    assert 0.03 < ways < 0.2
    assert steps < 0.6 * ways
    lag = moved(box_lag=True).reshape(4, 6, 2)
    assert np.abs(lag[:, 0]).max() < 1e-5  # the first frame has none before it
    assert lag[:, 1:, 0] == pytest.approx(-1 / 50, abs=1e-5)  # people move a pixel a frame


def test_every_row_has_a_damaged_copy_in_some_variant(tracks: Tracks) -> None:
    for stride in (1, 2, 3):
        how = ClipConfig(damaged_stride=stride)
        features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=stride)
        rows = features.damaged_keys % len(tracks)
        assert sorted(rows.tolist()) == list(range(len(tracks)))


def is_mirrored(rgb: np.ndarray) -> bool:
    """Whether the red left wrist, plainly left of the blue right one, is to its right (h w 3)."""
    difference = rgb[..., 0].astype(float) - rgb[..., 2]
    width = rgb.shape[1]
    return bool(difference.argmax() % width > difference.argmin() % width)


@pytest.mark.parametrize("augment", ["none", "same"])
@pytest.mark.parametrize("box", ["exact", "own"])
def test_what_belongs_together_is_mirrored_together(tracks: Tracks, box: Any, augment: Any) -> None:
    config = replace(
        TINY, local=LocalConfig(k=1, box=box), global_=replace(TINY.global_, augment=augment)
    )
    how = ClipConfig(augmentation=replace(STILL, flip_share=0.5))
    batch = ClipData([tracks], config, how, 12, seed=0).rows(0, range(12))
    mirrored = [is_mirrored(key) for key in batch["key"]]
    assert set(mirrored) == {False, True}
    for expected, slots, proposals in zip(
        mirrored, batch["local"], batch["proposals"], strict=True
    ):
        assert {is_mirrored(crop) for crop in slots} == {expected}
        assert {is_mirrored(crop) for crop in proposals} == {expected and augment == "same"}


def test_cached_tracks_are_mirrored_as_a_whole(tracks: Tracks) -> None:
    how = ClipConfig(augmentation=replace(STILL, flip_share=0.5))
    features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=2)
    found = set()
    for i in features.keys:
        sample = features.sample(int(i), np.random.default_rng(0), damaged=False)
        key, *slots = (
            is_mirrored(c[:3].transpose(1, 2, 0)) for c in (sample["key"], *sample["local"])
        )
        assert set(slots) == {key}
        found.add(key)
    assert found == {False, True}


def test_cached_features_are_repeatable_and_shaped_as_the_fusion_wants(tracks: Tracks) -> None:
    how = ClipConfig(damage_share=0.5, neighbour_damage_share=0.5, box_noise=0.02)

    def batch(seed: int, step: int) -> dict[str, np.ndarray]:
        sets = [FeatureData(tracks, TINY, how, sample_pixels, seed=seed, num_variants=2)]
        return FeatureMix(sets, how, 3, seed).rows(step, range(3))

    first = batch(0, 5)
    assert {name: a.shape for name, a in first.items()} == {
        "key": (3, 8, 16, 12),
        "local": (3, 2, 8, 16, 12),
        "global": (3, 2, 8, 16, 12),
        "global_weight": (3, 2, 1),
        "heatmaps": (3, 15, 16, 12),
        "weight": (3, 15),
    }
    assert first["global_weight"].sum(1) == pytest.approx(1, abs=1e-5)
    assert same(first, batch(0, 5))
    assert not same(first, batch(0, 6))
    assert not same(first, batch(1, 5))
    features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=2)
    mix = FeatureMix([features], how, 3, 0)
    assert same(mix.rows(5, [2, 0]), {name: a[[2, 0]] for name, a in first.items()})
    assert mix.num_samples is None
    assert len(mix.describe(5)) == 3
    assert all("clip " in name and ", person " in name for name in mix.describe(5))


def test_data_is_sent_to_other_processes_without_pictures_and_features(
    tracks: Tracks, tmp_path: Path
) -> None:
    clips = ClipData([tracks], TINY, ClipConfig(), 3, seed=0)
    sets = [
        FeatureData(
            tracks, TINY, ClipConfig(), sample_pixels, seed=0, num_variants=2, folder=tmp_path
        )
    ]
    mix = FeatureMix(sets, ClipConfig(damage_share=0.5), 8, seed=0)
    for data, most in ((clips, 10_000), (mix, 40_000)):
        sent = pickle.dumps(data)
        assert len(sent) < most
        assert same(pickle.loads(sent).rows(2, [0, 2]), data.rows(2, [0, 2]))
    assert isinstance(pickle.loads(pickle.dumps(sets[0])).clean, np.memmap)
    assert sets[0].clean.nbytes > 100_000
    kept = FeatureData(tracks, TINY, ClipConfig(), sample_pixels, seed=0, num_variants=2)
    arrived = pickle.loads(pickle.dumps(kept))
    assert (arrived.clean == kept.clean).all()


# --- learning ---


def test_one_batch_of_clips_can_be_learned(tracks: Tracks) -> None:
    torch.manual_seed(0)
    config = replace(TINY, start="single", freeze=False)
    model = GLPose(config).train()
    arrays = ClipData([tracks], config, ClipConfig(), 2, seed=0).rows(0, range(2))
    batch = {k: torch.from_numpy(v) for k, v in arrays.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    task, losses = opened(tiny_recipe(model=config)), []
    for _ in range(40):
        loss = task.losses(model, batch)["heatmap"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    empty = heatmap_loss(torch.zeros_like(batch["heatmaps"]), batch["heatmaps"], batch["weight"])
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < 0.9 * float(empty)


@pytest.mark.slow
def test_queries_learn_to_find_damaged_joints_by_their_neighbours() -> None:
    torch.manual_seed(0)
    model = GLPose(QUERIES).train()
    assert isinstance(model.fusion, JointQueries)
    rng = np.random.default_rng(0)
    at = rng.uniform(3, 9, (8, 1, 15, 2)) + rng.uniform(-1, 1, (8, 3, 1, 2))
    maps = torch.from_numpy(encode(at, np.ones((8, 3, 15), bool), QUERIES.heatmap))
    target = maps[:, 0].clone()
    maps[:, 0, ::2] = 0.0
    frames = torch.rand(8, 3, 8, 16, 12)
    optimizer, losses = torch.optim.Adam(model.fusion.parameters(), lr=5e-3), []
    for _ in range(60):
        loss = heatmap_loss(fused(model.fusion, frames, maps), target, torch.ones(8, 15))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def tiny_recipe(**changes: Any) -> Recipe:
    features = changes.pop("features", "online")
    recipe = Recipe(
        name="tiny",
        system="glpose",
        model=replace(TINY, start="single"),
        data=ClipConfig(
            sources=("synth",),
            num_synth_scenes=2,
            damage_share=0.5,
            features=features,
            augmentation=Augmentation(half_body_share=0.0 if features == "cached" else 0.3),
        ),
        optimizer=Optimizer(warmup_steps=2),
        batch_size=2,
        num_steps=6,
        precision="fp32",
        validate_every=3,
    )
    return replace(recipe, **changes)


def opened(recipe: Recipe, cache: Path = Path()) -> GLPoseTask:
    return GLPoseTask(recipe, cache)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    for module in ("glpose.train.run.sheet", "glpose.systems.glpose.system"):
        monkeypatch.setattr(f"{module}.NUM_SAMPLES", 1)
    for part in ("synth", "synth-val"):
        small_store(tmp_path / "cache" / f"{part}-2-{content_digest()}")
    return tmp_path / "cache"


def run(recipe: Recipe, folder: Path, cache: Path, **how: Any) -> dict[str, Any]:
    """Train, silently, and read the last checkpoint."""
    how.setdefault("report", lambda line: None)
    train(recipe, how.pop("system", SYSTEM), folder, cache_dir=cache, **how)
    return load_checkpoint(folder / "last.pt")


def log_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.mark.parametrize("features", ["online", "cached"])
def test_resuming_is_exact(tmp_path: Path, cache: Path, features: str) -> None:
    recipe = tiny_recipe(features=features)
    whole = run(recipe, tmp_path / "whole", cache)

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "parts", cache, report=interrupt)
    assert load_checkpoint(tmp_path / "parts" / "last.pt")["step"] == 3
    parts = run(recipe, tmp_path / "parts", cache, resume=True)
    assert parts["step"] == 6
    for kind in ("model", "ema"):
        assert all(torch.equal(parts[kind][k], v) for k, v in whole[kind].items())
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole")
    assert parts["scores"] == whole["scores"]
    # It has learned something, and only where it may.
    start = opened(recipe).build().state_dict()
    changed = {k.split(".")[0] for k, v in whole["model"].items() if not torch.equal(v, start[k])}
    assert changed == {"fusion"}


def test_a_resumed_run_does_not_ask_what_it_started_from(tmp_path: Path, cache: Path) -> None:
    """The file of `--init` may be another by then, or gone: its encoder is in the checkpoint."""
    first = tmp_path / "first.pt"
    save_checkpoint(first, {"ema": opened(tiny_recipe(seed=3)).build().state_dict()})
    recipe = tiny_recipe(features="cached", init_from=str(first))
    whole = run(recipe, tmp_path / "whole", cache)
    made = set(cache.glob("features-*"))

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "parts", cache, report=interrupt)
    first.unlink()
    parts = run(recipe, tmp_path / "parts", cache, resume=True)
    assert all(torch.equal(parts["model"][k], v) for k, v in whole["model"].items())
    assert set(cache.glob("features-*")) == made


def test_cached_features_are_those_of_the_pictures(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another copy of a set, with the same labels, has features of its own."""
    recipe = tiny_recipe(features="cached")
    task = opened(recipe, cache)
    with monkeypatch.context() as patch:
        patch.setattr(
            "glpose.systems.glpose.system.digests_of", lambda sets: dict.fromkeys(sets, "1")
        )
        task.train_data()
    assert task.drawn_from == {"synth": "1"}
    (before,) = cache.glob("features-*")
    folder = cache / f"synth-2-{content_digest()}"
    pixels = bytearray((folder / "pixels.bin").read_bytes())
    pixels[: len(pixels) // 2] = bytes(len(pixels) // 2)
    (folder / "pixels.bin").write_bytes(pixels)
    opened(recipe, cache).train_data()
    (other,) = set(cache.glob("features-*")) - {before}
    clean = [np.load(one / "clean.npy") for one in (before, other)]
    assert clean[0].shape == clean[1].shape
    assert not np.array_equal(*clean)


def test_joints_without_labels_stay_what_the_single_frame_head_says() -> None:
    config = replace(TINY, start="single", single_head="conv3x3")
    recipe = tiny_recipe(model=config, features="cached")
    recipe = replace(recipe, data=replace(recipe.data, unlabelled_weight=0.5))
    torch.manual_seed(0)
    model = GLPose(config).eval()
    assert model.single_head is not None
    batch = {
        "key": torch.rand(2, 8, 16, 12),
        "clean": torch.rand(2, 8, 16, 12),
        "local": torch.rand(2, 2, 8, 16, 12),
        "global": torch.rand(2, 2, 8, 16, 12),
        "global_weight": torch.full((2, 2, 1), 0.5),
        "heatmaps": torch.rand(2, 15, 16, 12),
        "weight": torch.ones(2, 15),
    }
    with torch.inference_mode():
        assert float(opened(recipe).losses(model, batch)["unlabelled"]) == 0.0
        batch["weight"][:, 4] = 0.0
        found = opened(recipe).losses(model, batch)["unlabelled"]
        off = model.fuse(*(batch[n] for n in ("key", "local", "global", "global_weight")))[:, 4]
        off = off - model.single_head(batch["clean"])[:, 4]
    assert float(found) == pytest.approx(0.5 * 1000 * float(off.square().mean()) / 15, rel=1e-4)


def test_settings_that_features_do_not_support_are_refused() -> None:
    for name, value in (
        ("box_drift", 0.1), ("box_lag", True), ("damage_run", 2), ("unlabelled_weight", 0.5),
        ("num_variants", 3), ("damaged_stride", 1), ("feature_seed", 1),
    ):  # fmt: skip
        recipe = tiny_recipe(model=replace(TINY, single_head="conv3x3"))
        with pytest.raises(
            BadConfig, match=rf"data\.{name}={value} are settings of cached features"
        ):
            opened(replace(recipe, data=replace(recipe.data, **{name: value}))).train_data()
    recipe = tiny_recipe(features="cached")
    for change, words in (
        ({"unlabelled_weight": 1.0}, r"unlabelled_weight needs model\.single_head"),
        ({"damage_run": 3}, r"damage_run is 3, but of 2 frames .*expected data\.damaged_stride=1"),
    ):
        with pytest.raises(BadConfig, match=words):
            opened(replace(recipe, data=replace(recipe.data, **change))).train_data()


def test_published_recipes_have_no_settings_without_effect() -> None:
    recipes = [r for r in map(load_recipe, RECIPES) if r.system == "glpose"]
    assert len(recipes) > 10
    for recipe in recipes:
        _check_features(recipe.model, recipe.data)


def test_global_entropy_is_1_for_equal_weights_and_0_for_one_crop(tracks: Tracks) -> None:
    how = ClipConfig(augmentation=STILL)
    features = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=1)
    for temperature, low, high in ((1e6, 0.999, 1.001), (1e-6, 0.0, 0.1)):
        config = replace(TINY, global_=replace(TINY.global_, temperature=temperature))
        assert low <= global_entropy(features.seen_by(config), features.keys) <= high
    # Two of four candidates that are all alike have a quarter of the weight each.
    config = replace(TINY, global_=replace(TINY.global_, temperature=1e6, softmax_over="all"))
    assert global_entropy(features.seen_by(config), features.keys) == pytest.approx(1, abs=1e-3)


def test_another_recipe_or_a_run_that_exists_is_refused(tmp_path: Path, cache: Path) -> None:
    recipe = tiny_recipe(num_steps=1)
    run(recipe, tmp_path / "run", cache)
    with pytest.raises(
        BadConfig, match=r"holds a run already \(recipe\.json\); continue it with --resume"
    ):
        run(recipe, tmp_path / "run", cache)
    other = replace(recipe, optimizer=replace(recipe.optimizer, lr=0.5))
    with pytest.raises(BadConfig, match=r"another recipe \(changed: optimizer\.lr\)"):
        run(other, tmp_path / "run", cache, resume=True)


class Diverges(GLPoseTask):
    """Its loss is not a number from the third batch on."""

    batches = 0

    def losses(self, model: GLPose, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.batches += 1
        losses = super().losses(model, batch)
        return losses if self.batches < 3 else {"heatmap": losses["heatmap"] * torch.nan}


def test_a_loss_that_is_not_finite_stops_and_names_the_step(tmp_path: Path, cache: Path) -> None:
    recipe = tiny_recipe(validate_every=2)
    with pytest.raises(GLPoseError, match=r"the loss of step 2 is not finite \(heatmap nan\)"):
        run(recipe, tmp_path / "run", cache, system=replace(SYSTEM, task=Diverges))
    saved = load_checkpoint(tmp_path / "run" / "last.pt")
    assert saved["step"] == 2
    assert all(v.isfinite().all() for v in saved["model"].values())


class Undefined(GLPoseTask):
    """Its scores are not numbers before the validation of that number."""

    validations, defined_from = 0, 2

    def score(self, model: GLPose) -> dict[str, float]:
        self.validations += 1
        return {"mean": float("nan") if self.validations < self.defined_from else 1.0}


def test_a_score_that_is_not_a_number_still_leaves_a_best_checkpoint(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, system = tiny_recipe(num_steps=3, validate_every=1), replace(SYSTEM, task=Undefined)
    run(recipe, tmp_path / "a", cache, system=system)
    assert load_checkpoint(tmp_path / "a" / "best.pt")["step"] == 2
    monkeypatch.setattr(Undefined, "defined_from", 9)
    run(recipe, tmp_path / "b", cache, system=system)
    assert load_checkpoint(tmp_path / "b" / "best.pt")["step"] == 1


def test_a_run_killed_while_writing_can_be_resumed(tmp_path: Path, cache: Path) -> None:
    recipe, folder = tiny_recipe(num_steps=3), tmp_path / "run"
    run(recipe, folder, cache)
    whole = (folder / "log.jsonl").read_bytes()
    (folder / "log.jsonl").write_bytes(whole + b'{"step": 3, "losses": {"heat')
    RunLog(folder, start_step=3)
    assert (folder / "log.jsonl").read_bytes() == whole
    # Had the record been cut, there would be none: the run goes on with what its checkpoint says.
    (folder / "recipe.json").rename(folder / "recipe.json.part")
    with pytest.raises(BadConfig, match="holds a run already"):
        run(recipe, folder, cache)
    assert run(recipe, folder, cache, resume=True)["step"] == 3
    assert sorted(p.name for p in folder.iterdir()) == [
        "best.pt", "last.pt", "log.jsonl", "recipe.json", "samples",
    ]  # fmt: skip


def test_checkpoints_are_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"step": 1})

    def breaks(state: object, file: Any) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", breaks)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1}


@pytest.mark.parametrize("content", [None, b"", b"text", b"PK\x03\x04"])
def test_files_that_are_no_checkpoints_are_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "best.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadWeights, match=r"best\.pt: not"):
        load_checkpoint(path)


def test_cached_features_ask_for_settings_that_allow_them(cache: Path) -> None:
    for model in (
        replace(TINY, freeze=False),
        replace(TINY, bn_eval=False),
        replace(TINY, local=LocalConfig(k=1, box="exact")),
        replace(TINY, global_=replace(TINY.global_, rank_stage=2)),
    ):
        with pytest.raises(BadConfig, match="cached features need a frozen encoder"):
            opened(tiny_recipe(model=model, features="cached"), cache).train_data()
    recipe = tiny_recipe(features="cached")
    with pytest.raises(BadConfig, match=r"cached features have order 'random'.*order='epochs'"):
        opened(replace(recipe, data=replace(recipe.data, order="epochs")), cache).train_data()
    for name, features in (
        ("half_body_share", "cached"), ("damage_share", "cached"), ("neighbour_share", "cached"),
        ("glare_share", "cached"),
        ("damage_share", "online"), ("neighbour_share", "online"), ("glare_share", "online"),
    ):  # fmt: skip
        recipe = tiny_recipe(features=features)
        augmentation = replace(recipe.data.augmentation, **{name: 0.2})
        recipe = replace(recipe, data=replace(recipe.data, augmentation=augmentation))
        with pytest.raises(BadConfig, match=rf"augmentation\.{name} is 0\.2; expected 0, since"):
            opened(recipe, cache).train_data()
    padded = replace(TINY, global_=replace(TINY.global_, pad="key"))
    with pytest.raises(BadConfig, match=r"global_\.pad is 'key', but training on crops repeats"):
        opened(tiny_recipe(model=padded), cache).train_data()


@pytest.mark.parametrize("name", ["glpose_small", "jhmdb_complete"])
def test_a_recipe_of_cached_features_is_told_at_once_what_crops_do_without(name: str) -> None:
    recipe = load_recipe(name)
    online = replace(recipe, data=replace(recipe.data, features="online"))
    with pytest.raises(BadConfig, match=r"are settings of cached features; set them to") as caught:
        _check_features(online.model, online.data)
    words = re.findall(r"--set (\S+=[^\s)]+)", str(caught.value))
    mended = with_settings(online, words)
    _check_features(mended.model, mended.data)


def test_encoder_and_head_come_from_a_single_frame_run(tmp_path: Path) -> None:
    donor = opened(tiny_recipe(seed=3)).build()
    saved = {f"encoder.{k}": v for k, v in donor.encoder.state_dict().items()}
    saved |= {f"head.{k}": v for k, v in donor.fusion.head.state_dict().items()}
    save_checkpoint(tmp_path / "best.pt", {"ema": saved})
    recipe = tiny_recipe(init_from=str(tmp_path / "best.pt"))
    model = opened(recipe).build()
    crops = random_crops(0, 2)
    with torch.inference_mode():
        model.eval(), donor.eval()
        expected = donor.fusion.head(donor.encoder(crops))
        assert torch.equal(model(*slots_of(TINY)), expected)
    wider = replace(recipe, model=replace(recipe.model, backbone=replace(BACKBONE, width=16)))
    with pytest.raises(BadWeights, match=r"best\.pt: does not fit this recipe's encoder"):
        opened(wider).build()


def test_an_hourglass_is_taken_as_it_is_whatever_joints_its_run_has(tmp_path: Path) -> None:
    """Its guesses are no answers here, and need not be maps of the joints."""
    backbone = HourglassConfig(2, num_maps=51, width=32, depth=1)
    of_jhmdb = tiny_recipe(
        model=replace(TINY, start="single", skeleton="jhmdb15", backbone=backbone)
    )
    donor = opened(of_jhmdb).build()
    said = json.dumps(to_plain(of_jhmdb))
    save_checkpoint(tmp_path / "best.pt", {"ema": donor.state_dict(), "recipe": said})
    of_posetrack = replace(of_jhmdb.model, skeleton="posetrack15")
    recipe = tiny_recipe(model=of_posetrack, init_from=str(tmp_path / "best.pt"))
    model = opened(recipe).build()
    for name, value in donor.encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], value)
    assert torch.equal(model.fusion.head.weight[0], donor.fusion.head.weight[13])  # right ankle


@pytest.mark.parametrize("whole", [True, False])
def test_heads_go_by_the_names_of_the_joints_that_a_run_has(tmp_path: Path, whole: bool) -> None:
    of_jhmdb = tiny_recipe(model=replace(TINY, start="single", skeleton="jhmdb15"))
    donor = opened(of_jhmdb).build()
    torch.nn.init.normal_(donor.fusion.head.weight)
    saved = donor.state_dict()
    if not whole:
        saved = {k.replace("fusion.head.", "head."): v for k, v in saved.items()}
        saved = {k: v for k, v in saved.items() if not k.startswith("fusion.")}
    said = json.dumps(to_plain(of_jhmdb))
    save_checkpoint(tmp_path / "best.pt", {"ema": saved, "recipe": said})
    init = str(tmp_path / "best.pt")
    same = opened(replace(of_jhmdb, init_from=init)).build()
    assert torch.equal(same.fusion.head.weight, donor.fusion.head.weight)
    other = opened(tiny_recipe(init_from=init)).build()
    assert torch.equal(other.fusion.head.weight[0], donor.fusion.head.weight[13])  # right ankle
    assert torch.equal(other.fusion.head.weight[12], donor.fusion.head.weight[0])  # neck


# --- export ---


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize(
    "config",
    [
        replace(TINY, start="single"),
        replace(
            with_sources(TINY, k=0),
            start="single",
            global_=replace(TINY.global_, similarity="channel", rank_stage=2),
        ),
        replace(with_sources(TINY, k=0, n=0), start="single"),
        QUERIES,
        # 48 pixels are 3 at stride 16: padded as SAME by one more on one side.
        replace(with_sources(TINY, k=0, n=0), backbone=LITE, start="single"),
    ],
    ids=["both", "global per channel", "key alone", "queries", "odd sizes"],
)
def test_the_exported_pair_finds_the_joints_that_torch_finds(
    tmp_path: Path, config: GLPoseConfig
) -> None:
    pytest.importorskip("onnx")
    from glpose.codecs.gaussian import GaussianCodec
    from glpose.runtime.engine import EngineSpec
    from glpose.runtime.load import load_estimator

    torch.manual_seed(0)
    recipe = tiny_recipe(model=config)
    model = opened(recipe).build()
    if isinstance(model.fusion, JointQueries):
        torch.nn.init.normal_(model.fusion.evidence.weight, std=0.2)
        torch.nn.init.normal_(model.fusion.kernel.weight, std=0.2)
    else:
        torch.nn.init.normal_(model.fusion.residual.weight)
    parts, card = opened(recipe).parts(model)
    files = export_pose(parts, card, tmp_path)
    estimator = load_estimator(files[0], EngineSpec(threads=1))
    assert estimator.card.slots == config.slots
    assert estimator.card.codec == GaussianCodec(config.heatmap)

    key, local, proposals = slots_of(config)
    with torch.inference_mode():
        expected = model.eval()(key, local, proposals).numpy()
    features, embedding, *_ = estimator.encode(key.numpy())
    inputs = {"key": features}
    if local is not None:
        inputs["local"] = np.stack(
            [estimator.encode(crops.numpy()).for_neighbours for crops in local]
        )
    if proposals is not None:
        g, picked = config.global_, []
        for row in range(2):
            maps, ranking, *_ = estimator.encode(proposals[row].numpy())
            kept, w = clip.rank(embedding[row], ranking, g.n, g.similarity, g.temperature)
            picked.append((maps[kept], w))
        for name, part in zip(("global", "global_weight"), zip(*picked, strict=True), strict=True):
            inputs[name] = np.stack(part)
    found = estimator.solve(inputs)["heatmaps"]
    a, b = (decode(h, config.heatmap)[0] for h in (expected, found))
    assert np.isfinite(a).any()
    assert np.array_equal(np.isnan(a), np.isnan(b))
    assert np.nanmax(np.abs(a - b)) * 4 < 0.05


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_a_run_of_queries_summarises_as_its_exported_weights_do(
    tmp_path: Path, cache: Path
) -> None:
    pytest.importorskip("onnx")
    from glpose.jobs.runs import estimator_of_run, export_run
    from glpose.runtime.engine import EngineSpec
    from glpose.runtime.load import load_estimator

    run(tiny_recipe(model=QUERIES, num_steps=3), tmp_path / "run", cache)
    by_torch, _ = estimator_of_run(tmp_path / "run", EngineSpec(threads=1))
    files = export_run(tmp_path / "run", tmp_path / "weights", "tiny", {}, [])
    assert [path.name for path in files] == [
        f"tiny.{kind}.onnx" for kind in ("encoder", "fusion", "summary")
    ]
    by_onnx = load_estimator(tmp_path / "weights", EngineSpec(threads=1))
    assert by_torch.card.summarises
    assert by_onnx.card.summarises
    crops = random_crops(0, 9).numpy()  # more than go through at once
    ours, theirs = by_torch.encode(crops), by_onnx.encode(crops)
    assert ours.summary is not None
    assert ours.summary.shape == (9, 3 + 8, 15, 1)
    np.testing.assert_allclose(ours.summary, theirs.summary, rtol=1e-3, atol=1e-3)
    inputs = {
        "key": ours.features,
        "local": np.stack([np.roll(ours.summary, i, 0) for i in (1, 2)], 1),
    }
    a, b = (estimate.solve(inputs)["heatmaps"] for estimate in (by_torch, by_onnx))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert by_onnx.encode(crops[:0]).for_neighbours.shape == (0, 11, 15, 1)


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_a_summary_that_is_not_torch_s_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from glpose.runtime.estimator import OnnxEstimator

    parts, card = opened(tiny_recipe(model=QUERIES)).parts(
        opened(tiny_recipe(model=QUERIES)).build()
    )
    encode = OnnxEstimator.encode

    def otherwise(estimate: OnnxEstimator, crops: np.ndarray) -> Encoded:
        found = encode(estimate, crops)
        assert found.summary is not None
        return found._replace(summary=found.summary + 0.02)

    monkeypatch.setattr(OnnxEstimator, "encode", otherwise)
    # A solver that has learned nothing takes nothing from its neighbours.
    with pytest.raises(GLPoseError, match=r"a value of a summary differs by 0\.02"):
        export_pose(parts, card, tmp_path)


def test_a_joint_that_only_one_side_finds_has_moved_infinitely_far() -> None:
    pytest.importorskip("onnx")
    from glpose.export.pose import largest_distance

    a = np.array([[[0.0, 0.0], [np.nan, np.nan]]])
    b = np.array([[[3.0, 4.0], [np.nan, np.nan]]])
    assert largest_distance(a, b) == 5
    assert largest_distance(a, b[:, ::-1]) == np.inf
    assert largest_distance(a[:, 1:], b[:, 1:]) == 0
