"""What the video library can do."""

from pathlib import Path

import av
import pytest

from glpose.errors import VideoError
from glpose.video import abilities


def test_the_usual_codecs_are_read_and_overlays_written(tmp_path: Path) -> None:
    assert abilities.version() == av.__version__
    assert abilities.unread_codecs() == []
    assert abilities.has_encoder()
    assert abilities.written_and_read(tmp_path, 4) == 4
    with pytest.raises(VideoError):
        abilities.written_and_read(tmp_path / "gone")


def test_a_codec_without_a_decoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(abilities._DECODERS, "H.266", ("no such decoder",))
    assert abilities.unread_codecs() == ["H.266"]
