"""Videos of one name, in one call or in several, have folders of their own, and keep them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import bad_videos
from glpose.formats.results import write_summary
from glpose.jobs.places import file_in, file_record, is_of, placed
from glpose.jobs.run import Options, run_sources
from glpose.jobs.writers import poses_jsonl
from glpose.video.network import parse_address
from glpose.video.source import SourceEntry, find_sources


@pytest.fixture
def options(options: Options) -> Options:
    return replace(options, writers=(poses_jsonl,))


def trial(root: Path, subject: str, num_frames: int = 2) -> Path:
    (root / subject).mkdir(parents=True, exist_ok=True)
    return bad_videos.write_video(root / subject / "trial.mp4", num_frames=num_frames)


def names(paths: list[Path], output: Path) -> list[str]:
    return [entry.name for entry in placed(find_sources(paths), output)]


def made(output: Path, name: str, path: Path) -> None:
    """Results of a file."""
    (entry,) = find_sources([path])
    (output / name).mkdir(parents=True)
    write_summary(output / name / "summary.json", {"state": "ok", "file": file_record(entry)})


def test_a_new_video_of_a_name_in_use_has_a_folder_of_its_own(
    options: Options, tmp_path: Path
) -> None:
    videos = [trial(tmp_path, subject) for subject in ("S1", "S2")]
    first = run_sources(videos, options)
    assert [o.folder.name for o in first] == ["trial", "trial-2"]
    new = trial(tmp_path, "S0")
    outcomes = run_sources([new, *videos], options)
    assert [o.folder.name for o in outcomes] == ["trial-3", "trial", "trial-2"]
    assert [o.state for o in outcomes] == ["ok", "failed", "failed"]
    (said,) = outcomes[0].warnings
    assert said == (
        f"{tmp_path / 'out' / 'trial'}: holds results of another file of that name; this one's are in "
        f"{tmp_path / 'out' / 'trial-3'}"
    )
    for outcome, video in zip(outcomes, [new, *videos], strict=True):
        record = json.loads((outcome.folder / "summary.json").read_text())["file"]
        assert record["path"] == str(video)
        assert record["bytes"] == video.stat().st_size
    again = replace(options, overwrite=True)
    assert [run_sources([v], again)[0].folder.name for v in (videos[1], new)] == [
        "trial-2", "trial-3",
    ]  # fmt: skip


def test_overwriting_replaces_results_of_the_same_file_alone(
    options: Options, tmp_path: Path
) -> None:
    one, other = trial(tmp_path, "S1", 2), trial(tmp_path, "S2", 3)
    how = replace(options, overwrite=True)
    done = [run_sources([video], how)[0] for video in (one, other, one, other)]
    assert [outcome.folder.name for outcome in done] == ["trial", "trial-2", "trial", "trial-2"]
    assert [outcome.frames for outcome in done] == [2, 3, 2, 3]


def test_results_without_a_record_are_met_as_ever(options: Options, tmp_path: Path) -> None:
    video = trial(tmp_path, "S1")
    run_sources([video], options)
    summary = tmp_path / "out" / "trial" / "summary.json"
    told = json.loads(summary.read_text())
    del told["file"]
    summary.write_text(json.dumps(told))
    (kept,) = run_sources([trial(tmp_path, "S2")], options)
    assert "holds results already (poses.jsonl, summary.json)" in kept.warnings[0]
    (done,) = run_sources([video], replace(options, overwrite=True))
    assert done.folder == summary.parent


def test_a_file_that_changed_keeps_its_folder_and_it_is_said(
    options: Options, tmp_path: Path
) -> None:
    run_sources([trial(tmp_path, "S1", 2)], options)
    (kept,) = run_sources([trial(tmp_path, "S1", 3)], options)
    assert f"of {tmp_path / 'S1' / 'trial.mp4'} as it was before it changed" in kept.warnings[0]


def test_hidden_people_are_not_told_by_a_path(options: Options, tmp_path: Path) -> None:
    one, other = trial(tmp_path, "S1", 2), trial(tmp_path, "S2", 3)
    how = replace(options, private="skeleton", overwrite=True)
    for video, name in ((one, "trial"), (other, "trial-2"), (one, "trial")):
        (outcome,) = run_sources([video], how)
        assert outcome.folder.name == name
        text = (outcome.folder / "summary.json").read_text()
        assert json.loads(text)["file"]["path"] is None
        remarks = [said for said in outcome.warnings if "another file" in said]
        assert not any(str(video.parent) in said for said in remarks)


def test_results_put_aside_under_another_name_are_left_alone(tmp_path: Path) -> None:
    out, one, two = tmp_path / "out", trial(tmp_path, "S1"), trial(tmp_path, "S2")
    made(out, "trial-7", one)
    made(out, "mine", one)
    assert names([one, two], out) == ["trial", "trial-2"]
    made(out, "trial", two)
    made(out, "trial-2", one)
    assert names([one, two], out) == ["trial-2", "trial"]
    assert names([two], out) == ["trial"]


def test_copies_are_files_of_their_own_and_links_are_not(tmp_path: Path) -> None:
    out, video = tmp_path / "out", trial(tmp_path, "S1")
    made(out, "trial", video)
    copy = Path(shutil.copytree(video.parent, tmp_path / "S2")) / "trial.mp4"
    assert names([copy], out) == ["trial-2"]
    (tmp_path / "S3").mkdir()
    link = tmp_path / "S3" / "trial.mp4"
    link.symlink_to(video)
    assert names([link], out) == ["trial"]


def test_each_folder_is_looked_into_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    videos = [trial(tmp_path, f"S{n}") for n in range(9)]
    for n, video in enumerate(videos, 1):
        made(out, "trial" if n == 1 else f"trial-{n}", video)
    looked: list[Path] = []
    monkeypatch.setattr("glpose.jobs.places.file_in", lambda f: looked.append(f) or file_in(f))
    assert names(videos[::-1], out) == [f"trial-{n}" for n in range(9, 1, -1)] + ["trial"]
    assert len(looked) == 9


def test_pictures_of_one_folder_and_addresses(tmp_path: Path) -> None:
    folder = bad_videos.image_folder(tmp_path)
    second = sorted(folder.glob("*.png"))[1]
    (whole,) = find_sources([folder])
    record = file_record(whole)
    assert (record or {})["path"] == str(folder)
    # Its first picture may go.
    assert is_of(record, file_record(replace(whole, paths=whole.paths[1:])))
    assert is_of(record, file_record(replace(whole, paths=(second,)))) is False
    elsewhere = Path(shutil.copytree(folder, tmp_path / "other" / folder.name))
    assert is_of(record, file_record(find_sources([elsewhere])[0])) is False
    secret = parse_address("rtsp://user:word@camera/stream?key=1")
    stream = SourceEntry("stream", (), address=secret)
    told = file_record(stream)
    assert told is not None
    assert (told["path"], told["bytes"]) == ("rtsp://camera/stream", None)
    other = replace(stream, address=parse_address("rtsp://garden/stream"))
    assert is_of(told, file_record(other)) is False
    assert is_of(told, file_record(SourceEntry("camera-0", (), camera=0))) is None


@pytest.mark.parametrize("record", [7, [], {}, {"path": 7}, {"path_sha256": 7}])
def test_records_that_are_none(record: object, tmp_path: Path) -> None:
    (tmp_path / "out" / "trial").mkdir(parents=True)
    write_summary(tmp_path / "out" / "trial" / "summary.json", {"file": record})
    file_in(tmp_path / "out" / "trial")
    assert names([trial(tmp_path, "S1")], tmp_path / "out")[0].startswith("trial")
