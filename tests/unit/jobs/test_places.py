"""Videos of one name, in one call or in several, have folders of their own, and keep them."""

import json
import os
import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

import bad_videos
from glpose.errors import VideoError
from glpose.files import digest
from glpose.formats.lock import in_turn
from glpose.formats.results import write_summary
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.places import Places, file_in, file_record, is_of, without_folders
from glpose.jobs.report import Silent
from glpose.jobs.run import Options, Outcome, run_sources
from glpose.jobs.writers import overlay, poses_jsonl
from glpose.video.network import parse_address
from glpose.video.source import SourceEntry, find_sources, numbered


@pytest.fixture
def options(options: Options) -> Options:
    return replace(options, writers=(poses_jsonl,))


def trial(root: Path, subject: str, num_frames: int = 2) -> Path:
    (root / subject).mkdir(parents=True, exist_ok=True)
    return bad_videos.write_video(root / subject / "trial.mp4", num_frames=num_frames)


def names(paths: list[Path], output: Path) -> list[str]:
    places, found = Places(output), []
    for entry in find_sources(paths):
        found.append(places.find(entry.plain_name, file_record(entry))[0])
        places.take(found[-1])
    return found


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
    assert [o.warnings for o in first] == [[], []]
    new = trial(tmp_path, "S0")
    outcomes = run_sources([new, *videos], options)
    assert [o.folder.name for o in outcomes] == ["trial-3", "trial", "trial-2"]
    assert [o.state for o in outcomes] == ["ok", "failed", "failed"]
    (said,) = outcomes[0].warnings
    assert said == (
        f"{tmp_path / 'out' / 'trial'}: holds results of another file, or put aside; this one's are in "
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
    made(out, "trial-old", one)
    made(out, "mine-2", one)
    assert names([one, two], out) == ["trial", "trial-2"]
    made(out, "trial", two)
    made(out, "trial-2", one)
    assert names([one, two], out) == ["trial-2", "trial"]
    assert names([two], out) == ["trial"]


def test_results_whose_folder_was_renamed_to_a_number_are_left_alone(
    options: Options, tmp_path: Path
) -> None:
    video = trial(tmp_path, "S1")
    (old,) = run_sources([video], options)
    put_aside = old.folder.rename(old.folder.with_name("trial-2"))
    was = (put_aside / "poses.jsonl").read_bytes()
    for _ in range(2):
        (new,) = run_sources([video], replace(options, overwrite=True))
        assert (new.folder.name, new.warnings) == ("trial", [])
    assert (put_aside / "poses.jsonl").read_bytes() == was


def test_copies_are_files_of_their_own_and_links_are_not(tmp_path: Path) -> None:
    out, video = tmp_path / "out", trial(tmp_path, "S1")
    made(out, "trial", video)
    copy = Path(shutil.copytree(video.parent, tmp_path / "S2")) / "trial.mp4"
    assert names([copy], out) == ["trial-2"]
    (tmp_path / "S3").mkdir()
    link = tmp_path / "S3" / "trial.mp4"
    link.symlink_to(video)
    assert names([link], out) == ["trial"]


def test_folders_of_others_are_looked_into_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    videos = [trial(tmp_path, f"S{n}") for n in range(9)]
    for n, video in enumerate(videos, 1):
        made(out, "trial" if n == 1 else f"trial-{n}", video)
    looked: list[Path] = []
    monkeypatch.setattr("glpose.jobs.places.file_in", lambda f: looked.append(f) or file_in(f))
    assert names(videos[::-1], out) == [f"trial-{n}" for n in range(9, 1, -1)] + ["trial"]
    assert len(looked) < 2 * 9


def test_pictures_of_one_folder_and_addresses(tmp_path: Path) -> None:
    folder = bad_videos.image_folder(tmp_path)
    second = sorted(folder.glob("*.png"))[1]
    (whole,) = find_sources([folder])
    record = file_record(whole)
    assert (record or {})["path"] == str(folder)
    # Its first picture may go.
    assert is_of(record, file_record(replace(whole, paths=whole.paths[1:])))
    assert is_of(record, file_record(find_sources([second])[0])) is False
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


def test_some_pictures_of_a_folder_are_another_file_than_all_and_than_others(
    tmp_path: Path,
) -> None:
    folder = bad_videos.image_folder(tmp_path)
    pictures = sorted(folder.glob("*.png"))

    def record(*given: str | Path | list[Path]) -> dict[str, object] | None:
        (entry,) = find_sources(given)
        return file_record(entry)

    first, second = record(str(folder / "frame-?.png")), record(str(folder / "frame-1?.png"))
    whole = record(folder)
    assert is_of(first, second) is is_of(first, whole) is is_of(second, whole) is False
    assert is_of(first, record(str(folder / "frame-?.png"))) is True
    assert is_of(whole, record(str(folder / "*.png"))) is is_of(whole, record(pictures)) is True
    assert is_of(whole, record(pictures + pictures[:1])) is False  # one of them twice
    for path in pictures[1:]:
        path.unlink()
    assert is_of(whole, record(folder)) is True
    assert is_of(whole, record(pictures[0])) is False


PLAIN = "http://host/trial-1.mp4"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (PLAIN, PLAIN, True),
        (PLAIN, "HTTP://me:word@host/trial-1.mp4", True),
        (PLAIN, "http://host/trial-2.mp4", False),
        ("http://host/trial+1.mp4", "http://host/trial+2.mp4", False),
        ("http://host/trial 1.mp4", "http://host/trial 2.mp4", False),
        ("http://host/get?id=1", "http://host/get?id=2", False),
        ("http://host/get?id=1", "http://me:word@host/get?id=1", True),
        ("http://host/a@1.mp4", "http://host/b@1.mp4", False),
        ("rtmp://host/live/one", "rtmp://host/live/two", False),
        ("rtmp://host/live/one", "rtmp://host/live/one", True),
    ],
)
def test_addresses_that_differ_in_what_is_hidden_are_two_files(
    one: str, other: str, is_same: bool
) -> None:
    entries = [SourceEntry("stream", (), address=parse_address(text)) for text in (one, other)]
    records = [file_record(entry) for entry in entries]
    assert is_of(*records) is is_same
    if PLAIN in (one, other):  # as it always was
        assert (records[0] or {})["path_sha256"] == digest(PLAIN.encode())


def test_folders_whose_names_are_not_utf8_are_told_apart(tmp_path: Path) -> None:
    records = []
    for letter in (b"\xfc", b"\xf6", "\u00fc".encode()):
        path = tmp_path / os.fsdecode(b"M" + letter + b"ller") / "trial.mp4"
        records.append(file_record(SourceEntry("trial", (path,))) or {})
        write_summary(tmp_path / "summary.json", {"file": records[-1]})
        assert file_in(tmp_path) == records[-1]
    assert len({str(record["path_sha256"]) for record in records}) == 3
    assert records[-1]["path_sha256"] == digest(str(records[-1]["path"]).encode())


def test_a_link_in_a_circle_and_a_name_of_no_file_stop_no_other_source(
    options: Options, tmp_path: Path
) -> None:
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    outcomes = run_sources([loop, "a\0b.mp4", trial(tmp_path, "S1")], options)
    assert [o.state for o in outcomes] == ["failed", "failed", "ok"]
    assert file_record(SourceEntry("loop", (loop,), error=VideoError("none"))) is None


def test_a_folder_stays_that_of_its_file_when_a_lower_number_is_free(tmp_path: Path) -> None:
    out, one, two = tmp_path / "out", trial(tmp_path, "S1"), trial(tmp_path, "S2")
    made(out, "trial-7", two)
    assert names([two], out) == ["trial-7"]
    assert names([one, two], out) == ["trial", "trial-7"]
    made(out, "trial-2", two)
    assert names([two], out) == ["trial-2"]
    assert names([two, two.parent / "." / "trial.mp4"], out) == ["trial-2"]


def test_folders_are_found_whatever_their_case(tmp_path: Path) -> None:
    out, one = tmp_path / "out", trial(tmp_path, "S1")
    other = trial(tmp_path, "S2")
    made(out, "Trial", other)
    assert names([one], out) == ["trial-2"]
    made(out, "TRIAL-2", one)
    assert names([one], out) == ["TRIAL-2"]
    upper = one.rename(one.parent / "Trial.mp4")
    assert names([upper], out) == ["Trial-3"]


def test_a_source_that_cannot_be_read_takes_no_folder_of_another(
    options: Options, tmp_path: Path
) -> None:
    junk, good = trial(tmp_path, "S1"), trial(tmp_path, "S2")
    junk.write_bytes(b"junk")
    for again in (False, True):
        bad, done = run_sources([junk, good], replace(options, overwrite=again))
        assert (bad.state, done.state) == ("failed", "ok")
        assert (bad.folder.name, done.folder.name) == ("trial", "trial-2")
    (refused,) = run_sources([good], options)
    assert refused.folder.name == "trial-2"
    assert "holds results already" in refused.warnings[0]


class Told(Silent):
    """Remembers problems; who heeds `interrupt` stops after a frame."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.interrupt = Interrupt()

    def update(self, frames: int, people: int) -> None:
        self.interrupt.requested = True

    def problem(self, message: str) -> None:
        self.lines.append(message)


class Meanwhile(Silent):
    """Another run, of a video, as soon as one that is watched is through with its first source."""

    def __init__(self, video: Path, options: Options) -> None:
        self.video, self.options = video, options
        self.outcomes: list[Outcome] = []

    def result(self, line: str) -> None:
        if not self.outcomes:
            self.outcomes = run_sources([self.video], self.options)


def test_two_runs_at_once_have_a_folder_for_each_video(options: Options, tmp_path: Path) -> None:
    one, two, three = (trial(tmp_path, f"S{n}") for n in (1, 2, 3))
    other = Meanwhile(three, options)
    outcomes = run_sources([one, two, three], options, other)
    assert [o.folder.name for o in outcomes + other.outcomes] == [
        "trial", "trial-3", "trial-2", "trial-2",
    ]  # fmt: skip
    assert [o.state for o in outcomes] == ["ok", "ok", "failed"]
    for outcome, video in zip(outcomes, (one, two, three), strict=True):
        assert (file_in(outcome.folder) or {})["path"] == str(video)


def test_a_folder_that_is_taken_while_a_run_waits_for_its_turn_is_not_used(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = trial(tmp_path, "S1"), trial(tmp_path, "S2")

    def waiting(folder: Path) -> AbstractContextManager[None]:
        made(folder, "trial", other)
        return in_turn(folder)

    monkeypatch.setattr("glpose.jobs.run.in_turn", waiting)
    (outcome,) = run_sources([one], replace(options, overwrite=True))
    assert (outcome.state, outcome.name, outcome.folder.name) == ("ok", "trial-2", "trial-2")
    assert "holds results of another file" in outcome.warnings[0]
    assert (file_in(tmp_path / "out" / "trial") or {})["path"] == str(other)


def test_it_is_said_at_once_that_a_folder_is_not_the_usual_one(
    options: Options, tmp_path: Path
) -> None:
    run_sources([trial(tmp_path, "S1")], options)
    told = Told()
    how = replace(options, causal=True)
    (outcome,) = run_sources([trial(tmp_path, "S2", 30)], how, told, told.interrupt)
    assert outcome.state == "interrupted"
    assert outcome.folder.name == "trial-2"
    assert "holds results of another file, or put aside" in outcome.warnings[0]
    assert told.lines == outcome.warnings
    kept = json.loads((outcome.folder / "summary.json").read_text())["warnings"]
    assert kept == outcome.warnings


@pytest.mark.parametrize("is_relative", [False, True])
def test_nothing_written_names_a_folder_of_hidden_people(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_relative: bool
) -> None:
    folder = tmp_path / "patients" / "Jane Doe"
    video, pictures = trial(folder, "clips"), bad_videos.image_folder(folder)
    (pictures / "frame-3.png").write_bytes(b"not a picture")
    monkeypatch.chdir(folder)
    output = Path("../Jane Doe/out") if is_relative else folder / "out"
    how = replace(options, output=output, writers=(poses_jsonl, overlay), frames=(0, 4))
    how = replace(how, private="skeleton")
    made(output, "trial", trial(tmp_path, "S1"))
    told = Told()
    outcomes = run_sources([video, pictures], how, told)
    assert [o.state for o in outcomes] == ["ok", "incomplete"]
    assert any(str(pictures / "frame-3.png") in line for line in told.lines)
    assert any("frame-3.png" in line for line in outcomes[1].warnings)
    assert "holds results of another file" in outcomes[0].warnings[0]
    for outcome in outcomes:
        files = list(outcome.folder.iterdir())
        assert len(files) == 3
        for file in files:
            assert not any(name in file.read_bytes() for name in (b"Jane", b"patients", b"clips"))


def test_a_message_without_folders() -> None:
    entry = SourceEntry("v", (Path("/p/Jane/v.mp4"),))
    for text, kept in {
        "/p/Jane/v.mp4: no person": "v.mp4: no person",
        "/p/Jane: 3 pictures": "its folder: 3 pictures",
        "out/v: holds results": "v: holds results",
        "it was left out/v and /p/John/v.mp4": "it was left v and /p/John/v.mp4",
    }.items():
        assert without_folders(text, entry, Path("out")) == kept
    address = parse_address("rtsp://me:word@ward-7/Jane")
    stream = SourceEntry("ward-7-Jane", (), address=address)
    assert (
        without_folders("rtsp://ward-7/Jane: broke off", stream, Path()) == "ward-7-Jane: broke off"
    )
    for name in ("Jane\u202fDoe", "Jane\u200bDoe", "Jane\udcffDoe", "Jane\nDoe"):
        entry, output = SourceEntry("v", (Path("/p", name, "v.mp4"),)), Path("out", name)
        for text in (f"/p/{name}/v.mp4: no", f"/p/{name}: no", f"out/{name}/v: no"):
            for said in (text, str(VideoError(text))):
                assert "Jane" not in without_folders(said, entry, output)
    at_root = SourceEntry("v", (Path("/v.mp4"),))
    assert without_folders("/v.mp4: 1/2 of it.", at_root, Path()) == "/v.mp4: 1/2 of it."


def test_results_of_0_25_0_that_may_be_of_other_pictures_are_left_alone(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", bad_videos.image_folder(tmp_path)
    address = parse_address("http://host/get?id=1")
    for name, path, size in (
        (folder.name, str(folder), None),
        ("stream", address.label, None),
        ("trial", str(trial(tmp_path, "S1")), 7),
    ):
        (out / name).mkdir(parents=True)
        file = {"path": path, "path_sha256": digest(path.encode()), "bytes": size}
        write_summary(out / name / "summary.json", {"source": name, "file": file})
    assert names([folder], out) == [f"{folder.name}-2"]
    assert names([tmp_path / "S1/trial.mp4"], out) == ["trial"]
    assert names([trial(tmp_path, "S2")], out) == ["trial-2"]
    for url in ("http://host/get", "http://host/get?id=1"):
        stream = SourceEntry("stream", (), address=parse_address(url))
        assert Places(out).find("stream", file_record(stream))[0] == "stream-2"


def test_a_folder_is_chosen_once_and_only_those_of_its_name_are_looked_at(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, video, junk = tmp_path / "out", trial(tmp_path, "S1"), trial(tmp_path, "S2")
    junk.write_bytes(b"junk")
    for number in range(200):
        (out / f"tria-{number}").mkdir(parents=True)
    looked: list[str] = []
    chosen: list[str] = []
    find = Places.find
    monkeypatch.setattr(
        "glpose.jobs.places.numbered", lambda *a: looked.append(a[0]) or numbered(*a)
    )
    monkeypatch.setattr(Places, "find", lambda *a: chosen.append(a[1]) or find(*a))
    outcomes = run_sources([junk, video], options)
    assert [outcome.state for outcome in outcomes] == ["failed", "ok"]
    assert [outcome.folder.name for outcome in outcomes] == ["trial", "trial-2"]
    assert chosen == ["trial"] * 2
    assert len(looked) < 20


def test_long_names_are_cut_for_their_numbers(tmp_path: Path) -> None:
    name, out = "\u00fc" * 127 + "x", tmp_path / "out"
    for number, subject in enumerate(("S1", "S2"), 1):
        video = trial(tmp_path, subject).rename(tmp_path / subject / "v.mp4")
        made(out, numbered(name, number), video)
        record = file_record(find_sources([video])[0])
        assert Places(out).find(name, record)[0] == numbered(name, number)


@pytest.mark.parametrize("record", [7, [], {}, {"path": 7}, {"path_sha256": 7}])
def test_records_that_are_none(record: object, tmp_path: Path) -> None:
    (tmp_path / "out" / "trial").mkdir(parents=True)
    write_summary(tmp_path / "out" / "trial" / "summary.json", {"file": record})
    file_in(tmp_path / "out" / "trial")
    assert names([trial(tmp_path, "S1")], tmp_path / "out")[0].startswith("trial")
