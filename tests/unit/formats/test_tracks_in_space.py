"""The sets that lifting is measured on: what is in them, and what is said of wrong files."""

import json
from pathlib import Path

import numpy as np
import pytest

import lift_sets
from glpose.errors import BadInput
from glpose.formats.tracks_in_space import (
    LIFT_SETS,
    TrackInSpace,
    check_lift_set,
    read_3dhp,
    read_h36m,
    read_humaneva,
)
from glpose.skeleton import HUMANEVA15


def projected(track: TrackInSpace) -> np.ndarray:
    """Where joints in space lie in the picture: y up, z towards a camera that stands at 0."""
    size = np.array(track.size_wh)
    flat = track.xyz[..., :2] / -track.xyz[..., 2:] * [1, -1]
    return size[0] * flat + size / 2


@pytest.mark.parametrize("joints", [17, 32])
def test_human36m_has_five_subjects_to_train_on_and_two_to_test(tmp_path: Path, joints: int):
    lift_sets.write_videopose(tmp_path, "h36m", joints=joints)
    train, test = (read_h36m(tmp_path, part) for part in ("train", "test"))
    assert {t.subject for t in train} == {"S1", "S5", "S6", "S7", "S8"}
    assert {t.subject for t in test} == {"S9", "S11"}
    assert {t.action for t in test} == {"Walking", "Eating"}  # "Walking 1" is Walking too
    assert len(test) == 2 * 3 * lift_sets.CAMERAS
    assert test[0].size_wh == (1000, 1002)
    for track in (*train[:3], *test[:3]):
        np.testing.assert_allclose(projected(track), track.xy, atol=0.01)
        assert -4 < track.xyz[..., 2].mean() < -2  # metres to a camera three metres away
        assert track.counts.all()
    # Up in the room is up for a camera that is level.
    room = np.load(tmp_path / "data_3d_h36m.npz", allow_pickle=True)["positions_3d"].item()
    heights = room["S9"]["Walking"][0, [0, 3], 2]
    up = test[0].xyz[0, [0, 3], 1]
    assert up[1] - up[0] == pytest.approx(heights[1] - heights[0], abs=1e-5)


def test_joints_of_a_detector_are_others_and_spelling_is_helped(tmp_path: Path):
    lift_sets.write_videopose(tmp_path, "h36m")
    noisy = read_h36m(tmp_path, "test", "cpn_ft_h36m_dbb")[0]
    assert 1 < np.abs(noisy.xy - read_h36m(tmp_path, "test")[0].xy).mean() < 5
    with pytest.raises(BadInput, match=r"data_2d_h36m_cpn.npz: no such file; .*cpn_ft_h36m_dbb"):
        read_h36m(tmp_path, "test", "cpn")


def test_humaneva_keeps_the_actions_of_the_protocol_and_fills_what_a_detector_lacks(tmp_path: Path):
    lift_sets.write_videopose(tmp_path, "humaneva15", joints=15)
    train, test = (read_humaneva(tmp_path, part) for part in ("train", "test"))
    assert {t.subject for t in train} == {t.subject for t in test} == {"S1", "S2", "S3"}
    assert {t.action for t in test} == {"Walking", "Jog"}
    assert not np.array_equal(train[0].xyz, test[0].xyz)
    np.testing.assert_allclose(projected(test[0]), test[0].xy, atol=0.01)
    found = read_humaneva(tmp_path, "test", "detectron_pt_coco")[0]
    assert found.xy.shape[1] == len(HUMANEVA15.joints)
    assert np.isfinite(found.xy).all()


def named_layout(root: Path, layout: str, detector: str, metadata: dict | None) -> None:
    """A copy of the joints of the truth, said to be of a layout, under the name of a detector."""
    with np.load(root / f"data_2d_{layout}_gt.npz", allow_pickle=True) as file:
        held = {"positions_2d": file["positions_2d"]}
    if metadata is not None:
        held["metadata"] = np.array(metadata, object)
    np.savez_compressed(root / f"data_2d_{layout}_{detector}.npz", **held)


@pytest.mark.parametrize(
    ("detector", "metadata", "found"),
    [
        ("mine", {"layout_name": "coco", "num_joints": 17}, "coco"),
        ("mine", {"layout_name": "mpii"}, "mpii"),
        ("mine", {"layout_name": "humaneva15"}, "humaneva15"),
        ("detectron_pt_coco", None, "coco"),
        ("detectron_pt_coco", {"num_joints": 17}, "coco"),
        ("mine", None, ""),
        ("mine", {"num_joints": 17}, ""),
        ("coco_ft_h36m", {"layout_name": "h36m"}, ""),
    ],
)
def test_joints_of_another_layout_are_not_taken_for_as_many_of_the_set(
    tmp_path: Path, detector: str, metadata: dict | None, found: str
):
    lift_sets.write_videopose(tmp_path, "h36m")
    named_layout(tmp_path, "h36m", detector, metadata)
    if not found:
        assert len(read_h36m(tmp_path, "test", detector))
        return
    said = rf"_{detector}.npz: holds the joints of the layout '{found}'; expected those of 'h36m'"
    with pytest.raises(BadInput, match=said):
        read_h36m(tmp_path, "test", detector)


@pytest.mark.parametrize(
    ("detector", "metadata", "message"),
    [
        ("mine", {"layout_name": "h36m"}, "holds the joints of the layout 'h36m'; expected those"),
        ("mine", None, r"has the shape \(12, 17, 2\); expected \(frames, 15, 2\)"),
        ("mine_coco", {"layout_name": "humaneva15"}, r"expected \(frames, 15, 2\)"),
        ("mine", {"layout_name": "coco"}, ""),
    ],
)
def test_seventeen_joints_of_humaneva_are_those_of_coco_only_if_that_is_said(
    tmp_path: Path, detector: str, metadata: dict | None, message: str
):
    lift_sets.write_videopose(tmp_path, "humaneva15", joints=15)
    (tmp_path / "data_2d_humaneva15_gt.npz").unlink()
    coco = tmp_path / "data_2d_humaneva15_detectron_pt_coco.npz"
    coco.rename(tmp_path / "data_2d_humaneva15_gt.npz")
    named_layout(tmp_path, "humaneva15", detector, metadata)
    if not message:
        assert read_humaneva(tmp_path, "test", detector)[0].xy.shape[1] == 15
        return
    with pytest.raises(BadInput, match=message):
        read_humaneva(tmp_path, "test", detector)


def test_3dhp_counts_valid_frames_alone(tmp_path: Path):
    lift_sets.write_3dhp(tmp_path)
    train, test = (read_3dhp(tmp_path, part) for part in ("train", "test"))
    assert len(train) == 4
    assert [t.action for t in test] == ["TS1", "TS5"]
    assert [t.size_wh for t in test] == [(2048, 2048), (1920, 1080)]
    assert test[0].counts.tolist() == [n % 4 > 0 for n in range(12)]
    for track in (*train, *test):
        np.testing.assert_allclose(projected(track), track.xy, atol=0.01)
        assert -4 < track.xyz[..., 2].mean() < -2  # metres to a camera three metres away
    with pytest.raises(BadInput, match="has no joints in the picture called 'cpn'; expected 'gt'"):
        read_3dhp(tmp_path, "test", "cpn")


def test_a_check_tells_what_is_there(tmp_path: Path):
    lift_sets.write_videopose(tmp_path, "h36m")
    report = check_lift_set(tmp_path, "h36m")
    assert report.state == "complete"
    names = [part.name for part in report.parts]
    assert names[:2] == [f"{p}, joints in the picture: cpn_ft_h36m_dbb" for p in ("train", "test")]
    assert report.parts[3].counts == {
        "subjects": 2, "actions": 2, "tracks": 12, "frames": 144, "frames that count": 144,
    }  # fmt: skip
    (tmp_path / "cameras.json").unlink()
    report = check_lift_set(tmp_path, "h36m")
    assert report.state == "unusable"
    assert "cameras.json: cannot be read" in report.parts[0].problems[0].what
    assert check_lift_set(tmp_path, "3dhp").state == "unusable"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, f, c: s.pop("S9"), "data_3d_h36m.npz: has no subject 'S9'"),
        (lambda s, f, c: f["S9"].pop("Eating"), "data_2d_h36m_gt.npz: lacks 'Eating' of S9"),
        (lambda s, f, c: f["S9"]["Eating"].pop(), "has 1 cameras, cameras.json has 2"),
        (lambda s, f, c: c["extrinsic"].pop("S9"), "has 2 cameras, cameras.json has 0"),
        (lambda s, f, c: (c["extrinsic"].pop("S9"), f.update(S9={key: [] for key in f["S9"]})),
         "'Walking' of S9 has 0 cameras, cameras.json has 0"),
        (lambda s, f, c: c.pop("intrinsic"), "cameras.json: not a file of cameras"),
        (lambda s, f, c: s["S9"].update(Eating=np.zeros((12, 16, 3))),
         r"'Eating' of S9 has the shape \(12, 16, 3\); expected \(frames, 17, 3\)"),
        (lambda s, f, c: f["S9"].update(Eating=[np.zeros((9, 17, 2))] * 2),
         "has 9 frames, fewer than the 12 in space"),
        (lambda s, f, c: f["S9"].update(Eating=[np.zeros((12, 16, 2))] * 2),
         r"has the shape \(12, 16, 2\)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, change: object, message: str):
    lift_sets.write_videopose(tmp_path, "h36m")
    space, flat = (
        np.load(tmp_path / f"data_{name}.npz", allow_pickle=True)[key].item()
        for name, key in (("3d_h36m", "positions_3d"), ("2d_h36m_gt", "positions_2d"))
    )
    cameras = json.loads((tmp_path / "cameras.json").read_text())
    change(space, flat, cameras)  # type: ignore[operator]
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=space)
    np.savez(tmp_path / "data_2d_h36m_gt.npz", positions_2d=flat)
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    with pytest.raises(BadInput, match=message) as caught:
        read_h36m(tmp_path, "test")
    assert "\n" not in str(caught.value)


def test_another_layout_is_said_to_be_one(tmp_path: Path):
    np.savez(tmp_path / "data_test_3dhp.npz", poses=np.zeros(3))
    with pytest.raises(BadInput, match=r"holds no table 'data' \(found: poses\)"):
        read_3dhp(tmp_path, "test")
    np.savez(tmp_path / "data_test_3dhp.npz", data={"TS1": {"data_3d": np.zeros((4, 17, 3))}})
    with pytest.raises(BadInput, match="TS1 has no 'data_2d'"):
        read_3dhp(tmp_path, "test")
    held = {"data_3d": np.zeros((4, 17, 3)), "data_2d": np.zeros((5, 17, 2))}
    np.savez(tmp_path / "data_test_3dhp.npz", data={"TS1": held})
    with pytest.raises(BadInput, match="TS1 has 5 frames in the picture, 4 in space and 4 marks"):
        read_3dhp(tmp_path, "test")


def test_the_table_of_sets_is_whole():
    for found in LIFT_SETS.values():
        assert set(found.roots) <= set(found.skeleton.joints)
        assert len(found.skeleton.bones) == len(found.skeleton.joints) - 1  # a tree


@pytest.mark.parametrize(
    "held",
    [
        {"S9": {"Walking 1": None}},
        {"S9": None},
        {"S9": {"Walking 1": "twelve frames"}, "S11": {}},
        {"S9": {3: np.zeros((12, 17, 3), np.float32)}, "S11": {}},
        {"S9": {"Walking 1": np.zeros(5)}, "S11": {}},
    ],
)
def test_values_of_another_kind_are_bad_input(tmp_path: Path, held: dict):
    lift_sets.write_videopose(tmp_path, "h36m")
    np.savez(tmp_path / "data_3d_h36m.npz", positions_3d=np.array(held, object))
    with pytest.raises(BadInput, match=r"data_3d_h36m|public layout"):
        read_h36m(tmp_path, "test")


@pytest.mark.parametrize(
    "held",
    [
        {5: [{}]},
        {5: [{0: {}}]},
        {" ": [{0: {}}]},
        {"S1 Seq1": 3},
        {"S1 Seq1": [[1, 2], {}]},
        {"S1 Seq1": []},
    ],
)
def test_3dhp_of_another_kind_is_bad_input(tmp_path: Path, held: dict):
    np.savez(tmp_path / "data_train_3dhp.npz", data=np.array(held, object))
    with pytest.raises(BadInput, match=r"data_train_3dhp.npz: is not in the public layout"):
        read_3dhp(tmp_path, "train")


def test_no_camera_is_bad_input(tmp_path: Path):
    np.savez(tmp_path / "data_train_3dhp.npz", data=np.array({"S1 Seq1": [{}]}, object))
    with pytest.raises(BadInput, match=r"data_train_3dhp.npz: S1 Seq1 has no cameras"):
        read_3dhp(tmp_path, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["intrinsic"][0].update(res_w=0), "a side of the picture is 0"),
        (lambda c: c["extrinsic"]["S9"][0].update(orientation=[0, 0, 0, 0]), "orientation"),
        (lambda c: c["extrinsic"].update(S9=[5]), "not a file of cameras"),
    ],
)
def test_cameras_that_see_nothing_are_refused(tmp_path: Path, change: object, message: str):
    lift_sets.write_videopose(tmp_path, "h36m")
    path = tmp_path / "cameras.json"
    cameras = json.loads(path.read_text("utf-8"))
    assert callable(change)
    change(cameras)
    path.write_text(json.dumps(cameras), "utf-8")
    with pytest.raises(BadInput, match=message):
        read_h36m(tmp_path, "test")
    path.write_text("[" * 200_000, "utf-8")
    with pytest.raises(BadInput, match="not a file of cameras"):
        read_h36m(tmp_path, "test")
