"""`glpose report`: the page that it writes, which video it takes, and what it refuses."""

import base64
import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from bad_videos import write_video
from glpose.cli.main import main
from glpose.formats.results import ResultWriter
from glpose.jobs import html_report
from glpose.jobs.html_report import ReportOptions, write_report
from glpose.skeleton import BODY19
from glpose.types import VideoInfo
from glpose.video.reader import open_video
from walking import NUM, Walk, frame_of, walk, written

Capture = pytest.CaptureFixture[str]
TIMES = [i / 25 for i in range(12)]
SMALL = VideoInfo("walk.mp4", (240, 320), 25.0, num_frames=12)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Twelve frames of a video of coded pictures, which lies beside the folder of results."""
    write_video(tmp_path / "walk.mp4", num_frames=12)
    return written(tmp_path / "walk", walk(TIMES), SMALL)


def facts_of(page: Path) -> dict:
    (text,) = re.findall(r'id="facts">(.*?)</script>', page.read_text("utf-8"))
    return json.loads(text)


def video_in(page: Path, tmp_path: Path) -> Path:
    (text,) = re.findall(r'id="video-data">(.*?)</script>', page.read_text("utf-8"))
    (tmp_path / "inside.mp4").write_bytes(base64.b64decode(text))
    return tmp_path / "inside.mp4"


def refused(results: Path, capsys: Capture, *more: str) -> str:
    """The one line that is said when no page is made."""
    before = sorted(results.iterdir()) if results.is_dir() else []
    assert main(["report", str(results), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert (sorted(results.iterdir()) if results.is_dir() else []) == before
    return line


def test_a_page_beside_the_results_shows_their_overlay(results: Path, capsys: Capture) -> None:
    write_video(results / "overlay.mp4", num_frames=12)
    assert main(["report", str(results)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert re.fullmatch(
        r"walk.mp4: 12 frames, beside its video; page of 0.\d MB in .*report.html\n", captured.out
    )
    assert sorted(path.name for path in results.iterdir()) == [
        "overlay.mp4", "poses.jsonl", "report.html",
    ]  # fmt: skip
    picture = facts_of(results / "report.html")["picture"]
    assert picture == {"name": "overlay.mp4", "begin": 0.0, "drawn": True, "url": "overlay.mp4"}
    assert "holds report.html already" in refused(results, capsys)
    assert main(["report", str(results), "--overwrite", "--quiet"]) == 0


def test_the_overlay_of_a_part_begins_with_its_first_frame(tmp_path: Path) -> None:
    results = written(tmp_path / "walk", walk(TIMES)[5:], SMALL)
    write_video(results / "overlay.mp4", num_frames=7)
    write_report(results)
    assert facts_of(results / "report.html")["picture"]["begin"] == pytest.approx(0.2)


def test_the_video_is_found_from_where_the_page_is(results: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a #1" / "so: 50%?.mp4"
    odd.parent.mkdir()
    (tmp_path / "walk.mp4").rename(odd)
    page = tmp_path / "pages" / "deep" / "walk.html"
    made = write_report(results / "poses.jsonl", ReportOptions(page, odd))
    assert (made.files, made.lacks) == ([page], [])
    picture = facts_of(page)["picture"]
    assert (picture["drawn"], picture["begin"]) == (False, 0.0)
    assert not set("#?: ") & set(picture["url"])
    assert (page.parent / unquote(picture["url"])).resolve() == odd
    assert sorted(path.name for path in results.iterdir()) == ["poses.jsonl"]


def test_without_a_video_it_is_said_and_the_page_is_there(results: Path, capsys: Capture) -> None:
    assert main(["report", str(results)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "12 frames, skeletons on a plain ground; page of" in captured.out
    facts = facts_of(results / "report.html")
    assert facts["picture"] is None
    (note,) = facts["notes"]
    assert note.startswith("There is no video: skeletons are drawn on a plain ground")
    write_video(results / "overlay.mp4", num_frames=12)
    assert main(["report", str(results), "--no-video", "--overwrite"]) == 0
    assert capsys.readouterr().err == ""
    assert facts_of(results / "report.html")["picture"] is None


@pytest.mark.slow
def test_a_small_copy_of_the_video_can_be_inside(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "walk.mp4", num_frames=12, size_hw=(480, 1280))
    large = VideoInfo("walk.mp4", (480, 1280), 25.0)
    results = written(tmp_path / "walk", walk(TIMES)[3:9], large)
    assert main(["report", str(results), "--video", str(video), "--embed"]) == 0
    page = results / "report.html"
    picture = facts_of(page)["picture"]
    assert (picture["url"], picture["begin"]) == (None, pytest.approx(0.12))
    inside = open_video(video_in(page, tmp_path))
    assert inside.info.size_hw == (240, 640)
    times = [frame.time_s for frame in inside.frames()]
    np.testing.assert_allclose(times, np.arange(6) / 25, atol=1e-6)
    monkeypatch.setattr(html_report, "MOST_EMBEDDED", 1000)
    capsys.readouterr()
    line = refused(results, capsys, "--video", str(video), "--embed", "--overwrite")
    assert "takes more than 0 MB in a page; leave out --embed" in line
    line = refused(results, capsys, "--embed", "--overwrite")
    assert "no video to embed was found; give it with --video" in line


@pytest.mark.slow
def test_a_copy_inside_says_what_it_lacks_and_where_there_was_no_room(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = write_video(tmp_path / "walk.mp4", num_frames=12, size_hw=(480, 640))
    results = written(tmp_path / "walk", walk(TIMES), VideoInfo("walk.mp4", (480, 640), 25.0))

    def no(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "odd\u200b").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "odd\u200b"))
        patch.setattr(Path, "touch", no)
        line = refused(results, capsys, "--video", str(video), "--embed")
    assert line.count("walk.mp4: no room for a small copy of it") == 1
    assert "set TMPDIR" in line
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    assert main(["report", str(results), "--video", str(video), "--embed"]) == 3
    assert "of the 12 frames needed are not in the video" in capsys.readouterr().err


def test_a_page_never_replaces_what_it_is_made_of(results: Path, capsys: Capture) -> None:
    video = results.parent / "walk.mp4"
    whole = video.read_bytes(), (results / "poses.jsonl").read_bytes()
    for path in (video, results / "poses.jsonl"):
        line = refused(results, capsys, "--video", str(video), "-o", str(path), "--overwrite")
        assert "would be replaced by what is made of it; choose another -o" in line
    assert (video.read_bytes(), (results / "poses.jsonl").read_bytes()) == whole


@pytest.mark.slow
def test_what_was_hidden_is_not_shown(results: Path, tmp_path: Path, capsys: Capture) -> None:
    header, *lines = (results / "poses.jsonl").read_text("utf-8").splitlines()
    data = json.loads(header)
    for private in ("blur", "skeleton"):
        data["settings"]["private"] = private
        (results / "poses.jsonl").write_text("\n".join([json.dumps(data), *lines]) + "\n", "utf-8")
        line = refused(results, capsys, "--video", str(tmp_path / "walk.mp4"))
        assert f"was made with --private {private}" in line
        write_report(results)
        page = results / "report.html"
        assert facts_of(page)["picture"] is None
        overlay = write_video(results / "overlay.mp4", num_frames=12)
        for more in (ReportOptions(overwrite=True), ReportOptions(overwrite=True, video=overlay)):
            write_report(results, more)
            assert facts_of(page)["picture"]["url"] == "overlay.mp4"
            assert f"(--private {private})" in facts_of(page)["notes"][0]
        overlay.unlink()
        page.unlink()


@pytest.mark.slow
def test_smoothed_results_keep_what_is_hidden_and_their_angles(
    results: Path, tmp_path: Path, capsys: Capture
) -> None:
    settings = {"private": "blur"}
    with ResultWriter(results / "poses.jsonl", SMALL, BODY19, None, settings) as writer:
        for poses in walk([i / 25 for i in range(40)]):
            writer.write(poses)
    assert main(["smooth", str(results), "--quiet"]) == 0
    smoothed = results / "smooth.jsonl"
    assert "stay hidden" in refused(smoothed, capsys, "--video", str(tmp_path / "walk.mp4"))
    write_report(smoothed)
    facts = facts_of(results / "report.html")
    assert facts["angles"]["how"] == "from the smoothed joints"
    assert "The joints were smoothed by glpose smooth." in facts["notes"]


@pytest.mark.slow
def test_a_video_of_others_is_refused(results: Path, tmp_path: Path, capsys: Capture) -> None:
    other = write_video(tmp_path / "other.mp4", num_frames=12, size_hw=(120, 160))
    short = write_video(tmp_path / "short.mp4", num_frames=9)
    (tmp_path / "text.mp4").write_text("no video")
    for path, said in (
        (other, "of 320 x 240 pixels, but"),
        (short, "of 12 frames, but"),
        (tmp_path / "text.mp4", "text.mp4"),
        (tmp_path / "missing.mp4", "no such file"),
        (tmp_path / "https://example.org/a.mp4", "no such file"),
    ):
        assert said in refused(results, capsys, "--video", str(path))
    for live, said in (
        ("https://example.org/a.mp4", ": an address; expected a local file"),
        ("camera:0", ": a camera; only glpose run reads"),
    ):
        assert said in refused(results, capsys, "--video", live)
    line = refused(results, capsys, "--no-video", "--video", str(other))
    assert "without --video and --embed" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_frames", "size_hw", "said"),
    [(12, (120, 160), "has 160 x 120 pixels"), (9, (240, 320), "has 9 frames")],
)
def test_an_overlay_of_others_is_left_out(
    results: Path, capsys: Capture, num_frames: int, size_hw: tuple[int, int], said: str
) -> None:
    write_video(results / "overlay.mp4", num_frames=num_frames, size_hw=size_hw)
    assert main(["report", str(results)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "the page shows skeletons on a plain ground: " in line
    assert line.endswith(f"draw it anew with: glpose drop {results} --video VIDEO")
    assert facts_of(results / "report.html")["picture"] is None


def test_results_without_anything_to_show(tmp_path: Path, capsys: Capture) -> None:
    nowhere = np.full((NUM, 2), np.nan)
    joints = Walk().joints(0.0)
    for some, said in (
        (walk([0.0]), "holds a single frame"),
        ([], "holds no frame"),
        (walk([2.0] * 9), "all 9 frames have the time 2.0 s"),
        (walk([0.0, 0.2, 0.1]), "expected times that do not fall"),
        ([frame_of(i, t, {1: nowhere}) for i, t in enumerate(TIMES)], "no joint was found"),
        ([frame_of(i, t, {}) for i, t in enumerate(TIMES)], "no joint was found"),
        ([frame_of(i, t, {1: joints}) for i, t in enumerate([0.0, 1e11])], "found the value 1e+11"),
    ):
        assert said in refused(written(tmp_path / "bad", some, SMALL), capsys)
    sizeless = written(tmp_path / "bad", walk(TIMES), replace(SMALL, size_hw=(0, 0)))
    assert "says no size of its video" in refused(sizeless, capsys)
    (tmp_path / "bad" / "poses.jsonl").write_text('{"format": "glpose/9"}\n')
    assert 'format "glpose/9"' in refused(tmp_path / "bad", capsys)
    (tmp_path / "bad" / "poses.jsonl").write_text("")
    assert "no whole line" in refused(tmp_path / "bad", capsys)
    assert "cannot be read" in refused(tmp_path / "nothing", capsys)


def test_times_of_any_rate_and_people_who_are_there_for_a_moment(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.04, 0.5, 0.51, 2.0]  # one of them twice
    joints = Walk().joints(0.0)
    frames = [
        frame_of(i, t, {1: joints} | ({2: joints + 9} if i in (2, 3) else {}))
        for i, t in enumerate(times)
    ]
    results = written(tmp_path / "walk", frames, replace(SMALL, num_frames=6))
    write_report(results)
    facts = facts_of(results / "report.html")
    assert [(p["id"], p["present"], p["first"]) for p in facts["people"]] == [
        ("1", [[0, 6]], 0), ("2", [[0, 2]], 2),
    ]  # fmt: skip
    assert facts["angles"]["how"] == "from the joints as found"


def test_a_rate_that_nobody_knows_is_no_reason_not_to_show(results: Path) -> None:
    file = results / "poses.jsonl"
    file.write_text(file.read_text().replace('"fps": 25.0', '"fps": null'))
    video = results.parent / "walk.mp4"
    write_report(results, ReportOptions(video=video, embed=True))
    page = (results / "report.html").read_text()
    assert "not known" in page
    assert "nan Hz" not in page


def test_a_file_that_is_cut_off_is_shown_and_said(results: Path, capsys: Capture) -> None:
    file = results / "poses.jsonl"
    file.write_bytes(file.read_bytes()[:-50])
    write_video(results / "overlay.mp4", num_frames=12)
    assert main(["report", str(results), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "the 11 whole frames were used" in line
    facts = facts_of(results / "report.html")
    assert facts["rows"] == 11
    assert facts["notes"][0].startswith("The results are of a run that did not end well")


def test_a_page_that_cannot_be_written_leaves_nothing(
    results: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is a folder; expected a file" in refused(results, capsys, "-o", str(tmp_path))
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(results, capsys, "-o", str(tmp_path / "file" / "a.html"))

    def no(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", no)
        assert "cannot be written (Permission denied)" in refused(results, capsys)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", no)  # of a file in a folder that may not be searched
        with pytest.raises(html_report.BadInput, match=r"cannot be written \(Permission denied"):
            html_report.check_new([tmp_path / "a.html"], overwrite=False)


@pytest.mark.slow
def test_weights_of_the_package_say_their_terms(results: Path) -> None:
    digests = {
        name: digest
        for digest, name in (
            line.split()
            for line in (Path(html_report.__file__).parents[1] / "weights" / "SHA256SUMS")
            .read_text()
            .splitlines()
        )
    }
    pose = {n: d for n, d in digests.items() if n.startswith("pose_small")}
    models = {
        "pose": {"name": "pose_small", "version": "1", "sha256": pose},
        "detector": {"name": "mine", "sha256": {"mine.onnx": "0" * 64}},
        "other": {"name": 3, "sha256": "none"},
    }
    with ResultWriter(
        results / "poses.jsonl", SMALL, BODY19, models, {"fps": None, "also": [1]}
    ) as writer:
        for poses in walk(TIMES):
            writer.write(poses)
    write_report(results)
    facts = facts_of(results / "report.html")
    ours, theirs, other = facts["weights"]
    assert ours["name"] == "pose_small 1"
    assert "Apache-2.0" in ours["licence"]
    assert "research" in ours["terms"]
    assert (theirs["name"], theirs["licence"], theirs["digest"]) == ("mine", "", "0" * 12)
    assert (other["use"], other["name"], other["digest"]) == ("other", "3", "")
    assert ["also", "[1]"] in facts["settings"]
    assert "fps" not in dict(facts["settings"])
