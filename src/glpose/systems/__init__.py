"""Systems, one folder per method: `PHONE_BOOK` maps names to packages, `load_system` opens one.

`PORTS` does the same for importing published weights.

Systems never import each other; code that two of them need lives in a lower layer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args

from glpose.errors import BadConfig, MissingExtra
from glpose.train.recipe import DataSettings

if TYPE_CHECKING:
    from glpose.train.system import System

PHONE_BOOK = {
    "css": "glpose.systems.css",
    "dg_net": "glpose.systems.dg_net",
    "dkd": "glpose.systems.dkd",
    "flowing": "glpose.systems.flowing",
    "glpose": "glpose.systems.glpose",
    "person_detector": "glpose.systems.person_detector",
    "single_frame": "glpose.systems.single_frame",
}
"""In each package, `spec.Settings` is the type of its recipes, `system.SYSTEM` the system."""

FORMERLY = {"hrnet": "single_frame", "simple_baseline": "single_frame"}
"""System names in run records of 0.2.0 and earlier, and their current names."""

PORTS = {
    "hrnet_w32": "glpose.systems.single_frame.port",
    "hrnet_w48": "glpose.systems.single_frame.port",
    "simple_baseline_r50": "glpose.systems.single_frame.port",
    "simple_baseline_r101": "glpose.systems.single_frame.port",
    "simple_baseline_r152": "glpose.systems.single_frame.port",
    "glpose_w48": "glpose.systems.glpose.port",
}
"""Networks that published weights can be imported into, and the module that does it."""


def load_system(name: str) -> "System":
    """The system with that name. Raises BadConfig, or MissingExtra without torch."""
    _check_known(name)
    try:
        return import_module(f"{PHONE_BOOK[name]}.system").SYSTEM
    except ImportError as problem:
        if problem.name in ("torch", "matplotlib"):
            raise MissingExtra(problem.name, "train") from problem
        raise


def settings_of(name: str) -> tuple[type, type[DataSettings]]:
    """The types of a system's `Recipe.model` and `Recipe.data`, without torch. Raises BadConfig."""
    _check_known(name)
    model, data = get_args(import_module(f"{PHONE_BOOK[name]}.spec").Settings)
    return model, data


def _check_known(name: str) -> None:
    if name not in PHONE_BOOK:
        raise BadConfig(f"unknown system '{name}'; known: {', '.join(sorted(PHONE_BOOK))}")


def load_port(name: str) -> Any:
    """The importer of published weights for a network. Raises BadConfig, or MissingExtra."""
    if name not in PORTS:
        raise BadConfig(f"unknown network '{name}'; known: {', '.join(PORTS)}")
    try:
        return import_module(PORTS[name]).PORTS[name]
    except ImportError as problem:
        if problem.name == "torch":
            raise MissingExtra("torch", "train") from problem
        raise
