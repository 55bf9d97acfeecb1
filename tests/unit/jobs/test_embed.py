"""Vectors of the people of a video: a row for each person and frame, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

import bad_videos
from glpose.cli.main import main
from glpose.crop import crop_from_image, cut
from glpose.errors import BadInput, BadWeights, VideoError
from glpose.formats.results import ResultWriter
from glpose.jobs import embed as module
from glpose.jobs.embed import EmbedOptions, embed_video
from glpose.runtime.card import EmbeddingCard
from glpose.runtime.embedder import Embedder
from glpose.skeleton import COCO17
from glpose.types import CropSpec, FramePoses, People
from glpose.video.reader import open_video

NUM_FRAMES, NUM = 6, len(COCO17.joints)
CARD = EmbeddingCard(
    name="tiny",
    version="1",
    trained_on=("nothing",),
    terms="none",
    licence="none",
    source="a test",
    made_by={},
    crop=CropSpec((32, 24)),
    appearance=3,
    pose=2,
)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return bad_videos.write_video(tmp_path / "walk.mp4", num_frames=NUM_FRAMES)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The network gives mean colours, and the numbers of its calls; returns the sizes of these."""
    seen: list[int] = []

    def run(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(len(crops))
        return crops.mean((1, 2), dtype=np.float32), np.ones((len(crops), 2), np.float32)

    monkeypatch.setattr(module, "load_embedder", lambda *_: Embedder(run, CARD))
    return seen


def people(num: int) -> People:
    x = 2.0 * np.arange(num, dtype=np.float32)
    xyxy = np.stack([x, x + 1, x + 20, x + 41], 1)
    return People(xyxy, np.ones(num, np.float32), np.arange(1, num + 1))


def written(video: Path, counts: dict[int, int], *, frames: int = NUM_FRAMES) -> Path:
    path = video.with_suffix(".jsonl")
    with ResultWriter(path, open_video(video).info, COCO17) as writer:
        for frame in range(frames):
            num = counts.get(frame, 0)
            nothing = np.full((num, NUM, 2), np.nan, np.float32)
            score = np.zeros((num, NUM), np.float32)
            writer.write(FramePoses(frame, frame / 25, people(num), nothing, score))
    return path


def test_each_person_and_frame_has_a_row(video: Path, sizes: list[int], tmp_path: Path) -> None:
    poses, out = written(video, {1: 2, 4: 19}), tmp_path / "out.npz"
    made = embed_video(video, poses, out, EmbedOptions("x"))
    assert (made.files, made.lacks) == ([out], [])
    with np.load(out) as found:
        assert found["frame"].tolist() == [1] * 2 + [4] * 19
        assert found["track_id"].tolist() == [1, 2, *range(1, 20)]
        assert found["time_s"][0] == pytest.approx(1 / 25, abs=1e-3)
        np.testing.assert_array_equal(found["xyxy"][:2], people(2).xyxy)
        assert found["pose"].shape == (21, 2)
        rgb = next(f.rgb for f in open_video(video).frames() if f.index == 4)
        crop = cut(rgb, crop_from_image(people(19).xyxy[18], CARD.crop), CARD.crop)
        np.testing.assert_allclose(found["appearance"][-1], crop.mean((0, 1)), rtol=1e-5)
    assert sizes == [2, 16, 3]


def test_what_cannot_be_embedded_is_one_line_and_writes_nothing(
    video: Path, sizes: list[int], tmp_path: Path
) -> None:
    out = tmp_path / "out.npz"
    with pytest.raises(BadInput, match="no person in a frame of"):
        embed_video(video, written(video, {}), out, EmbedOptions("x"))
    other = bad_videos.write_video(tmp_path / "other.mp4", num_frames=NUM_FRAMES + 2)
    with pytest.raises(BadInput, match="give the poses of this video"):
        embed_video(other, written(video, {1: 1}), out, EmbedOptions("x"))
    for live, said in (("0", "a camera; only"), ("https://host.invalid/a.mp4", "an address; exp")):
        with pytest.raises(VideoError, match=said):
            embed_video(live, written(video, {1: 1}), out, EmbedOptions("x"))
    assert not out.exists()
    out.write_bytes(b"mine")
    with pytest.raises(BadInput, match="use --overwrite"):
        embed_video(video, written(video, {1: 1}), out, EmbedOptions("x"))
    assert out.read_bytes() == b"mine"
    embed_video(video, written(video, {1: 1}), out, EmbedOptions("x", overwrite=True))
    with np.load(out) as found:
        assert len(found["frame"]) == 1


def test_a_video_and_its_poses_the_wrong_way_round(video: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the order is glpose embed POSES VIDEO"):
        embed_video(tmp_path, video, tmp_path / "e.npz", EmbedOptions("any"))


def test_the_output_is_refused_before_the_work_and_its_folder_made(
    video: Path, sizes: list[int], tmp_path: Path
) -> None:
    poses, options = written(video, {1: 1}), EmbedOptions("x", overwrite=True)
    before = {path: path.read_bytes() for path in (poses, video)}
    for path in (poses, video):
        with pytest.raises(BadInput, match="would be replaced by what is made of it"):
            embed_video(video, poses, path, options)
    with pytest.raises(BadInput, match="is a folder; expected a file to write"):
        embed_video(video, poses, tmp_path, options)
    assert sizes == []
    assert {path: path.read_bytes() for path in before} == before
    assert embed_video(video, poses, tmp_path / "new" / "out.npz", options).files[0].exists()


def test_people_in_frames_that_are_lost_are_told(
    video: Path, sizes: list[int], tmp_path: Path
) -> None:
    bad_videos.write_video(video, num_frames=40, size_hw=(480, 640))
    poses = written(video, dict.fromkeys(range(40), 1), frames=40)
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 3 // 4])
    made = embed_video(video, poses, tmp_path / "out.npz", EmbedOptions("x"))
    with np.load(made.files[0]) as found:
        assert 0 < len(found["frame"]) < 40
    assert made.lacks[-1].endswith("of the 40 frames needed are not in the video")


def test_the_command_says_what_is_wrong_with_the_weights(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(written(video, {1: 1})), str(video), "-o", str(tmp_path / "out.npz")]
    assert main(["embed", *arguments, "--weights", "pose_small"]) == 2
    assert "expected embedding weights (NAME.embedding.onnx)" in capsys.readouterr().err
    with pytest.raises(BadWeights, match="no such file"):
        embed_video(video, Path(arguments[0]), tmp_path / "a.npz", EmbedOptions("no/where.onnx"))


def test_poses_of_a_killed_run_are_told(video: Path, sizes: list[int], tmp_path: Path) -> None:
    poses = written(video, {1: 2})
    with poses.open("a") as file:
        file.write('{"frame": 6, "ti')
    made = embed_video(video, poses, tmp_path / "out.npz", EmbedOptions("x"))
    assert ["the last line is cut off" in line for line in made.lacks] == [True]
