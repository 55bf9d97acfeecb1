"""Held-out pictures that look like one that was trained on."""

import numpy as np
import pytest
from twins import SAME, alike, outlines

from glpose.imaging import blur, resize, warp
from glpose.types import Affine

RNG = np.random.default_rng(3)


def picture() -> np.ndarray:
    """Patches of other colours."""
    patches = RNG.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return blur(np.kron(patches, np.ones((20, 20, 1), np.uint8)), 3.0)


ONE = picture()
OTHERS = np.stack([outlines(picture()) for _ in range(20)])


@pytest.mark.parametrize(
    "twin",
    [
        ONE,
        ONE[:, ::-1],
        resize(ONE, (352, 352)),
        (ONE // 2 + 90),
        warp(ONE, Affine(np.array([[0.998, 0.05, -6.0], [-0.05, 0.998, 6.0]])), (180, 240)),
    ],
    ids=["itself", "mirrored", "stretched", "paler", "turned"],
)
def test_a_twin_is_found_among_others(twin: np.ndarray) -> None:
    own = outlines(np.ascontiguousarray(twin))[None]
    assert alike(own, np.concatenate([OTHERS, outlines(ONE)[None]]))[0] > SAME
    assert alike(own, OTHERS)[0] < SAME


def test_plain_pictures_and_the_same_light_are_no_twins() -> None:
    grey = np.full((40, 60, 3), 128, np.uint8)
    assert alike(outlines(grey)[None], outlines(grey)[None])[0] == 0
    sky = np.linspace(240, 40, 180)[:, None, None]  # a sharp horizon would be an outline
    lit = [np.uint8(0.8 * sky + 0.2 * picture()) for _ in range(2)]
    levels = [resize(one, (24, 24)).mean(-1).ravel() for one in lit]
    assert np.corrcoef(levels)[0, 1] > 0.9
    assert alike(outlines(lit[0])[None], outlines(lit[1])[None])[0] < SAME
