"""PoseTrack's AP and MOT against the official tool: worked examples and 200 random cases."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_posetrack_expected import EXPECTED, NO_MATCHES, official_scores
from posetrack_cases import NUM_CASES, Case, make_case, write_case

from glpose.formats.posetrack.labels import read_prediction_file, read_truth_file
from glpose.metrics.posetrack import compare_videos
from glpose.metrics.posetrack_ap import PoseTrackAp, posetrack_ap
from glpose.metrics.posetrack_mot import PoseTrackMot, posetrack_mot
from glpose.types import FramePoses, FrameTruth

EXAMPLES = Path(__file__).parent / "examples"
POSETRACK_EXAMPLES = sorted(path.name for path in EXAMPLES.glob("ex[1-6]_*"))
TOLERANCE = 1e-6
BLOCK = 25


def read_folders(
    truth: Path, guess: Path
) -> tuple[list[tuple[FrameTruth, ...]], list[tuple[FramePoses, ...]]]:
    files = sorted(truth.glob("*.json"))
    read = [read_truth_file(file) for file in files]
    return read, [read_prediction_file(guess / file.name) for file in files]


def check_lists(ours: dict[str, Any], file: Path) -> None:
    official = json.loads(file.read_text())
    assert ours.keys() == official.keys()
    assert ours["names"] == official["names"]
    for name in official.keys() - {"names"}:
        np.testing.assert_allclose(ours[name], official[name], rtol=0, atol=TOLERANCE)


def printed_rows(example: str) -> list[str]:
    lines = (EXAMPLES / example / "official_output" / "printed_table.txt").read_text().splitlines()
    return [line.rstrip() for line in lines if line.startswith("&")]


def test_there_are_six_examples():
    assert len(POSETRACK_EXAMPLES) == 6


@pytest.mark.parametrize("example", POSETRACK_EXAMPLES)
def test_ap_of_the_examples(example: str):
    folder = EXAMPLES / example
    truth, guess = read_folders(folder / "gt", folder / "pred")
    result = posetrack_ap(truth, guess)
    check_lists(result.official(), folder / "official_output" / "total_AP_metrics.json")
    assert result.table().splitlines() == printed_rows(example)[:2]
    for file, t, g in zip(sorted((folder / "gt").glob("*.json")), truth, guess, strict=True):
        official = folder / "official_output" / f"{file.stem}_AP_metrics.json"
        check_lists(posetrack_ap([t], [g]).official(), official)


@pytest.mark.parametrize("example", [e for e in POSETRACK_EXAMPLES if e[:3] not in ("ex1", "ex3")])
def test_mot_of_the_examples(example: str):
    folder = EXAMPLES / example
    result = posetrack_mot(*read_folders(folder / "gt", folder / "pred"))
    official = folder / "official_output"
    check_lists(result.official(), official / "total_MOT_metrics.json")
    right = official / "total_MOT_metrics_with_original_motmetrics_1.0.2.json"
    check_lists(result.official() | {"motp": result.motp.tolist()}, right)
    assert result.table().splitlines() == printed_rows(example)[2:]


@pytest.mark.parametrize("start", range(0, NUM_CASES, BLOCK))
def test_random_cases_score_as_officially(start: int):
    stored = np.load(EXPECTED)
    for seed in range(start, start + BLOCK):
        case = make_case(seed)
        assert case.digest() == stored["digest"][seed], (
            "other videos than the stored numbers are of"
        )
        ap, mot = scores(case)
        check_numbers(ap, mot, stored["ap"][seed], stored["mot"][seed], stored["right_motp"][seed])


def scores(case: Case) -> tuple[PoseTrackAp, PoseTrackMot]:
    return posetrack_ap(case.truth, case.guess), posetrack_mot(case.truth, case.guess)


def check_numbers(
    ap: PoseTrackAp,
    mot: PoseTrackMot,
    official_ap: np.ndarray,
    official_mot: np.ndarray,
    right_motp: np.ndarray,
) -> None:
    ours_ap = np.stack([ap.ap, ap.precision, ap.recall])
    ours_mot = np.stack([mot.mota, mot.motp_printed, mot.precision, mot.recall])
    np.testing.assert_allclose(ours_ap, official_ap, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours_mot, official_mot, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(mot.motp, right_motp, rtol=0, atol=TOLERANCE)


def test_the_random_cases_are_worth_the_name():
    stored = np.load(EXPECTED)
    ap, mot = stored["ap"][:, 0], stored["mot"]
    assert np.isnan(ap).any(1).sum() > 20
    assert (ap == 0).any(1).sum() > 20
    assert ap[:, 15].min() < 10
    assert ap[:, 15].max() > 75
    assert (np.abs(mot[:, 1, 15] - stored["right_motp"][:, 15]) > 1).sum() > 100
    cases = [make_case(seed) for seed in range(0, NUM_CASES, 5)]
    frames = [frame for case in cases for video in case.truth for frame in video]
    assert sum(bool(frame.ignore) for frame in frames) > 40
    assert sum(bool(np.isnan(frame.xy).all((1, 2)).any()) for frame in frames) > 10
    assert sum(not len(frame.people) for frame in frames) > 20
    assert sum(bool(scores(case)[1].counts.switches.any()) for case in cases) > 20


@pytest.mark.parametrize("seed", range(0, NUM_CASES, 13))
def test_files_of_random_cases_score_as_their_arrays(seed: int, tmp_path: Path):
    case = make_case(seed)
    truth, guess = read_folders(*write_case(case, tmp_path))
    ap, mot = scores(case)
    np.testing.assert_allclose(posetrack_ap(truth, guess).ap, ap.ap, rtol=0, atol=TOLERANCE)
    again = posetrack_mot(truth, guess)
    np.testing.assert_allclose(again.mota, mot.mota, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(again.motp_printed, mot.motp_printed, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("layouts", [(2017, 2017), (2018, 2017), (2017, 2018)])
def test_an_empty_list_of_joints_is_one_in_either_layout(layouts: tuple[int, int], tmp_path: Path):
    stored, told = np.load(EXPECTED), 0
    for seed in range(3, NUM_CASES, 8):  # half of those of 2018
        case = make_case(seed)
        read = read_folders(*write_case(case, tmp_path / str(seed), layouts))
        mot = posetrack_mot(*read)
        np.testing.assert_allclose(mot.mota, stored["mot"][seed][0], rtol=0, atol=TOLERANCE)
        told += np.abs(posetrack_mot(*map(unlisted, read)).mota - mot.mota)[15] > TOLERANCE
    assert told


def unlisted(
    videos: list[tuple[FrameTruth, ...]] | list[tuple[FramePoses, ...]],
) -> list[list[Any]]:
    return [[replace(frame, listed=None) for frame in frames] for frames in videos]


@pytest.mark.parametrize("seed", [1, 3, 12])
def test_the_official_tool_itself_where_it_is_installed(seed: int):
    pytest.importorskip("poseval")
    case = make_case(seed)
    check_numbers(*scores(case), *official_scores(case))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [2, 5, 8, 11])
def test_motmetrics_itself_where_it_is_installed(seed: int):
    pytest.importorskip("motmetrics")
    motmetrics: Any = importlib.import_module("motmetrics")
    case = make_case(seed)
    ours = posetrack_mot(case.truth, case.guess, quirks=False).counts
    videos = compare_videos(case.truth, case.guess)
    for joint in (0, 9, 14):
        counts = np.zeros(3, int)
        total = 0.0
        for video in videos:
            accumulator = motmetrics.MOTAccumulator(auto_id=True)
            for f in video:
                objects, hypotheses = f.labelled[:, joint], f.predicted[:, joint]
                distance = f.distance[:, :, joint].T[np.ix_(objects, hypotheses)]
                distance = np.where(distance <= 0.5, distance, np.nan)
                accumulator.update(f.truth_id[objects], f.guess_id[hypotheses], distance)
            events = accumulator.events
            counts += [(events.Type == name).sum() for name in ("SWITCH", "MISS", "FP")]
            total += events[~events.Type.isin(NO_MATCHES)].D.sum()
        theirs = counts.tolist()
        assert [c[joint] for c in (ours.switches, ours.misses, ours.false_positives)] == theirs
        assert ours.distance[joint] == pytest.approx(total)
