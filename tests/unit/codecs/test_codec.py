"""Laws of all codecs, and a second codec through the whole pipeline, the flip test included."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, one_person, run, same, video
from glpose.codecs.codec import Codec
from glpose.codecs.composite import CompositeCodec
from glpose.codecs.gaussian import GaussianCodec
from glpose.codecs.known import CODECS
from glpose.crop import view_from_crop
from glpose.errors import BadConfig, BadWeights
from glpose.runtime.engine import EngineSpec
from glpose.runtime.flip import Mirrored
from glpose.runtime.load import load_estimator
from glpose.runtime.options import PoseOptions
from glpose.skeleton import POSETRACK15
from glpose.types import CropSpec, HeatmapSpec
from offset_codec import OffsetCodec

SIZE_HW = tiny_onnx.MAP_HW
ALL: dict[str, Codec] = {
    "gaussian": GaussianCodec(HeatmapSpec(SIZE_HW, 1.5)),
    "composite": CompositeCodec(SIZE_HW, 1.5),
    "offset": OffsetCodec(SIZE_HW),
}
NUM = len(POSETRACK15.joints)


def joints(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Joints well inside the maps, some of which are absent."""
    rng = np.random.default_rng(seed)
    h, w = SIZE_HW
    xy = rng.uniform([3, 3], [w - 4, h - 4], (4, NUM, 2))
    return xy, rng.random((4, NUM)) < 0.8


@pytest.mark.parametrize("codec", ALL.values(), ids=ALL.keys())
def test_decoding_finds_what_was_encoded(codec: Codec) -> None:
    assert isinstance(codec, Codec)
    xy, valid = joints()
    maps = codec.encode(xy, valid)
    assert {name: array.shape for name, array in maps.items()} == {
        name: (4, channels, *SIZE_HW) for name, channels in codec.channels(NUM).items()
    }
    found, score = codec.decode(maps)
    np.testing.assert_allclose(found[valid], xy[valid], atol=0.05)
    assert np.isnan(found[~valid]).all()
    assert not score[~valid].any()


@pytest.mark.parametrize("codec", ALL.values(), ids=ALL.keys())
def test_the_first_peak_is_the_joint(codec: Codec) -> None:
    xy, valid = joints()
    maps = codec.encode(xy, valid)
    found = codec.peaks(maps, 2)
    if found is None:
        assert isinstance(codec, OffsetCodec)
        return
    assert np.abs(found[0][:, :, 0] - codec.decode(maps)[0])[valid].max() <= 1
    assert np.isnan(found[0][~valid]).all()
    assert not found[1][:, :, 1].any()


@pytest.mark.parametrize("codec", ALL.values(), ids=ALL.keys())
def test_maps_of_mirrored_joints_mirrored_are_those_of_the_joints(codec: Codec) -> None:
    xy, valid = joints(1)
    partners = list(POSETRACK15.mirror)
    mirrored = xy[:, partners] * [-1, 1] + [SIZE_HW[1] - 1, 0]
    back = codec.mirror(codec.encode(mirrored, valid[:, partners]), POSETRACK15.mirror)
    found, _ = codec.decode({name: np.ascontiguousarray(array) for name, array in back.items()})
    np.testing.assert_allclose(found[valid], xy[valid], atol=0.05)


# A network says of every cell where the joint is, as targets do with a wide reach.
SMOOTH = {**ALL, "composite": CompositeCodec(SIZE_HW, 1.5, reach=100.0)}


@pytest.mark.parametrize("name", ["gaussian", "composite"])
@pytest.mark.parametrize("degrees", [-20.0, 10.0, 90.0])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.3])
def test_maps_of_turned_and_scaled_joints_put_back_are_those_of_the_joints(
    name: str, degrees: float, scale: float
) -> None:
    codec, spec = SMOOTH[name], CropSpec(tiny_onnx.CROP_HW)
    to_crop = codec.crop_from_map(spec)
    turn = to_crop.inverse() @ view_from_crop(spec, degrees, scale) @ to_crop
    xy, valid = joints(2)
    middle = (np.array(SIZE_HW[::-1]) - 1) / 2
    xy = middle + (xy - middle) / 3  # so that none leaves the crop
    back = codec.turn(codec.encode(turn.apply(xy), valid), turn.inverse())
    found, score = codec.decode({name: np.nan_to_num(array) for name, array in back.items()})
    np.testing.assert_allclose(found[valid], xy[valid], atol=0.1)
    assert not score[~valid].any()


class OffsetEstimator(FakeEstimator):
    """Sees the joints of a crop in its brightest column, as scores and offsets."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.card = replace(self.card, codec=OffsetCodec(SIZE_HW))

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        key = inputs["crop"][:, 0]
        n, _, w = key.shape
        best = key.reshape(n, -1).argmax(1)
        y, x = np.divmod(best, w)
        # A fixed way from the cell for every joint: a third of a cell right, a tenth down.
        centre = np.stack([x + 0.3, y + 0.1], -1)
        xy = np.repeat(centre[:, None], NUM, 1)
        return OffsetCodec(SIZE_HW).encode(xy, np.ones((n, NUM), bool))


def test_the_pipeline_decodes_with_the_codec_of_the_card() -> None:
    codec, poses = OffsetCodec(SIZE_HW), run(video(3), OffsetEstimator())
    for frame in poses:
        assert np.isfinite(frame.xy).all()
        # All joints are at one place, and that is no whole cell: 30/48 image pixels a crop pixel.
        np.testing.assert_allclose(frame.xy[0], frame.xy[0, :1].repeat(NUM, 0))
    with pytest.raises(BadConfig, match="decoded in one way"):
        run(video(1), OffsetEstimator(), options=PoseOptions(decode="quarter"))
    assert codec.channels(NUM) == {"scores": 15, "offsets": 30}


def test_weights_of_another_codec_run_from_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_onnx.write_pose(tmp_path, codec=OffsetCodec(SIZE_HW))
    with pytest.raises(
        BadWeights, match=r"Card.codec.kind: expected 'composite' or 'gaussian', found 'offset'"
    ):
        load_estimator(tmp_path)
    monkeypatch.setitem(CODECS, "offset", OffsetCodec)
    estimate = load_estimator(tmp_path, EngineSpec(threads=1))
    assert estimate.card.codec == OffsetCodec(SIZE_HW)
    assert estimate.card.outputs == ("scores", "offsets")
    for poses in run(video(3), estimate):  # type: ignore[arg-type]
        assert np.isfinite(poses.xy).all()


def test_the_flip_test_changes_the_signs_that_the_codec_changes() -> None:
    """Looked at twice, the ways to the right of crop and mirrored crop cancel out; those down add."""
    estimate = OffsetEstimator()
    crops = np.zeros((1, *tiny_onnx.CROP_HW, 3), np.uint8)
    crops[0, 32:36, 20:24] = 255  # the cell (5, 8) of a map 12 cells wide
    mirrored = Mirrored(estimate)
    features = mirrored.encode(crops).features
    around = np.zeros((1, 2, *features.shape[1:]), np.float32)
    inputs = {"crop": features, "around": around, "alike": around}
    maps = mirrored.solve(inputs | {"alikeness": np.ones((1, 2, 1), np.float32)})
    xy, score = OffsetCodec(SIZE_HW).decode(maps)
    np.testing.assert_allclose(xy[0, 0], [5.0, 8.1], atol=1e-6)
    assert score[0, 0] == 1


def test_blocks_change_nothing_with_another_codec() -> None:
    one = run(video(7), OffsetEstimator(), one_person, block_frames=1)
    same(one, run(video(7), OffsetEstimator(), one_person, block_frames=5))
