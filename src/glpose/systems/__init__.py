"""Systems: one folder a paper. `PHONE_BOOK` says where each lives; `load_system` opens one.

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
