"""People as samples: what a batch holds, by the pictures in it; single rows are the batch's."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from glpose.codecs.gaussian import GaussianCodec
from glpose.errors import BadConfig, BadInput
from glpose.skeleton import POSETRACK15
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import Order, PeopleConfig, PeopleData, Share, targets
from glpose.train.data.sets import ABSENT, LABELLED, UNLABELLED
from glpose.train.data.store import PictureStore, write_store
from glpose.train.recipe import data_roots
from glpose.types import CropSpec, HeatmapSpec
from offset_codec import OffsetCodec


@pytest.mark.slow
def test_rows_are_those_of_the_batch_and_are_named(tmp_path: Path):
    config = PeopleConfig(
        shares=(Share("synth", 1.0),),
        augmentation=Augmentation(colour=0.2, damage_share=0.5),
        min_side_px=16.0,
        num_synth_scenes=1,
    )
    crop, codec = CropSpec((64, 48)), GaussianCodec(HeatmapSpec((16, 12), 1.0))
    data = PeopleData(config, data_roots(), tmp_path, crop, codec, batch_size=5, seed=1)
    assert data.num_samples > 5
    assert config.set_names() == ("synth",)
    whole, some = data.rows(3, range(5)), data.rows(3, [1, 4])
    for name, rows in some.items():
        assert np.array_equal(rows, whole[name][[1, 4]])
    assert len(whole["rgb"]) == 5
    names = data.describe(3)
    assert len(names) == 5
    assert all(", frame " in name and ", person " in name for name in names)


@pytest.mark.parametrize(("mapping", "low"), [("centre", -0.5), ("origin", 0.0)])
def test_joints_at_the_edges_of_the_crop_count(mapping: Literal["centre", "origin"], low: float):
    heatmap = HeatmapSpec((16, 12), 1.0, mapping, rounded=True)
    inside = np.array([[low, low], [low + 12, low + 16], [6, 8]])
    outside = inside[:2] + [[-0.01, 0], [0, 0.01]]
    state = np.full(5, LABELLED)
    found = targets(np.concatenate([inside, outside]), state, GaussianCodec(heatmap), 0.5)
    target, weight = found["heatmaps"], found["weight"]
    assert weight.tolist() == [1, 1, 1, 0, 0]
    assert target[:3].any((1, 2)).all()
    assert not target[3:].any()


@pytest.mark.slow
def test_any_codec_makes_the_targets(tmp_path: Path):
    """The maps of a batch are those of the codec, by its names."""
    config = PeopleConfig(
        shares=(Share("synth", 1.0),),
        augmentation=Augmentation(),
        min_side_px=16.0,
        num_synth_scenes=1,
    )
    codec = OffsetCodec((16, 12))
    data = PeopleData(config, data_roots(), tmp_path, CropSpec((64, 48)), codec, 3, seed=1)
    batch = data.rows(0, range(3))
    assert set(batch) == {"rgb", "scores", "offsets", "weight"}
    assert batch["offsets"].shape == (3, 30, 16, 12)
    found, score = codec.decode(batch)
    assert np.isfinite(found[batch["weight"] == 1]).all()
    assert score[batch["weight"] == 1].all()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "most"), [("neighbour_share", 0.8), ("glare_share", 1.0)])
def test_a_neighbour_or_a_light_changes_the_picture_and_no_target(
    tmp_path: Path, name: str, most: float
):
    def rows(share: float) -> dict[str, np.ndarray]:
        config = PeopleConfig(
            shares=(Share("synth", 1.0),),
            augmentation=replace(Augmentation(), **{name: share}),
            min_side_px=16.0,
            num_synth_scenes=1,
        )
        crop, codec = CropSpec((64, 48)), GaussianCodec(HeatmapSpec((16, 12), 1.0))
        data = PeopleData(config, data_roots(), tmp_path, crop, codec, batch_size=16, seed=1)
        return dict(data.rows(0, range(16)))

    plain, other = rows(0.0), rows(1.0)
    for target in ("heatmaps", "weight"):
        assert np.array_equal(plain[target], other[target])
    changed = (plain["rgb"] != other["rgb"]).any(-1).mean((1, 2))
    assert (changed > 0).sum() >= 12
    assert (changed <= most).all()


# --- pictures with a dot of its own colour at each joint of a person ---

NUM = len(POSETRACK15.joints)
COLOURS = np.array(
    [[60 + 95 * (j % 3), 60 + 95 * (j // 3 % 3), 60 + 95 * (j // 9)] for j in range(NUM)]
)
BOX = [20, 10, 140, 170]
SPEC, CODEC = CropSpec((64, 48)), GaussianCodec(HeatmapSpec((64, 48), 1.0))
STILL = Augmentation(rotation_share=0.0, scale=0.0, half_body_share=0.0, flip_share=0.0)


def one_person(
    state: list[int] | None = None, xyxy: list[float] | None = None, clip: int = 0
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A grey picture of 160 x 180 pixels with a person, whose joints are on a grid."""
    j = np.arange(NUM)
    xy = np.stack([40 + 40 * (j % 3), 30 + 30 * (j // 3)], 1)
    rgb = np.full((180, 160, 3), 20, np.uint8)
    for (x, y), colour in zip(xy, COLOURS, strict=True):
        rgb[y - 6 : y + 7, x - 6 : x + 7] = colour
    return rgb, {
        "xyxy": np.array([xyxy or BOX], np.float32),
        "xy": xy[None].astype(np.float32),
        "state": np.array([state or [LABELLED] * NUM], np.int8),
        **{name: np.array([value]) for name, value in (("clip", clip), ("frame", 0), ("track", 1))},
    }


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `PeopleData` of sets by name, each given by its pictures."""

    def made(*sets: list, **settings: Any) -> PeopleData:
        stores: dict[str, PictureStore] = {}
        for pictures in sets:
            name = f"set{len(list(tmp_path.iterdir()))}"
            stores[name] = write_store(tmp_path / name, pictures)
        monkeypatch.setattr(
            "glpose.train.data.people.open_people", lambda source, *_, **__: stores[source]
        )
        shares = settings.pop("shares", (1.0,) * len(sets))
        strides = settings.pop("strides", (1,) * len(sets))
        config = PeopleConfig(
            shares=tuple(map(Share, stores, shares, strides)),
            augmentation=settings.pop("augmentation", STILL),
            **settings,
        )
        return PeopleData(config, data_roots(), tmp_path, SPEC, CODEC, 16, seed=3)

    return made


def clips_of(data: PeopleData, num_steps: int = 20) -> Counter[str]:
    """How often each clip is drawn."""
    return Counter(name.split(",")[0] for step in range(num_steps) for name in data.describe(step))


MOVED = Augmentation(
    shift=0.05, rotation_share=1.0, rotation_deg=20.0, scale=0.1, half_body_share=0.0
)


@pytest.mark.parametrize("flip_share", [0.0, 1.0])
def test_each_target_lies_on_the_dot_of_its_joint(people: Any, flip_share: float) -> None:
    data = people([one_person()], augmentation=replace(MOVED, flip_share=flip_share))
    expected = POSETRACK15.mirror if flip_share else range(NUM)
    num_seen = 0
    for step in range(3):
        batch = data.rows(step, range(16))
        xy, _ = CODEC.decode(batch)
        for rgb, at, weight in zip(batch["rgb"], xy, batch["weight"], strict=True):
            for j, joint in enumerate(expected):
                x, y = np.rint(at[j]).astype(int)
                if weight[j] and 1 <= x < 47 and 1 <= y < 63:
                    colour = rgb[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).mean(0)
                    assert np.abs(COLOURS - colour).sum(1).argmin() == joint
                    num_seen += 1
    assert num_seen > 500


def test_sets_are_drawn_by_their_shares(people: Any) -> None:
    """Not by their sizes."""
    few, many = [one_person(clip=1)], [one_person(clip=2)] * 5
    drawn = people(few, many, shares=(3.0, 1.0))
    found = clips_of(drawn)
    assert found["clip 1"] / found.total() == pytest.approx(0.75, abs=0.07)
    assert set(found) == {"clip 1", "clip 2"}
    by_epochs = people(few, many, shares=(3.0, 1.0), order="epochs")
    assert by_epochs.num_samples == drawn.num_samples == 6
    assert (by_epochs.has_epochs, drawn.has_epochs) == (True, False)
    # Six epochs of one step each, which is filled up from its beginning.
    assert 0 < clips_of(by_epochs, 6)["clip 1"] / 96 < 0.4


def test_a_person_with_few_joints_is_left_out(people: Any) -> None:
    states = [[LABELLED] * n + [UNLABELLED] * (NUM - n) for n in (3, 4, 5)]
    pictures = [one_person(state, clip=sum(state)) for state in states]
    assert set(clips_of(people(pictures))) == {"clip 4", "clip 5"}
    assert set(clips_of(people(pictures, min_joints=5))) == {"clip 5"}


def test_a_small_person_is_left_out(people: Any) -> None:
    boxes = [[20, 10, 20 + width, 40] for width in (47, 48, 60)]
    pictures = [one_person(xyxy=box, clip=box[2] - 20) for box in boxes]
    assert set(clips_of(people(pictures))) == {"clip 48", "clip 60"}
    assert set(clips_of(people(pictures, min_side_px=49.0))) == {"clip 60"}


def test_a_stride_takes_every_nth_picture(people: Any) -> None:
    pictures = [one_person(clip=clip) for clip in range(7)]
    assert set(clips_of(people(pictures, strides=(3,)))) == {"clip 0", "clip 3", "clip 6"}


@pytest.mark.parametrize("order", ["random", "epochs"])
def test_a_set_without_people_to_train_on_is_named(people: Any, order: Order) -> None:
    beside = replace(STILL, neighbour_share=1.0)
    small = [one_person(xyxy=[20, 10, 60, 40])]
    with pytest.raises(
        BadInput, match=r"the set set1 has no people to train on \(1 are labelled\)"
    ):
        people([one_person()], small, order=order, augmentation=beside)


def test_shares_say_what_to_train_on(people: Any) -> None:
    with pytest.raises(BadConfig, match="all shares are 0; expected at least one above 0"):
        people([one_person()], [one_person()], shares=(0.0, 0.0))
    with pytest.raises(BadConfig, match=r"shares: set\d: share is -1.0; expected 0 to 1e\+06"):
        people([one_person()], shares=(-1.0,))
    with pytest.raises(BadConfig, match=r"shares: set\d: stride is 0; expected 1 to 1e\+06"):
        people([one_person()], strides=(0,))
    with pytest.raises(BadConfig, match=r"shares is \[\]; expected a list of 1 to 1000"):
        people()


def test_boxes_are_clipped_where_the_recipe_says_so(people: Any) -> None:
    outside, inside = [20, 10, 300, 400], [20, 10, 159, 179]
    clipped, cut_inside, whole = (
        people([one_person(xyxy=box)], clip_boxes=clip).rows(0, range(2))
        for box, clip in ((outside, True), (inside, False), (outside, False))
    )
    assert np.array_equal(clipped["rgb"], cut_inside["rgb"])
    assert np.array_equal(clipped["heatmaps"], cut_inside["heatmaps"])
    assert not np.array_equal(clipped["rgb"], whole["rgb"])


def test_a_joint_that_is_known_to_be_absent_has_an_empty_map_and_its_weight(people: Any) -> None:
    state = [LABELLED] * (NUM - 2) + [ABSENT, UNLABELLED]
    batch = people([one_person(state)], absent_weight=0.3).rows(0, range(3))
    assert batch["weight"] == pytest.approx(np.tile([1.0] * (NUM - 2) + [0.3, 0.0], (3, 1)))
    assert not batch["heatmaps"][:, -2:].any()
    assert batch["heatmaps"][:, :-2].any((2, 3)).all()


@pytest.mark.parametrize("how", ["colour", "damage_share"])
def test_colours_and_damage_change_the_picture_and_no_target(people: Any, how: str) -> None:
    plain = people([one_person()], augmentation=MOVED).rows(0, range(16))
    other = people([one_person()], augmentation=replace(MOVED, **{how: 0.9})).rows(0, range(16))
    assert np.array_equal(plain["heatmaps"], other["heatmaps"])
    assert (plain["rgb"] != other["rgb"]).any((1, 2, 3)).sum() >= 12


def test_each_step_and_each_row_is_augmented_in_its_own_way(people: Any) -> None:
    data = people([one_person()], augmentation=MOVED)
    maps = [row for step in range(4) for row in data.rows(step, range(16))["heatmaps"]]
    assert len({row.tobytes() for row in maps}) == 64
    again = people([one_person()], augmentation=MOVED).rows(3, range(16))["heatmaps"]
    assert np.array_equal(again, maps[48:])


def test_no_row_has_the_numbers_that_chose_the_people(people: Any, seeds: list[str]) -> None:
    data = people([one_person()])
    for step in (1, 2):
        data.rows(step, range(16))
    assert len(seeds) == len(set(seeds)) == 2 * 17
