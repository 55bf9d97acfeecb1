"""A run that keeps one person, or that hides who people are; with poses made by hand."""

import json
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from glpose.cli.main import main
from glpose.errors import BadInput
from glpose.formats.results import load
from glpose.jobs.aside import Aside
from glpose.jobs.given import open_given
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.report import SILENT
from glpose.jobs.run import Options, Outcome, SourceJob
from glpose.jobs.writers import Target, poses_jsonl
from glpose.skeleton import POSETRACK15, Skeleton
from glpose.timing import Timings
from glpose.types import Frame, FrameAndPoses, FramePoses, People, VideoInfo
from glpose.video.arrays import ArraySource
from glpose.video.source import SourceEntry

WHO = [(1, 2), (1, 2), (2,), ()]
NOISE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


@dataclass
class Work:
    """People 1, small and in the middle, and 2, large at the left."""

    skeleton: Skeleton = POSETRACK15
    record: dict = field(default_factory=dict)
    with_pictures: list[bool] = field(default_factory=list)

    def check(self, info: VideoInfo, label: str) -> None:
        """All is well."""

    def pairs(
        self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
    ) -> Iterator[FrameAndPoses]:
        self.with_pictures.append(keep_pictures)
        boxes = {1: [70, 40, 90, 80], 2: [0, 0, 60, 110]}
        for frame in frames:
            who = WHO[frame.index]
            people = People(
                np.array([boxes[n] for n in who], np.float32).reshape(-1, 4),
                np.ones(len(who), np.float32),
                np.array(who, np.int64),
            )
            xy = np.full((len(who), 15, 2), 30, np.float32)
            score = np.full((len(who), 15), 0.9, np.float32)
            yield frame, FramePoses(frame.index, frame.time_s, people, xy, score)

    def settings(self) -> dict[str, object]:
        return {}

    def missing(self, label: str, last_frame: int) -> str | None:
        return None


class Seen:
    """A writer that keeps the pictures it is given, and whether there is to be sound."""

    needs_pictures, warnings = True, ()
    pictures: list[np.ndarray | None]
    sound: bool

    def __init__(self, target: Target) -> None:
        Seen.pictures, Seen.sound = [], target.sound

    def write(self, frame: Frame, poses: FramePoses) -> None:
        Seen.pictures.append(frame.rgb)

    def __enter__(self) -> "Seen":
        return self

    def __exit__(self, *raised: object) -> None:
        """Nothing is open."""


def done(tmp_path: Path, source: ArraySource | None = None, **options: object) -> Outcome:
    entry = SourceEntry("x", (), given=source or ArraySource([NOISE] * len(WHO)))
    how = Options(tmp_path, writers=(poses_jsonl, Seen), **options)  # type: ignore[arg-type]
    return SourceJob(entry, how, Work(), SILENT, Interrupt()).run()


def numbers(tmp_path: Path) -> list[list[int]]:
    return [p.people.track_id.tolist() for p in load(tmp_path / "x" / "poses.jsonl").frames]


@pytest.mark.parametrize(
    ("person", "kept"),
    [
        ("central", [[1], [1], [], []]),
        ("largest", [[2], [2], [2], []]),
        ("longest", [[2], [2], [2], []]),
        (1, [[1], [1], [], []]),
    ],
)
def test_one_person_is_kept(person: str | int, kept: list[list[int]], tmp_path: Path) -> None:
    outcome = done(tmp_path, person=person)
    assert outcome.state == "ok"
    assert numbers(tmp_path) == kept
    assert outcome.tracks == {number for some in kept for number in some}
    assert [rgb is NOISE for rgb in Seen.pictures] == [True] * len(WHO)


def test_a_stop_while_people_are_searched_keeps_who_was_found_until_then(tmp_path: Path) -> None:
    interrupt = Interrupt()

    class Stopped(Work):
        def pairs(
            self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
        ) -> Iterator[FrameAndPoses]:
            for frame, poses in super().pairs(frames, info, timings, keep_pictures=keep_pictures):
                interrupt.requested = frame.index == 1
                yield frame, poses

    entry = SourceEntry("x", (), given=ArraySource([NOISE] * len(WHO)))
    how = Options(tmp_path, writers=(poses_jsonl, Seen), person="longest")
    outcome = SourceJob(entry, how, Stopped(), SILENT, interrupt).run()
    assert outcome.state == "interrupted"
    assert "interrupted after 2 frames" in outcome.warnings[-1]
    assert numbers(tmp_path) == [[1], [1]]  # of two who are seen equally long the first
    assert len(Seen.pictures) == 2


def test_a_number_that_nobody_has_is_a_failure_that_names_the_others(tmp_path: Path) -> None:
    outcome = done(tmp_path, person=7)
    assert outcome.state == "failed"
    assert "nobody has the number 7; the numbers are: 1, 2" in outcome.warnings[-1]


def test_nothing_is_kept_without_the_person_and_old_results_stay(tmp_path: Path) -> None:
    assert not done(tmp_path, person=7).kept
    assert list(tmp_path.iterdir()) == []
    assert done(tmp_path, person=1).kept
    old = (tmp_path / "x" / "poses.jsonl").read_bytes()
    before = sorted((tmp_path / "x").iterdir())
    assert not done(tmp_path, person=7, overwrite=True).kept
    assert (tmp_path / "x" / "poses.jsonl").read_bytes() == old
    assert sorted((tmp_path / "x").iterdir()) == before
    assert done(tmp_path, person=2, overwrite=True).kept
    assert sorted((tmp_path / "x").iterdir()) == before
    assert (tmp_path / "x" / "poses.jsonl").read_bytes() != old


def test_nothing_is_kept_without_a_frame_and_old_results_stay(tmp_path: Path) -> None:
    outcome = done(tmp_path, frames=(100, None))
    assert (outcome.state, outcome.kept) == ("failed", False)
    assert list(tmp_path.iterdir()) == []
    assert done(tmp_path).kept  # no results are in its way
    before = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    assert not done(tmp_path, frames=(100, None), overwrite=True).kept
    assert {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()} == before


def test_results_that_a_killed_run_was_to_replace_are_not_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done(tmp_path).kept
    folder = tmp_path / "x"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    header = before["poses.jsonl"].partition(b"\n")[0]
    Aside(folder).move(path for path in sorted(folder.iterdir()) if path.name != ".lock")
    (folder / "poses.jsonl").write_bytes(header + b"\n")
    for name in ("poses.csv", "overlay.partial.mp4", ".glpose-begun.json"):
        (folder / name).write_text('{"state": "begun"}', encoding="utf-8")
    where = rf"; the results before are in {re.escape(str(folder))}/.glpose-old-\w+; run the video again"
    with pytest.raises(BadInput, match=f"holds no frame; .*{where}"):
        open_given(folder)
    assert main(["info", str(folder)]) == 0
    assert re.search(f"was killed{where}", capsys.readouterr().out)
    refused = done(tmp_path)
    assert not refused.kept
    assert (
        "holds results already (poses.jsonl, summary.json), put back as the run"
        in refused.warnings[0]
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_run_that_is_killed_while_it_puts_old_results_aside_loses_none(tmp_path: Path) -> None:
    assert done(tmp_path).kept
    folder = tmp_path / "x"
    (folder / "overlay.mp4").write_bytes(b"old")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    Aside(folder).move([folder / "poses.jsonl"])
    with pytest.raises(BadInput, match=r"holds no poses.jsonl; .*; the results before are in"):
        open_given(folder)
    assert "holds results already" in done(tmp_path).warnings[0]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_frames_of_a_killed_run_stand_and_what_was_before_them_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done(tmp_path, person=2).kept
    folder = tmp_path / "x"
    poses = (folder / "poses.jsonl").read_bytes()
    Aside(folder).move([folder / "poses.jsonl", folder / "summary.json"])
    (folder / "poses.jsonl").write_bytes(poses)
    (folder / ".glpose-begun.json").write_text('{"state": "begun"}', encoding="utf-8")
    where = rf"; results before these are in {re.escape(str(folder))}/.glpose-old-\w+$"
    assert main(["info", str(folder)]) == 0
    assert re.search(f"was killed{where}", capsys.readouterr().out, re.MULTILINE)
    (warning,) = done(tmp_path).warnings
    assert re.search(f"{len(WHO)} frames\\), which were kept; .*{where}", warning)
    assert done(tmp_path, person=1, overwrite=True).kept
    assert sorted(path.name for path in folder.iterdir()) == ["poses.jsonl", "summary.json"]
    # Only what was replaced last comes back, and that is not what was first.
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    Aside(folder).move(sorted(folder.iterdir()))
    assert "put back" in done(tmp_path).warnings[0]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_a_run_leaves_that_is_killed_before_its_first_frame_is_no_result(
    tmp_path: Path,
) -> None:
    done(tmp_path)
    poses = tmp_path / "x" / "poses.jsonl"
    poses.write_bytes(poses.read_bytes().splitlines(keepends=True)[0])
    assert done(tmp_path).kept
    assert "holds results already" in done(tmp_path).warnings[0]


def test_old_results_go_as_soon_as_there_are_new_ones(tmp_path: Path) -> None:
    class Looking(Work):
        def pairs(
            self, frames: Iterable[Frame], info: VideoInfo, timings: Timings, *, keep_pictures: bool
        ) -> Iterator[FrameAndPoses]:
            for frame, poses in super().pairs(frames, info, timings, keep_pictures=keep_pictures):
                aside.append(len(list((tmp_path / "x").glob(".glpose-old-*"))))
                yield frame, poses

    aside: list[int] = []
    done(tmp_path)
    entry = SourceEntry("x", (), given=ArraySource([NOISE] * len(WHO)))
    how = Options(tmp_path, writers=(poses_jsonl,), overwrite=True)
    SourceJob(entry, how, Looking(), SILENT, Interrupt()).run()
    assert aside == [1, 0, 0, 0]


def test_a_rule_needs_a_source_that_can_be_read_twice(tmp_path: Path) -> None:
    outcome = done(tmp_path, ArraySource(iter([NOISE] * len(WHO))), person="largest")
    assert outcome.state == "failed"
    assert "reads a source twice, which this one cannot" in outcome.warnings[0]


class Growing(ArraySource):
    """A recording that is still being written, or cut, between two readings."""

    def __init__(self, *lengths: int) -> None:
        super().__init__([NOISE] * max(lengths))
        self.lengths = list(lengths)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        self._pictures = [NOISE] * self.lengths.pop(0)
        return super().frames(start_s, end_s)


@pytest.mark.parametrize(("again", "says"), [(2, "and 2 when"), (len(WHO) + 1, "and more when")])
def test_a_source_that_changes_between_two_readings_is_incomplete(
    again: int, says: str, tmp_path: Path
) -> None:
    outcome = done(tmp_path, Growing(len(WHO), again), person="largest")
    assert outcome.state == "incomplete"
    assert outcome.frames == min(again, len(WHO))
    assert says in outcome.warnings[0]


@pytest.mark.parametrize("person", [None, "central"])
def test_faces_of_everybody_are_blurred_also_of_those_left_out(
    person: str | None, tmp_path: Path
) -> None:
    done(tmp_path, person=person, private="blur")
    changed = [(rgb != NOISE).any((1, 2)).any() for rgb in Seen.pictures if rgb is not None]
    assert changed == [True, True, True, False]
    assert not Seen.sound


def test_skeletons_alone_show_nothing_of_the_video(tmp_path: Path) -> None:
    done(tmp_path, private="skeleton")
    assert all((rgb == 0).all() for rgb in Seen.pictures if rgb is not None)
    assert not Seen.sound
    done(tmp_path / "plain")
    assert Seen.sound


def test_the_summary_counts_who_is_kept(tmp_path: Path) -> None:
    done(tmp_path, person="central")
    told = json.loads((tmp_path / "x" / "summary.json").read_text())
    assert (told["people"], told["poses"]) == (1, 2)
