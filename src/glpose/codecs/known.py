"""The codecs that a card may name."""

from typing import Any

from glpose.codecs.codec import Codec
from glpose.codecs.composite import CompositeCodec
from glpose.codecs.gaussian import GaussianCodec
from glpose.config import from_plain
from glpose.errors import BadConfig

CODECS: dict[str, type] = {"composite": CompositeCodec, "gaussian": GaussianCodec}
"""Codecs by their `kind`: frozen dataclasses, whose fields are what a card holds."""


def codec_from_plain(data: Any, where: str) -> Codec:
    """A codec from the table of a card. Raises: BadConfig naming the key that is wrong."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in CODECS:
        known = " or ".join(map(repr, CODECS))
        raise BadConfig(f"{where}.kind: expected {known}, found {kind!r}")
    return from_plain(CODECS[kind], data, where)
