"""Faces cannot be recognised, and the rest is left as it is."""

import numpy as np

from glpose.skeleton import POSETRACK15
from glpose.types import Frame, FramePoses, People
from glpose.viewer.private import blur_faces, without_faces

NOSE = POSETRACK15.index("nose")
NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)


def person(nose: tuple[float, float] | None, box: list[float]) -> FramePoses:
    xy = np.full((1, 15, 2), np.nan, np.float32)
    score = np.zeros((1, 15), np.float32)
    if nose is not None:
        xy[0, NOSE], score[0, NOSE] = nose, 0.9
    people = People(np.array([box], np.float32), np.ones(1, np.float32), np.array([1]))
    return FramePoses(0, 0.0, people, xy, score)


def roughness(rgb: np.ndarray) -> float:
    return float(np.abs(np.diff(rgb.astype(int), axis=0)).mean())


def test_a_face_is_smooth_and_all_else_as_it_was() -> None:
    out = blur_faces(NOISE, person((100, 60), [60, 30, 140, 190]), POSETRACK15)
    changed = (out != NOISE).any(2)
    rows, columns = np.argwhere(changed).T
    # A tenth of 160 pixels, with 1.3 times the room and a quarter on each side: 31 pixels.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (44, 75, 84, 115)
    assert roughness(out[44:76, 84:116]) < roughness(NOISE) / 10
    np.testing.assert_array_equal(
        NOISE, np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    )


def test_of_somebody_without_a_face_the_upper_fifth_is_blurred() -> None:
    out = blur_faces(NOISE, person(None, [60, 30, 140, 190]), POSETRACK15)
    rows, columns = np.argwhere((out != NOISE).any(2)).T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 62, 60, 140)


def test_faces_at_and_beyond_the_edge_do_no_harm() -> None:
    for nose in ((0.0, 0.0), (299.0, 199.0), (-500.0, 60.0), (1e7, 1e7)):
        assert blur_faces(NOISE, person(nose, [0, 0, 40, 160]), POSETRACK15).shape == NOISE.shape


def test_skeletons_alone_are_on_black_and_lost_pictures_stay_lost() -> None:
    frames = [Frame(0, 0.0, NOISE), Frame(1, 0.04, None)]
    poses = person((100, 60), [60, 30, 140, 190])
    for how in ("skeleton", "blur"):
        pairs = list(without_faces([(frame, poses) for frame in frames], POSETRACK15, how))
        assert [frame.rgb is None for frame, _ in pairs] == [False, True]
        assert all(found is poses for _, found in pairs)
        rgb = pairs[0][0].rgb
        assert rgb is not None
        assert (rgb == 0).all() == (how == "skeleton")
