"""HiEve's weighted AP, on examples that can be worked by hand, and its files."""

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from glpose.cli.main import main
from glpose.formats.hieve import read_hieve_truth
from glpose.metrics.hieve import crowd_index, frame_weights, hieve_scores
from glpose.metrics.oks import OksPicture, oks_scores
from glpose.skeleton import HIEVE14

NUM = len(HIEVE14.joints)
SIGMA = HIEVE14.oks_sigma


def frame(people: int, guesses: list[tuple[float, float]]) -> OksPicture:
    """People at x = 0, 1000, ... of 100 x 100 pixels; guesses are (x, score), right where x is one."""
    spread = np.linspace(0, 100, NUM)[:, None] * [0, 1]
    truth = np.arange(people)[:, None, None] * [1000.0, 0] + spread
    guess = np.array([x for x, _ in guesses])[:, None, None] * [1.0, 0] + spread
    corner = np.arange(people)[:, None] * [1000.0, 0]
    return OksPicture(
        truth_xy=truth,
        labelled=np.ones((people, NUM), bool),
        area_px2=np.full(people, 1e4),
        truth_xyxy=np.concatenate([corner - [50, 0], corner + [50, 100]], 1),
        ignore=np.zeros(people, bool),
        crowd=np.zeros(people, bool),
        guess_xy=guess.reshape(-1, NUM, 2),
        guess_score=np.array([s for _, s in guesses], np.float64),
    )


def test_the_crowd_index_counts_joints_of_others_in_ones_box() -> None:
    """Of two people, one has two of the other's four joints in the box, the other one of four."""
    xy = np.array([[[1.0, 1], [2, 2], [3, 3], [9, 9]], [[4, 4], [5, 5], [11, 11], [12, 12]]])
    boxes = np.array([[0.0, 0, 10, 10], [4, 4, 12, 12]])
    labelled = np.ones((2, 4), bool)
    assert crowd_index(xy, labelled, boxes) == pytest.approx((2 / 4 + 1 / 4) / 2)
    labelled[1, 0] = False
    assert crowd_index(xy, labelled, boxes) == pytest.approx((1 / 4 + 1 / 3) / 2)
    assert crowd_index(xy[:1], labelled[:1], boxes[:1]) == 0
    assert crowd_index(xy[:0], labelled[:0], boxes[:0]) == 0


def test_joints_in_a_box_are_divided_by_those_of_its_owner() -> None:
    """One joint of the other person among one's own four, and three among one's own two."""
    xy = np.array([[[5.0, 5], [16, 5], [17, 5], [18, 5]], [[6.0, 6], [25, 5], [90, 90], [91, 91]]])
    boxes = np.array([[0.0, 0, 20, 10], [15, 0, 30, 10]])
    assert crowd_index(xy, np.ones((2, 4), bool), boxes) == pytest.approx((1 / 4 + 3 / 1) / 2)


def test_weights_of_frames() -> None:
    found = frame_weights(np.array([0.0, 1.0]), np.array([0, 3]))
    assert found.tolist() == pytest.approx([2, 2 * np.e + 3])


@pytest.mark.parametrize("weight", [1.0, 0.3, 2 * np.exp(0.7), 1e-6])
def test_equal_weights_give_plain_ap_exactly(weight: float) -> None:
    rng = np.random.default_rng(5)
    frames = [
        frame(n, [(1000.0 * i + rng.normal(0, 12), rng.uniform()) for i in range(n + 1)])
        for n in (3, 1, 0, 5, 2)
    ]
    plain = oks_scores(frames, SIGMA)
    assert 0.2 < plain.ap < 0.9
    assert oks_scores(frames, SIGMA, weights=np.full(5, weight)) == plain


def test_a_frame_counts_as_often_as_its_weight_says() -> None:
    good, bad = frame(1, [(0, 0.9)]), frame(1, [(500, 0.8)])
    weighted = oks_scores([good, bad], SIGMA, weights=np.array([1.0, 3.0]))
    repeated = oks_scores([good, bad, bad, bad], SIGMA)
    assert astuple(weighted) == pytest.approx(astuple(repeated))
    assert weighted.ar50 == pytest.approx(1 / 4)
    assert weighted.ap50 == pytest.approx(26 / 101)  # recalls 0, 0.01, ... 0.25
    other = oks_scores([good, bad], SIGMA, weights=np.array([3.0, 1.0]))
    assert other.ar50 == pytest.approx(3 / 4)


def test_unusual_frames_weigh_more() -> None:
    """Both frames have 2 exp(0) = 2; four kinds of unusual actions make the second count thrice."""
    good, bad = frame(1, [(0, 0.9)]), frame(1, [(500, 0.8)])
    plain, weighted = hieve_scores([good, bad], [0, 4], SIGMA)
    assert (plain.ar50, weighted.ar50) == (pytest.approx(1 / 2), pytest.approx(1 / 4))


def test_more_than_twenty_people_of_a_frame_count() -> None:
    crowd = frame(30, [(1000.0 * i, 0.9) for i in range(30)])
    plain, _ = hieve_scores([crowd], [0], SIGMA)
    assert plain.ap == pytest.approx(1)
    assert oks_scores([crowd], SIGMA).ap < 0.7


def files(folder: Path, flag: int = 0, **image: object) -> tuple[Path, Path]:
    xy = [[float(5 * j), float(3 * j)] for j in range(NUM)]
    truth, results = folder / "gt.json", folder / "pred.json"
    joints = [[*p, flag] for p in xy[:-1]] + [[0, 0, -1]]
    person = {
        "image_id": 7,
        "bbox": [0, 0, 70, 50],
        "keypoints": np.ravel(joints).astype(int).tolist(),
    }
    truth.write_text(json.dumps({"images": [{"id": 7, **image}], "annotations": [person]}))
    pose = {"image_id": 7, "score": 0.5, "keypoints": np.ravel([[*p, 0.5] for p in xy]).tolist()}
    results.write_text(json.dumps([pose]))
    return truth, results


def test_visibility_is_the_other_way_round_than_cocos(tmp_path: Path) -> None:
    for flag in (0, 1):
        truth, _ = files(tmp_path, flag, unusual=2)
        found = read_hieve_truth(truth)[7]
        assert found.labelled[0].tolist() == [True] * (NUM - 1) + [False]
        assert (found.area_px2.tolist(), found.num_unusual) == ([3500], 2)
        assert found.xyxy.tolist() == [[0, 0, 70, 50]]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, results = files(tmp_path)
    assert (
        main(["score", "hieve", str(truth), str(results), "--json", str(tmp_path / "s.json")]) == 0
    )
    assert json.loads((tmp_path / "s.json").read_text())["w_ap"] == pytest.approx(100)
    assert "w_AP" in capsys.readouterr().out
    for change, said in (((2,), "0 visible, 1 hidden or -1"), ((0, -1), "kinds of unusual")):
        truth, results = files(tmp_path, change[0], **({"unusual": -1} if len(change) > 1 else {}))
        assert main(["score", "hieve", str(truth), str(results)]) == 2
        assert said in capsys.readouterr().err
