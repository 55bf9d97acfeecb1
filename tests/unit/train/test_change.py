"""What a call changes in a recipe: folders of data, with the set's name or without."""

from pathlib import Path

import pytest

from glpose.errors import BadConfig, BadInput
from glpose.recipes import load_recipe
from glpose.train.change import with_roots


def test_a_folder_needs_no_name_where_the_recipe_has_one_set(tmp_path: Path):
    roots = with_roots(load_recipe("glpose_small"), [str(tmp_path)]).roots
    assert (roots["jhmdb"], roots["lspet"]) == (str(tmp_path.resolve()), "")
    named = with_roots(load_recipe("glpose_small"), [f"jhmdb={tmp_path}"]).roots
    assert named == roots


def test_its_parts_are_one_set(tmp_path: Path):
    # Trained on a split's training part and validated on its other one.
    roots = with_roots(load_recipe("glpose_w48_subjhmdb2"), [str(tmp_path)]).roots
    assert roots["subjhmdb"] == str(tmp_path.resolve())


def test_several_sets_want_names(tmp_path: Path):
    recipe = load_recipe("pretrain_small")
    with pytest.raises(BadConfig, match=r"several sets \(badminton, coco, free_"):
        with_roots(recipe, [str(tmp_path)])
    with pytest.raises(BadConfig, match="unknown set 'jhmbd'; did you mean 'jhmdb'"):
        with_roots(recipe, [f"jhmbd={tmp_path}"])
    with pytest.raises(BadConfig, match="unknown set 'x'; known: lspet, lsp, coco"):
        with_roots(recipe, [f"x={tmp_path}"])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BadInput, match="nowhere is not a folder"):
        with_roots(load_recipe("glpose_small"), [str(tmp_path / "nowhere")])
