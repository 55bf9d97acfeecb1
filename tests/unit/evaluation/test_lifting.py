"""Scores of lifting on the published sets, against an independent statement of the protocols."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import procrustes as scipy_procrustes

import lift_sets
from glpose.errors import BadInput, BadWeights
from glpose.evaluation.lifting import lift_tracks, score_lifted
from glpose.formats.tracks_in_space import LIFT_SETS, TrackInSpace
from glpose.runtime.card import LiftCard
from glpose.runtime.lift import Lifter

WINDOW = 5
CARD = LiftCard(
    name="flat", version="1", trained_on=("nothing",), terms="-", licence="-", source="-",
    made_by={}, scores={},
    skeleton="h36m17", window=WINDOW, rate_hz=50.0, root=("pelvis",), unit="metres", frame="camera",
)  # fmt: skip


def flat(card: LiftCard, lean: float = 0.0) -> Lifter:
    """The picture itself, about the root, one metre for half its width; not the same when mirrored."""

    def run(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        del known
        pose = joints[:, WINDOW // 2]
        xyz = np.concatenate([pose[..., :2], 0 * pose[..., :1] + lean], -1)
        root = [card.joints.index(name) for name in card.root]
        return xyz - xyz[:, root].mean(1, keepdims=True)

    return Lifter(run, card)


def card_of(name: str) -> LiftCard:
    found = LIFT_SETS[name]
    return replace(CARD, skeleton=found.skeleton.name, rate_hz=found.rate_hz)


def expected_guess(track: TrackInSpace, root: int) -> np.ndarray:
    """What `flat` says, in millimetres, from the pixels."""
    width = track.size_wh[0]
    xy = (track.xy - track.xy[:, root : root + 1]) * [1, -1] * 2 / width
    return 1000 * np.concatenate([xy, 0 * xy[..., :1]], -1)


def by_scipy(guess: np.ndarray, truth: np.ndarray) -> float:
    """P-MPJPE of one pose in the unit of the truth: scipy scales both to norm 1 (and may mirror)."""
    norm = np.linalg.norm(truth - truth.mean(0))
    a, b, _ = scipy_procrustes(truth, guess)
    return float(norm * np.linalg.norm(a - b, axis=-1).mean())


@pytest.mark.parametrize(
    ("name", "write", "joints"), [("h36m", "h36m", 17), ("humaneva", "humaneva15", 15)]
)
def test_protocols_agree_with_their_plain_statement(
    tmp_path: Path, name: str, write: str, joints: int
):
    lift_sets.write_videopose(tmp_path, write, joints=joints)
    tracks = LIFT_SETS[name].read(tmp_path, "test", "gt")
    report = score_lifted(name, list(lift_tracks(flat(card_of(name)), name, tracks)))
    rows: dict[str, dict[str, list]] = {}
    for track in tracks:
        key = track.action + (f" {track.subject}" if name == "humaneva" else "")
        truth = 1000 * (track.xyz - track.xyz[:, :1])
        guess = expected_guess(track, 0)
        row = rows.setdefault(key, {"p1": [], "p2": [], "p3": [], "v": []})
        row["p1"] += np.linalg.norm(guess - truth, axis=-1).mean(-1).tolist()
        for g, t in zip(guess, truth, strict=True):
            scale = (g * t).sum() / (g * g).sum()
            row["p3"].append(np.linalg.norm(scale * g - t, axis=-1).mean())
            row["p2"].append(by_scipy(g, t))
        moves = np.diff(guess, axis=0) - np.diff(truth, axis=0)
        row["v"] += np.linalg.norm(moves, axis=-1).mean(-1).tolist()
    found = report.plain["rows"]
    assert set(found) == {*rows, "mean"}
    for key, row in rows.items():
        for ours, theirs in (("mpjpe", "p1"), ("n_mpjpe", "p3"), ("mpjve", "v")):
            assert found[key][ours] == pytest.approx(np.mean(row[theirs]), rel=1e-4), (key, ours)
        # A flat guess is its own mirror image, so that scipy's may be the same.
        assert found[key]["p_mpjpe"] == pytest.approx(np.mean(row["p2"]), rel=1e-3)
        assert found[key]["lifted"] == 100
    means = [np.mean(row["p1"]) for row in rows.values()]
    assert found["mean"]["mpjpe"] == pytest.approx(np.mean(means), rel=1e-4)
    assert len(report.lines) == len(rows) + 2


def test_3dhp_pools_valid_frames_and_leaves_three_joints_out_of_pck(tmp_path: Path):
    lift_sets.write_3dhp(tmp_path)
    tracks = LIFT_SETS["3dhp"].read(tmp_path, "test", "gt")
    lifter = flat(card_of("3dhp"))
    report = score_lifted("3dhp", list(lift_tracks(lifter, "3dhp", tracks)))
    errors = np.concatenate([
        np.linalg.norm(
            expected_guess(t, 14) - 1000 * (t.xyz - t.xyz[:, 14:15]), axis=-1
        )[[n for n in range(12) if n % 4]]
        for t in tracks
    ])  # fmt: skip
    row = report.plain["rows"]["all"]
    assert row["mpjpe"] == pytest.approx(errors.mean(), rel=1e-4)
    assert row["pck"] == pytest.approx(100 * (errors[:, :14] <= 150).mean())
    curve = [(errors[:, :14] <= limit).mean() for limit in range(0, 151, 5)]
    assert row["auc"] == pytest.approx(100 * np.mean(curve))
    assert set(report.plain["rows"]) == {"TS1", "TS5", "all"}


def test_the_mean_of_mirror_images_is_taken(tmp_path: Path):
    lift_sets.write_videopose(tmp_path, "h36m")
    tracks = LIFT_SETS["h36m"].read(tmp_path, "test", "gt")[:1]
    card = card_of("h36m")

    def to_the_right(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        del known
        return np.zeros((len(joints), 17, 3), np.float32) + np.float32([0.5, 0.25, 0])

    (found,) = lift_tracks(Lifter(to_the_right, card), "h36m", tracks)
    np.testing.assert_allclose(found.guess[:, 3], np.tile([0, 250, 0], (12, 1)), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"skeleton": "limb13", "root": ("left_hip",)}, "for joints of limb13, 50 frames a second"),
        ({"rate_hz": 15.0}, "15 frames a second and metres, h36m has joints of h36m17, 50 frames"),
        ({"unit": "statures"}, "50 frames a second and statures"),
    ],
)
def test_weights_of_another_kind_are_refused(change: dict, told: str):
    with pytest.raises(BadWeights, match=told):
        list(lift_tracks(flat(replace(CARD, **change)), "h36m", []))


def test_the_size_of_the_picture_is_asked_for():
    lifter: Callable = flat(CARD)
    xy, score = np.random.default_rng(0).normal(0, 99, (9, 17, 2)), np.ones((9, 17))
    with pytest.raises(BadInput, match="the size of the picture is not known; 'flat' lifts"):
        lifter(xy, score, 50.0, (0, 0))
    assert np.isfinite(lifter(xy, score, 50.0, (640, 480)).xyz).all()
