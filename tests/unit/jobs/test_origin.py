"""What the weights that training starts from have seen: told by the file, and kept on every card."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from glpose.config import to_plain
from glpose.errors import BadConfig
from glpose.jobs.origin import with_origin
from glpose.recipes import load_recipe
from glpose.runtime.load import shipped
from glpose.systems import load_system
from glpose.train.change import on_synth_only, with_settings
from glpose.train.recipe import Recipe

ON_COCO = with_settings(
    load_recipe("longer_small"),
    ['data.shares=[{"source":"coco","share":1.0}]', "data.taught=false", "init_from=imagenet"],
)


def saved(recipe: Recipe, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"recipe": json.dumps(to_plain(recipe)), "ema": {}}, path)
    return path


def card_of(recipe: Recipe) -> set[str]:
    return set(load_system(recipe.system).open(recipe, Path()).sets_seen())


def test_what_a_run_has_seen_is_on_the_cards_of_all_that_come_from_it(tmp_path: Path) -> None:
    first = with_origin(ON_COCO)
    assert card_of(first) == {"imagenet", "coco"}
    best = saved(first, tmp_path / "one" / "best.pt")
    for name, begin in (("pretrain_small", best.parent), ("queries_small", best)):
        then = with_origin(replace(on_synth_only(load_recipe(name)), init_from=str(begin)))
        assert card_of(then) == {"imagenet", "coco", "synth"}
        last = saved(then, tmp_path / "two" / "last.pt")
        third = with_origin(replace(load_recipe("crowded_small"), init_from=str(last)))
        assert card_of(third) >= {"imagenet", "coco", "synth", "lspet", "taught"}


def test_a_detector_has_seen_the_sets_with_folders(tmp_path: Path) -> None:
    recipe = load_recipe("person_small")
    recipe = replace(recipe, roots={**recipe.roots, "lsp": "/lsp"}, init_from="imagenet")
    begin = saved(with_origin(recipe), tmp_path / "best.pt")
    then = with_origin(replace(load_recipe("person_longer"), init_from=str(begin)))
    assert set(then.pretrained_on) == {"imagenet", "lsp", "synth"}


def test_a_card_counts_in_place_of_the_list_of_the_recipe() -> None:
    encoder = next(w for w in shipped() if w.name == "pose_small").part("encoder")
    recipe = replace(load_recipe("dkd_small"), init_from=str(encoder), pretrained_on=("3dhp",))
    found = with_origin(recipe).pretrained_on
    assert "jhmdb" in found
    assert "3dhp" not in found
    assert set(with_origin(recipe, named=True).pretrained_on) == {*found, "3dhp"}


@pytest.mark.parametrize("name", ["imported.safetensors", "gone.pt", "other.pt"])
def test_the_list_of_the_recipe_counts_where_the_file_says_nothing(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "imported.safetensors").write_bytes(b"")
    torch.save({"ema": {}}, tmp_path / "other.pt")
    recipe = replace(ON_COCO, init_from=str(tmp_path / name), pretrained_on=("posetrack17",))
    assert card_of(with_origin(recipe)) == {"posetrack17", "coco"}


def test_a_set_that_is_not_known_is_refused_at_once() -> None:
    with pytest.raises(BadConfig, match="'mydata' are not known"):
        with_origin(replace(ON_COCO, init_from="", pretrained_on=("mydata",)))
