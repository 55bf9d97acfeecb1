"""Features in two halves: what each switch does, what a row is, learning, export, and use."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.cli.main import main  # noqa: E402
from glpose.crop import crop_from_image, cut  # noqa: E402
from glpose.errors import BadConfig, BadInput, BadWeights  # noqa: E402
from glpose.nets.contrast import ANCHOR, AWAY  # noqa: E402
from glpose.nets.spec import CoarseResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.load import load_embedder, load_estimator, read_card  # noqa: E402
from glpose.systems.css.data import STILL, Clips, MomentsData  # noqa: E402
from glpose.systems.css.net import SplitNet  # noqa: E402
from glpose.systems.css.spec import CSSConfig, LossWeights, MomentsConfig  # noqa: E402
from glpose.systems.css.step import moments, painted, split_losses, split_scores  # noqa: E402
from glpose.systems.css.system import CSSTask  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.systems.single_frame.system import SingleFrameTask  # noqa: E402
from glpose.train.data.crops import CropsConfig, digests_of_videos  # noqa: E402
from glpose.train.data.sets import digests_of  # noqa: E402
from glpose.train.data.store import PictureStore, write_store  # noqa: E402
from glpose.train.recipe import data_roots  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402
from glpose.types import Anchor, CropSpec  # noqa: E402

pytestmark = pytest.mark.torch

CONFIG = CSSConfig(
    backbone=CoarseResNetConfig((1, 1, 1, 1), width=8, neck=16, num_up=0),
    crop=CropSpec((32, 32)),
    invariant=6,
    variant=10,
    dropout=0.0,
    widths=(16, 12, 8),
)
HOW = MomentsConfig()
STORED = HOW.crops.stored(CONFIG.crop)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PictureStore:
    """Three clips of 15 crops and one of three, which is too short; a bar that moves, on grey."""

    def pictures():
        rng = np.random.default_rng(0)
        height, width = STORED.size_hw
        for clip, num in enumerate((15, 15, 3, 15)):
            colour, behind = rng.integers(60, 255, (2, 3))
            for frame in range(num):
                crop = np.full((height, width, 3), behind, np.uint8)
                crop[8:28, 4 + frame : 10 + frame] = colour
                beside = np.full((height, width, 3), behind, np.uint8)
                labels = {"clip": [clip], "frame": [frame], "time_s": [0.08 * frame]}
                yield np.concatenate([crop, beside], 1), {k: np.array(v) for k, v in labels.items()}

    return write_store(tmp_path_factory.mktemp("crops"), pictures())


def data(store: PictureStore, **changes: object) -> MomentsData:
    clips = Clips([store], HOW)
    how = replace(load_recipe("css_small").data.augmentation, **changes)
    return MomentsData(clips, [0, 1, 2], CONFIG.crop, how, HOW, seed=3, background=True)


def batch_of(store: PictureStore, num: int = 6) -> dict[str, torch.Tensor]:
    return {n: torch.from_numpy(v) for n, v in data(store).rows(0, range(num)).items()}


def net(**changes: object) -> SplitNet:
    torch.manual_seed(0)
    return SplitNet(replace(CONFIG, **changes))


def test_moments_are_near_between_and_away(store: PictureStore) -> None:
    clips = Clips([store], HOW)
    assert len(clips) == 3
    rng = np.random.default_rng(0)
    for _ in range(200):
        times_s = clips.times_s[0][clips.draw(0, rng)]
        near, mid, away = np.abs(times_s[1:] - times_s[0])
        assert 0 < near <= 0.1 < mid < 0.399 <= away
    assert len(Clips([store], replace(HOW, num_away=3)).draw(1, rng)) == 6


def test_every_so_many_clips_are_held_out(store: PictureStore) -> None:
    assert Clips([store], replace(HOW, held_out=2)).held_out() == ([0, 2], [1])
    assert Clips([store], HOW).held_out() == ([0, 1], [2])
    far = Clips([store], replace(HOW, away_s=1.1))
    far.rows = far.rows[:1]
    assert far.held_out() == ([0], [0])


def test_a_row_depends_on_seed_step_and_place_alone(store: PictureStore) -> None:
    one, two = data(store), data(store)
    for name, values in one.rows(3, [0, 1, 2]).items():
        np.testing.assert_array_equal(values[1:], two.rows(3, [1, 2])[name])
    assert not np.array_equal(one.rows(3, [0])["crops"], one.rows(4, [0])["crops"])


def test_all_frames_of_a_row_are_changed_alike(store: PictureStore) -> None:
    """The floor and the bar have one colour in all frames and beside them, whatever the jitter."""
    rows = data(store, rotation_share=0.0, scale=0.0, shift=0.0).rows(0, range(8))
    for crops, behind in zip(rows["crops"], rows["background"], strict=True):
        floor = behind[2, 2]
        assert (behind == floor).all()
        assert all((crop[2, 2] == floor).all() for crop in crops)
        bars = [np.unique(crop[16][(crop[16] != floor).any(-1)], axis=0) for crop in crops]
        sharp = [bar[np.abs(bar.astype(int) - floor).sum(-1).argmax()] for bar in bars]
        assert all((bar == sharp[0]).all() for bar in sharp)
    assert len(np.unique(rows["background"][:, 2, 2], axis=0)) > 3


@pytest.mark.parametrize("anchor", ["centre", "msra"])
def test_unaugmented_crops_are_cut_as_from_the_frame(anchor: Anchor, tmp_path: Path) -> None:
    """In red and green the frame says where a pixel is: both crops show the same places."""
    crop, xyxy = CropSpec((32, 24), anchor=anchor), np.array([31.0, 22.0, 49.0, 61.0])
    spec = HOW.crops.stored(crop)
    y, x = np.mgrid[:80, :80]
    frame = np.stack([3 * x, 3 * y, 0 * x], -1).astype(np.uint8)

    def crops() -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        one = cut(frame, crop_from_image(xyxy, spec), spec)
        for i in range(15):
            labels = {"clip": [0], "frame": [i], "time_s": [0.08 * i]}
            yield np.concatenate([one, one], 1), {k: np.array(v) for k, v in labels.items()}

    clips = Clips([write_store(tmp_path, crops())], HOW)
    still = MomentsData(clips, [0], crop, STILL, HOW, seed=0, background=True)
    expected = cut(frame, crop_from_image(xyxy, crop), crop).astype(float)
    found = still.rows(0, [0])["crops"][0, 0]
    # Sides of stored pictures are whole, so that theirs are not exactly of the margin: less than a
    # twentieth of a pixel at the middle, and more towards the borders.
    off = (found - expected)[12:-12, 8:-8, :2]
    assert np.abs(off.mean((0, 1))).max() < 0.3


def test_contrast_teaches_the_variant_half_alone_unless_both_are_asked_for(
    store: PictureStore,
) -> None:
    batch = batch_of(store)
    for contrast, is_taught in (("variant", False), ("both", True)):
        model = net(contrast=contrast, reconstruct="none", gradual="none")
        losses = split_losses(model, batch, LossWeights())
        assert set(losses) == {"contrast"}
        losses["contrast"].backward()
        gradient = model.split.linear.weight.grad
        assert gradient[CONFIG.invariant :].abs().max() > 0
        assert bool(gradient[: CONFIG.invariant].abs().max() > 0) == is_taught


def test_the_picture_takes_pose_and_looks_from_the_frames_that_the_settings_name(
    store: PictureStore,
) -> None:
    model, batch = net().eval(), batch_of(store)
    with torch.no_grad():
        found = moments(model, batch)
    before = painted(model, batch, found, AWAY)
    for half, frame, is_seen in (
        (found.invariant, AWAY, True),
        (found.invariant, ANCHOR, False),
        (found.variant, ANCHOR, True),
        (found.variant, AWAY, False),
    ):
        kept = half[:, frame].clone()
        with torch.no_grad():
            half[:, frame] += 3.0
            assert (not torch.allclose(painted(model, batch, found, AWAY), before)) == is_seen
            half[:, frame] = kept
    swapped, same = (
        split_losses(net(reconstruct=how), batch, LossWeights())["reconstruct"]
        for how in ("swapped", "same")
    )
    assert not torch.allclose(swapped, same)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, {"reconstruct", "contrast", "gradual"}),
        ({"gradual": "decay"}, {"reconstruct", "contrast", "gradual"}),
        ({"gradual": "none"}, {"reconstruct", "contrast"}),
        ({"contrast": "none", "gradual": "none", "reconstruct": "same"}, {"reconstruct"}),
        ({"contrast": "both", "reconstruct": "none"}, {"contrast", "gradual"}),
    ],
)
def test_each_part_is_a_switch_and_all_weights_learn(
    store: PictureStore, changes: dict, names: set[str]
) -> None:
    model, batch = net(**changes), batch_of(store)
    losses = split_losses(model, batch, LossWeights())
    assert set(losses) == names
    torch.stack(list(losses.values())).sum().backward()
    unmoved = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unmoved == []
    assert ("swap" in split_scores(model, batch, LossWeights())) == (model.decoder is not None)
    more = split_losses(model, batch, LossWeights(constant=1.0))
    assert set(more) - names == {"constant"}


@pytest.mark.slow
def test_a_batch_can_be_learned(store: PictureStore) -> None:
    model, batch = net(), batch_of(store)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    totals = []
    for _ in range(60):
        total = torch.stack(list(split_losses(model, batch, LossWeights()).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.4 * totals[0]


def test_settings_that_cannot_be() -> None:
    for changes, said in (
        ({"invariant": 16}, "expected 1 to 15"),
        (
            {"contrast": "none", "reconstruct": "none", "gradual": "none"},
            "nothing would be learned",
        ),
        ({"contrast": "none"}, "set gradual=none"),
        ({"crop": CropSpec((48, 32)), "backbone": CoarseResNetConfig(num_up=1)}, "multiples of 32"),
    ):
        with pytest.raises(BadConfig, match=said):
            replace(CONFIG, **changes)
    with pytest.raises(BadConfig, match=r"grid is \[2, 1\], but the features have 1 x 1 pixels"):
        net(grid=(2, 1))
    with pytest.raises(BadConfig, match="0 < near_s < away_s"):
        MomentsConfig(near_s=0.5)
    with pytest.raises(BadConfig, match=r"near_s of at least 1 / rate_hz, 0\.125 s"):
        MomentsConfig(crops=CropsConfig(rate_hz=8.0))


def test_the_published_network_is_a_resnet_and_a_linear_layer() -> None:
    config = load_recipe("css_r50").model
    assert (config.invariant, config.variant) == (128, 600)
    few = replace(config, backbone=replace(config.backbone, num_blocks=(1, 1, 1, 1), width=8))
    model = SplitNet(few)
    assert {name.partition(".")[0] for name, _ in model.encoder.named_parameters()} == {
        "conv1", "bn1", "layer1", "layer2", "layer3", "layer4",
    }  # fmt: skip
    crops = torch.zeros(1, *few.crop.size_hw, 3, dtype=torch.uint8)
    assert model.eval().encoder(crops).shape == (1, 256, 4, 4)


def task(store: PictureStore, monkeypatch: pytest.MonkeyPatch, **changes: object) -> CSSTask:
    monkeypatch.setattr("glpose.systems.css.system.open_crops", lambda *_: store)
    recipe = replace(
        load_recipe("css_small"), model=CONFIG, init_from="", pretrained_on=(), **changes
    )
    return CSSTask(recipe, Path())


def test_scores_and_pictures_are_of_held_out_clips(
    store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[list[int]] = []

    def spy(clips: Clips, chosen: list[int], *rest: object, **named: object) -> MomentsData:
        used.append(chosen)
        return MomentsData(clips, chosen, *rest, **named)

    monkeypatch.setattr("glpose.systems.css.system.MomentsData", spy)
    opened = task(store, monkeypatch)
    opened.train_data()
    model = opened.build().eval()
    opened.score(model)
    assert used == [[0, 1], [2]]
    scores = opened.score(model)
    assert list(scores) == ["-loss", "ordered", "swap"]
    assert scores == opened.score(model)
    assert [p.shape for p in opened.pictures(model)] == [(32, 96, 3)] * 8
    far = task(store, monkeypatch, data=replace(HOW, away_s=9.0))
    with pytest.raises(BadInput, match="4 without crops 9 s apart; expected longer clips"):
        far.train_data()


def test_the_task_tells_what_its_clips_were_drawn_from(
    store: PictureStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "walk.mp4").write_bytes(b"a video")
    how = replace(HOW, sources=("videos", "jhmdb"))
    opened = task(store, monkeypatch, data=how, roots=data_roots(videos=str(tmp_path)))
    opened.train_data()
    videos = digests_of_videos(str(tmp_path))
    assert list(videos) == [str(tmp_path / "walk.mp4")]
    assert opened.drawn_from == videos | digests_of({"jhmdb": store})
    assert len(opened.drawn_from) == 2


def test_clips_that_cannot_be_learned_from_are_told_by_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_of(name: str, steps_s: list[float]) -> PictureStore:
        """A clip for each of these steps; their pixels are not looked at."""
        rgb = np.zeros((1, 1, 3), np.uint8)
        pictures = (
            (rgb, {"clip": np.array([clip]), "time_s": np.array([step_s * i])})
            for clip, step_s in enumerate(steps_s)
            for i in range(6)
        )
        return write_store(tmp_path / name, pictures)

    some = task(store_of("some", [0.125, 0.1, 0.07, 0.2]), monkeypatch)
    some.train_data()
    assert some.notes[0] == (
        "3 of 4 clips are left out: 2 without crops within 0.1 s of each other, "
        "1 without crops 0.4 s apart"
    )
    slow = task(store_of("slow", [0.2]), monkeypatch)
    for _ in range(2):
        with pytest.raises(
            BadInput, match=r"1 without crops within 0\.1 s .* more frames a second"
        ):
            slow.train_data()
    tight = task(store_of("tight", [0.1]), monkeypatch, data=replace(HOW, near_s=0.1, away_s=0.15))
    with pytest.raises(
        BadInput, match=r"1 without crops in between; expected data\.away_s further"
    ):
        tight.train_data()
    whole = task(store_of("whole", [0.1]), monkeypatch)
    whole.train_data()
    assert whole.notes == ()


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_exported_weights_give_both_halves_without_torch(
    store: PictureStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = task(store, monkeypatch)
    model = opened.build().eval()
    (path,) = opened.export(model, tmp_path, name="tiny", made_by={}, scores={})
    assert path.name == "tiny.embedding.onnx"
    card = read_card(path)
    assert (card.kind, card.appearance, card.pose) == ("embedding", 6, 10)
    embed = load_embedder(tmp_path)
    crops = np.stack([store[row][:32, :32] for row in (0, 20, 40)])
    halves = model(torch.from_numpy(crops))
    for found, half in zip(embed(crops), halves, strict=True):
        np.testing.assert_allclose(found, half.detach().numpy(), atol=1e-4)
    assert [v.shape for v in embed(crops[:0])] == [(0, 6), (0, 10)]
    with pytest.raises(
        BadWeights, match="found weights of kind 'embedding', expected pose weights"
    ):
        load_estimator(path)


def test_pose_networks_start_from_the_encoder_alone(tmp_path: Path) -> None:
    learned = net()
    torch.save({"ema": learned.state_dict()}, tmp_path / "best.pt")
    single = SingleFrameConfig(backbone=CONFIG.backbone, crop=CropSpec((64, 64)))
    for init in (tmp_path, tmp_path / "best.pt"):
        recipe = replace(load_recipe("warmup_small"), model=single, init_from=str(init))
        built = SingleFrameTask(recipe, tmp_path).build()
        for name, value in learned.encoder.state_dict().items():
            assert torch.equal(built.encoder.state_dict()[name], value)
    other = replace(single, backbone=replace(CONFIG.backbone, neck=24))
    with pytest.raises(
        BadWeights, match=r"encoder\.neck\.0\.weight is \(16, 256, 1, 1\), expected"
    ):
        SingleFrameTask(replace(recipe, model=other), tmp_path).build()


TINY = [
    "--threads", "1",
    *(part for setting in (
        "num_steps=4", "validate_every=2", "batch_size=2", "optimizer.rates=[]", "init_from=",
        "precision=fp32", "model.crop.size_hw=[32,32]", "model.grid=[1,1]", "model.widths=[48,8,8]",
        "model.backbone.pyramid=[16]", "model.backbone.channels=16",
    ) for part in ("--set", setting)),
]  # fmt: skip
"""The steps of css_small on tiny crops, from random weights."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_pretrain_resume_and_export(
    store: PictureStore,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Through the command line; the crops of `store` stand for those of a video."""
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    for module in ("glpose.systems.css.system", "glpose.jobs.pretrain"):
        monkeypatch.setattr(f"{module}.open_crops", lambda *_: store)
    run, video = tmp_path / "run", tmp_path / "one.mp4"
    video.write_bytes(b"one")
    arguments = ["pretrain", str(tmp_path), "-o", str(run), *TINY]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "\n1 of 4 clips are left out: 1 without crops 0.4 s apart\n" in f"\n{told}"
    assert f"glpose train warmup_small --init {run}" in told
    assert sorted(p.name for p in run.iterdir() if p.suffix == ".pt") == ["best.pt", "last.pt"]
    assert (run / "samples" / "step_000004.jpg").exists()
    assert main(arguments) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    video.write_bytes(b"another")
    assert main([*arguments, "--resume"]) == 2
    assert f"was started with other data (changed: {video}); resume" in capsys.readouterr().err
    assert main(["export", str(run), "-o", str(tmp_path / "weights")]) == 0
    assert load_embedder(tmp_path / "weights").card.made_by["steps"] == "4 of 4"
    assert main(["pretrain", str(tmp_path), "-o", str(run), "--recipe", "warmup_small"]) == 2
    assert "warmup_small does not learn from videos alone" in capsys.readouterr().err
