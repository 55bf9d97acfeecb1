"""DKD: one transform a stretch, gradients through time, starts from other runs, use as in training."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from glpose.codecs.gaussian import HEATMAPS  # noqa: E402
from glpose.errors import BadConfig, BadInput, BadWeights  # noqa: E402
from glpose.export.pose import PoseParts, export_pose  # noqa: E402
from glpose.jobs.runs import estimator_of_run, export_run  # noqa: E402
from glpose.nets.kernels import Balance  # noqa: E402
from glpose.nets.spec import BASIC_BLOCKS, EfficientNetLiteConfig, ResNetConfig  # noqa: E402
from glpose.pipeline import estimate_poses  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.alone import can_follow  # noqa: E402
from glpose.runtime.card import KeySlot  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402
from glpose.runtime.protocols import Estimator  # noqa: E402
from glpose.systems.dkd.data import StretchData, beside  # noqa: E402
from glpose.systems.dkd.net import DKD  # noqa: E402
from glpose.systems.dkd.scoring import INITIALIZER, MATCHED, STATIC, walk  # noqa: E402
from glpose.systems.dkd.spec import DKDConfig, StretchConfig  # noqa: E402
from glpose.systems.dkd.system import SYSTEM, DKDTask  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.train.data.augment import Augmentation  # noqa: E402
from glpose.train.data.sets import LABELLED  # noqa: E402
from glpose.train.data.tracks import Tracks  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.train.recipe import Optimizer, Recipe  # noqa: E402
from glpose.train.run.workers import ALONE  # noqa: E402
from glpose.train.state import start  # noqa: E402
from glpose.types import CropSpec, Frame, FramePoses, People  # noqa: E402

pytestmark = pytest.mark.torch

LARGE = ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16)
SMALL = ResNetConfig((1, 1, 1, 1), width=8, deconv_width=8, block="basic")
CONFIG = DKDConfig(backbone=LARGE, small=SMALL, crop=CropSpec((64, 64)), sigma_px=1.5)
STILL = Augmentation(rotation_share=0.0, scale=0.0, half_body_share=0.0, flip_share=0.0, colour=0.0)
SYNTH = StretchConfig(
    sources=("synth",), validation="synth", num_synth_scenes=3, num_frames=3, augmentation=STILL
)
RECIPE = Recipe(
    name="tiny",
    system="dkd",
    model=CONFIG,
    data=SYNTH,
    optimizer=Optimizer(lr=1e-3, warmup_steps=0),
    batch_size=4,
    num_steps=4,
    precision="fp32",
    validate_every=4,
    checkpoint_every=2,
    ema_decay=0.9,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def net(config: DKDConfig = CONFIG, seed: int = 0) -> DKD:
    """A network whose maps are neither flat nor alike."""
    torch.manual_seed(seed)
    model = DKD(config)
    for head in (model.initializer.head, model.static):
        torch.nn.init.normal_(head.weight, std=0.3)
    model.train()
    crops = torch.randint(0, 256, (4, 3, *config.crop.size_hw, 3), dtype=torch.uint8)
    with torch.no_grad():
        for _ in range(40):  # statistics of the batch norms
            model.unroll(crops, model.initializer(crops[:, 0]))
    torch.nn.init.constant_(model.match.u.get_parameter("1.weight"), 0.3)
    return model.eval()


def random_crops(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(0, 256, (*shape, 64, 64, 3), dtype=torch.uint8)


class Painted:
    """Clips of one person, all of whose frames look the same; frame 3 of the second is missing."""

    def __init__(self) -> None:
        self.places_of = [(0, t) for t in range(6)] + [(1, t) for t in range(8) if t != 3]
        n, joints = len(self.places_of), len(CONFIG.joints.joints)
        clip, frame = np.array(self.places_of).T
        grid = np.stack(np.meshgrid(np.arange(5), np.arange(3)), -1).reshape(-1, 2)
        xy = np.array([40, 30]) + 9.0 * grid[:joints]
        self.labels = {
            "clip": clip,
            "frame": frame,
            "track": np.zeros(n, np.int64),
            "xyxy": np.tile(np.float32([30, 20, 90, 70]), (n, 1)),
            "xy": np.tile(xy, (n, 1, 1)).astype(np.float32),
            "state": np.full((n, joints), LABELLED, np.int8),
            "picture": np.arange(n),
        }
        self.rgb = np.zeros((90, 120, 3), np.uint8)
        for x, y in xy.astype(int):
            self.rgb[y - 1 : y + 2, x - 1 : x + 2] = 255

    def __len__(self) -> int:
        return len(self.places_of)

    def __getitem__(self, number: int) -> np.ndarray:
        return self.rgb

    def places(self) -> dict[tuple[int, int], int]:
        return {place: i for i, place in enumerate(self.places_of)}

    def clip_name(self, clip: int) -> str:
        return f"clip{clip}"

    def identity(self) -> str:
        return "painted"


def painted(data: StretchConfig, **changes: object) -> StretchData:
    return StretchData([Tracks(Painted())], replace(CONFIG, **changes), data, 8, seed=0)


def test_a_stretch_has_one_transform_and_one_change_of_colours() -> None:
    much = Augmentation(half_body_share=0.0, shift=0.1, colour=0.5)
    rows = painted(replace(SYNTH, augmentation=much)).rows(0, range(8))
    assert rows["rgb"].shape == (8, 3, 64, 64, 3)
    for name in ("rgb", HEATMAPS, "weight"):
        for t in (1, 2):
            np.testing.assert_array_equal(rows[name][:, 0], rows[name][:, t])
    assert len({rgb[0].tobytes() for rgb in rows["rgb"]}) == 8


def test_joints_are_where_the_crop_shows_them_mirrored_or_not() -> None:
    turned = replace(STILL, rotation_share=1.0, flip_share=0.5)
    rows = painted(replace(SYNTH, augmentation=turned)).rows(0, range(8))
    maps = rows[HEATMAPS] * rows["weight"][..., None, None]
    y, x = np.divmod(maps.reshape(8, 3, 15, -1).argmax(-1), 16)
    bright = rows["rgb"].max(-1).reshape(8, 3, 16, 4, 16, 4).max((3, 5))
    there = maps.max((-2, -1)) > 0.5
    n, t, j = np.nonzero(there)
    assert there.mean() > 0.6
    assert (bright[n, t, y[n, t, j], x[n, t, j]] > 60).mean() > 0.95
    plain = painted(SYNTH).rows(0, range(8))[HEATMAPS][:, 0]
    flipped = painted(replace(SYNTH, augmentation=replace(STILL, flip_share=1.0)))
    mirrored = flipped.rows(0, range(8))[HEATMAPS][:, 0]
    back = mirrored[..., ::-1][:, list(CONFIG.joints.mirror)]
    np.testing.assert_allclose(back, plain, atol=0.35)


def test_stretches_are_of_consecutive_frames() -> None:
    data = painted(replace(SYNTH, num_frames=4))
    named = {name for step in range(20) for name in data.describe(step)}
    assert named == {f"clip{c}, frame {t}, person 0" for c, t in ((0, 0), (0, 1), (0, 2), (1, 4))}
    assert (data.num_samples, data.has_epochs) == (4, False)
    assert [run.tolist() for run in Tracks(Painted()).runs()] == [
        [0, 1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11, 12],
    ]  # fmt: skip


def test_the_curriculum_begins_with_noisy_true_maps() -> None:
    data = painted(replace(SYNTH, num_frames=4, curriculum=((10, 2), (20, 3)), noise=0.1))
    shapes = [data.rows(step, [0, 1])["rgb"].shape[1] for step in (0, 9, 10, 19, 20)]
    assert shapes == [2, 2, 3, 3, 4]
    early = data.rows(9, [0, 1])
    noise = early["first"] - early[HEATMAPS][:, 0]
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    np.testing.assert_array_equal(early["given"], early["weight"][:, 0] > 0)
    assert early["given"].any()
    assert not data.rows(10, [0])["given"].any()
    assert not early["beside"].any()


@pytest.mark.parametrize("left", [True, False])
def test_beside_each_other_half_of_the_crop_is_the_others(left: bool) -> None:
    rng = np.random.default_rng(0)
    one, other = (
        {
            "rgb": rng.integers(0, 256, (2, 20, 28, 3), dtype=np.uint8),
            HEATMAPS: np.zeros((2, 3, 5, 7), np.float32),
            "weight": np.full((2, 3), 0.5, np.float32),
        }
        for _ in range(2)
    )
    # Joint 0 is in the middle, joint 1 at the edge, joint 2 is known to be absent.
    one[HEATMAPS][:, 0, 2, 3] = one[HEATMAPS][:, 1, 2, 1] = 1
    made = beside(one, other, left=left)
    own, rest = (slice(0, 12), slice(12, 28)) if left else (slice(16, 28), slice(0, 16))
    np.testing.assert_array_equal(made["rgb"][:, :, own], one["rgb"][:, :, 8:20])
    np.testing.assert_array_equal(made["rgb"][:, :, rest], other["rgb"][:, :, 4:20])
    np.testing.assert_array_equal(made["weight"], [[0.5, 0, 0.5]] * 2)
    assert made[HEATMAPS][:, 0, 2, 1 if left else 5].min() == 1
    assert made[HEATMAPS].sum() == 2


def test_samples_of_two_people_begin_with_true_maps_on_either_side() -> None:
    pairs = replace(SYNTH, beside_share=1.0)
    rows = painted(pairs).rows(0, range(8))
    assert rows["beside"].all()
    assert rows["given"].all()
    on_left = rows[HEATMAPS][..., :8].sum((1, 2, 3, 4)) > 0
    assert 0 < on_left.sum() < 8
    some = painted(replace(pairs, beside_share=0.5)).rows(0, range(8))["beside"]
    assert 0 < some.sum() < 8


def test_the_initializer_teaches_its_share_but_not_of_two_people(cache: Path) -> None:
    plain = DKDTask(RECIPE, cache)
    taught = DKDTask(replace(RECIPE, data=replace(SYNTH, taught_share=0.25)), cache)
    model, batch = net(), batch_of(plain)
    batch["weight"][:] = 1
    model.initializer.requires_grad_(requires_grad=False)
    shown = model.initializer(batch["rgb"].flatten(0, 1)).reshape(batch[HEATMAPS].shape)
    mixed = batch | {HEATMAPS: 0.75 * batch[HEATMAPS] + 0.25 * shown}
    expected = plain.losses(model, mixed)[STATIC]
    torch.testing.assert_close(taught.losses(model, batch)[STATIC], expected)
    pairs = batch | {"beside": torch.ones(4, dtype=torch.bool)}
    assert plain.losses(net(), batch)[INITIALIZER] > 0
    assert plain.losses(net(), pairs)[INITIALIZER] == 0
    torch.testing.assert_close(
        taught.losses(model, pairs)[STATIC], plain.losses(model, batch)[STATIC]
    )


def test_a_row_depends_on_seed_step_and_place_alone() -> None:
    data = painted(replace(SYNTH, augmentation=Augmentation(half_body_share=0.0, colour=0.3)))
    all_rows = data.rows(3, range(4))
    for name, values in all_rows.items():
        np.testing.assert_array_equal(values[2:], data.rows(3, [2, 3])[name])
    assert not np.array_equal(all_rows["rgb"], data.rows(4, range(4))["rgb"])


@pytest.mark.parametrize("source", ["matched", "raw"])
def test_maps_teach_the_frame_before_through_the_kernels(source: str) -> None:
    model = net(replace(CONFIG, source=source))
    crops = random_crops(2, 3).float().requires_grad_()
    matched, static = model.unroll(crops, torch.rand(2, 15, 16, 16))
    assert matched.shape == (2, 2, 15, 16, 16)
    assert static.shape == (2, 3, 15, 16, 16)
    matched[:, 0].square().sum().backward()
    assert crops.grad is not None
    reached = crops.grad.abs().amax((0, 2, 3, 4))
    assert reached[0] > 0
    assert reached[1] > 0
    assert reached[2] == 0


@pytest.mark.parametrize("teaches", [True, False])
def test_the_head_without_memory_teaches_the_encoder_or_not(teaches: bool) -> None:
    model = net(replace(CONFIG, static_teaches=teaches))
    matched, static = model.unroll(random_crops(2, 2), torch.rand(2, 15, 16, 16))
    inside = list(model.small.parameters())
    reached = torch.autograd.grad(static.sum(), inside, retain_graph=True, allow_unused=True)
    assert any(grad is not None for grad in reached) == teaches
    assert torch.autograd.grad(static.sum(), [model.static.weight], retain_graph=True)[0].any()
    assert all(grad is not None for grad in torch.autograd.grad(matched.sum(), inside))


def test_a_walk_of_steps_is_the_unrolled_stretch() -> None:
    for source in ("matched", "raw"):
        model = net(replace(CONFIG, source=source))
        crops = random_crops(2, 4)
        with torch.inference_mode():
            first, kernels = model.start(crops[:, 0])
            matched, _ = model.unroll(crops, first)
            for t in range(1, 4):
                maps, kernels = model.step(model.small(crops[:, t]), kernels)
                assert torch.allclose(maps, matched[:, t - 1], atol=1e-4)
        assert torch.equal(first, model.initializer(crops[:, 0]))


def test_both_sources_differ_and_shrinking_keeps_the_size() -> None:
    matched, raw = (net(replace(CONFIG, source=source)) for source in ("matched", "raw"))
    raw.load_state_dict(matched.state_dict())
    crops = random_crops(2, 2)
    first = torch.rand(2, 15, 16, 16)
    assert not torch.allclose(matched.unroll(crops, first)[0], raw.unroll(crops, first)[0])
    half = net(replace(CONFIG, shrink=2))
    assert half.small(crops[:, 0]).shape == (2, 8, 16, 16)


def test_the_published_sizes_cost_less_than_the_initializer_by_far() -> None:
    """At most 0.55 of it in a frame after the first; the paper's follow-up has 7.2 GMAC for it."""
    with torch.device("meta"):
        model = DKD(DKDConfig()).eval()
        crops, kernels = torch.zeros(1, 256, 256, 3), torch.zeros(1, 64, 7, 7)
        with FlopCounterMode(display=False) as whole:
            model.initializer(crops)
        with FlopCounterMode(display=False) as step:
            maps, after = model.step(model.small(crops), kernels)
    assert maps.shape == (1, 15, 64, 64)
    assert after.shape == kernels.shape
    assert whole.get_total_flops() / 2e9 == pytest.approx(7.2, abs=0.1)
    assert step.get_total_flops() / 2e9 == pytest.approx(2.7, abs=0.15)
    assert step.get_total_flops() < 0.55 * whole.get_total_flops()


@pytest.mark.parametrize(("layers", "millions"), [(18, 11.18), (34, 21.28)])
def test_small_resnets_have_the_published_size(layers: int, millions: float) -> None:
    """Without the classifier of 0.51 million: 11.69 and 21.80 in torchvision's documentation."""
    from glpose.nets.encoders import make_encoder

    config = ResNetConfig(BASIC_BLOCKS[layers], block="basic")
    with torch.device("meta"):
        encoder = make_encoder(config)
    named = dict(encoder.named_parameters())
    body = sum(p.numel() for n, p in named.items() if "deconv" not in n)
    assert body / 1e6 == pytest.approx(millions, abs=0.01)
    assert f"a ResNet of {layers} layers" in config.source
    assert encoder.get_parameter("layer2.0.conv1.weight").shape == (128, 64, 3, 3)


def batch_of(task: DKDTask, step: int = 0) -> dict[str, torch.Tensor]:
    rows = task.train_data().rows(step, range(4))
    return {name: torch.from_numpy(values) for name, values in rows.items()}


def test_everything_is_trained_or_the_initializer_is_not(cache: Path) -> None:
    task = DKDTask(RECIPE, cache)
    model, batch = task.build().train(), batch_of(task)
    losses = task.losses(model, batch)
    assert set(losses) == {MATCHED, STATIC, INITIALIZER}
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())
    frozen = task.build()
    frozen.initializer.requires_grad_(requires_grad=False)
    taught = DKDTask(replace(RECIPE, data=replace(SYNTH, unlabelled_weight=1.0)), cache)
    batch["weight"][:, :, :3] = 0
    found = taught.losses(frozen, batch)
    assert set(found) == {MATCHED, STATIC, "matched, unlabelled", "static, unlabelled"}
    batch[HEATMAPS][:, :, :3] = 9.0  # of joints that nobody labelled
    again = taught.losses(frozen.eval(), batch)
    batch[HEATMAPS][:, :, :3] = 0.0
    for name, loss in taught.losses(frozen, batch).items():
        assert torch.equal(loss, again[name])
    batch["weight"][:] = 1  # nothing is left for the initializer to teach
    assert taught.losses(frozen, batch)["matched, unlabelled"] == 0


def test_the_first_maps_are_the_true_ones_where_they_are_known(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = replace(SYNTH, num_frames=3, curriculum=((1, 2),))
    task = DKDTask(replace(RECIPE, data=data), cache)
    model, batch = net(), batch_of(task)
    batch["given"][:, :4] = False
    batch["given"][:, 4:] = True
    given = []
    real = model.unroll
    monkeypatch.setattr(model, "unroll", lambda c, first: given.append(first) or real(c, first))
    task.losses(model, batch)
    by_initializer = model.initializer(batch["rgb"][:, 0])
    assert torch.equal(given[0][:, :4], by_initializer[:, :4])
    assert torch.equal(given[0][:, 4:], batch["first"][:, 4:])


def test_the_judge_learns_apart_from_the_estimator(cache: Path) -> None:
    recipe = replace(RECIPE, model=replace(CONFIG, judge_weight=0.5))
    task = DKDTask(recipe, cache)
    model, batch = task.build(), batch_of(task)
    losses = task.losses(model, batch)
    assert set(losses) == {MATCHED, STATIC, INITIALIZER, "judge", "judged"}
    inside = list(model.judge.parameters())
    of_judge = torch.autograd.grad(losses["judge"], inside, retain_graph=True)
    assert all(grad.abs().max() > 0 for grad in of_judge)
    distil = list(model.distil.parameters())
    unused = torch.autograd.grad(losses["judge"], distil, retain_graph=True, allow_unused=True)
    assert all(grad is None for grad in unused)
    unused = torch.autograd.grad(losses["judged"], inside, retain_graph=True, allow_unused=True)
    assert all(grad is None for grad in unused)
    reached = torch.autograd.grad(losses["judged"], distil, retain_graph=True)
    assert any(grad.abs().max() > 0 for grad in reached)
    assert all(p.requires_grad for p in inside)
    assert "balance.weight" in model.state_dict()
    assert not hasattr(DKD(CONFIG), "judge")
    parts, _ = task.parts(model)
    assert parts.solver is not None


@pytest.mark.slow
def test_resuming_is_exact_with_the_judge_and_the_curriculum(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At first the judge sees through everything, and its balance would stay at 0.
    monkeypatch.setattr("glpose.systems.dkd.net.Balance", partial(Balance, share=1e3, pace=0.01))
    data = replace(SYNTH, curriculum=((2, 2),), augmentation=Augmentation(half_body_share=0.0))
    recipe = replace(RECIPE, model=replace(CONFIG, judge_weight=0.1), data=data)
    whole = train(recipe, SYSTEM, tmp_path / "whole", cache_dir=cache).with_name("last.pt")

    class Stopped(Exception):
        pass

    def stop(line: str) -> None:
        raise Stopped

    early = replace(recipe, log_every=3)
    with pytest.raises(Stopped):
        train(early, SYSTEM, tmp_path / "parts", cache_dir=cache, report=stop)
    saved = torch.load(tmp_path / "parts" / "last.pt", weights_only=True)
    assert saved["step"] == 2
    assert float(saved["model"]["balance.weight"]) != 0
    train(early, SYSTEM, tmp_path / "parts", cache_dir=cache, resume=True)
    one, two = (
        torch.load(path, weights_only=True) for path in (whole, tmp_path / "parts" / "last.pt")
    )
    for name, value in one["model"].items():
        assert torch.equal(value, two["model"][name]), name


@pytest.fixture(scope="module")
def singles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of single-frame runs with both networks."""
    folder, found = tmp_path_factory.mktemp("singles"), {}
    for seed, (name, backbone) in enumerate((("large", LARGE), ("small", SMALL))):
        torch.manual_seed(seed)
        config = SingleFrameConfig(
            backbone=backbone,
            crop=CropSpec((64, 64)),
            skeleton="jhmdb15",
            head="conv1x1",
            sigma_px=1.5,
        )
        found[name] = folder / f"{name}.pt"
        torch.save({"ema": SingleFrameNet(config).state_dict()}, found[name])
    return found


def is_loaded(module: torch.nn.Module, path: Path, prefix: str) -> bool:
    weights = torch.load(path, weights_only=True)["ema"]
    own = module.state_dict()
    return all(torch.equal(value, weights[f"{prefix}.{name}"]) for name, value in own.items())


def test_both_networks_start_from_runs(singles: dict[str, Path], tmp_path: Path) -> None:
    large, small = singles["large"], singles["small"]
    one = DKDTask(replace(RECIPE, init_from=str(large)), tmp_path).build()
    assert is_loaded(one.initializer.encoder, large, "encoder")
    assert is_loaded(one.initializer.head, large, "head")
    assert not is_loaded(one.static, small, "head")
    both = replace(RECIPE, init_from=str(large), model=replace(CONFIG, small_from=str(small)))
    two = DKDTask(both, tmp_path).build()
    assert is_loaded(two.initializer.encoder, large, "encoder")
    assert is_loaded(two.small.encoder, small, "encoder")
    assert is_loaded(two.static, small, "head")
    # The same network at half the size starts from the same weights.
    alike = replace(CONFIG, small=LARGE, shrink=2)
    three = DKDTask(replace(RECIPE, init_from=str(large), model=alike), tmp_path).build()
    assert is_loaded(three.small.encoder, large, "encoder")
    assert is_loaded(three.static, large, "head")
    torch.save({"ema": two.state_dict()}, tmp_path / "best.pt")
    again = DKDTask(replace(RECIPE, init_from=str(tmp_path / "best.pt")), tmp_path).build()
    for name, value in again.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    with pytest.raises(BadWeights, match="does not fit this recipe's encoder"):
        DKDTask(replace(RECIPE, init_from=str(small)), tmp_path).build()


def test_a_frozen_initializer_does_not_start_from_imagenet(tmp_path: Path) -> None:
    """Which has no head: noise would teach. Without `init_from` all is tried out on noise."""
    recipe = replace(RECIPE, optimizer=Optimizer(rates=(("initializer", 0.0),)))
    of_imagenet = DKDTask(replace(recipe, init_from="imagenet"), tmp_path)
    with pytest.raises(BadConfig, match=r"initializer\.head; expected .* single-frame network"):
        of_imagenet.build()
    of_imagenet.build(fresh=True)
    state = start(recipe, DKDTask(recipe, tmp_path), ALONE)
    assert not any(p.requires_grad for p in state.model.initializer.parameters())
    trained = DKDTask(replace(RECIPE, init_from="imagenet"), tmp_path)
    with pytest.raises(BadConfig, match="which needs an EfficientNet-Lite"):
        trained.build()


def test_a_frame_encoder_without_the_last_stages_starts_from_the_whole_network(
    tmp_path: Path,
) -> None:
    whole = EfficientNetLiteConfig(pyramid=(8, 8, 8), channels=8)
    short = replace(whole, pyramid=(8, 8), body_stride=16)
    torch.manual_seed(0)
    plain = SingleFrameConfig(skeleton="jhmdb15", backbone=whole, head="conv1x1")
    single = SingleFrameNet(plain)
    torch.save({"ema": single.state_dict()}, tmp_path / "best.pt")
    config = replace(CONFIG, backbone=whole, small=short)
    assert config.small_is_part
    assert not replace(config, small=replace(short, channels=16)).small_is_part
    assert not replace(config, small=replace(short, pyramid=(8, 16))).small_is_part
    recipe = replace(RECIPE, model=config, init_from=str(tmp_path / "best.pt"))
    made = DKDTask(recipe, tmp_path).build()
    expected = single.state_dict()
    for name, value in made.small.encoder.state_dict().items():
        assert torch.equal(value, expected[f"encoder.{name}"])
    for name, value in made.static.state_dict().items():
        assert torch.equal(value, expected[f"head.{name}"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_joints": 14}, "num_joints is 14, but the skeleton jhmdb15 has 15"),
        ({"shrink": 0}, "shrink is 0; expected 1 to 8"),
        ({"shrink": 32}, "shrink is 32; expected 1 to 8"),
        ({"crop": CropSpec((96, 96)), "shrink": 2}, "crop.size_hw is .* multiples of 64"),
        ({"backbone": ResNetConfig(num_deconv=2)}, "frame encoder's features are at stride 4"),
        ({"min_score": 2.0}, "starter.min_score is 2.0"),
        ({"crop": CropSpec((64, 20))}, r"the maps have \[16, 5\] pixels; expected 6 or more"),
        ({"judge_weight": -1.0}, "judge_weight is -1.0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        replace(CONFIG, **change)


def test_a_stretch_cannot_be_of_one_frame_or_half_a_body() -> None:
    with pytest.raises(BadConfig, match="num_frames is 1"):
        replace(SYNTH, num_frames=1)
    with pytest.raises(BadConfig, match="curriculum is"):
        replace(SYNTH, num_frames=3, curriculum=((10, 4),))
    with pytest.raises(BadConfig, match=r"half_body_share is 0\.3; expected 0, since a stretch"):
        replace(SYNTH, augmentation=Augmentation())


def boxes_of(tracks: Tracks, rows: np.ndarray) -> Iterator[tuple[Frame, People]]:
    """The frames of a clip, with the labelled box of the person in them."""
    for row in rows.tolist():
        frame = Frame(int(tracks.frame[row]), 0.0, tracks.pictures[int(tracks.picture[row])])
        people = People(tracks.xyxy[row][None], np.ones(1, np.float32), np.ones(1, np.int64))
        yield frame, people


def along(
    estimate: Estimator, shown: list[tuple[Frame, People]], block: int = 8
) -> list[FramePoses]:
    """Poses of these people in these frames, as the pipeline finds them."""
    people, frames = {frame.index: who for frame, who in shown}, [frame for frame, _ in shown]
    found = estimate_poses(frames, lambda f: people[f.index], estimate, block_frames=block)
    return [poses for _, poses in found]


def test_a_walk_in_training_is_what_the_pipeline_does(cache: Path, tmp_path: Path) -> None:
    """Starts, drops after low scores and restarts after every few frames included."""
    tracks = Tracks(DKDTask(RECIPE, cache)._people("synth"))
    clips = sorted(tracks.runs(), key=len)[-3:]
    scores = []
    for every, min_score in ((0, 0.0), (3, 0.0), (0, 0.62)):
        config = replace(CONFIG, every=every, min_score=min_score)
        recipe = replace(RECIPE, model=config)
        model = net(config)
        folder = tmp_path / f"run{every}{min_score}"
        train(replace(recipe, num_steps=1), SYSTEM, folder, cache_dir=cache)
        saved = torch.load(folder / "best.pt", weights_only=True)
        torch.save(saved | {"ema": model.state_dict()}, folder / "best.pt")
        estimate, _ = estimator_of_run(folder)
        expected = []
        for clip in clips:
            found = along(estimate, list(boxes_of(tracks, clip)))
            expected += [poses.xy[0] for poses in found]
            scores.append(expected[-1])
        joints = walk(model, tracks, clips).joints
        np.testing.assert_allclose(joints[MATCHED], np.stack(expected), atol=1e-2)
    third = len(scores) // 3
    assert not np.allclose(scores[:third], scores[third : 2 * third])
    assert not np.allclose(scores[:third], scores[2 * third :])


def test_in_a_walk_one_joint_above_1_does_not_keep_kernels(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in use, the mean of the scores is asked for after each is cut at 1: 0.07, and not 0.6."""
    tracks, model = Tracks(DKDTask(RECIPE, cache)._people("synth")), net()

    def lopsided(found: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        maps = torch.zeros_like(found[0])
        maps[:, 0, 5, 5] = 9
        return maps, found[1]

    step, start = model.step, model.start
    monkeypatch.setattr(model, "step", lambda *given: lopsided(step(*given)))
    monkeypatch.setattr(model, "start", lambda crops: lopsided(start(crops)))
    assert walk(model, tracks, [tracks.runs()[0][:3]]).started.tolist() == [True] * 3


def test_kernels_of_another_clip_change_all_but_the_first_frames(cache: Path) -> None:
    tracks = Tracks(DKDTask(RECIPE, cache)._people("synth"))
    clips, model = tracks.runs()[:3], net(replace(CONFIG, min_score=0.0))
    walked = walk(model, tracks, clips, initializer=True)
    own, other = walked.joints, walk(model, tracks, clips, rolled=True).joints
    firsts = np.isin(np.concatenate(clips), [clip[0] for clip in clips])
    np.testing.assert_array_equal(walked.started, firsts)
    np.testing.assert_array_equal(own[MATCHED][firsts], own[INITIALIZER][firsts])
    np.testing.assert_array_equal(own[MATCHED][firsts], other[MATCHED][firsts])
    np.testing.assert_array_equal(own[STATIC], other[STATIC])
    # In some frames all joints may still be in the same pixels.
    assert (np.abs(own[MATCHED] - other[MATCHED]).max((1, 2)) > 0)[~firsts].mean() > 0.8


def test_no_clip_of_several_is_given_its_own_kernels_for_those_of_another(cache: Path) -> None:
    tracks = Tracks(DKDTask(RECIPE, cache)._people("synth"))
    clips, model = [run[:2] for run in tracks.runs()[:3]], net(replace(CONFIG, min_score=0.0))
    for num in (2, 17):
        chosen = [clips[number % 3] for number in range(num)]
        own, other = (
            walk(model, tracks, chosen, rolled=is_rolled).joints[MATCHED].reshape(num, 2, -1)
            for is_rolled in (False, True)
        )
        assert (own != other).any((1, 2)).all()
    with pytest.raises(BadInput, match="1 clip; kernels of another clip need at least 2"):
        walk(model, tracks, clips[:1], rolled=True)
    assert len(walk(model, tracks, clips[:1]).started) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_a_run_is_exported_and_goes_on_without_torch_as_with_it(
    cache: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, model=replace(CONFIG, shrink=2, min_score=0.0))
    best = train(recipe, SYSTEM, tmp_path / "run", cache_dir=cache)
    saved = torch.load(best, weights_only=True)
    torch.save(saved | {"ema": net(recipe.model).state_dict()}, best)
    # export_pose compares joints by torch with those by ONNX Runtime, in a first and a second frame.
    files = export_run(tmp_path / "run", tmp_path / "weights", "tiny", {}, [])
    names = ["tiny.encoder.onnx", "tiny.fusion.onnx", "tiny.starter.onnx"]
    assert [file.name for file in files] == names
    exported, (by_torch, _) = load_estimator(files[2]), estimator_of_run(tmp_path / "run")
    assert exported.card.answers
    assert can_follow(exported.card)
    assert exported.card.starter == by_torch.card.starter == recipe.model.starter
    tracks = Tracks(DKDTask(RECIPE, cache)._people("synth"))
    shown = []
    for frame, who in boxes_of(tracks, tracks.runs()[0]):
        # A second person comes later, so that some calls have two.
        both = np.concatenate([who.xyxy, who.xyxy + 9])
        second = People(both, np.ones(2, np.float32), np.array([1, 2]))
        shown.append((frame, who if len(shown) < 4 else second))
    one, two, other = along(exported, shown), along(by_torch, shown), along(exported, shown, 1)
    for a, b, c in zip(one, two, other, strict=True):
        np.testing.assert_allclose(a.xy, b.xy, atol=0.05)
        np.testing.assert_allclose(a.score, b.score, atol=1e-3)
        np.testing.assert_allclose(a.xy, c.xy, atol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_an_initializer_that_is_another_model_is_named_and_not_written(tmp_path: Path) -> None:
    model = net(replace(CONFIG, min_score=0.0))
    task = DKDTask(replace(RECIPE, model=model.config), tmp_path)
    parts, card = task.parts(model)
    whole = export_pose(parts, card, tmp_path / "whole")
    # The initializer as a model of its own, which answers from single crops.
    assert parts.start is not None
    alone = PoseParts(Pooled(parts.start.initializer), Head(), Head())
    single = replace(card, name="single", slots=(KeySlot(),), order="any", starter=None)
    shared, _ = export_pose(alone, single, tmp_path / "parts")
    files = export_pose(parts, card, tmp_path / "parts", share=shared)
    assert [file.name for file in files] == [file.name for file in whole]
    assert files[2].stat().st_size < whole[2].stat().st_size / 2
    crops = random_crops(3).numpy()
    one, two = (load_estimator(found[1]).start(crops) for found in (whole, files))
    assert set(one) == set(two) == {HEATMAPS, "next_kernels"}
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, atol=1e-4)
    half = export_pose(parts, card, tmp_path / "half", half=True)
    sizes = [sum(file.stat().st_size for file in found) for found in (half, whole)]
    assert sizes[0] < 0.7 * sizes[1]
    rough = load_estimator(half[1]).start(crops)
    assert 0 < np.abs(rough[HEATMAPS] - one[HEATMAPS]).max() < 0.01


class Pooled(torch.nn.Module):
    """Maps as features, with their mean as embedding."""

    def __init__(self, maps: torch.nn.Module) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.maps(crops)[HEATMAPS]
        return found, found.mean((-2, -1))


class Head(torch.nn.Module):
    """Features that are maps, as a solver gives them and as an answer."""

    def forward(self, given: torch.Tensor | dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {HEATMAPS: (given["key"] if isinstance(given, dict) else given) + 0.0}


def test_scores_are_of_both_heads(cache: Path) -> None:
    task = DKDTask(RECIPE, cache)
    scores = task.score(task.build().eval())
    assert list(scores) == ["pck@0.2", "pck@0.1", "static@0.2", "static@0.1"]
    assert len(task.pictures(task.build().eval())) > 0


def test_recipes_freeze_the_initializer_or_train_it() -> None:
    assert load_recipe("dkd_small").optimizer.rate_of("initializer.encoder.body") == 0
    assert load_recipe("dkd_r50_subjhmdb1").optimizer.rate_of("initializer.encoder") == 1
