"""Training data of videos: what the samples of all systems that learn from clips must show.

The people here differ in every frame: pictures, boxes, joints, and which of these are labelled.
"""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.clip import Border  # noqa: E402
from glpose.errors import BadConfig  # noqa: E402
from glpose.nets.spec import HRNetConfig, ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.systems.flowing.data import align_set  # noqa: E402
from glpose.systems.flowing.net import Flowing  # noqa: E402
from glpose.systems.flowing.spec import FlowingConfig  # noqa: E402
from glpose.systems.glpose.data import ClipData  # noqa: E402
from glpose.systems.glpose.features import FeatureData, FeatureMix  # noqa: E402
from glpose.systems.glpose.net import GLPose  # noqa: E402
from glpose.systems.glpose.spec import (  # noqa: E402
    ClipConfig,
    GlobalConfig,
    GLPoseConfig,
    LocalConfig,
)
from glpose.systems.glpose.system import cached_features  # noqa: E402
from glpose.train.data.augment import Augmentation  # noqa: E402
from glpose.train.data.sets import ABSENT, LABELLED, UNLABELLED  # noqa: E402
from glpose.train.data.tracks import Tracks  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

pytestmark = pytest.mark.torch

SIZE_HW = (90, 120)
BACKBONE = HRNetConfig(
    width=8,
    stem_width=8,
    first="basic",
    first_width=8,
    first_blocks=1,
    num_modules=(1, 1),
    num_blocks=1,
)
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
