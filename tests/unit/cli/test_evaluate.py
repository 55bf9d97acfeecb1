"""No option of `glpose evaluate` is ignored: it changes what is done, or is refused."""

from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from glpose.cli.evaluate import evaluate
from glpose.errors import BadInput
from glpose.jobs import evaluate as of_pictures
from glpose.jobs import evaluate_lift

METRICS = get_args(get_type_hints(evaluate)["metric"])
GIVEN = {"weights", "data", "metric"}
VALUES: dict[str, Any] = {
    "boxes": "found.json",
    "points": "sh",
    "out": Path("elsewhere"),
    "split": "train",
    "flip": False,
    "decode": "argmax",
    "score": "product",
    "oks_nms": 0.5,
    "min_box": 0.3,
    "candidates": "even",
    "limit": 3,
    "seed": 5,
    "device": "cpu",
    "threads": 2,
    "overwrite": True,
}
"""Something for each option that is not what happens without it."""


class Asked(Exception):
    """Instead of an evaluation."""


def asked(monkeypatch: pytest.MonkeyPatch, metric: str, **options: Any) -> object:
    """What is to be evaluated."""

    def caught(how: object, *_: object) -> None:
        raise Asked(how)

    monkeypatch.setattr(of_pictures, "evaluate_set", caught)
    monkeypatch.setattr(evaluate_lift, "evaluate_lifter", caught)
    with pytest.raises(Asked) as found:
        evaluate("some", data=Path("set"), metric=metric, **options)
    return found.value.args[0]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("option", [name for name in signature(evaluate).parameters if name not in GIVEN])  # fmt: skip
def test_an_option_changes_something_or_is_refused(
    metric: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = asked(monkeypatch, metric)
    with suppress(BadInput):
        assert asked(monkeypatch, metric, **{option: VALUES[option]}) != usual
