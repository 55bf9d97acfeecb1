"""What a card says about training data; `formats.sets` has the line for each set."""

from collections.abc import Mapping
from typing import Any

from glpose.errors import BadConfig
from glpose.formats.sets import DATASETS, dataset
from glpose.formats.sets import sources as named_parts

LICENCE = "Apache-2.0 as far as the authors of glpose can grant it; see the terms of the data"

RESEARCH_NOTE = (
    "Trained partly on data whose terms allow research only; whether weights inherit such terms is "
    "not settled law. For commercial use ask a lawyer, or train on data of your own."
)

NON_COMMERCIAL_NOTE = RESEARCH_NOTE.replace("research only", "non-commercial use only")


def describe(sources: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """A card's lines on its training data, and the note on its terms."""
    lines = tuple(dict.fromkeys(map(_terms, sources)))
    if any("research only" in line for line in lines):
        return lines, RESEARCH_NOTE
    if any("no commercial use" in line for line in lines):
        return lines, NON_COMMERCIAL_NOTE
    return lines, "No restriction from training data."


def about(
    name: str,
    sources: tuple[str, ...],
    paper: str,
    made_by: Mapping[str, str],
    scores: Mapping[str, str],
) -> dict[str, Any]:
    """The fields of `runtime.card.About`, of weights that are trained on the named sets."""
    trained_on, terms = describe(sources)
    return {
        "name": name,
        "version": "1",
        "trained_on": trained_on,
        "terms": terms,
        "licence": LICENCE,
        "source": paper,
        "made_by": dict(made_by),
        "scores": dict(scores),
    }


def sets_of(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The sets that a card's lines are about: what `describe` was given, parts as their sets.

    Raises: BadConfig for a line that no set has, since a new card would keep it secret.
    """
    names = {entry.terms: name for name, entry in DATASETS.items()}
    unknown = [line for line in lines if line not in names]
    if unknown:
        raise BadConfig(
            f"the card of the weights to start from names '{unknown[0]}', which no set of glpose "
            "has; add it to formats/sets.py, or start from a run"
        )
    return tuple(names[line] for line in lines)


def _terms(source: str) -> str:
    """The line of a set, or of a part of it such as "coco-val"."""
    found = DATASETS.get(source) or (dataset(source) if source in named_parts() else None)
    if found is None:
        raise BadConfig(f"the terms of the set '{source}' are not known; add it to formats/sets.py")
    return found.terms
