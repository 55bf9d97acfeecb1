"""The table of sets, and that a set of labels is one entry in it and one reader."""

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from glpose.cli.evaluate import evaluate
from glpose.cli.main import main
from glpose.errors import BadConfig, BadInput
from glpose.evaluation.sets import Metric
from glpose.export.terms import describe
from glpose.formats.check import Part, Report
from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.sets import (
    DATASETS,
    Dataset,
    checks,
    dataset,
    root_names,
    sources,
    usual_validation,
)
from glpose.formats.tracks_in_space import LIFT_SETS
from glpose.imaging import write_image
from glpose.recipes import load_recipe
from glpose.skeleton import COCO17, JHMDB15, POSETRACK15
from glpose.synth.layouts import LAYOUTS
from glpose.train.change import with_roots, with_settings
from glpose.train.data.sets import LABELLED, UNLABELLED, open_people
from glpose.train.recipe import data_roots
from glpose.types import FrameTruth, People


def read_toy(root: Path, part: str) -> LabelledPictures:
    """A reader: one person in each picture, whose ears are not labelled."""
    pictures = []
    for number, path in enumerate(sorted((root / part).glob("*.png"))):
        people = People(
            np.array([[4, 4, 40, 50]], np.float32), np.ones(1, np.float32), np.ones(1, int)
        )
        visibility = np.full((1, 17), 2, np.int8)
        visibility[:, 3:5] = 0
        xy = np.full((1, 17, 2), 20.0, np.float32)
        pictures.append(LabelledPicture(path, FrameTruth(number, 0.0, people, xy, visibility)))
    return LabelledPictures(COCO17, pictures)


def check_toy(root: Path) -> Report:
    num = len(list((root / "train").glob("*.png")))
    return Report("toy", (Part("train", num > 0, {"pictures": num}),))


TOY = Dataset(
    "toy",
    "a toy: research only",
    root="toys",
    parts=("train", "val"),
    open=read_toy,
    layout="toy",
    check=check_toy,
)


def test_a_set_is_an_entry_and_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DATASETS, "toy", TOY)
    for part, num in (("train", 3), ("val", 2)):
        (tmp_path / part).mkdir()
        for i in range(num):
            write_image(tmp_path / part / f"{i}.png", np.full((60, 60, 3), i, np.uint8))
    # Rows to train on, in the joints of the network.
    recipe = with_roots(load_recipe("pretrain_small"), [f"toys={tmp_path}"])
    train, val = (
        open_people(name, recipe.roots, tmp_path, skeleton=COCO17) for name in ("toy", "toy-val")
    )
    assert (len(train), len(val)) == (3, 2)
    assert train[2].max() == 2
    assert (train.labels["state"][0] == UNLABELLED).nonzero()[0].tolist() == [3, 4]
    assert (train.labels["state"] == LABELLED).sum() == 3 * 15
    # How it is validated on, its line on cards, and the check on disk.
    assert dataset("toy-val").stride_of(2) == 1
    assert describe(("toy",))[0] == ("a toy: research only",)
    assert main(["data", "check", "toy", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"toy in {tmp_path}: complete")


@pytest.mark.parametrize("decoded", [None, lambda root: True])
def test_boxes_grow_however_the_pictures_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: Callable[[Path], bool] | None
) -> None:
    monkeypatch.setitem(DATASETS, "toy", replace(TOY, grow=0.5, decoded=decoded))
    (tmp_path / "train").mkdir()
    write_image(tmp_path / "train" / "0.png", np.zeros((60, 60, 3), np.uint8))
    recipe = with_roots(load_recipe("pretrain_small"), [f"toys={tmp_path}"])
    xyxy = open_people("toy", recipe.roots, tmp_path, skeleton=COCO17).labels["xyxy"]
    assert xyxy.tolist() == [[4 - 11.5, 4 - 11.5, 40 + 11.5, 50 + 11.5]]


def test_a_folder_can_be_set_by_name() -> None:
    recipe = with_settings(load_recipe("pretrain_small"), ["roots.coco=here"])
    assert recipe.roots == data_roots(coco="here")
    assert list(recipe.roots) == list(root_names())
    with pytest.raises(
        BadConfig, match=r"unknown setting 'cocoo' in Recipe\.roots; did you mean 'coc"
    ):
        with_settings(recipe, ["roots.cocoo=here"])
    with pytest.raises(BadConfig, match=r"Recipe.roots.coco: expected str, found 5 \(int\)"):
        with_settings(recipe, ["roots.coco=5"])
    with pytest.raises(BadConfig, match="unknown setting 'cocoo' in roots"):
        with_settings(recipe, ['roots={"cocoo": "here"}'])


def test_names_of_recipes_are_sets_and_parts() -> None:
    found = {name: (entry.name, part) for name, (entry, part) in sources().items()}
    assert found["coco"] == ("coco", "train")
    assert found["subjhmdb2-test"] == ("subjhmdb2", "test")
    assert "imagenet" not in found
    assert dataset("jhmdb-val") is DATASETS["jhmdb"]


def test_pictures_of_a_set_of_several_parts_say_which_they_are_of(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(3)]

    def write(*splits: str) -> None:
        named = [{**image, "split": split} for image, split in zip(images, splits, strict=False)]
        data = {"categories": [{}], "images": named + images[len(named) :], "annotations": []}
        (tmp_path / "person_keypoints.json").write_text(json.dumps(data), "utf-8")

    def opened(name: str) -> list[str]:
        found, part = sources()[name]
        assert found.open is not None
        assert found.boxes is not None
        labelled = found.open(tmp_path, part)
        assert isinstance(labelled, LabelledPictures)
        paths = [p.path for p in found.boxes(tmp_path, part)]
        assert paths == [p.path for p in labelled.pictures]
        return [path.stem for path in paths]

    write("train", "test", "train")
    assert (opened("lsp"), opened("lsp-test")) == (["0", "2"], ["1"])
    assert opened("lspet") == ["0", "2"]
    write("train", "test")
    for found in (DATASETS["lsp"], DATASETS["coco"]):
        for read in (found.open, found.boxes):
            assert read is not None
            with pytest.raises(
                BadInput, match=r"person_keypoints\.json: the picture 2 names no part"
            ):
                read(tmp_path, "train")
    write()
    assert opened("lspet") == ["0", "1", "2"]


def test_every_set_that_recipes_use_is_in_the_table() -> None:
    from glpose.recipes import RECIPES

    for name in RECIPES:
        recipe = load_recipe(name)
        assert set(recipe.data.set_names()) <= {*sources(), "taught", "mocap", *LIFT_SETS}, name
        assert set(recipe.pretrained_on) <= set(DATASETS), name


def test_layouts_that_are_written_are_those_that_are_checked() -> None:
    # Sets for lifting have no pictures to render.
    assert set(LAYOUTS) == set(checks()) - set(LIFT_SETS)
    assert set(LIFT_SETS) < set(checks())


def test_what_is_evaluated_are_the_sets_of_the_table_without_their_years() -> None:
    pictured = set(checks()) - set(LIFT_SETS)
    assert {layout.rstrip("0123456789") for layout in pictured} == set(get_args(Metric))
    offered = get_args(inspect.signature(evaluate).parameters["metric"].annotation)
    assert offered == (*get_args(Metric), *LIFT_SETS)


@pytest.mark.parametrize(
    "command", [["data", "check", "--help"], ["synth", "--help"]], ids=["check", "synth"]
)
def test_the_help_of_commands_names_the_layouts_of_the_table(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    words = re.sub(r"[^a-z0-9,.]+", " ", capsys.readouterr().out)
    names = set(re.findall(r"\b(?:(?:posetrack|jhmdb|coco)[0-9]*|h36m|humaneva|3dhp)\b", words))
    assert names == (set(LAYOUTS) if command[0] == "synth" else set(checks()))


def test_validation_goes_by_the_set_not_by_what_else_is_there() -> None:
    assert usual_validation(data_roots(jhmdb="x")) == "jhmdb-val"
    assert usual_validation(data_roots(coco="x")) == "synth-val"
    assert (dataset("jhmdb-val").stride_of(9000), dataset("synth").stride_of(9000)) == (3, 7)
    assert dataset("coco-val").stride_of(1025) == 3
    counted = dataset("jhmdb-val").counted_joints(POSETRACK15)
    missing = [joint for joint, is_in in zip(POSETRACK15.joints, counted, strict=True) if not is_in]
    assert missing == ["nose", "head_top"]
    assert dataset("jhmdb-val").counted_joints(JHMDB15).all()
    assert dataset("posetrack17-val").counted_joints(POSETRACK15).all()
