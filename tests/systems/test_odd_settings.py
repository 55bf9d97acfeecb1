"""Settings that cannot be are refused in one line; all others give a network with finite answers."""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from glpose.config import with_changes
from glpose.errors import BadConfig
from glpose.nets.spec import (
    CoarseResNetConfig,
    EfficientNetLiteConfig,
    HourglassConfig,
    HRNetConfig,
    LiteBodyConfig,
    ResNetConfig,
)
from glpose.recipes import load_recipe
from glpose.systems.css.spec import CSSConfig
from glpose.systems.dg_net.spec import DgNetConfig
from glpose.systems.dkd.spec import DKDConfig
from glpose.systems.flowing.spec import FlowingConfig
from glpose.systems.glpose.spec import GlobalConfig, GLPoseConfig, LocalConfig, QueriesConfig
from glpose.systems.person_detector.spec import PersonDetectorConfig
from glpose.systems.single_frame.spec import SingleFrameConfig
from glpose.types import CropSpec

NAMES = (
    "glpose_small",
    "queries_small",
    "glpose_w48_posetrack17",
    "flowing_small",
    "dkd_small",
    "dkd_r50_subjhmdb1",
    "css_small",
    "css_r50",
    "lift_small",
    "person_small",
    "leaning_small",
    "composite_small",
    "hrnet_w32_coco",
    "simple_baseline_r50_coco",
    "clnet_r50_coco",
    "clnet_hourglass2_coco",
)
"""Recipes that among them have all systems and all encoders."""

BASIC = ResNetConfig((1, 1, 1, 1), width=4, deconv_width=4, block="basic")
LITE = EfficientNetLiteConfig(width=0.1, depth=0.1, pyramid=(8,), channels=4, body_stride=16)
TINY: dict[str, Any] = {
    "glpose": GLPoseConfig(
        backbone=HRNetConfig(4, 4, "basic", 4, 1, (1,), 1),
        crop=CropSpec((32, 24)),
        local=LocalConfig(k=1),
        global_=GlobalConfig(n=1, num_candidates=3),
    ),
    "queries": GLPoseConfig(
        backbone=LITE,
        crop=CropSpec((32, 32)),
        local=LocalConfig(k=1),
        global_=GlobalConfig(n=0),
        single_head="conv1x1",
        queries=QueriesConfig(8, 1, 2),
    ),
    "flowing": FlowingConfig(backbone=BASIC, crop=CropSpec((32, 32)), k=1),
    "dkd": DKDConfig(backbone=BASIC, small=replace(BASIC, width=3), crop=CropSpec((64, 64))),
    "css": CSSConfig(
        backbone=CoarseResNetConfig((1, 1, 1, 1), width=4, neck=4, num_up=1, lateral=True),
        crop=CropSpec((32, 32)),
        grid=(2, 1),
        invariant=2,
        variant=3,
        widths=(8, 4, 4),
    ),
    "dg_net": DgNetConfig(strides=(3, 1), width=4),
    "person_detector": PersonDetectorConfig(
        LiteBodyConfig(0.1, 0.1), neck_width=4, size_hw=(64, 64)
    ),
    "hourglass": SingleFrameConfig(
        backbone=HourglassConfig(1, num_maps=45, width=32, depth=1),
        head="composite",
        crop=CropSpec((32, 24)),
    ),
}


def settings(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted names of all settings that are numbers or lists, with their values."""
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            yield from settings(value, f"{prefix}{field.name}.")
        elif isinstance(value, int | float | tuple) and not isinstance(value, bool):
            yield prefix + field.name, value


def odd(value: Any, numbers: tuple[float, ...]) -> Iterator[Any]:
    """The number replaced by others, or those of a list, one at a time."""
    if isinstance(value, tuple):
        for place, item in enumerate(value):
            for other in odd(item, numbers):
                yield (*value[:place], other, *value[place + 1 :])
    elif isinstance(value, float):
        yield from numbers
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from (number for number in numbers if math.isfinite(number))


def refused(config: Any, name: str, value: Any) -> BadConfig | None:
    """The error for this setting, None if it is accepted."""
    try:
        with_changes(config, {name: value})
    except BadConfig as problem:
        return problem
    return None


@pytest.mark.parametrize("recipe", NAMES)
def test_every_number_has_limits(recipe: str) -> None:
    config = load_recipe(recipe)
    for name, value in settings(config):
        for wrong in odd(value, (math.nan, math.inf, -math.inf, 10**30, -(10**9))):
            problem = refused(config, name, wrong)
            assert problem is not None, f"{name} = {wrong} was accepted"
            assert "\n" not in str(problem)
        for wrong in ((), 0, -1, 2):
            assert "\n" not in str(refused(config, name, wrong))


@pytest.mark.parametrize("recipe", ["glpose_small", "flowing_small", "dkd_small", "css_small"])
def test_training_on_no_set_is_refused(recipe: str) -> None:
    problem = refused(load_recipe(recipe), "data.sources", ())
    assert str(problem) == "sources is []; expected a list of 1 to 1000"


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        ("lift_small", ("above_deg", "distance_m")),
        ("person_small", ("zoom", "mosaic_zoom", "stretch", "restretch")),
    ],
)
def test_a_lower_limit_is_not_above_the_upper_one(recipe: str, names: tuple[str, ...]) -> None:
    data = load_recipe(recipe).data
    for name in names:
        low, high = getattr(data, name)
        assert refused(data, name, (high, high)) is None
        with pytest.raises(BadConfig, match=f"{name} is .*; expected the lower limit first"):
            with_changes(data, {name: (high, low)})


def forwards() -> dict[type, Callable[[Any], Any]]:
    """How to get all answers of a new network, by the type of its settings."""
    torch = pytest.importorskip("torch")
    from glpose.systems.css.net import SplitNet
    from glpose.systems.dg_net.net import DgNet
    from glpose.systems.dkd.net import DKD
    from glpose.systems.flowing.net import Flowing
    from glpose.systems.glpose.net import GLPose
    from glpose.systems.person_detector.net import PersonDetector
    from glpose.systems.single_frame.net import SingleFrameNet

    def picture(config: Any, *shape: int) -> Any:
        height, width = getattr(config, "crop", config).size_hw
        return torch.randint(0, 256, (*shape, height, width, 3), dtype=torch.uint8)

    def glpose(c: GLPoseConfig) -> Any:
        local = picture(c, 1, len(c.offsets)) if c.offsets else None
        others = picture(c, 1, c.global_.num_candidates) if c.global_.n else None
        return GLPose(c).eval()(picture(c, 1), local, others)

    def flowing(c: FlowingConfig) -> Any:
        net, num = Flowing(c).eval(), len(c.offsets)
        maps = net.encode(picture(c, 1))
        return net.merge(
            maps, maps[:, None].repeat(1, num, 1, 1, 1), torch.zeros(1, num, 2, *maps.shape[-2:])
        )

    def dkd(c: DKDConfig) -> Any:
        net = DKD(c).eval()
        return net.unroll(picture(c, 1, 2), net.initializer(picture(c, 1)))[0]

    def css(c: CSSConfig) -> Any:
        net = SplitNet(c).eval()
        halves = net(picture(c, 1))
        return net.paint(halves, picture(c, 1) if c.background else None)

    def dg_net(c: DgNetConfig) -> Any:
        num = len(c.joints.joints)
        return DgNet(c).eval()(torch.randn(1, c.window, num, 3), torch.ones(1, c.window, num))

    return {
        GLPoseConfig: glpose,
        FlowingConfig: flowing,
        DKDConfig: dkd,
        CSSConfig: css,
        DgNetConfig: dg_net,
        PersonDetectorConfig: lambda c: PersonDetector(c).eval()(picture(c, 1))[0],
        SingleFrameConfig: lambda c: next(iter(SingleFrameNet(c).eval()(picture(c, 1)).values())),
    }


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("system", TINY)
def test_settings_that_are_accepted_give_finite_answers(system: str) -> None:
    torch = pytest.importorskip("torch")
    config = TINY[system]
    answers = forwards()[type(config)]
    num_tried = 0
    with torch.inference_mode():
        assert answers(config).isfinite().all()
        for name, value in settings(config):
            for other in [(), *odd(value, (-1, 0, 1, 3))]:
                try:
                    changed = with_changes(config, {name: other})
                    found = answers(changed)
                except BadConfig:
                    continue
                num_tried += 1
                assert found.isfinite().all(), f"{name} = {other}"
    assert num_tried > 3
