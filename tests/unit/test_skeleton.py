"""Joint sets: mirror pairs, bones, and what conversion between sets does."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.skeleton import (
    COCO17,
    JHMDB15,
    LSP14,
    POSETRACK15,
    SKELETONS,
    TUD13,
    Skeleton,
    by_name,
    convert,
    find_joints,
    joint_map,
)

ALL = [pytest.param(s, id=s.name) for s in SKELETONS.values()]


@pytest.mark.parametrize("skeleton", ALL)
def test_mirror_swaps_left_and_right_and_nothing_else(skeleton: Skeleton) -> None:
    for j, joint in enumerate(skeleton.joints):
        other = skeleton.joints[skeleton.mirror[j]]
        if joint.startswith("left_"):
            assert other == "right_" + joint.removeprefix("left_")
        elif joint.startswith("right_"):
            assert other == "left_" + joint.removeprefix("right_")
        else:
            assert other == joint
        assert skeleton.mirror[skeleton.mirror[j]] == j


@pytest.mark.parametrize("skeleton", ALL)
def test_bones_join_all_limbs_and_are_symmetric(skeleton: Skeleton) -> None:
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert len(bones) == len(skeleton.bones)
    for a, b in skeleton.bones:
        assert a != b
        assert frozenset((skeleton.mirror[a], skeleton.mirror[b])) in bones


@pytest.mark.parametrize("skeleton", ALL)
def test_every_joint_has_a_positive_sigma_equal_on_both_sides(skeleton: Skeleton) -> None:
    assert (skeleton.oks_sigma > 0).all()
    assert (skeleton.oks_sigma == skeleton.oks_sigma[list(skeleton.mirror)]).all()


def test_coco_sigmas_are_the_published_ones() -> None:
    expected = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062]
    expected += [0.107, 0.107, 0.087, 0.087, 0.089, 0.089]
    assert COCO17.oks_sigma == pytest.approx(expected)


def test_posetrack_order_is_the_official_one() -> None:
    assert POSETRACK15.joints[:3] == ("right_ankle", "right_knee", "right_hip")
    assert POSETRACK15.joints[12:] == ("head_bottom", "nose", "head_top")


def test_index_and_by_name_say_what_there_is() -> None:
    assert POSETRACK15.index("nose") == 13
    with pytest.raises(BadInput, match="no joint 'belly'; it has: right_ankle"):
        POSETRACK15.index("belly")
    assert by_name("lsp14") is LSP14
    with pytest.raises(BadInput, match="unknown skeleton 'coco'; known: body19, coco17"):
        by_name("coco")


def test_jhmdb_neck_and_face_are_found_under_their_other_names() -> None:
    index = joint_map(JHMDB15, POSETRACK15)
    assert JHMDB15.joints[index[POSETRACK15.index("head_bottom")]] == "neck"
    assert JHMDB15.joints[index[POSETRACK15.index("nose")]] == "face"
    assert index[POSETRACK15.index("head_top")] == -1


def test_joints_are_found_under_either_name() -> None:
    assert JHMDB15.index("nose") == JHMDB15.index("face") == 2
    assert POSETRACK15.index("neck") == POSETRACK15.index("head_bottom") == 12
    assert find_joints(LSP14, ("nose", "head_bottom", "right_knee")) == [12, 1]
    assert find_joints(TUD13, ("face", "neck")) == []
    names = "nose", "face", "neck", "head_bottom"
    both = Skeleton("mine", names, (), (0, 1, 2, 3), np.full(4, 0.1))
    assert find_joints(both, names[::-1]) == [3, 2, 1, 0]
    assert joint_map(both, JHMDB15)[[0, 2]].tolist() == [2, 1]


def test_what_the_source_lacks_is_nan_with_score_0() -> None:
    xy = np.arange(34, dtype=np.float32).reshape(1, 17, 2)
    score = np.full((1, 17), 0.5, np.float32)
    found_xy, found_score = convert(xy, score, COCO17, POSETRACK15)
    for j, joint in enumerate(POSETRACK15.joints):
        if joint in COCO17.joints:
            assert found_xy[0, j].tolist() == xy[0, COCO17.index(joint)].tolist()
            assert found_score[0, j] == 0.5
        else:
            assert joint in ("head_bottom", "head_top")
            assert np.isnan(found_xy[0, j]).all()
            assert found_score[0, j] == 0
    assert np.isfinite(xy).all()  # the input is left alone


@pytest.mark.parametrize("skeleton", ALL)
def test_conversion_to_itself_changes_nothing(skeleton: Skeleton) -> None:
    n = len(skeleton.joints)
    xy = np.random.default_rng(0).uniform(0, 9, (2, n, 2)).astype(np.float32)
    score = np.ones((2, n), np.float32)
    again_xy, again_score = convert(xy, score, skeleton, skeleton)
    assert (again_xy == xy).all()
    assert (again_score == score).all()


@pytest.mark.parametrize("skeleton", ALL)
def test_ours_stay_the_same_when_copied_or_sent(skeleton: Skeleton) -> None:
    assert pickle.loads(pickle.dumps(skeleton)) is skeleton
    assert copy.deepcopy(skeleton) is skeleton


def test_a_set_of_a_user_is_copied_even_if_it_is_called_like_ours() -> None:
    own = replace(COCO17, bones=((0, 1),))
    found = pickle.loads(pickle.dumps(own))
    assert found is not own
    assert (found.name, found.joints, found.bones) == (own.name, own.joints, own.bones)
    np.testing.assert_array_equal(found.oks_sigma, own.oks_sigma)
