"""Sets written by `write_layout`: what readers of the official layouts find is the scenes' truth."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from glpose.errors import BadConfig, BadInput
from glpose.formats.coco.labels import open_coco
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.posetrack.labels import open_posetrack
from glpose.formats.sets import checks
from glpose.imaging import read_image
from glpose.skeleton import COCO17, JHMDB15, POSETRACK15
from glpose.synth import SceneSpec, render_scene
from glpose.synth.labels import FIGURE20, label_frame
from glpose.synth.layouts import LAYOUTS, write, write_layout
from glpose.synth.layouts.coco import run_lengths
from glpose.synth.layouts.order import Order, shots
from glpose.synth.layouts.posetrack import MarkedFrame, is_labelled, marked_frames
from glpose.synth.scene import Scene

# All sets are rendered and written before the first test.
pytestmark = pytest.mark.slow

SIZE, FRAMES, VIDEOS = (96, 128), 7, 4
SMALL = {"num_videos": VIDEOS, "num_frames": FRAMES, "size_hw": SIZE}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All layouts, and `mat` with the annotations of 2017 in MATLAB files."""
    folder = tmp_path_factory.mktemp("sets")
    for name in LAYOUTS:
        write_layout(name, folder / name, seed=3, **SMALL)
    write_layout("posetrack17", folder / "mat", seed=3, mat=True, **SMALL)
    return folder


ORDER = Order(3, VIDEOS, FRAMES, SIZE)


@cache
def marked(number: int) -> list[MarkedFrame]:
    """What a video of PoseTrack should hold."""
    return list(marked_frames(ORDER, number))


def test_figures_have_all_joints_of_all_sets():
    spec = SceneSpec((120, 160), 2, num_people=(1, 1), height_share=(0.7, 0.8))
    _, truth, people = label_frame(render_scene(spec, 1), 1)
    labels = people[1]
    for skeleton in (POSETRACK15, JHMDB15, COCO17):
        xy, _ = labels.joints(skeleton)
        assert np.isfinite(xy).all()
    xy, visibility = labels.joints(POSETRACK15)
    seen = truth.visibility[0] > 0
    assert np.allclose(xy[seen], truth.xy[0][seen], atol=1e-4)
    assert (visibility == truth.visibility[0]).all()
    at = {joint: labels.xy[i] for i, joint in enumerate(FIGURE20.joints)}
    neck, hips = at["head_bottom"], (at["left_hip"] + at["right_hip"]) / 2
    assert min(neck[1], hips[1]) < at["belly"][1] < max(neck[1], hips[1])
    middle = (at["left_eye"] + at["right_eye"]) / 2
    height = np.linalg.norm(at["head_top"] - neck)
    assert np.linalg.norm(middle - at["nose"]) < 0.3 * height
    assert np.linalg.norm((at["left_ear"] + at["right_ear"]) / 2 - middle) < 0.6 * height


def test_masks_and_head_boxes_are_where_the_person_is():
    spec = SceneSpec(
        (120, 160), 1, num_people=(1, 1), height_share=(0.5, 0.6), num_obstacles=(0, 0)
    )
    _, truth, people = label_frame(render_scene(spec, 1), 0)
    box = people[1].box()
    assert box is not None
    assert np.abs(box - truth.people.xyxy[0]).max() <= 1.5
    x1, y1, x2, y2 = people[1].head_xyxy
    nose, top = (people[1].xy[FIGURE20.index(j)] for j in ("nose", "head_top"))
    assert x1 < nose[0] < x2
    assert y1 - 1 < top[1] < nose[1] < y2
    assert people[1].mask[round((y1 + y2) / 2), round((x1 + x2) / 2)]


def test_jhmdb_is_the_scenes_with_pixels_from_1(sets: Path):
    found = {
        s.name: s for part in ("train", "test") for s in open_subjhmdb(sets / "jhmdb", 1, part)
    }
    assert len(found) == VIDEOS
    for name, sequence in found.items():
        number = int(name.rpartition("_")[2])
        truth = sequence.truth()
        taken = list(shots(_jhmdb_scene(number)))
        assert len(truth) == len(taken) == len(sequence.images) == ORDER.frames_of(number)
        raw = loadmat(sets / "jhmdb/joint_positions" / name / "joint_positions.mat")["pos_img"]
        for i, (frame, shot) in enumerate(zip(truth, taken, strict=True)):
            xy, _ = shot.people[1].joints(JHMDB15)
            assert np.allclose(frame.xy[0], xy, atol=1e-3)
            assert np.allclose(raw[..., i].T, xy + 1)
            assert frame.people.xyxy.tolist() == [shot.people[1].box().tolist()]  # type: ignore[union-attr]
            assert (read_image(sequence.images[i]) == shot.rgb).all()


def _jhmdb_scene(number: int) -> Scene:
    spec = SceneSpec(
        SIZE,
        ORDER.frames_of(number),
        num_people=(1, 1),
        height_share=(0.5, 0.95),
        num_obstacles=(0, 0),
    )
    return ORDER.scene(number, spec)


def test_jhmdb_has_the_traps_of_the_archives(sets: Path):
    root = sets / "jhmdb"
    assert any(p.name == ".AppleDouble" for p in root.rglob("*"))
    names = "".join(p.name for p in (root / "Rename_Images/catch").iterdir())
    assert set("!(@+") <= set(names)
    parts = [{s.name for s in open_subjhmdb(root, split, "test")} for split in (1, 2, 3)]
    assert len(set.union(*parts)) == sum(len(p) for p in parts) == 3
    world = loadmat(next(root.glob("joint_positions/*/A*/joint_positions.mat")))
    assert world["pos_world"].shape == world["pos_img"].shape
    assert world["scale"].shape == (1, world["pos_img"].shape[-1])


@pytest.mark.parametrize("name", ["posetrack17", "posetrack18", "mat"])
def test_posetrack_is_what_was_marked(sets: Path, name: str):
    year = 2018 if name == "posetrack18" else 2017
    people = ignored = hidden = 0
    for split in ("train", "val"):
        numbers = [n for n in range(VIDEOS) if ORDER.split_of(n) == split]
        sequences = open_posetrack(sets / name, year, split)
        assert len(sequences) == len(numbers)
        for number, sequence in zip(numbers, sequences, strict=True):
            frames = marked(number)
            assert len(sequence.images) == len(frames)
            truth = {t.frame: t for t in sequence.truth()}
            assert set(truth) == {i for i, f in enumerate(frames) if f.is_labeled}
            for i, found in truth.items():
                ids = [p.track_id for p in frames[i].people]
                assert found.people.track_id.tolist() == ids
                assert len(found.ignore) == len(frames[i].ignore)
                assert found.head_px is not None
                for row, person in enumerate(frames[i].people):
                    xy = np.full((15, 2), np.nan)
                    for joint in person.joints:
                        xy[joint.joint] = joint.xy
                    assert np.allclose(found.xy[row], xy, atol=1e-3, equal_nan=True)
                    x1, y1, x2, y2 = person.head_xyxy
                    expected = 0.6 * np.hypot(x2 - x1, y2 - y1)
                    assert found.head_px[row] == pytest.approx(expected, abs=0.02)
                    hidden += sum(not joint.is_visible for joint in person.joints)
                people += len(ids)
                ignored += len(found.ignore)
    assert min(people, ignored, hidden) > 0


def test_pictures_of_posetrack_belong_to_their_labels(sets: Path):
    (sequence,) = open_posetrack(sets / "posetrack17", 2017, "val")
    for path, frame in zip(sequence.images, marked(VIDEOS - 1), strict=True):
        difference = read_image(path).astype(int) - frame.rgb
        assert np.abs(difference).mean() < 6  # JPEG


def test_names_of_posetrack(sets: Path):
    names = {p.name for p in (sets / "posetrack17/images").rglob("*.jpg")}
    assert {"00000001.jpg", "00000037.jpg", "0012_crop.jpg"} <= names
    (file,) = (sets / "posetrack18/annotations/val").iterdir()
    assert file.name.endswith("_test.json")
    image = json.loads(file.read_text())["images"][5]
    sequence = file.stem
    assert image["file_name"] == f"images/val/{sequence}/000005.jpg"
    assert str(image["id"])[1:] == f"{image['vid_id']}0005"
    assert image["nframes"] == len(list((sets / f"posetrack18/images/val/{sequence}").iterdir()))


def test_posetrack18_has_17_slots_and_boxes_of_13(sets: Path):
    slots = 0
    for file in (sets / "posetrack18/annotations").rglob("*.json"):
        for person in json.loads(file.read_text())["annotations"]:
            joints = np.array(person["keypoints"]).reshape(17, 3)
            assert (joints[3:5] == 0).all()
            marked = joints[(joints[:, :2] != 0).any(1), :2]
            if not len(marked):
                assert "bbox" not in person
                continue
            x, y, w, h = person["bbox"]
            assert np.allclose([w, h], 1.3 * np.ptp(marked, 0), atol=0.02)
            assert np.allclose(
                [x + w / 2, y + h / 2], (marked.min(0) + marked.max(0)) / 2, atol=0.02
            )
            slots += 1
    assert slots


def test_labelled_frames():
    assert [is_labelled("train", i, 8) for i in range(8)] == [False] * 2 + [True] * 4 + [False] * 2
    assert [i for i in range(12) if is_labelled("val", i, 12)] == [0, 4, 5, 6, 7, 8]


def test_coco_is_the_scenes(sets: Path):
    root = sets / "coco"
    sizes, empty, people = set(), 0, 0
    for part in ("train", "val"):
        skeleton, pictures = open_coco(root, part)
        assert skeleton is COCO17
        data = json.loads((root / f"annotations/person_keypoints_{part}2017.json").read_text())
        for image, picture in zip(data["images"], pictures, strict=True):
            rgb = read_image(picture.path)
            assert rgb.shape[:2] == (image["height"], image["width"])
            assert picture.path.name == f"{image['id']:012d}.jpg"
            sizes.add(rgb.shape[:2])
            mine = [p for p in data["annotations"] if p["image_id"] == image["id"]]
            kept = [p for p in mine if p["num_keypoints"] and not p["iscrowd"]]
            assert len(picture.truth.people) == len(kept)
            for person, box in zip(kept, picture.truth.people.xyxy, strict=True):
                assert person["area"] == sum(person["segmentation"]["counts"][1::2])
                x, y, w, h = person["bbox"]
                assert box.tolist() == [x, y, x + w - 1, y + h - 1]
            empty += not mine
            people += len(kept)
    assert sizes == {SIZE, SIZE[::-1]}
    assert empty
    assert people


def test_joints_of_coco_have_subpixels_and_visibility(tmp_path: Path):
    write_layout("coco", tmp_path / "x", seed=5, num_videos=2, num_frames=2, size_hw=(240, 320))
    scene = Order(5, 2, 2).scene(1, SceneSpec((240, 320), 1, 25 / 4, (1, 4), (0.12, 1.1), (0, 2)))
    _, _, people = label_frame(scene, 0)
    _, (picture,) = open_coco(tmp_path / "x", "val")
    assert len(picture.truth.people)
    close = 0
    for xy, visibility in zip(picture.truth.xy, picture.truth.visibility, strict=True):
        for labels in people.values():
            expected, how = labels.joints(COCO17)
            labelled = how > 0
            if np.allclose(xy[labelled], expected[labelled], atol=0.006):
                assert (visibility == how).all()
                close += 1
    assert close == len(picture.truth.people)


def test_run_lengths_count_columns():
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert run_lengths(mask) == [2, 3, 1]
    assert run_lengths(~mask) == [0, 2, 3, 1]
    assert run_lengths(np.zeros((2, 2), bool)) == [4]
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]


@pytest.mark.parametrize("seed", [0, 1, 9, 11])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_smallest_sets_are_complete_and_people_without_joints_do_not_count(
    tmp_path: Path, name: str, seed: int
):
    """Drawn once, the scenes of some of these seeds have joints in one part only, or in none."""
    size = (120, 160)
    written = write_layout(name, tmp_path, seed=seed, num_videos=2, num_frames=1, size_hw=size)
    report = checks()[name](tmp_path)
    assert report.state == "complete"
    if name == "jhmdb":  # everybody has all joints, and the check counts frames
        assert written.num_people == written.num_pictures
        return
    told = [re.search(r"(\d+) (to|poses)", str(part.counts["people"])) for part in report.parts]
    assert written.num_people == sum(int(found[1]) for found in told if found)


def test_in_wide_pictures_somebody_has_joints_too(tmp_path: Path):
    write_layout("coco", tmp_path, seed=1, num_videos=2, num_frames=1, size_hw=(16, 900))
    assert checks()["coco"](tmp_path).state == "complete"


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_seed_gives_the_same_files(tmp_path: Path, name: str):
    small = {"num_videos": 2, "num_frames": 2, "size_hw": (32, 48)}
    for folder in ("a", "b"):
        write_layout(name, tmp_path / folder, seed=1, **small)

    def files(folder: str) -> dict[str, bytes]:
        root = tmp_path / folder
        # The header of a MAT file has the time in its first 116 bytes.
        return {
            str(p.relative_to(root)): p.read_bytes()[116 * (p.suffix == ".mat") :]
            for p in root.rglob("*")
            if p.is_file()
        }

    first = files("a")
    assert first == files("b")
    assert first["README.txt"].startswith(b"SYNTHETIC")


def test_another_seed_gives_other_pictures(tmp_path: Path, sets: Path):
    write_layout("coco", tmp_path / "x", seed=4, **SMALL)
    pictures = [sorted((root / "train2017").iterdir()) for root in (tmp_path / "x", sets / "coco")]
    assert [p.name for p in pictures[0]] == [p.name for p in pictures[1]]
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(*pictures, strict=True))


@pytest.mark.parametrize("num_videos", [2, 3, 5])
def test_both_splits_have_videos(tmp_path: Path, num_videos: int):
    small = {"num_videos": num_videos, "num_frames": 2, "size_hw": (32, 48)}
    write_layout("jhmdb", tmp_path / "x", **small)
    for split in (1, 2, 3):
        assert open_subjhmdb(tmp_path / "x", split, "test")
        assert open_subjhmdb(tmp_path / "x", split, "train")
    assert {Order(0, num_videos).split_of(n) for n in range(num_videos)} == {"train", "val"}


def test_folders_that_are_not_empty_are_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BadInput, match=r"is not empty \(it holds mine.txt\)"):
        write_layout("coco", tmp_path, **SMALL)
    with pytest.raises(BadInput, match=r"mine.txt: is a file; expected a new or empty folder"):
        write_layout("coco", tmp_path / "mine.txt", **SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("there_before", [True, False])
def test_nothing_stays_of_a_set_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_before: bool
):
    def full(folder: Path, order: Order):
        (folder / "annotations").mkdir()
        raise OSError(28, "No space left on device")

    folder = tmp_path / "new" if not there_before else tmp_path
    with monkeypatch.context() as patched:
        patched.setitem(write._WRITERS, "coco", full)
        with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\)"):
            write_layout("coco", folder, **SMALL)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".unfinished").mkdir()  # as a killed run leaves it
    if there_before:
        write_layout("coco", folder, num_videos=2, num_frames=1, size_hw=(32, 48))
        assert not (folder / ".unfinished").exists()


def test_an_interrupted_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(folder: Path, order: Order):
        (folder / "annotations").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setitem(write._WRITERS, "coco", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_layout("coco", tmp_path / "new", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot be written|is a file"):
        write_layout("coco", tmp_path / "file" / "inside", **SMALL)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("posetrak17", {}, "unknown layout 'posetrak17'; did you mean 'posetrack17'"),
        ("mpii", {}, "unknown layout 'mpii'; known: posetrack17, posetrack18, jhmdb, coco"),
        ("jhmdb", {"mat": True}, "jhmdb has none to choose"),
        ("jhmdb", {"seed": -1}, "the seed is -1"),
        ("jhmdb", {"num_videos": 1}, "1 videos were asked for; expected at least 2"),
        ("jhmdb", {"num_frames": 0}, "0 frames"),
        ("jhmdb", {"size_hw": (8, 8)}, "8"),
    ],
)
def test_orders_that_give_no_set(tmp_path: Path, name: str, changes: dict, words: str):
    with pytest.raises(BadConfig, match=words):
        write_layout(name, tmp_path / "x", **(SMALL | changes))
    assert not (tmp_path / "x").exists()
