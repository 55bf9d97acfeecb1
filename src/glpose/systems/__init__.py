"""Systems: one folder a paper. `PHONE_BOOK` says where each lives; `load_system` opens one.

`PORTS` does the same for published weights.

Systems never import each other; what two of them need lives on a lower floor.
"""

from importlib import import_module
from typing import Any

from glpose.errors import BadConfig, MissingExtra

PHONE_BOOK = {
    "glpose": "glpose.systems.glpose.system",
    "hrnet": "glpose.systems.hrnet.system",
    "person_detector": "glpose.systems.person_detector.system",
    "simple_baseline": "glpose.systems.simple_baseline.system",
}


PORTS = {
    "hrnet_w32": "glpose.systems.hrnet.port",
    "hrnet_w48": "glpose.systems.hrnet.port",
    "simple_baseline_r50": "glpose.systems.simple_baseline.port",
    "simple_baseline_r101": "glpose.systems.simple_baseline.port",
    "simple_baseline_r152": "glpose.systems.simple_baseline.port",
    "glpose_w48": "glpose.systems.glpose.port",
}
"""Networks that published weights can be brought to, and where it is said how."""


def load_system(name: str) -> Any:
    """The system of that name. Raises BadConfig, or MissingExtra without torch."""
    if name not in PHONE_BOOK:
        raise BadConfig(f"unknown system '{name}'; known: {', '.join(sorted(PHONE_BOOK))}")
    try:
        return import_module(PHONE_BOOK[name]).SYSTEM
    except ImportError as problem:
        if problem.name in ("torch", "matplotlib"):
            raise MissingExtra(problem.name, "train") from problem
        raise


def load_port(name: str) -> Any:
    """How published weights become those of a network. Raises BadConfig, or MissingExtra."""
    if name not in PORTS:
        raise BadConfig(f"unknown network '{name}'; known: {', '.join(PORTS)}")
    try:
        return import_module(PORTS[name]).PORTS[name]
    except ImportError as problem:
        if problem.name == "torch":
            raise MissingExtra("torch", "train") from problem
        raise
