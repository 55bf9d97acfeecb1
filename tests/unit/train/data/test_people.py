"""People as samples: single rows of a batch are the batch's, and each has a name."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from glpose.codecs.gaussian import GaussianCodec
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import PeopleConfig, PeopleData, Share, targets
from glpose.train.data.sets import LABELLED
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
def test_a_neighbour_changes_the_picture_and_no_target(tmp_path: Path):
    def rows(share: float) -> dict[str, np.ndarray]:
        config = PeopleConfig(
            shares=(Share("synth", 1.0),),
            augmentation=Augmentation(neighbour_share=share),
            min_side_px=16.0,
            num_synth_scenes=1,
        )
        crop, codec = CropSpec((64, 48)), GaussianCodec(HeatmapSpec((16, 12), 1.0))
        data = PeopleData(config, data_roots(), tmp_path, crop, codec, batch_size=16, seed=1)
        return dict(data.rows(0, range(16)))

    alone, beside = rows(0.0), rows(1.0)
    for name in ("heatmaps", "weight"):
        assert np.array_equal(alone[name], beside[name])
    changed = (alone["rgb"] != beside["rgb"]).any(-1).mean((1, 2))
    assert (changed > 0).sum() >= 12
    assert (changed < 0.8).all()
