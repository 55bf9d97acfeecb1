"""Clips of people cut from videos: which are kept, what is stored, what is said about the rest."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from glpose.crop import crop_from_image, cut
from glpose.errors import BadConfig, BadInput, VideoError
from glpose.imaging import write_image
from glpose.train.data import crops
from glpose.train.data.crops import CropsConfig, Tally, digests_of_videos, open_crops
from glpose.types import CropSpec, Frame, FramePoses, People

CROP = CropSpec((32, 24))
HOW = CropsConfig(min_side_px=20.0)
NEAR_S = 0.1
SIZE_HW = (60, 90)


def backdrop() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 255, (*SIZE_HW, 3)).astype(np.uint8)


def person(x: float, who: int = 1) -> People:
    return People(
        np.array([[x, 10, x + 16, 50]], np.float32), np.ones(1, np.float32), np.array([who])
    )


def video(num: int, *, step: float = 1.0, still: bool = False) -> Iterator[tuple[Frame, People]]:
    """A red person who walks over a textured floor at 25 frames a second."""
    for index in range(num):
        x = 5.0 if still else 5.0 + step * index
        rgb = backdrop()
        rgb[10:50, int(x) : int(x) + 16] = (200, 20, 20)
        yield Frame(index, index / 25, rgb), person(x)


def clips_of(frames: Iterator[tuple[Frame, People]], how: CropsConfig = HOW) -> tuple[list, Tally]:
    tally = Tally()
    kept = crops._kept(frames, how.rate_hz, NEAR_S)
    return list(crops._clips(kept, how.stored(CROP), how, tally)), tally


def test_a_walk_is_one_clip_at_the_rate_asked_for_with_the_background_beside_it() -> None:
    (clip,), tally = clips_of(video(50))
    assert tally == Tally(kept=1)
    assert [int(labels["frame"][0]) for _, labels in clip] == list(range(0, 50, 2))
    assert [float(labels["time_s"][0]) for _, labels in clip[:2]] == [0.0, 0.08]
    spec = HOW.stored(CROP)
    height, width = spec.size_hw
    assert (height, width) == (37, 28)
    for number, (picture, _) in enumerate(clip):
        box = person(5.0 + 2 * number).xyxy[0]
        frame = next(f.rgb for f, _ in video(50) if f.index == 2 * number)
        to_crop = crop_from_image(box, spec)
        np.testing.assert_array_equal(picture[:, :width], cut(frame, to_crop, spec))
        # Each place is covered for less than half of the time, so the median is the floor.
        np.testing.assert_array_equal(picture[:, width:], cut(backdrop(), to_crop, spec))


def test_static_short_and_small_people_are_left_out_and_counted() -> None:
    assert clips_of(video(50, still=True)) == ([], Tally(static=1))
    assert clips_of(video(10)) == ([], Tally(short=1))
    assert clips_of(video(50), CropsConfig(min_side_px=41.0)) == ([], Tally(small=1))
    assert str(Tally(2, 1, 0, 3)) == "2 clips of people (left out: 1 too short, 3 too small)"


def test_trembling_boxes_are_no_motion() -> None:
    rng = np.random.default_rng(0)
    frames = ((f, person(5 + rng.uniform(-2, 2))) for f, _ in video(50, still=True))
    assert clips_of(frames)[1] == Tally(static=1)


def test_a_scene_ends_at_a_cut_and_when_it_is_long() -> None:
    found, _ = clips_of(video(70, step=0.5), CropsConfig(min_side_px=20.0, max_s=1.0))
    assert [len(clip) for clip in found] == [13, 13, 9]

    def with_cut() -> Iterator[tuple[Frame, People]]:
        for frame, people in video(60, step=0.5):
            rgb = frame.rgb
            assert rgb is not None
            if frame.index >= 30:
                grey = np.linspace(0, 120, SIZE_HW[1]).astype(np.uint8)
                rgb = np.repeat(np.repeat(grey[None, :, None], SIZE_HW[0], 0), 3, 2) // 4
                rgb[10:50, 5 + frame.index // 2 : 21 + frame.index // 2] = (200, 20, 20)
            yield Frame(frame.index, frame.time_s, rgb), people

    assert [len(clip) for clip in clips_of(with_cut())[0]] == [15, 15]


def test_lost_frames_are_no_frames() -> None:
    frames = [(Frame(f.index, f.time_s, None), p) if f.index == 4 else (f, p) for f, p in video(50)]
    (clip,), _ = clips_of(iter(frames))
    assert [int(labels["frame"][0]) for _, labels in clip][:5] == [0, 2, 3, 5, 7]


def kept(times_s: np.ndarray) -> list[int]:
    """Which frames at these times are kept."""
    rgb = np.zeros((2, 2, 3), np.uint8)
    frames = ((Frame(i, t, rgb), People.empty()) for i, t in enumerate(times_s.tolist()))
    return [frame.index for frame, _, _ in crops._kept(frames, 12.5, NEAR_S)]


@pytest.mark.parametrize("is_rounded", [False, True])
def test_crops_are_near_each_other_at_any_rate(is_rounded: bool) -> None:
    usual = {5: 1, 10: 1, 12: 1, 12.5: 1, 20: 2, 24: 2, 25: 2, 29.97: 3, 30: 3, 48: 4, 50: 4, 60: 5}
    for rate_hz in [*range(5, 61), *np.arange(9, 31, 0.25).tolist(), *usual]:
        exact_s = np.arange(100) / rate_hz
        times_s = exact_s.round(3) if is_rounded else exact_s
        found = kept(times_s)
        if rate_hz in usual:
            assert found == list(range(0, 100, usual[rate_hz]))
        step_s = np.diff(times_s[found])
        assert step_s.max() <= max(NEAR_S, 1 / rate_hz) + 1.001e-3
        # No more than needed: one of two steps in a row may be short, not both.
        assert (step_s[1:] + step_s[:-1]).min() > min(NEAR_S, 1 / rate_hz)


def test_a_frame_more_is_kept_only_where_that_brings_the_next_one_near() -> None:
    assert kept(np.array([0.0, 0.07, 0.14, 0.5, 0.57, 0.7])) == [0, 1, 3, 5]


@pytest.fixture
def walker(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the networks: the person of `video`."""

    def poses_of(frames, info, models, refiners):  # noqa: ANN001
        for frame in frames:
            people = person(5.0 + frame.index) if info.name != "empty" else People.empty()
            num = len(people)
            yield (
                frame,
                FramePoses(
                    frame.index, frame.time_s, people, np.zeros((num, 2, 2)), np.zeros((num, 2))
                ),
            )

    monkeypatch.setattr(crops, "load_models", lambda: None)
    monkeypatch.setattr(crops, "poses_of", poses_of)


def write(folder: Path, num: int) -> Path:
    folder.mkdir()
    for frame, _ in video(num):
        assert frame.rgb is not None
        write_image(folder / f"{frame.index:03d}.png", frame.rgb)
    return folder


def test_videos_are_cut_once_and_again_if_they_change(walker: None, tmp_path: Path) -> None:
    folder, cache, told = write(tmp_path / "walk", 40), tmp_path / "cache", []
    roots = {"videos": str(folder)}
    store = open_crops("videos", roots, cache, CROP, HOW, NEAR_S, told.append)
    assert len(store) == 20
    assert set(store.labels["clip"]) == {0}
    assert told == [f"{folder}: 1 clip of people"]
    again = open_crops("videos", roots, cache, CROP, HOW, NEAR_S, told.append)
    np.testing.assert_array_equal(again[7], store[7])
    assert len(told) == 1
    (folder / "000.png").unlink()
    assert len(open_crops("videos", roots, cache, CROP, HOW, NEAR_S, told.append)) == 20
    assert len(told) == 2
    assert len(list(cache.iterdir())) == 2


def test_long_videos_say_how_far_they_are(
    walker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 10_000, 5))
    monkeypatch.setattr(crops.time, "monotonic", lambda: float(next(now)))
    told: list[str] = []
    roots = {"videos": str(write(tmp_path / "walk", 40))}
    open_crops("videos", roots, tmp_path / "cache", CROP, HOW, NEAR_S, told.append)
    label = str(tmp_path / "walk")
    assert told[0].startswith(f"{label}: looking for people, 0")
    assert told[0].endswith(" s")
    assert told[-1] == f"{label}: 1 clip of people"
    assert 4 <= len(told) <= 8


def test_nothing_to_learn_from_is_one_line_and_leaves_nothing(walker: None, tmp_path: Path) -> None:
    cache, told = tmp_path / "cache", []
    one = write(tmp_path / "one", 1)
    nobody = write(tmp_path / "empty", 40)
    for folder, said in (
        (one, "1 too short"),
        (nobody, "nothing to learn from, nobody was found;"),
    ):
        with pytest.raises(BadInput, match=said) as problem:
            open_crops("videos", {"videos": str(folder)}, cache, CROP, HOW, NEAR_S, told.append)
        assert str(problem.value).startswith(str(folder))
        assert "expected videos with moving people" in str(problem.value)
    with pytest.raises(BadInput, match="no such file or folder"):
        open_crops(
            "videos", {"videos": str(tmp_path / "nowhere")}, cache, CROP, HOW, NEAR_S, told.append
        )
    assert not cache.exists()


def test_videos_that_cannot_be_read_are_not_videos_without_people(
    walker: None, tmp_path: Path
) -> None:
    """One says why itself; several are told one by one, and what can be read is used."""
    roots, told = {"videos": str(tmp_path / "videos")}, []
    broken = [tmp_path / "videos" / name for name in ("a.mp4", "b.mp4")]
    (tmp_path / "videos").mkdir()
    broken[0].touch()
    with pytest.raises(VideoError, match="empty"):
        open_crops("videos", roots, tmp_path / "cache", CROP, HOW, NEAR_S, told.append)
    broken[1].write_text("no video")
    with pytest.raises(BadInput, match="none of the 2 videos can be read"):
        open_crops("videos", roots, tmp_path / "cache", CROP, HOW, NEAR_S, told.append)
    assert [line.split(":")[0] for line in told] == [str(path) for path in broken]
    assert not (tmp_path / "cache").exists()


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="glpose pretrain VIDEOS"):
        open_crops("videos", {}, tmp_path, CROP, HOW, NEAR_S)
    for live, said in (("0", "a camera; only"), ("https://host.invalid/a.mp4", "an address; exp")):
        with pytest.raises(VideoError, match=said):
            open_crops("videos", {"videos": live}, tmp_path, CROP, HOW, NEAR_S)
    with pytest.raises(BadConfig, match="unknown set 'poool'"):
        open_crops("poool", {}, tmp_path, CROP, HOW, NEAR_S)
    with pytest.raises(BadConfig, match="jhmdb, but its folder is not given"):
        open_crops("jhmdb", {}, tmp_path, CROP, HOW, NEAR_S)
    with pytest.raises(BadConfig, match=r"0 < min_s < max_s"):
        CropsConfig(min_s=20.0)


def test_videos_are_others_by_what_they_hold(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    folder.mkdir()
    one, two = folder / "one.mp4", folder / "two.mp4"
    one.write_bytes(bytes(200_000))
    two.write_bytes(bytes(200_000))
    before = digests_of_videos(str(folder))
    assert list(before) == [str(one), str(two)]
    os.utime(one, (0, 0))
    assert digests_of_videos(str(folder)) == before
    one.write_bytes(bytes(199_999) + b"1")
    after = digests_of_videos(str(folder))
    assert [name for name in before if before[name] != after[name]] == [str(one)]
