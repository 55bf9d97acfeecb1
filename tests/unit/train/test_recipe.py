"""What a recipe says of the sets that it uses."""

from pathlib import Path

import pytest

from glpose.recipes import RECIPES, load_recipe
from glpose.train.change import with_roots, with_settings


def test_no_recipe_is_validated_on_what_it_is_trained_on(tmp_path: Path) -> None:
    jhmdb = [f"jhmdb={tmp_path}"]
    for name in RECIPES:
        assert load_recipe(name).trained_and_validated_on() == ""
        assert with_roots(load_recipe(name), jhmdb).trained_and_validated_on() == ""


SHARES = 'data.shares=[{"source":"coco","share":1},{"source":"jhmdb-val","share":1}]'


@pytest.mark.parametrize(
    ("recipe", "changes", "seen"),
    [
        ("longer_small", ["data.validation=coco"], "coco"),
        ("longer_small", ["data.validation=coco-val"], ""),
        ("longer_small", [SHARES, "data.validation=jhmdb-val"], "jhmdb-val"),
        ("longer_small", [SHARES, "data.validation="], "jhmdb-val"),
        ("longer_small", [SHARES, "data.validation=coco-val"], ""),
        ("glpose_small", ["data.validation=jhmdb"], "jhmdb"),
        ("dkd_small", ['data.sources=["jhmdb","jhmdb-val"]'], "jhmdb-val"),
        ("flowing_small", ["data.validation=jhmdb"], "jhmdb"),
        ("person_small", ["data.coco_share=1"], ""),
    ],
)
def test_a_set_that_is_trained_and_validated_on_is_known(
    recipe: str, changes: list[str], seen: str, tmp_path: Path
) -> None:
    made = with_settings(with_roots(load_recipe(recipe), [f"jhmdb={tmp_path}"]), changes)
    assert made.trained_and_validated_on() == seen
