"""Pictures of high dynamic range as ordinary ones, so that they look as SDR video does.

Light is decoded (SMPTE ST 2084, "PQ", or ARIB STD-B67, "HLG"), compressed by the extended curve of
Reinhard et al. (Photographic Tone Reproduction, SIGGRAPH 2002, equation 4) in each channel, moved
from the primaries of BT.2020 to those of BT.709, and encoded as sRGB. Reference white is 203 cd/m2
(ITU-R BT.2408), the brightest light 1000 cd/m2.
"""

from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

Transfer = Literal["PQ", "HLG"]

_WHITE, _PEAK = 203.0, 1000.0
# ITU-R BT.2087, from linear BT.2020 to linear BT.709.
_BT709_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)
_STEPS = 4096


def to_sdr(
    rgb: UInt16[np.ndarray, "height width 3"], transfer: Transfer
) -> UInt8[np.ndarray, "height width 3"]:
    """Convert a picture of 16 bits in full range with the primaries of BT.2020."""
    linear = _compressed_light(transfer)[rgb] @ _BT709_FROM_BT2020.T
    np.clip(linear, 0, 1, out=linear)
    linear *= _STEPS - 1
    return _encoded()[np.rint(linear, out=linear).astype(np.uint16)]


@cache
def _compressed_light(transfer: Transfer) -> Float32[np.ndarray, "65536"]:
    """From 0 (black) to 1 (the peak), by coded value."""
    value = np.arange(65536) / 65535
    light = (_pq(value) if transfer == "PQ" else _hlg(value)) / _WHITE
    white = _PEAK / _WHITE
    return np.minimum(light * (1 + light / white**2) / (1 + light), 1).astype(np.float32)


def _pq(value: np.ndarray) -> np.ndarray:
    """Light in cd/m2. Source: SMPTE ST 2084, equation 4.1."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = value ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def _hlg(value: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of a display of 1000. Source: ITU-R BT.2100, table 5, gamma 1.2 by channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return _PEAK * scene**1.2


@cache
def _encoded() -> UInt8[np.ndarray, "4096"]:
    """The values of sRGB by linear light in `_STEPS` steps."""
    light = np.arange(_STEPS) / (_STEPS - 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)
