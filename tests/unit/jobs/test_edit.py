"""Numbers of results are linked and dropped in the file, and drawn anew if the video is given."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import bad_videos
import glpose
from glpose.cli.main import main
from glpose.errors import BadInput, VideoError
from glpose.formats.lock import only_writer
from glpose.formats.results import ResultWriter, load, write_summary
from glpose.jobs.edit import drop, link
from glpose.jobs.given import open_given
from glpose.jobs.writers import DERIVED
from glpose.skeleton import POSETRACK15
from glpose.types import Frame, FramePoses, People
from glpose.video.reader import open_video
from glpose.video.source import find_sources
from glpose.viewer.overlay_video import OverlayVideo

Capture = pytest.CaptureFixture[str]
WHO = [(1, 2), (1,), (2,), (3, 2), (3,)]
"""The numbers in each frame: 1 is lost and comes back as 3."""


def frame(index: int, numbers: tuple[int, ...]) -> FramePoses:
    num = len(numbers)
    boxes = np.array([[40 * n, 20, 40 * n + 30, 120] for n in numbers], np.float32)
    xy = np.zeros((num, 15, 2), np.float32) + np.array([[[40 * n + 15, 60]] for n in numbers])
    people = People(boxes, np.ones(num, np.float32), np.array(numbers, np.int64))
    propagated = np.array([n == 3 for n in numbers])
    score = np.full((num, 15), 0.9, np.float32)
    xy = xy.astype(np.float32)
    return FramePoses(index, index / 25, people, xy, score, propagated=propagated)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return bad_videos.write_video(tmp_path / "walk.mp4", num_frames=len(WHO), audio="aac")


@pytest.fixture
def folder(video: Path, tmp_path: Path) -> Path:
    """Results of the video, with an overlay that is none."""
    folder = tmp_path / "out"
    folder.mkdir()
    with ResultWriter(folder / "poses.jsonl", open_video(video).info, POSETRACK15) as writer:
        for index, numbers in enumerate(WHO):
            writer.write(frame(index, numbers))
    for name in ("overlay.mp4", "poses.csv"):
        (folder / name).write_bytes(b"old")
    return folder


def numbers(folder: Path) -> list[list[int]]:
    return [p.people.track_id.tolist() for p in load(folder / "poses.jsonl").frames]


def test_linked_people_have_one_number_and_nothing_else_changes(folder: Path) -> None:
    before = (folder / "poses.jsonl").read_text().splitlines()
    edited = link(folder, {3: 1})
    assert numbers(folder) == [[1, 2], [1], [2], [1, 2], [1]]
    assert edited.track_ids == (1, 2)
    assert edited.stale == (folder / "poses.csv", folder / "overlay.mp4")
    after = (folder / "poses.jsonl").read_text().splitlines()
    assert after[1:3] == before[1:3]
    header = json.loads(before[0])
    header["settings"]["edited"] = [{"link": {"3": 1}, "drawn": False}]
    assert json.loads(after[0]) == header
    assert after[4] == before[4].replace('"track_id": 3', '"track_id": 1')
    assert json.loads(after[4])["people"][0]["source"] == "propagated"
    assert sorted(path.name for path in folder.iterdir()) == [
        "overlay.mp4", "poses.csv", "poses.jsonl",
    ]  # fmt: skip


def test_a_person_and_themselves_cannot_be_linked(folder: Path, capsys: Capture) -> None:
    before = (folder / "poses.jsonl").read_bytes()
    assert main(["link", str(folder), "1=3", "2=2"]) == 2
    assert "2=2: is one person already; expected two numbers" in capsys.readouterr().err
    assert (folder / "poses.jsonl").read_bytes() == before


def test_each_file_with_old_numbers_is_named_with_what_makes_it_anew(
    folder: Path, capsys: Capture
) -> None:
    folder = folder.rename(folder.with_name("my walk"))
    for name in DERIVED:
        (folder / name).touch()
    assert main(["drop", str(folder), "2"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    told = dict(line.split(": still as it was; ") for line in lines)
    makers = {Path(path).name: line.partition("glpose ")[2] for path, line in told.items()}
    assert makers == {
        "poses.csv": f"table '{folder}' -o '{folder / 'poses.csv'}' --overwrite",
        "poses_3d.jsonl": f"lift '{folder}' --overwrite",
        "smooth.jsonl": f"smooth '{folder}' --overwrite",
        "smooth_3d.jsonl": f"lift '{folder / 'smooth.jsonl'}' --overwrite",
        **dict.fromkeys(
            ("angles.csv", "angles.png", "gait.json"), f"angles '{folder}' --overwrite"
        ),
        "report.html": f"report '{folder}' --overwrite",
        "overlay.mp4": f"drop '{folder}' --video VIDEO",
    }
    assert main([*shlex.split(makers["poses.csv"]), "--quiet"]) == 0
    assert b"old" not in (folder / "poses.csv").read_bytes()


def test_links_may_be_chained_and_swapped_ones_are_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"2 and 1 are both in frame 0|1 and 2 are both in frame 0"):
        link(folder, {3: 1, 1: 2})
    with pytest.raises(BadInput, match="goes in a circle"):
        link(folder, {3: 1, 1: 3})
    assert numbers(folder) == [list(some) for some in WHO]
    drop(folder, [2])
    link(folder / "poses.jsonl", {3: 1})
    assert numbers(folder) == [[1], [1], [], [1], [1]]


def test_dropped_people_are_gone(folder: Path) -> None:
    assert drop(folder, [1, 3]).track_ids == (2,)
    assert numbers(folder) == [[2], [], [2], [2], []]


def test_results_know_whether_their_overlay_shows_people_as_they_are(
    folder: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def report() -> tuple[int, bool]:
        status = main(["report", str(folder), "--overwrite"])
        said = "shows people as they were before glpose link or drop; --no-video leaves it out"
        noted = "The video shows people as they were before glpose link or drop"
        in_page = noted in (folder / "report.html").read_text()
        assert (said in capsys.readouterr().err) == in_page
        return status, in_page

    (folder / "overlay.mp4").write_bytes(video.read_bytes())
    assert report() == (0, False)
    drop(folder, [2])
    assert report() == (3, True)
    assert main(["drop", str(folder), "--video", str(video)]) == 0
    assert report() == (0, False)
    edits = [{"drop": [2], "drawn": False}, {"drop": [], "drawn": True}]
    assert load(folder / "poses.jsonl").settings["edited"] == edits
    link(folder, {3: 1})
    assert report() == (3, True)


def test_unknown_numbers_are_told_the_known_ones(folder: Path) -> None:
    for call in (
        lambda: drop(folder, [9]),
        lambda: link(folder, {9: 1}),
        lambda: link(folder, {1: 9}),
    ):
        with pytest.raises(BadInput, match="nobody has the number 9; the numbers are: 1, 2, 3"):
            call()


def test_the_overlay_is_drawn_anew_with_the_sound(folder: Path, video: Path) -> None:
    assert drop(folder, [2], video).stale == (folder / "poses.csv",)
    drawn = list(open_video(folder / "overlay.mp4").frames())
    bare = list(open_video(video).frames())
    assert len(drawn) == len(WHO)
    differs = [
        [np.abs(a.rgb[:, 40 * n : 40 * n + 30].astype(int) - b.rgb[:, 40 * n : 40 * n + 30]).max() > 100 for n in (1, 2, 3)]
        for a, b in zip(drawn, bare, strict=True)
    ]  # fmt: skip
    assert differs == [[n in some and n != 2 for n in (1, 2, 3)] for some in WHO]
    import av

    with av.open(str(folder / "overlay.mp4")) as container:
        assert container.streams.audio


def test_the_overlay_of_pictures_is_drawn_at_a_rate_that_nobody_knows(
    folder: Path, tmp_path: Path
) -> None:
    file = folder / "poses.jsonl"
    pictures = bad_videos.image_folder(tmp_path)
    header = json.loads(file.read_text().splitlines()[0])
    (height, width), num = find_sources([pictures])[0].open().info.size_hw, 12
    header["video"] |= {"fps": None, "height": height, "width": width, "frames": num}
    lines = [json.dumps(header), *file.read_text().splitlines()[1:]]
    file.write_text("\n".join(lines) + "\n")
    drop(folder, [2], pictures)
    assert len(list(open_video(folder / "overlay.mp4").frames())) == len(WHO)


def test_an_overlay_that_cannot_be_drawn_leaves_all_as_it_was(
    folder: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    before = files()

    write = OverlayVideo.write

    def stopped(writer: OverlayVideo, frame: Frame, poses: FramePoses) -> None:
        write(writer, frame, poses)
        if frame.index == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(OverlayVideo, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            drop(folder, [2], video)
    assert files() == before
    (folder / "overlay.partial.mp4").mkdir()
    with pytest.raises(VideoError, match="cannot be written"):
        drop(folder, [2], video)
    assert files() == before
    (folder / "overlay.partial.mp4").rmdir()
    assert drop(folder, [2], video).track_ids == (1, 3)


def test_frames_that_the_video_lacks_are_told(
    folder: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = bad_videos.write_video(video, num_frames=40, size_hw=(480, 640))
    with ResultWriter(folder / "poses.jsonl", open_video(cut).info, POSETRACK15) as writer:
        for index in range(40):
            writer.write(frame(index, (1, 2)))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 3 // 4])
    assert main(["drop", str(folder), "2", "--video", str(cut)]) == 3
    said = capsys.readouterr().err
    assert "frames needed are not in the video" in said
    assert "ends early" in said


def test_only_the_results_of_a_run_have_an_overlay(folder: Path, video: Path) -> None:
    (folder / "smooth.jsonl").write_bytes((folder / "poses.jsonl").read_bytes())
    with pytest.raises(BadInput, match=r"smooth\.jsonl: has no overlay of its own"):
        drop(folder / "smooth.jsonl", [2], video)
    assert drop(folder / "smooth.jsonl", [2]).stale == ()
    assert numbers(folder) == [list(some) for some in WHO]
    assert (folder / "overlay.mp4").read_bytes() == b"old"


def test_another_video_is_refused_before_anything_changes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="an address; expected a local file"):
        drop(folder, [2], "https://host.invalid/a.mp4")
    other = bad_videos.write_video(tmp_path / "other.mp4", num_frames=3)
    with pytest.raises(BadInput, match=r"of a video of 5 frames, but .*other.mp4 has 3"):
        drop(folder, [2], other)
    assert numbers(folder) == [list(some) for some in WHO]
    text = (folder / "poses.jsonl").read_text()
    (folder / "poses.jsonl").write_text(
        text.replace('"settings": {}', '"settings": {"private": "blur"}')
    )
    with pytest.raises(BadInput, match="could not be blurred; leave out --video"):
        drop(folder, [2], tmp_path / "walk.mp4")
    assert numbers(folder) == [list(some) for some in WHO]


def test_half_a_line_of_a_killed_run_is_left_out_and_a_run_is_not_disturbed(folder: Path) -> None:
    with (folder / "poses.jsonl").open("a") as file:
        file.write('{"frame": 5, "tim')
    with only_writer(folder), pytest.raises(BadInput, match="a run writes there already"):
        drop(folder, [2])
    drop(folder, [2])
    assert len(numbers(folder)) == len(WHO)


@pytest.mark.parametrize("change", ["no last newline", "blank lines", "byte order mark"])
def test_files_that_an_editor_has_touched_lose_nothing(change: str, folder: Path) -> None:
    path = folder / "poses.jsonl"
    text = path.read_text()
    changed = {
        "no last newline": text.rstrip("\n"),
        "blank lines": text.replace("\n", "\n\n", 2) + "\n",
        "byte order mark": "\ufeff" + text,
    }[change]
    path.write_text(changed, "utf-8")
    drop(folder, [2])
    assert numbers(folder) == [[1], [1], [], [3], [3]]


def test_half_a_last_line_stays_and_says_that_the_run_was_killed(folder: Path) -> None:
    path = folder / "poses.jsonl"
    path.write_text(path.read_text()[:-30])
    drop(folder, [2])
    assert numbers(folder) == [[1], [1], [], [3]]
    assert open_given(folder).lack
    # Nobody who was dropped may be left in it.
    assert "track_id" not in path.read_text().splitlines()[-1]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_whole_result_in_one_object_is_changed_too(indent: int | None, folder: Path) -> None:
    path = folder / "whole.json"
    path.write_text(json.dumps(glpose.load(folder / "poses.jsonl").to_dict(), indent=indent))
    edited = link(path, {3: 1})
    assert edited.track_ids == (1, 2)
    assert [p.people.track_id.tolist() for p in load(path).frames] == [
        [1, 2],
        [1],
        [2],
        [1, 2],
        [1],
    ]


def test_the_summary_has_the_new_counts_and_the_changed_file_is_not_stale(folder: Path) -> None:
    told = {"people": 3, "poses": 7, "frames": {"done": 5, "with_people": 5}, "state": "ok"}
    write_summary(folder / "summary.json", told)
    drop(folder, [1, 3])
    counted = {"people": 1, "poses": 3, "frames": {"done": 5, "with_people": 3}, "state": "ok"}
    assert json.loads((folder / "summary.json").read_text()) == counted
    (folder / "poses.jsonl").rename(folder / "smooth.jsonl")
    assert folder / "smooth.jsonl" not in drop(folder / "smooth.jsonl", [2]).stale


def test_a_run_that_did_not_end_well_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_summary(folder / "summary.json", {"state": "interrupted"})
    assert main(["link", str(folder), "1=3"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "of a run that was interrupted; the 5 frames that are there were used" in line
    assert drop(folder, [2]).lacks == (line.removeprefix("glpose: "),)
    write_summary(folder / "summary.json", {"state": "ok"})
    assert drop(folder, [1]).lacks == ()
    with (folder / "poses.jsonl").open("a") as poses:
        poses.write('{"frame": 5, "time_s": 0.2, "sta')
    assert "the last line is cut off" in drop(folder, []).lacks[0]
