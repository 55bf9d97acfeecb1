import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glpose.glare import Sun, draw_sun, shine

GREY = np.full((80, 60, 3), 90, np.uint8)
PLAIN = Sun(1.0, 0.05, 0.0, 0.1, 0.0, (0.1, 0.02, 0.0), (1.0, 0.0, 0.0), (), ())


@given(
    seed=st.integers(0, 2**32),
    x=st.floats(-40, 100),
    y=st.floats(-40, 120),
    level=st.integers(0, 255),
)
def test_lights_shine_anywhere_and_add_to_what_the_exposure_leaves(
    seed: int, x: float, y: float, level: int
) -> None:
    sun = draw_sun(np.random.default_rng(seed))
    assert sun == draw_sun(np.random.default_rng(seed))
    rgb = np.full((80, 60, 3), level, np.uint8)
    out = shine(rgb, sun, np.array([x, y]), 80.0)
    assert out.shape == rgb.shape
    assert (out >= np.floor(sun.exposure * level)).all()
    if 0 <= x <= 59 and 0 <= y <= 79:
        assert (out[round(y), round(x)] > 170).all()


def test_a_disc_is_white_and_the_rest_as_it_was() -> None:
    out = shine(GREY, PLAIN, np.array([20.0, 50.0]), 80.0)
    away = np.hypot(*np.mgrid[-50:30, -20:40])
    assert (out[away <= 4] == 255).all()
    assert (out[away > 12] == 90).all()
    assert (out == shine(GREY[:, ::-1], PLAIN, np.array([39.0, 50.0]), 80.0)[:, ::-1]).all()


def test_lengths_grow_with_the_size() -> None:
    white = [
        (shine(GREY, PLAIN, np.array([30.0, 40.0]), size) == 255).all(-1).sum()
        for size in (80.0, 160.0)
    ]
    assert 3 < white[1] / white[0] < 5


def test_a_halo_has_its_colour_and_a_ghost_lies_behind_the_middle() -> None:
    ring = Sun(1.0, 0.01, 0.0, 0.1, 0.0, (0.2, 0.02, 0.5), (1.0, 0.0, 0.2), (), ())
    red, green, blue = shine(GREY, ring, np.array([30.0, 40.0]), 80.0)[40, 46].astype(int) - 90
    assert green == 0
    assert red > 4 * blue > 0
    ghost = Sun(
        1.0, 0.01, 0.0, 0.1, 0.0, (0.2, 0.02, 0.0), (1.0, 1.0, 1.0), (), ((2.0, 0.05, 0.5),)
    )
    out = shine(GREY, ghost, np.array([10.0, 20.0]), 80.0)
    assert (out[60, 50] > 90).all()
    assert (out[40, 30] == 90).all()


def test_a_ray_is_on_one_side_of_its_light() -> None:
    ray = Sun(1.0, 0.01, 0.0, 0.1, 0.0, (0.2, 0.02, 0.0), (1.0, 1.0, 1.0), ((0.0, 0.03, 0.5),), ())
    out = shine(GREY, ray, np.array([30.0, 40.0]), 80.0)
    assert (out[40, 45:] > 100).all()
    assert (out[40, :20] == 90).all()
    assert (out[[20, 60]] == 90).all()
