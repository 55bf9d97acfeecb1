"""What a call changes in a recipe: folders of data, with the set's name or without."""

from pathlib import Path

import pytest

from glpose.errors import BadConfig, BadInput
from glpose.recipes import load_recipe
from glpose.train.change import on_synth_only, with_roots, with_settings


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


@pytest.mark.parametrize("recipe", ["leaning_small", "flowing_small", "dkd_small"])
def test_settings_that_belong_together_are_set_one_by_one_in_any_order(recipe: str):
    given = ["model.skeleton=posetrack15", "model.num_joints=15"]
    for changes in (given, given[::-1]):
        model = with_settings(on_synth_only(load_recipe(recipe)), changes).model
        assert (model.skeleton, model.num_joints) == ("posetrack15", 15)
    with pytest.raises(BadConfig, match="set both"):
        with_settings(load_recipe(recipe), given[:1])


def test_the_last_setting_of_a_name_counts():
    recipe = load_recipe("leaning_small")
    optimizer = '{"lr": 0.5, "gamma": 0.2}'
    given = ["optimizer.lr=0.1", f"optimizer={optimizer}", "optimizer.lr=0.3"]
    found = with_settings(recipe, given).optimizer
    assert (found.lr, found.gamma, found.kind) == (0.3, 0.2, recipe.optimizer.kind)
    assert with_settings(recipe, [*given, f"optimizer={optimizer}"]).optimizer.lr == 0.5
    roots = with_settings(
        recipe, ['roots={"coco": "a", "lsp": "b"}', "roots.lsp=c", "roots.jhmdb=d"]
    )
    assert {name: folder for name, folder in roots.roots.items() if folder} == {
        "coco": "a", "lsp": "c", "jhmdb": "d",
    }  # fmt: skip
    with pytest.raises(BadConfig, match="--set lr: expected NAME=VALUE"):
        with_settings(recipe, ["lr"])
