"""Training data of videos: what the samples of all systems that learn from clips must show.

The people here differ in every frame: pictures, boxes, joints, and which of these are labelled.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.clip import Border, global_slots  # noqa: E402
from glpose.errors import BadConfig  # noqa: E402
from glpose.nets.spec import ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.systems.dkd.data import StretchData, beside  # noqa: E402
from glpose.systems.dkd.spec import DKDConfig, StretchConfig  # noqa: E402
from glpose.systems.dkd.system import DKDTask  # noqa: E402
from glpose.systems.flowing.data import align_set  # noqa: E402
from glpose.systems.flowing.net import Flowing  # noqa: E402
from glpose.systems.flowing.spec import AlignedConfig, FlowingConfig  # noqa: E402
from glpose.systems.flowing.system import FlowingTask  # noqa: E402
from glpose.systems.glpose.data import ClipData  # noqa: E402
from glpose.systems.glpose.features import FeatureData, FeatureMix  # noqa: E402
from glpose.systems.glpose.net import GLPose  # noqa: E402
from glpose.systems.glpose.spec import (  # noqa: E402
    ClipConfig,
    GlobalConfig,
    GLPoseConfig,
    LocalConfig,
)
from glpose.systems.glpose.system import GLPoseTask, cached_features  # noqa: E402
from glpose.train.data.augment import Augmentation, Look, random_box  # noqa: E402
from glpose.train.data.sets import ABSENT, LABELLED, UNLABELLED  # noqa: E402
from glpose.train.data.tracks import Tracks  # noqa: E402
from glpose.types import CropSpec  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

pytestmark = pytest.mark.torch

SIZE_HW = (90, 120)
BACKBONE = tiny_hrnet()
STILL = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
TINY = GLPoseConfig(
    backbone=BACKBONE,
    crop=CropSpec((64, 48)),
    sigma_px=1.5,
    local=LocalConfig(k=1, box="own"),
    global_=GlobalConfig(n=2, num_candidates=4),
    start="single",
)
FLOWING = FlowingConfig(
    backbone=ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16),
    crop=CropSpec((64, 64)),
    sigma_px=1.5,
    k=2,
)


class Varied:
    """Clips of so many frames with two people in each; nobody has a label in frame 2."""

    def __init__(self, *frames: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.at = [(clip, t) for clip, num in enumerate(frames) for t in range(num)]
        n = len(self.at)
        self.rgb = rng.integers(0, 256, (n, *SIZE_HW, 3), np.uint8)
        clip, frame = (np.repeat(values, 2) for values in np.array(self.at).T)
        corner, size = rng.uniform(-8, 40, (2 * n, 2)), rng.uniform(30, 60, (2 * n, 2))
        xy = corner[:, None] + rng.uniform(0, 1, (2 * n, 15, 2)) * size[:, None]
        state = rng.choice([UNLABELLED, LABELLED, ABSENT], (2 * n, 15), p=[0.1, 0.7, 0.2])
        state[frame == 2] = rng.choice([UNLABELLED, ABSENT], (int((frame == 2).sum()), 15))
        self.labels = {
            "clip": clip,
            "frame": frame,
            "track": np.tile([3, 8], n),
            "picture": np.repeat(np.arange(n), 2),
            "xyxy": np.concatenate([corner, corner + size], 1).astype(np.float32),
            "xy": xy.astype(np.float32),
            "state": state.astype(np.int8),
        }
        self.seed = seed

    def __len__(self) -> int:
        return len(self.rgb)

    def __getitem__(self, number: int) -> np.ndarray:
        return self.rgb[number]

    def places(self) -> dict[tuple[int, int], int]:
        return {place: number for number, place in enumerate(self.at)}

    def clip_name(self, clip: int) -> str:
        return f"set{self.seed} clip{clip}"

    def identity(self) -> str:
        return f"{self.seed}"


def sample_pixels(crops: np.ndarray) -> np.ndarray:
    """A stand-in for an encoder: every fourth pixel, in the channels of the tiny backbone."""
    pixels = crops[:, 2::4, 2::4].transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.concatenate([pixels, pixels, pixels[:, :2]], 1)


@pytest.fixture(scope="module")
def tracks() -> Tracks:
    return Tracks(Varied(7, 4))


@pytest.fixture(scope="module")
def flowing() -> Flowing:
    torch.manual_seed(0)
    model = Flowing(FLOWING).eval()
    torch.nn.init.normal_(model.head.weight, std=0.3)
    return model


# --- slots that are the key ---

Seen = list[tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Of each sample the key, its slots and which of these are the key; all keys are damaged."""


def whole_clip(border: Any) -> GLPoseConfig:
    """All crops of a clip are proposals, the key among them."""
    everybody = GlobalConfig(n=14, num_candidates=14, pool="all", pad="zeros")
    return replace(TINY, local=LocalConfig(k=2, box="own", border=border), global_=everybody)


def of_clips(tracks: Tracks, border: Any, box: Any) -> Seen:
    config = whole_clip(border)
    config = replace(config, local=replace(config.local, box=box))
    # Halves of bodies and noisy boxes: another draw of them is another crop.
    halves = Augmentation(half_body_share=0.5)
    how = ClipConfig(damage_share=1.0, augmentation=halves, box_noise=0.1)
    data, seen = ClipData([tracks], config, how, 1, 0), []
    for key in range(len(tracks)):
        made = data.sample(0, key, np.random.default_rng(key))
        if box == "exact":
            near = np.array(tracks.neighbour_pictures(key, config.offsets, border))
            seen.append((made["key"], made["local"], near == tracks.picture[key]))
        else:
            near = tracks.neighbours(key, config.offsets, border)
            seen.append((made["key"], made["local"], near == key))
        shown = made["proposals"][: int(made["num_proposals"])]
        alike = [np.array_equal(crop, made["key"]) for crop in shown]
        assert len(shown) == (tracks.clip == tracks.clip[key]).sum()
        assert sum(alike) == 1
        seen.append((made["key"], shown, np.array(alike)))
    return seen


def of_features(tracks: Tracks, border: Any) -> Seen:
    config, how = whole_clip(border), ClipConfig(damaged_stride=1)
    data = FeatureData(tracks, config, how, sample_pixels, seed=0, num_variants=2)
    seen = []
    for i in range(data.num):
        row = i % len(tracks)
        draw = data.draw(i, np.random.default_rng(i), damaged=True)
        made, (places, _) = data.make(draw), data.similar(draw)
        near = tracks.neighbours(row, config.offsets, border)
        seen.append((made["key"], made["local"], near == row))
        proposals = np.append(draw.proposals, -1)[np.maximum(places, -1)]
        assert row in proposals
        seen.append((made["key"], made["global"], proposals == row))
    return seen


def of_aligned(tracks: Tracks, model: Flowing) -> Seen:
    held = align_set(model, tracks, 100, 0.1, 0)
    made = held.inputs(np.arange(len(held)), np.ones(len(held), bool))
    assert not np.array_equal(made["key"], held.maps[:, 0])
    config = model.config
    near = [
        tracks.neighbours(row, config.offsets, config.neighbours.border)
        for row in held.rows.tolist()
    ]
    is_key = np.stack(near) == held.rows[:, None]
    return list(zip(made["key"], made["neighbours"], is_key, strict=True))


@pytest.mark.parametrize("border", get_args(Border))
@pytest.mark.parametrize("kind", ["clips exact", "clips own", "features", "aligned"])
def test_no_slot_that_is_the_key_differs_from_it(
    tracks: Tracks, flowing: Flowing, kind: str, border: Any
) -> None:
    """Else a damaged key would be whole there: an answer that no video gives."""
    if kind == "aligned":
        seen = of_aligned(tracks, flowing)
    elif kind == "features":
        seen = of_features(tracks, border)
    else:
        seen = of_clips(tracks, border, kind.split()[1])
    assert sum(is_key.sum() for _, _, is_key in seen) > 4
    for key, slots, is_key in seen:
        for crop, same in zip(slots, is_key.tolist(), strict=True):
            assert np.array_equal(crop, key) == same


def test_a_stride_at_which_nobody_is_damaged_is_refused() -> None:
    """Row 0 alone would have a damaged copy, but nobody there has a label."""
    people = Varied(3)
    people.labels["state"][0] = UNLABELLED
    tracks = Tracks(people)
    how = ClipConfig(damaged_stride=100, damage_share=0.5)
    data = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=1)
    with pytest.raises(BadConfig, match="damaged_stride is 100, and no labelled person of a set"):
        FeatureMix([data], how, 4, 0)
    assert len(FeatureMix([data], replace(how, damage_share=0.0), 4, 0).describe(0)) == 4


# --- features that are kept ---


def people_with(**changes: np.ndarray) -> Tracks:
    people = Varied(4, 3)
    for name, values in changes.items():
        people.labels[name] = values.astype(people.labels[name].dtype)
    return Tracks(people)


def test_features_are_made_anew_for_corrected_tracks_and_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glpose.systems.glpose.system.make_encode", lambda *_: sample_pixels)
    recipe = replace(load_recipe("glpose_small"), model=TINY)
    model, labels = GLPose(TINY), Varied(4, 3).labels

    def folders(tracks: Tracks) -> set[str]:
        cached_features(model, tracks, recipe.data, recipe, seed=0, cache_dir=tmp_path)
        return {path.name for path in tmp_path.iterdir()}

    num = len(folders(people_with()))
    assert num == len(folders(people_with())) == 1
    # All keep the order of the rows, their boxes and their pictures.
    split = np.where((labels["clip"] == 1) & (labels["track"] == 8), 9, labels["track"])
    split[-1] = 10
    later = labels["frame"] + 5 * (labels["frame"] > 1)
    other = np.where(labels["clip"] == 1, 4, 0)
    for changes in ({"track": split}, {"frame": later}, {"clip": other}):
        num += 1
        assert len(folders(people_with(**changes))) == num
    monkeypatch.setattr("glpose.systems.glpose.system.FEATURES_VERSION", 0)
    assert len(folders(people_with())) == num + 1


# --- colours ---


def levels(plain: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """What each level of each channel (3, 256) has become; -1 where a crop has none."""
    found = np.full((3, 256), -1)
    for channel in range(3):
        found[channel, plain[..., channel]] = shown[..., channel]
    return found


def is_alike(one: np.ndarray, other: np.ndarray) -> bool:
    both = (one >= 0) & (other >= 0)
    assert both.mean() > 0.5
    return bool((one == other)[both].all())


@pytest.mark.parametrize("augment", ["none", "same", "own"])
def test_crops_of_a_sample_have_one_change_of_colours_and_candidates_what_is_set(
    tracks: Tracks, augment: Any
) -> None:
    config = replace(TINY, global_=replace(TINY.global_, augment=augment))
    plain, shown = (
        ClipData([tracks], config, ClipConfig(augmentation=replace(STILL, colour=colour)), 1, 0)
        for colour in (0.0, 0.5)
    )
    key, rng = 2, np.random.default_rng
    before, after = plain.sample(0, key, rng(3)), shown.sample(0, key, rng(3))
    changed = levels(before["key"], after["key"])
    assert (changed != np.arange(256)).any()
    for one, other in zip(before["local"], after["local"], strict=True):
        assert is_alike(changed, levels(one, other))
    pairs = zip(before["proposals"], after["proposals"], strict=True)
    found = [levels(one, other) for one, other in pairs]
    if augment == "none":
        assert np.array_equal(before["proposals"], after["proposals"])
    elif augment == "same":
        assert all(is_alike(changed, one) for one in found)
    else:
        assert not any(is_alike(a, b) for a, b in combinations([changed, *found], 2))


def test_cached_tracks_have_one_change_of_colours_each() -> None:
    """With this seed nobody is made grey, which is no change of levels."""
    tracks, made = Tracks(Varied(4, 3)), []

    def encode(crops: np.ndarray) -> np.ndarray:
        made.append(crops[: len(tracks)])
        return sample_pixels(crops)

    for colour in (0.0, 0.5):
        how = ClipConfig(augmentation=replace(STILL, colour=colour))
        FeatureData(tracks, TINY, how, encode, seed=0, num_variants=1)
    found = [levels(plain, shown) for plain, shown in zip(*made, strict=True)]
    for one, other in combinations(range(len(tracks)), 2):
        same = bool(tracks.track[one] == tracks.track[other])
        assert is_alike(found[one], found[other]) == same


# --- every setting ---

Made = dict[str, np.ndarray]
Case = tuple[dict[str, Any], Any, str]
"""Other settings for the case, the changed value, and what it changes: an array of a batch, the
`loss`, the set that is scored on (`held`), the slots of the runtime; or "refused"."""


def cases(config: type, table: dict[str, Case]) -> list[Any]:
    """One case for every setting; `config.field` names it."""
    assert set(table) == {field.name for field in fields(config)}
    return [pytest.param(name, *case, id=name) for name, case in table.items()]


def people_of(source: str, roots: object, cache: object, scenes: int, joints: object) -> Varied:
    sizes = {"one": (7, 4), "two": (5, 3), "held": (4,), "synth": (scenes,)}
    return Varied(*sizes[source], seed=list(sizes).index(source))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, flowing: Flowing) -> None:
    for system in ("glpose", "dkd", "flowing"):
        monkeypatch.setattr(f"glpose.systems.{system}.system.open_people", people_of)
    monkeypatch.setattr("glpose.systems.glpose.system.make_encode", lambda *_: sample_pixels)
    # No set has the names of these.
    monkeypatch.setattr("glpose.systems.glpose.system.digests_of", lambda _: {})
    monkeypatch.setattr(FlowingTask, "build", lambda *_, **__: flowing)


def run_of(task: Any, held: Tracks, num: int) -> Made:
    """A batch, its losses in a network of random weights, and what is scored on."""
    batch = task.train_data().rows(0, range(num))
    torch.manual_seed(0)
    model = task.build().eval()
    for weight in model.parameters():
        if weight.dim() == 4:
            torch.nn.init.kaiming_normal_(weight)
    with torch.no_grad():
        losses = task.losses(model, {k: torch.from_numpy(v) for k, v in batch.items()})
    loss = np.array([float(value) for value in losses.values()])
    return {**batch, "loss": loss, "held": held.xyxy}


def of_glpose(tmp_path: Path, *, global_: dict[str, Any], **data: Any) -> Made:
    model = replace(TINY, global_=replace(TINY.global_, **global_), single_head="conv1x1")
    how = ClipConfig(sources=("one",), validation="held", augmentation=STILL)
    recipe = replace(load_recipe("glpose_small"), model=model, data=replace(how, **data))
    task = GLPoseTask(replace(recipe, init_from="", batch_size=6, precision="fp32"), tmp_path)
    slots = np.array(repr(model.slots))
    return run_of(task, task._validation_tracks, 6) | {"slots": slots}


def of_dkd(tmp_path: Path, **data: Any) -> Made:
    small = ResNetConfig((1, 1, 1, 1), width=4, deconv_width=4)
    model = DKDConfig(backbone=small, small=small, crop=CropSpec((64, 64)), sigma_px=1.5)
    how = StretchConfig(sources=("one",), validation="held", augmentation=STILL, num_frames=3)
    recipe = replace(load_recipe("dkd_small"), model=model, data=replace(how, **data))
    task = DKDTask(replace(recipe, batch_size=6), tmp_path)
    return run_of(task, task._validation, 6)


def of_flowing(tmp_path: Path, **data: Any) -> Made:
    how = AlignedConfig(sources=("one",), validation="held", damage_share=0.0, box_noise=0.0)
    recipe = replace(load_recipe("flowing_small"), model=FLOWING, data=replace(how, **data))
    task = FlowingTask(replace(recipe, batch_size=6), tmp_path)
    return task.train_data().rows(0, range(6)) | {"held": task._validation_tracks.xyxy}


def is_changed_or_refused(
    make: Callable[..., Made], base: dict[str, Any], changed: dict[str, Any], array: str
) -> bool:
    if array == "refused":
        (name,) = changed
        with pytest.raises(BadConfig, match=name):
            make(**base | changed)
        return True
    before, after = make(**base), make(**base | changed)
    for again, values in make(**base).items():
        np.testing.assert_array_equal(before[again], values)
    return not np.array_equal(before[array], after[array])


FLIPS = replace(STILL, flip_share=0.5)
DAMAGED = {"damage_share": 1.0, "damaged_stride": 1}
BOTH: dict[str, Case] = {
    "sources": ({}, ("two",), "key"),
    "augmentation": ({}, FLIPS, "key"),
    "damage_share": ({}, 1.0, "key"),
    "box_noise": ({}, 0.1, "key"),
    "validation": ({}, "two", "held"),
    "num_synth_scenes": ({"sources": ("synth",), "num_synth_scenes": 5}, 7, "key"),
    "absent_weight": ({}, 0.9, "weight"),
}
ONLINE: dict[str, Case] = BOTH | {
    "features": ({}, "cached", "key"),
    "order": ({}, "epochs", "key"),
    "clip_boxes": ({}, True, "key"),
    "neighbour_damage_share": ({}, 1.0, "local"),
    "num_variants": ({}, 3, "refused"),
    "damaged_stride": ({}, 1, "refused"),
    "feature_seed": ({}, 1, "refused"),
    "damage_run": ({}, 3, "refused"),
    "box_drift": ({}, 0.1, "refused"),
    "box_lag": ({}, True, "refused"),
    "unlabelled_weight": ({}, 0.5, "refused"),
}
CACHED: dict[str, Case] = BOTH | {
    "features": ({}, "online", "key"),
    "order": ({}, "epochs", "refused"),
    "clip_boxes": ({}, True, "refused"),
    "neighbour_damage_share": (DAMAGED, 1.0, "local"),
    "num_variants": ({"augmentation": FLIPS}, 3, "key"),
    "damaged_stride": ({"damage_share": 1.0}, 1, "key"),
    "feature_seed": ({"augmentation": FLIPS}, 1, "key"),
    "damage_run": (DAMAGED, 3, "local"),
    "box_drift": ({}, 0.1, "key"),
    "box_lag": ({}, True, "key"),
    "unlabelled_weight": ({}, 0.5, "loss"),
}


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("name", "base", "value", "array"), cases(ClipConfig, ONLINE))
def test_every_setting_of_clips_changes_samples_or_is_refused(
    tmp_path: Path, name: str, base: dict[str, Any], value: Any, array: str
) -> None:
    make = partial(of_glpose, tmp_path, global_={})
    assert is_changed_or_refused(make, base, {name: value}, array)


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("name", "base", "value", "array"), cases(ClipConfig, CACHED))
def test_every_setting_of_cached_clips_changes_samples_or_is_refused(
    tmp_path: Path, name: str, base: dict[str, Any], value: Any, array: str
) -> None:
    make = partial(of_glpose, tmp_path, global_={})
    assert is_changed_or_refused(make, {"features": "cached"} | base, {name: value}, array)


MANY = {"n": 14, "num_candidates": 14}
OF_CANDIDATES: dict[str, tuple[dict[str, Any], Any, str, str]] = {
    "n": ({}, 3, "loss", "global"),
    "num_candidates": ({}, 5, "proposals", "global"),
    "similarity": ({"temperature": 0.1}, "cosine", "loss", "global_weight"),
    "softmax_over": ({"temperature": 1000.0}, "all", "loss", "global_weight"),
    "rank_stage": ({}, 2, "loss", "refused"),
    "temperature": ({}, 0.01, "loss", "global_weight"),
    "pool": (MANY, "all", "proposals", "global"),
    "min_score": ({}, 0.1, "slots", "slots"),
    "pad": (MANY, "key", "refused", "global"),
    "augment": ({}, "own", "proposals", "refused"),
}


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("features", ["online", "cached"])
@pytest.mark.parametrize(
    ("name", "base", "value", "array", "of_cached"),
    cases(GlobalConfig, OF_CANDIDATES),  # pyright: ignore[reportArgumentType]
)
def test_every_setting_of_candidates_changes_samples_or_is_refused(
    tmp_path: Path,
    features: str,
    name: str,
    base: dict[str, Any],
    value: Any,
    array: str,
    of_cached: str,
) -> None:
    def make(**global_: Any) -> Made:
        return of_glpose(tmp_path, global_=global_, features=features, augmentation=FLIPS)

    what = of_cached if features == "cached" else array
    assert is_changed_or_refused(make, base, {name: value}, what)


OF_STRETCHES: dict[str, Case] = {
    "sources": ({}, ("two",), "rgb"),
    "augmentation": ({}, FLIPS, "rgb"),
    "num_frames": ({}, 4, "rgb"),
    "curriculum": ({}, ((5, 2),), "rgb"),
    "noise": ({}, 0.5, "first"),
    "absent_weight": ({}, 0.9, "weight"),
    "unlabelled_weight": ({}, 0.5, "loss"),
    "taught_share": ({}, 0.5, "loss"),
    "beside_share": ({}, 1.0, "rgb"),
    "validation": ({}, "two", "held"),
    "num_synth_scenes": ({"sources": ("synth",), "num_synth_scenes": 5}, 7, "rgb"),
}


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("name", "base", "value", "array"), cases(StretchConfig, OF_STRETCHES))
def test_every_setting_of_stretches_changes_samples_or_losses(
    tmp_path: Path, name: str, base: dict[str, Any], value: Any, array: str
) -> None:
    assert is_changed_or_refused(partial(of_dkd, tmp_path), base, {name: value}, array)


OF_ALIGNED: dict[str, Case] = {
    "sources": ({}, ("two",), "key"),
    "num_keys": ({}, 3, "key"),
    "damage_share": ({}, 1.0, "key"),
    "box_noise": ({}, 0.1, "key"),
    "validation": ({}, "two", "held"),
    "num_synth_scenes": ({"sources": ("synth",), "num_synth_scenes": 5}, 7, "key"),
}


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("name", "base", "value", "array"), cases(AlignedConfig, OF_ALIGNED))
def test_every_setting_of_aligned_keys_changes_samples(
    tmp_path: Path, name: str, base: dict[str, Any], value: Any, array: str
) -> None:
    assert is_changed_or_refused(partial(of_flowing, tmp_path), base, {name: value}, array)


# --- what the arrays hold ---


def people_in(tracks: Tracks, rows: Sequence[int], crop: CropSpec) -> np.ndarray:
    """The crops of rows, each with its own box."""
    to_crops = [Look().crop_from_image(tracks.xyxy[row], crop) for row in rows]
    return np.stack(
        [tracks.cut(r, to_crop, crop) for r, to_crop in zip(rows, to_crops, strict=True)]
    )


@pytest.mark.parametrize("border", get_args(Border))
def test_neighbours_on_crops_are_the_frames_that_the_border_says(
    tracks: Tracks, border: Any
) -> None:
    for box in ("own", "exact"):
        local = LocalConfig(k=2, box=box, border=border)
        config = replace(TINY, local=local)
        data = ClipData([tracks], config, ClipConfig(augmentation=STILL), 1, 0)
        for key in range(len(tracks)):
            sample = data.sample(0, key, np.random.default_rng(0))
            near = tracks.neighbours(key, config.offsets, border).tolist()
            if box == "own":
                expected = people_in(tracks, near, TINY.crop)
            else:
                to_key = Look().crop_from_image(tracks.xyxy[key], TINY.crop)
                expected = np.stack([tracks.cut(row, to_key, TINY.crop) for row in near])
            assert np.array_equal(sample["local"], expected)


def test_halves_of_bodies_go_by_labelled_joints(
    tracks: Tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are at no place that is known."""
    valid: list[np.ndarray] = []

    def spy(*given: Any) -> np.ndarray:
        valid.append(given[3])
        return random_box(*given)

    monkeypatch.setattr("glpose.systems.glpose.data.random_box", spy)
    data = ClipData([tracks], TINY, ClipConfig(), 1, 0)
    for key in range(len(tracks)):
        data.sample(0, key, np.random.default_rng(0))
    assert np.array_equal(valid, tracks.state == LABELLED)


def test_repeated_candidates_do_not_count() -> None:
    tracks = Tracks(Varied(3))
    config = replace(TINY, global_=GlobalConfig(n=2, num_candidates=6))
    made = ClipData([tracks], config, ClipConfig(augmentation=STILL), 1, 0).sample(
        0, 1, np.random.default_rng(0)
    )
    assert made["num_proposals"] == 4  # two people in two other frames
    shown = [crop.tobytes() for crop in made["proposals"]]
    assert len(set(shown)) == len(set(shown[:4])) == 4


def test_people_without_labels_are_no_keys(tracks: Tracks) -> None:
    labelled = np.flatnonzero((tracks.state == LABELLED).any(1))
    assert 0 < len(labelled) < len(tracks)
    names = {tracks.describe(row) for row in labelled.tolist()}
    how = ClipConfig(order="epochs", damaged_stride=1)
    clips = ClipData([tracks], TINY, how, 4, 0)
    assert clips.num_samples == len(labelled)
    assert clips.has_epochs
    assert not ClipData([tracks], TINY, ClipConfig(), 4, 0).has_epochs
    assert {name for step in range(5) for name in clips.describe(step)} == names
    data = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=2)
    assert data.keys.tolist() == [*labelled, *(labelled + len(tracks))]
    mix = FeatureMix([data], how, 8, 0)
    assert {name for step in range(40) for name in mix.describe(step)} == names


def test_all_keys_of_all_sets_are_equally_likely() -> None:
    sets = [
        FeatureData(Tracks(people), TINY, ClipConfig(), sample_pixels, seed=0, num_variants=1)
        for people in (Varied(9, seed=1), Varied(3, seed=2))
    ]
    mix = FeatureMix(sets, ClipConfig(), 8, 0)
    names = [name for step in range(60) for name in mix.describe(step)]
    share = np.mean([name.startswith("set1") for name in names])
    assert share == pytest.approx(16 / 20, abs=0.06)


def test_candidates_and_their_weights_are_of_the_key_s_variant(tracks: Tracks) -> None:
    how = ClipConfig(augmentation=STILL, box_noise=0.2)
    data = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=2)
    n = len(tracks)
    assert all(
        not np.array_equal(*pair) for pair in zip(data.clean[:n], data.clean[n:], strict=True)
    )
    for i in (3, n + 3):
        draw = data.draw(i, np.random.default_rng(0), damaged=False)
        rows = i // n * n + draw.proposals
        expected, weight = global_slots(data.embedding[i], data.embedding[rows], 2)
        made, (places, found) = data.make(draw), data.similar(draw)
        assert places.tolist() == expected.tolist()
        assert np.array_equal(found, weight)
        assert np.array_equal(made["global"], data.clean[rows[places]])


def test_the_teacher_of_joints_without_labels_sees_the_whole_key(tracks: Tracks) -> None:
    how = ClipConfig(damaged_stride=1, unlabelled_weight=0.5)
    data = FeatureData(tracks, TINY, how, sample_pixels, seed=0, num_variants=1)
    made = data.sample(3, np.random.default_rng(0), damaged=True)
    assert np.array_equal(made["clean"], data.clean[3])
    assert not np.array_equal(made["clean"], made["key"])


def stretches(tracks: Tracks, **how: Any) -> StretchData:
    data = StretchConfig(augmentation=STILL, num_frames=3, **how)
    return StretchData([tracks], DKDConfig(crop=CropSpec((64, 64))), data, 6, 0)


def test_a_stretch_shows_one_frame_after_the_other(tracks: Tracks) -> None:
    data = stretches(tracks)
    rows = data.rows(0, range(6))
    for number, rgb in enumerate(rows["rgb"]):
        begin = data._chosen(0, number)[1]
        assert np.array_equal(rgb, people_in(tracks, range(begin, begin + 3), CropSpec((64, 64))))
    weight = stretches(tracks, absent_weight=0.25).rows(0, range(6))["weight"]
    assert set(np.unique(weight).tolist()) == {0.0, 0.25, 1.0}


def test_beside_a_person_there_is_another(tracks: Tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[bool] = []

    def spy(one: Made, other: Made, *, left: bool) -> Made:
        pairs.append(np.array_equal(one["rgb"], other["rgb"]))
        return beside(one, other, left=left)

    monkeypatch.setattr("glpose.systems.dkd.data.beside", spy)
    data = stretches(tracks, beside_share=1.0)
    for step in range(4):
        data.rows(step, range(6))
    assert len(pairs) == 24
    assert np.mean(pairs) < 0.5  # places are drawn: one may be drawn twice


def test_aligned_neighbours_are_cut_with_boxes_of_their_own(
    tracks: Tracks, flowing: Flowing
) -> None:
    held = align_set(flowing, tracks, 4, 0.0, 0)
    for row, maps in zip(held.rows.tolist(), held.maps, strict=True):
        near = tracks.neighbours(row, FLOWING.offsets, FLOWING.neighbours.border).tolist()
        with torch.inference_mode():
            expected = flowing.encode(
                torch.from_numpy(people_in(tracks, [row, *near], FLOWING.crop))
            )
        np.testing.assert_allclose(maps, expected.numpy(), rtol=2e-3, atol=2e-3)


def test_no_row_has_the_numbers_that_chose_the_keys(tracks: Tracks, seeds: list[str]) -> None:
    data = ClipData([tracks], TINY, ClipConfig(), 3, 0)
    for step in (1, 2):
        data.rows(step, range(3))
    assert len(seeds) == len(set(seeds)) == 2 * 4
