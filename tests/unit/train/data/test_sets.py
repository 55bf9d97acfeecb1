"""Labelled sets in their official layout as training samples."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glpose.codecs.gaussian import GaussianCodec
from glpose.errors import BadConfig, BadInput
from glpose.formats.dataset import LabelledPicture, LabelledPictures, LabelledSequence
from glpose.formats.posetrack.labels import open_posetrack
from glpose.formats.sets import DATASETS, Dataset, root_names, sources
from glpose.imaging import write_image
from glpose.skeleton import JHMDB15, POSETRACK15
from glpose.synth.layouts import write_layout
from glpose.train.data.people import targets
from glpose.train.data.sets import LABELLED, digests_of, open_people
from glpose.train.data.store import PictureFiles, PictureStore
from glpose.train.recipe import data_roots
from glpose.types import FrameTruth, HeatmapSpec, People
from posetrack_sets import (
    document18,
    entry17,
    image18,
    person17,
    person18,
    point17,
    set17,
    set18,
    write,
)

# All sets are rendered and written before the first test.
pytestmark = pytest.mark.slow

SIZE = (96, 128)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("layouts")
    names = {"posetrack17": "posetrack17", "posetrack18": "posetrack18", "subjhmdb": "jhmdb"}
    for name in (*names.values(), "coco"):
        write_layout(name, folder / name, num_videos=4, num_frames=5, size_hw=SIZE)
    return data_roots(
        coco=str(folder / "coco"), **{key: str(folder / name) for key, name in names.items()}
    )


@pytest.mark.parametrize("year", [2017, 2018])
def test_posetrack_has_all_frames_as_pictures_and_labelled_people_as_rows(
    roots: dict[str, str], year: int, tmp_path: Path
) -> None:
    name = f"posetrack{year - 2000}"
    pictures = open_people(name, roots, tmp_path)
    sequences = open_posetrack(Path(roots[name]), year, "train")
    assert isinstance(pictures, PictureFiles)
    assert len(pictures) == sum(len(s.images) for s in sequences) == len(pictures.places())
    truths = [(i, truth) for i, s in enumerate(sequences) for truth in s.truth()]
    assert len({truth.frame for _, truth in truths}) < max(len(s.images) for s in sequences)
    labels = pictures.labels
    assert 0 < len(labels["clip"]) <= sum(len(truth.people) for _, truth in truths)
    for row in range(len(labels["clip"])):
        place = (int(labels["clip"][row]), int(labels["frame"][row]))
        assert pictures.places()[place] == labels["picture"][row]
        assert (labels["state"][row] == LABELLED).any()
        assert np.isfinite(labels["xy"][row][labels["state"][row] == LABELLED]).all()
    assert pictures[0].shape == (*SIZE, 3)
    assert pictures.clip_name(0) == sequences[0].name


@pytest.mark.parametrize(("year", "weights"), [(2017, [1, 1, 0]), (2018, [1, 0, 0])])
def test_hidden_joints_count_in_2017_and_not_in_2018(
    tmp_path: Path, year: int, weights: list[float]
) -> None:
    """Joint 0 is seen, 13 has coordinates and flag 0, and 5 is not labelled at all."""
    root = tmp_path / "set"
    points = [point17(0, 10, 20, is_visible=1), point17(13, 30, 40, is_visible=0)]
    joints = {0: (10.0, 20.0, 1), 13: (30.0, 40.0, 0)}
    if year == 2017:
        set17(root, 1, [0])
        document: dict = {"annolist": [entry17(1, person17(1, points))]}
    else:
        set18(root, 1, [0])
        document = document18([image18(0)], [person18(0, 1, joints)])
    (file,) = (root / "annotations" / "val").iterdir()
    write(file, document)
    name = f"posetrack{year - 2000}"
    labels = open_people(f"{name}-val", data_roots(**{name: str(root)}), tmp_path / "cache").labels
    codec = GaussianCodec(HeatmapSpec((64, 48), 1.0))
    found = targets(np.nan_to_num(labels["xy"][0]), labels["state"][0], codec, absent_weight=0.5)
    assert found["weight"][[0, 13, 5]].tolist() == weights
    assert found["heatmaps"].any((1, 2))[[0, 13, 5]].tolist() == [weight > 0 for weight in weights]


def test_subjhmdb_keeps_all_its_joints_for_a_network_of_them(
    roots: dict[str, str], tmp_path: Path
) -> None:
    pictures = open_people("subjhmdb1", roots, tmp_path, skeleton=JHMDB15)
    assert (pictures.labels["state"] == LABELLED).all()
    fewer = open_people("subjhmdb1", roots, tmp_path).labels["state"]
    unlabelled = [POSETRACK15.joints[j] for j in np.flatnonzero((fewer != LABELLED).all(0))]
    assert unlabelled == ["head_top"]


def test_splits_of_subjhmdb_share_no_clip(roots: dict[str, str], tmp_path: Path) -> None:
    parts = [open_people(f"subjhmdb2{part}", roots, tmp_path) for part in ("", "-test")]
    names = [{p.clip_name(int(c)) for c in p.labels["clip"]} for p in parts]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


def test_coco_is_one_clip_a_picture(roots: dict[str, str], tmp_path: Path) -> None:
    pictures = open_people("coco", roots, tmp_path)
    assert (pictures.labels["clip"] == pictures.labels["picture"]).all()
    assert (pictures.labels["frame"] == 0).all()


def test_synth_is_decoded_once(tmp_path: Path) -> None:
    made = open_people("synth", data_roots(), tmp_path, 1)
    assert isinstance(made, PictureStore)
    (folder,) = tmp_path.glob("synth-1-*")
    written = (folder / "index.npz").stat().st_mtime_ns
    assert len(open_people("synth", data_roots(), tmp_path, 1)) == len(made)
    assert (folder / "index.npz").stat().st_mtime_ns == written


def test_a_store_is_made_anew_for_other_labels_and_pictures_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = tmp_path / "badminton", tmp_path / "cache"
    (root / "images").mkdir(parents=True)
    write_image(root / "images" / "1.png", np.full((40, 40, 3), 60, np.uint8))
    person = {"id": 1, "image_id": 1, "bbox": [5, 5, 20, 30], "keypoints": [9, 9, 2] * 17}
    data = {
        "categories": [{}],
        "images": [{"id": 1, "file_name": "1.png"}],
        "annotations": [person],
    }
    roots = data_roots(badminton=str(root))

    def opened() -> PictureStore:
        (root / "person_keypoints.json").write_text(json.dumps(data), "utf-8")
        store = open_people("badminton", roots, cache)
        assert isinstance(store, PictureStore)
        return store

    before = opened()
    assert before.labels["xyxy"].tolist() == [[5, 5, 25, 35]]
    person["bbox"] = [5, 5, 10, 30]
    digests = [digests_of({"badminton": s, "synth": s}) for s in (before, opened(), opened())]
    assert [list(digest) for digest in digests] == 3 * [["badminton"]]  # synth is in the recipe
    assert digests[0] != digests[1] == digests[2]
    assert opened().labels["xyxy"].tolist() == [[5, 5, 15, 35]]
    assert len(list(cache.glob("badminton-*"))) == 2
    with monkeypatch.context() as patch:
        patch.setitem(DATASETS, "badminton", replace(DATASETS["badminton"], grow=0.2))
        assert opened().labels["xyxy"].tolist() == [[2, 2, 18, 38]]
    monkeypatch.setattr("glpose.formats.dataset.read_image", None)
    (root / "notes.txt").write_text("mine", "utf-8")
    data["info"] = {"version": "2"}
    assert opened().labels["xyxy"].tolist() == [[5, 5, 15, 35]]
    monkeypatch.undo()
    write_image(root / "images" / "1.png", np.full((40, 40, 3), 90, np.uint8))
    assert (opened()[0] == 90).all()


def test_a_set_without_people_to_train_on_is_named(tmp_path: Path) -> None:
    root = tmp_path / "badminton"
    (root / "images").mkdir(parents=True)
    data = {"categories": [{}], "images": [{"id": 1, "file_name": "1.png"}], "annotations": []}
    (root / "person_keypoints.json").write_text(json.dumps(data), "utf-8")
    with pytest.raises(
        BadInput, match=rf"^the set badminton in {root}: no picture with a labelled"
    ):
        open_people("badminton", data_roots(badminton=str(root)), tmp_path / "cache")


def test_sets_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="unknown set 'posetrack19'; known: lspet"):
        open_people("posetrack19", data_roots(), tmp_path)
    with pytest.raises(BadConfig, match="uses posetrack17, but its folder is not given"):
        open_people("posetrack17-val", data_roots(), tmp_path)
    for name in root_names():
        (tmp_path / name).mkdir()
    empty = data_roots(**{name: str(tmp_path / name) for name in root_names()})
    for source, (found, _) in sources().items():
        if found.open is not None:
            with pytest.raises(BadInput):
                open_people(source, empty, tmp_path / "cache")


def test_coco_pictures_that_are_missing_are_said_before_training(
    roots: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(roots["coco"], tmp_path / "coco")
    lost = data_roots(coco=str(tmp_path / "coco"))
    labels = open_people("coco-val", lost, tmp_path).labels
    pictures = sorted((tmp_path / "coco" / "val2017").iterdir())
    name = pictures[int(labels["picture"][0])].name
    (tmp_path / "coco" / "val2017" / name).unlink()
    with pytest.raises(BadInput, match=rf"{name}: not found; 1 of \d+ pictures with labels"):
        open_people("coco-val", lost, tmp_path)


@pytest.mark.parametrize("is_subset", [False, True])
def test_pictures_of_another_size_than_was_labelled_are_not_trained_on(
    roots: dict[str, str], tmp_path: Path, is_subset: bool
) -> None:
    official, root = Path(roots["coco"]), tmp_path / "coco"
    if is_subset:
        labels = json.loads(
            (official / "annotations" / "person_keypoints_val2017.json").read_text()
        )
        labels["images"] = [image | {"split": "train"} for image in labels["images"]]
        shutil.copytree(official / "val2017", root / "images")
        (root / "person_keypoints.json").write_text(json.dumps(labels))
    else:
        shutil.copytree(official, root)
    for path in root.glob("*/*.jpg"):
        write_image(path, np.zeros((SIZE[0] // 2, SIZE[1] // 2, 3), np.uint8))
    with pytest.raises(BadInput, match="has 64 x 48 pixels as shown, its labels are for 128 x 96"):
        open_people("coco", data_roots(coco=str(root)), tmp_path)[0]


def test_an_empty_folder_is_told_what_coco_needs(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unpack annotations_trainval2017\.zip"):
        open_people("coco", data_roots(coco=str(tmp_path)), tmp_path)


def test_validation_on_synth_is_on_other_scenes(tmp_path: Path) -> None:
    trained, held = (
        open_people(name, data_roots(), tmp_path, 2) for name in ("synth", "synth-val")
    )
    assert set(held.labels["clip"].tolist()) == {2}
    assert set(trained.labels["clip"].tolist()) == {0, 1}
    assert not any(np.array_equal(held[0], trained[i]) for i in range(len(trained)))


KINDS = [(frames, decoded) for frames in (True, False) for decoded in (True, False)]


def set_of(
    folder: Path, boxes: list[list[float]], *, joints: list[bool], frames: bool, decoded: bool
) -> Dataset:
    """A set of two pictures, of a video or not; the second has people with these boxes or joints."""
    paths = tuple(folder / f"{i}.png" for i in range(2))
    for path in paths:
        write_image(path, np.zeros((60, 80, 3), np.uint8))
    n = len(boxes)
    truth = FrameTruth(
        1,
        0.0,
        People(np.float32(boxes).reshape(n, 4), np.ones(n, np.float32), np.arange(n)),
        np.full((n, 15, 2), 20.0, np.float32),
        np.where(np.array(joints, bool)[:, None], 2, 0).repeat(15, 1).astype(np.int8),
    )
    none = FrameTruth(0, 0.0, People.empty(), truth.xy[:0], truth.visibility[:0])
    opened = (
        [LabelledSequence("a/clip", JHMDB15, lambda: (none, truth), paths)]
        if frames
        else LabelledPictures(JHMDB15, [LabelledPicture(paths[1], truth)])
    )
    return Dataset(
        "badminton",
        "none",
        root="badminton",
        parts=("train",),
        open=lambda root, part: opened,
        decoded=lambda root: decoded,
    )


WHOLE, FLAT, EXCHANGED = [5.0, 5.0, 40.0, 50.0], [5.0, 5.0, 40.0, 5.0], [40.0, 5.0, 5.0, 50.0]


@pytest.mark.parametrize(("frames", "decoded"), KINDS)
def test_people_with_empty_boxes_are_left_out_however_a_set_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: bool, decoded: bool
) -> None:
    made = set_of(
        tmp_path,
        [FLAT, WHOLE, WHOLE, FLAT],
        joints=[True, True, False, False],
        frames=frames,
        decoded=decoded,
    )
    monkeypatch.setitem(DATASETS, "badminton", made)
    found = open_people("badminton", data_roots(badminton=str(tmp_path)), tmp_path / "cache")
    # A video's decoded frames have people without joints, too: neighbours of those with some.
    assert found.labels["track"].tolist() == ([1, 2] if decoded else [1])
    assert {len(values) for values in found.labels.values()} == {len(found.labels["track"])}
    assert found.labels["xyxy"].tolist() == [WHOLE] * len(found.labels["track"])


@pytest.mark.parametrize(("frames", "decoded"), KINDS)
def test_boxes_with_exchanged_corners_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: bool, decoded: bool
) -> None:
    made = set_of(tmp_path, [WHOLE, EXCHANGED], joints=[True, True], frames=frames, decoded=decoded)
    monkeypatch.setitem(DATASETS, "badminton", made)
    where = "a/clip, frame 1" if frames else r"1\.png"
    with pytest.raises(BadInput, match=rf"{where}: the box \[40\.0, 5\.0, 5\.0, 50\.0\] has exch"):
        open_people("badminton", data_roots(badminton=str(tmp_path)), tmp_path / "cache")


@pytest.mark.parametrize("boxes", [[WHOLE], [FLAT]])
@pytest.mark.parametrize(("frames", "decoded"), KINDS)
def test_a_set_without_a_labelled_joint_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    frames: bool,
    decoded: bool,
    boxes: list[list[float]],
) -> None:
    """The advice names `glpose data check` for sets that it knows, and only for these."""
    joints = [box is FLAT for box in boxes]
    made = set_of(tmp_path, boxes, joints=joints, frames=frames, decoded=decoded)
    for layout in ("", "coco"):
        monkeypatch.setitem(DATASETS, "badminton", replace(made, layout=layout))
        with pytest.raises(BadInput, match="the set badminton has no labelled person: nobody") as e:
            open_people("badminton", data_roots(badminton=str(tmp_path)), tmp_path / "cache")
        assert ("glpose data check coco" in str(e.value)) == bool(layout)
        assert ("glpose data check" in str(e.value)) == bool(layout)
