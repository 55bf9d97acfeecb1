"""PoseTrack files: all forms say the same, and what is wrong with a file is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posetrack_sets as sets
from glpose.errors import BadInput
from glpose.formats.posetrack.file import first_picture
from glpose.formats.posetrack.labels import read_prediction_file, read_truth_file
from glpose.types import FrameTruth

EXAMPLES = Path(__file__).parents[3] / "parity" / "examples"
REGION = [(390, 0), (600, 0), (600, 250)]
JOINTS = {0: (10, 20), 5: (30, 100), 13: (40.5, 80)}
POINTS = [sets.point17(joint, x, y) for joint, (x, y) in JOINTS.items()]


@pytest.mark.parametrize(
    ("name", "people", "guesses"),
    [
        ("ex1_ap_single_frame/{}/000901_bonn.json", [2], [4]),
        ("ex2_ap_ignore_and_gaps/{}/000902_bonn.json", [2, 0, 1, 1, 1], [3, 1, 1, 1, 0]),
        ("ex3_ap_posetrack18_format/{}/000901_mpii_test.json", [2, 1], [2, 1]),
        ("ex3_ap_posetrack18_format/{}/000902_mpii_test.json", [2, 0], [2, 1]),
        ("ex5_mot_frame_without_prediction/{}/000905_bonn.json", [3, 3, 3], [1, 0, 1]),
    ],
)
def test_worked_examples(name: str, people: list[int], guesses: list[int]) -> None:
    truth = read_truth_file(EXAMPLES / name.format("gt"))
    poses = read_prediction_file(EXAMPLES / name.format("pred"))
    assert [len(frame.people) for frame in truth] == people
    assert [len(frame.people) for frame in poses] == guesses
    assert [frame.frame for frame in truth] == list(range(len(people)))
    for frame in truth:
        assert frame.head_px is not None
        np.testing.assert_allclose(frame.head_px, 30)  # 0.6 times the diagonal of 40 by 30
        assert ((frame.visibility > 0) == np.isfinite(frame.xy).all(-1)).all()


def scene17() -> list[dict[str, Any]]:
    """Frames with two people, without labels, with a head only, and with one joint in a region."""
    region = {"point": [{"x": [x], "y": [y]} for x, y in REGION]}
    return [
        sets.entry17(
            1,
            sets.person17(3, POINTS),
            sets.person17(4, [sets.point17(2, 7, 8)]),
            ignore_regions=[region],
        ),
        sets.entry17(2),
        sets.entry17(3, sets.person17(3, [], annopoints=[])),
        sets.entry17(4, sets.person17(3, POINTS[:1]), ignore_regions=[]),
    ]


def scene18() -> dict[str, Any]:
    joints = {joint: (x, y, 1) for joint, (x, y) in JOINTS.items()}
    region = {"ignore_regions_x": [[x for x, _ in REGION]], "ignore_regions_y": [[0, 0, 250]]}
    return sets.document18(
        [sets.image18(0, **region), sets.image18(1, is_labeled=False)]
        + [sets.image18(2), sets.image18(3)],
        [
            sets.person18(0, 3, joints),
            sets.person18(0, 4, {2: (7, 8, 1)}),
            sets.person18(2, 3, {}),
            sets.person18(3, 3, {0: (10, 20, 1)}),
        ],
    )


def plain_scalars(value: Any) -> Any:
    """The same without lists of one number."""
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict | list):
        return value[0]
    if isinstance(value, list):
        return [plain_scalars(v) for v in value]
    if isinstance(value, dict):
        return {key: plain_scalars(v) for key, v in value.items()}
    return value


WRITERS: dict[str, Callable[[Path], Path]] = {
    "2017": lambda folder: sets.write(folder / "a.json", {"annolist": scene17()}),
    "plain": lambda folder: sets.write(folder / "a.json", plain_scalars({"annolist": scene17()})),
    "mat": lambda folder: sets.write_mat(folder / "a.mat", scene17()),
    "misnamed": lambda folder: sets.write_mat(folder / "a.json", scene17()),
    "2018": lambda folder: sets.write(folder / "a.json", scene18()),
}


@pytest.fixture(params=WRITERS)
def truth(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FrameTruth, ...]:
    return read_truth_file(WRITERS[request.param](tmp_path))


def test_all_forms_hold_the_same_scene(truth: tuple[FrameTruth, ...]) -> None:
    assert [frame.people.track_id.tolist() for frame in truth] == [[3, 4], [], [3], [3]]
    labelled = [{j: tuple(xy) for j, xy in enumerate(p) if np.isfinite(xy).all()}
                for frame in truth for p in frame.xy.tolist()]  # fmt: skip
    assert labelled == [JOINTS, {2: (7, 8)}, {}, {0: (10, 20)}]
    assert [len(frame.ignore) for frame in truth] == [1, 0, 0, 0]
    assert truth[0].ignore[0].tolist() == [list(point) for point in REGION]
    assert all(np.allclose(f.head_px, 30) for f in truth if f.head_px is not None and len(f.people))


def test_people_without_joints_stay_but_have_no_box(truth: tuple[FrameTruth, ...]) -> None:
    assert len(truth[2].people) == 1
    assert np.isnan(truth[2].xy).all()
    assert not truth[2].people.xyxy.any()
    assert truth[0].people.xyxy[0].any()


def box(path: Path) -> list[float]:
    return read_truth_file(path)[0].people.xyxy[0].tolist()


def test_boxes_of_2017_gain_a_pixel_and_a_fifth(tmp_path: Path) -> None:
    # Extent 10..40.5, 20..100; with the pixel 31.5 by 81; a tenth more on each side.
    path = sets.write(tmp_path / "a.json", {"annolist": scene17()})
    assert box(path) == pytest.approx([10 - 3.15, 20 - 8.1, 41.5 + 3.15, 101 + 8.1], abs=1e-4)


def test_boxes_of_2018_are_the_files_or_else_thirteen_tenths(tmp_path: Path) -> None:
    path = sets.write(tmp_path / "a.json", scene18())
    assert box(path) == pytest.approx([10 - 4.575, 20 - 12, 40.5 + 4.575, 112], abs=1e-4)
    scene = scene18()
    scene["annotations"][0]["bbox"] = [1, 2, 30, 40]
    assert box(sets.write(tmp_path / "b.json", scene)) == [1, 2, 31, 42]
    scene["annotations"][0]["bbox"] = [1, 2, 0, 40]
    assert box(sets.write(tmp_path / "b.json", scene)) == pytest.approx(box(path))


def test_boxes_are_not_cut_at_the_border(tmp_path: Path) -> None:
    points = [sets.point17(0, 0, 0), sets.point17(1, 99, 49)]
    path = sets.write(
        tmp_path / "a.json", {"annolist": [sets.entry17(1, sets.person17(0, points))]}
    )
    assert box(path) == pytest.approx([-10, -5, 110, 55], abs=1e-4)


def test_flags_of_2018_do_not_make_a_joint_absent(tmp_path: Path) -> None:
    joints = {0: (10, 20, 0), 1: (0, 5, 0), 2: (0, 0, 1), 3: (0, 0, 0)}
    scene = sets.document18([sets.image18(0)], [sets.person18(0, 1, joints)])
    frame = read_truth_file(sets.write(tmp_path / "a.json", scene))[0]
    assert frame.visibility[0, :4].tolist() == [1, 1, 2, 0]
    assert frame.xy[0, :3].tolist() == [[10, 20], [0, 5], [0, 0]]
    assert np.isnan(frame.xy[0, 3:]).all()


@pytest.mark.parametrize("flag", [{}, {"is_visible": 0}, {"is_visible": 1}, {"is_visible": "0"}])
def test_flags_of_2017_do_not_count(tmp_path: Path, flag: dict[str, Any]) -> None:
    entry = sets.entry17(1, sets.person17(0, [sets.point17(4, 5, 6, **flag)]))
    frame = read_truth_file(sets.write(tmp_path / "a.json", {"annolist": [entry]}))[0]
    assert frame.xy[0, 4].tolist() == [5, 6]
    assert frame.visibility[0, 4] == (1 if str(flag.get("is_visible")) == "0" else 2)


def test_joints_of_2018_go_by_name(tmp_path: Path) -> None:
    scene = scene18()
    names = scene["categories"][0]["keypoints"]
    order = list(range(16, -1, -1))
    scene["categories"][0]["keypoints"] = [names[i] for i in order]
    for person in scene["annotations"]:
        rows = np.array(person["keypoints"]).reshape(17, 3)
        person["keypoints"] = rows[order].reshape(-1).tolist()
    turned = read_truth_file(sets.write(tmp_path / "a.json", scene))
    plain = read_truth_file(sets.write(tmp_path / "b.json", scene18()))
    for a, b in zip(turned, plain, strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)


def test_fifteen_joints_in_the_form_of_2018_and_ears_in_seventeen(tmp_path: Path) -> None:
    names = [n for n in sets.POSETRACK17.joints if not n.endswith("_ear")]
    scene = sets.document18(
        [sets.image18(0)],
        [sets.person18(0, 1, {}, keypoints=[v for j in range(15) for v in (j + 1, 50, 1)])],
        categories=[{"name": "person", "keypoints": names}],
    )
    frame = read_truth_file(sets.write(tmp_path / "a.json", scene))[0]
    assert frame.xy[0, :, 0].tolist() == [1 + names.index(n) for n in sets.POSETRACK15.joints]
    with_ears = sets.person18(0, 1, {0: (10, 20, 1)})
    with_ears["keypoints"][9:15] = [1, 2, 1, 3, 4, 1]
    scene = sets.document18([sets.image18(0)], [with_ears])
    frame = read_truth_file(sets.write(tmp_path / "a.json", scene))[0]
    assert frame.visibility.sum() == 2


def test_heads_may_be_missing(tmp_path: Path) -> None:
    person = sets.person17(0, POINTS)
    del person["x2"]
    entry = sets.entry17(1, person, sets.person17(1, POINTS, x1=[0], y1=[0], x2=[3], y2=[4]))
    path = sets.write(tmp_path / "a.json", {"annolist": [entry]})
    np.testing.assert_allclose(read_truth_file(path)[0].head_px, [np.nan, 3])  # type: ignore[arg-type]
    scene = sets.document18([sets.image18(0)], [sets.person18(0, 1, {}, bbox_head=[])])
    head_px = read_truth_file(sets.write(tmp_path / "b.json", scene))[0].head_px
    assert head_px is not None
    assert np.isnan(head_px).all()


def test_a_single_region_may_lack_its_outer_list(tmp_path: Path) -> None:
    flat = {"ignore_regions_x": [0, 9, 9], "ignore_regions_y": [0, 0, 9]}
    scene = sets.document18([sets.image18(0, **flat)], [])
    assert len(read_truth_file(sets.write(tmp_path / "a.json", scene))[0].ignore) == 1


def test_regions_of_two_points_enclose_nothing(tmp_path: Path) -> None:
    line = {"ignore_regions_x": [[0, 9]], "ignore_regions_y": [[0, 9]]}
    scene = sets.document18([sets.image18(0, **line)], [])
    assert read_truth_file(sets.write(tmp_path / "a.json", scene))[0].ignore == ()


def test_of_a_joint_given_twice_the_first_counts(tmp_path: Path) -> None:
    points = [sets.point17(0, 1, 2), sets.point17(0, 3, 4)]
    entry = sets.entry17(1, sets.person17(0, points))
    frame = read_truth_file(sets.write(tmp_path / "a.json", {"annolist": [entry]}))[0]
    assert frame.xy[0, 0].tolist() == [1, 2]


def test_a_joint_predicted_twice_is_refused(tmp_path: Path) -> None:
    # poseval takes the first that is in no ignore region, which only the truth knows.
    points = [sets.point17(joint, 1, 2) for joint in (3, 0, 3)]
    file = sets.write(
        tmp_path / "a.json", {"annolist": [sets.entry17(1, sets.person17(0, points))]}
    )
    with pytest.raises(
        BadInput, match=r"point\[2\].id' is 3, which the person has already; expected each"
    ):
        read_prediction_file(file)


def test_who_has_a_list_of_joints_be_it_empty(tmp_path: Path) -> None:
    bare = [sets.person17(i, [], annopoints=points) for i, points in enumerate(([], [{}]))]
    people = [*bare, sets.person17(2, []), sets.person17(3, [sets.point17(0, 1, 2)])]
    file = sets.write(tmp_path / "a.json", {"annolist": [sets.entry17(1, *people)]})
    for frame in (read_truth_file(file)[0], read_prediction_file(file)[0]):
        np.testing.assert_array_equal(frame.listed, [False, False, True, True])
    scene = sets.document18([sets.image18(0)], [sets.person18(0, 1, {})])
    frame = read_truth_file(sets.write(tmp_path / "b.json", scene))[0]
    np.testing.assert_array_equal(frame.listed, [True])


def test_missing_scores_are_those_of_poseval(tmp_path: Path) -> None:
    points = [sets.point17(0, 1, 2, score=0.5), sets.point17(1, 3, 4), sets.point17(2, 5, 6)]
    entry = sets.entry17(1, sets.person17(7, points), sets.person17(8, points, score=[2.5]))
    poses = read_prediction_file(sets.write(tmp_path / "a.json", {"annolist": [entry]}))[0]
    assert poses.score[0, :4].tolist() == [0.5, -9999, -9999, 0]
    assert poses.people.score.tolist() == [-9999, 2.5]
    for scores, expected in (([], -9999), ([0.25] * 17, 0.25)):
        person = sets.person18(0, 1, {0: (10, 20, 1)}, scores=scores)
        scene = sets.document18([sets.image18(0)], [person])
        poses = read_prediction_file(sets.write(tmp_path / "b.json", scene))[0]
        assert poses.score[0, :2].tolist() == [expected, 0]


def test_predictions_need_no_tracks_nor_names(tmp_path: Path) -> None:
    person = {"annopoints": [{"point": POINTS}]}
    path = sets.write(tmp_path / "a.json", {"annolist": [{"annorect": [person, person]}]})
    assert read_prediction_file(path)[0].people.track_id.tolist() == [0, 1]
    named = [sets.entry17(1), {"image": [{"name": ""}]}, {"image": [{"name": "00000003.jpg"}]}]
    sets.write(path, {"annolist": named})
    assert len(read_prediction_file(path)) == 3


@pytest.mark.parametrize(
    ("tracks", "complaint"),
    [([3, 3], "frame 1: track_id 3 is there 2 times"), ([10_000], "frame 1: track_id 10000")],
)
def test_predictions_that_poseval_refuses(
    tmp_path: Path, tracks: list[int], complaint: str
) -> None:
    entries = [sets.entry17(1), sets.entry17(2, *(sets.person17(t, POINTS) for t in tracks))]
    path = sets.write(tmp_path / "a.json", {"annolist": entries})
    with pytest.raises(BadInput, match=complaint):
        read_prediction_file(path)
    assert len(read_truth_file(path)[1].people) == len(tracks)  # of truth the check tells


def changed17(key: str, value: Any) -> str:
    scene = json.loads(json.dumps(scene17()))
    person = scene[0]["annorect"][0]
    point = person["annopoints"][0]["point"][1]
    for holder in (point, person, scene[0]):
        if key in holder:
            holder.pop(key) if value is None else holder.update({key: value})
            return json.dumps({"annolist": scene})
    raise AssertionError(key)


def changed18(where: str, key: str, value: Any) -> str:
    scene = scene18()
    item = scene[where][0]
    item.pop(key) if value is None else item.update({key: value})
    return json.dumps(scene)


NAN = float("nan")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", r"not JSON \(.*0 bytes\)"),
        (json.dumps({"annolist": scene17()})[:200], r"not JSON \(.*200 bytes\)"),
        ("[1, 2]", "no file of PoseTrack, its keys are none"),
        ('{"info": {}, "images": []}', "its keys are 'info', 'images'"),
        ('{"annolist": []}', "'annolist' is empty"),
        ('{"annolist": [3]}', r"'annolist\[0\]' is 3; expected an object"),
        (changed17("image", None), r"the key 'image' is missing or empty in 'annolist\[0\]'"),
        (changed17("track_id", None), r"'track_id' is missing or empty in .*annorect\[0\]'"),
        (changed17("x", None), r"'x' is missing .*'annolist\[0\].annorect\[0\].annopoints\[0\]"),
        (changed17("x", [NAN]), r"point\[1\].x' is nan; expected a finite number"),
        (changed17("y", ["7"]), r"point\[1\].y' is '7'; expected a finite number"),
        (changed17("x", [1e9]), r"point\[1\].x' is 1000000000.0; expected a coordinate"),
        (changed17("id", [16]), r"point\[1\].id' is 16; expected a joint from 0 to 14"),
        (changed17("x1", [NAN]), r"annorect\[0\].x1' is nan"),
        (
            json.dumps({"annolist": [sets.entry17(1, is_labeled=["yes"])]}),
            r"'annolist\[0\].is_labeled' is 'yes'",
        ),
        (changed18("images", "file_name", None), r"'file_name' is missing .*'images\[0\]'"),
        (changed18("images", "id", None), r"'id' is missing or empty in 'images\[0\]'"),
        (changed18("images", "ignore_regions_y", None), "as many x as y in each region"),
        (
            changed18("images", "id", 10003420003),
            r"10003420003, as that of 'images\[\d\]'; expected each id once",
        ),
        (changed18("annotations", "image_id", 77), r"'annotations\[0\].image_id' is 77; .*no such"),
        (changed18("annotations", "keypoints", [1] * 45), r"is a list of 45; expected 51 finite"),
        (changed18("annotations", "keypoints", [NAN] * 51), r"is nan at place 0; expected 51"),
        (changed18("annotations", "keypoints", [1e9] * 51), r"is 1e\+09; expected numbers within"),
        (changed18("annotations", "bbox", [1, 2, 3]), "bbox' is a list of 3; expected 4 finite"),
        (changed18("annotations", "bbox_head", [1, NAN, 3, 4]), "bbox_head' is nan at place 1"),
        (changed18("annotations", "track_id", 1.5), "track_id' is 1.5; expected a whole number"),
        (changed18("annotations", "track_id", None), r"'track_id' is missing .*annotations\[0\]'"),
        (changed18("categories", "keypoints", None), r"'keypoints' is missing .*categories\[0\]'"),
        (
            changed18("categories", "keypoints", ["nose", "left_eye"]),
            "a list of 2 joints without right_ankle, .*; expected the joints of PoseTrack",
        ),
        (json.dumps(scene18() | {"categories": []}), "the key 'categories' is missing or empty"),
        (
            changed18("images", "file_name", "images/val/000343_mpii_test/000000.jpg"),
            "frames of 2 videos",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = sets.write(tmp_path / "labels.json", content)
    with pytest.raises(BadInput, match=complaint) as caught:
        read_truth_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [NAN, None])
def test_scores_of_predictions_are_numbers(tmp_path: Path, value: float | None) -> None:
    entry = sets.entry17(1, sets.person17(0, [sets.point17(0, 1, 2, score=NAN)]))
    path = sets.write(tmp_path / "a.json", {"annolist": [entry]})
    with pytest.raises(BadInput, match=r"point\[0\].score' is nan; expected a finite number"):
        read_prediction_file(path)
    person = sets.person18(0, 1, {0: (10, 20, 1)}, scores=[0.5] * 16 + [value])
    path = sets.write(tmp_path / "b.json", sets.document18([sets.image18(0)], [person]))
    with pytest.raises(BadInput, match=r"scores' is (nan|None) at place 16; expected 17"):
        read_prediction_file(path)


def test_damaged_and_foreign_mat_files(tmp_path: Path) -> None:
    whole = sets.write_mat(tmp_path / "whole.mat", scene17()).read_bytes()
    for length in (40, 200, len(whole) // 2):
        path = tmp_path / "cut.mat"
        path.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"cut.mat: not a whole MAT file .*bytes\)"):
            read_truth_file(path)
    from scipy.io import savemat

    savemat(tmp_path / "other.mat", {"pos_img": np.zeros(3)})
    with pytest.raises(BadInput, match="no file of PoseTrack, its keys are 'pos_img'"):
        read_truth_file(tmp_path / "other.mat")
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(128))
    with pytest.raises(BadInput, match=r"version 7.3; .*-v7"):
        read_truth_file(tmp_path / "new.mat")
    with pytest.raises(BadInput, match=r"none.json: cannot be read \(No such file"):
        read_truth_file(tmp_path / "none.json")


def test_the_first_picture_is_found_without_reading_the_file(tmp_path: Path) -> None:
    first = f"{sets.PLACE}/00000001.jpg"
    assert str(first_picture(sets.write_mat(tmp_path / "a.mat", scene17()))) == first
    text = json.dumps({"annolist": scene17()})
    assert str(first_picture(sets.write(tmp_path / "a.json", text))) == first
    escaped = text.replace("/", "\\/")
    assert str(first_picture(sets.write(tmp_path / "b.json", escaped))) == first
    assert str(first_picture(sets.write(tmp_path / "c.json", scene18()))).startswith("images/val/")
    far = json.dumps({"x": "y" * 70_000} | {"annolist": scene17()})
    assert first_picture(sets.write(tmp_path / "d.json", far)) is None
    (tmp_path / "cut.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:140])
    assert first_picture(tmp_path / "cut.mat") is None
