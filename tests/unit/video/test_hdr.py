"""HDR pictures become ordinary ones."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from glpose.video.hdr import Transfer, to_sdr
from glpose.video.reader import open_video


def coded(value: float) -> np.ndarray:
    return np.full((1, 1, 3), round(value * 65535), np.uint16)


@pytest.mark.parametrize(
    ("transfer", "value", "expected"),
    [
        # ST 2084 codes 203 cd/m2 as 0.5807 and 1000 as 0.7518 (BT.2408, table 1); the curve maps
        # reference white to (1 + 1 / 4.926^2) / 2 = 0.5206 and the peak to 1.
        ("PQ", 0.0, 0),
        ("PQ", 0.5807, 191),
        ("PQ", 0.7518, 255),
        ("PQ", 1.0, 255),
        # HLG at 0.75 is 203 cd/m2 on a display of 1000.
        ("HLG", 0.75, 191),
        ("HLG", 1.0, 255),
    ],
)
def test_greys_of_known_light(transfer: Transfer, value: float, expected: int) -> None:
    assert np.abs(to_sdr(coded(value), transfer)[0, 0].astype(int) - expected).max() <= 1


def test_greys_stay_grey_and_rise() -> None:
    grey = np.repeat(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], 3, axis=2)
    for transfer in ("PQ", "HLG"):
        out = to_sdr(grey, transfer)[0].astype(int)
        assert np.ptp(out, axis=1).max() <= 1
        assert (np.diff(out[:, 1]) >= 0).all()


def write(path: Path, transfer: int) -> Path:
    """A grey picture of the code of 203 cd/m2 in PQ, tagged with a transfer."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(25), options={"qp": "0"})
        context = stream.codec_context
        context.height, context.width, context.pix_fmt = 64, 64, "yuv420p10le"
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        for _ in range(3):
            grey = np.full((64, 64, 3), round(0.5807 * 65535), np.uint16)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb48le")
            out.mux(stream.encode(frame.reformat(format="yuv420p10le", dst_colorspace="bt2020")))
        out.mux(stream.encode(None))
    return path


def test_a_video_says_that_it_was_mapped(tmp_path: Path) -> None:
    source = open_video(write(tmp_path / "pq.mp4", 16))
    assert source.info.note == "its pictures are HDR (PQ) and were tone-mapped to SDR"
    rgb = next(iter(source.frames())).rgb
    assert rgb is not None
    assert abs(int(rgb.mean()) - 191) <= 2
    plain = open_video(write(tmp_path / "sdr.mp4", 1))
    assert plain.info.note == ""
