"""People as samples: single rows of a batch are the batch's, and each has a name."""

from pathlib import Path

import numpy as np

from glpose.train.augment import Augmentation
from glpose.train.people import PeopleConfig, PeopleData, Share, SizePhase
from glpose.train.recipe import DataRoots
from glpose.types import CropSpec, HeatmapSpec


def test_rows_are_those_of_the_batch_and_are_named(tmp_path: Path):
    config = PeopleConfig(
        shares=(Share("synth", 1.0),),
        phases=(SizePhase(0, (64, 48)),),
        augmentation=Augmentation(colour=0.2, damage_share=0.5),
        min_side_px=16.0,
        num_synth_scenes=1,
    )
    crop, heatmap = CropSpec((64, 48)), HeatmapSpec((16, 12), 1.0)
    data = PeopleData(config, DataRoots(), tmp_path, crop, heatmap, batch_size=5, seed=1)
    assert data.num_samples > 5
    assert config.set_names() == ("synth",)
    whole, some = data.batch(3), data.rows(3, [1, 4])
    for name, rows in some.items():
        assert np.array_equal(rows, whole[name][[1, 4]])
    assert len(whole["rgb"]) == 5
    names = data.describe(3)
    assert len(names) == 5
    assert all(", frame " in name and ", person " in name for name in names)
