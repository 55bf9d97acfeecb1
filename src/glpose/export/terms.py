"""What a card says about training data; `formats.sets` has the line for each set."""

from glpose.formats.sets import DATASETS

LICENCE = "Apache-2.0 as far as the authors of glpose can grant it; see the terms of the data"

RESEARCH_NOTE = (
    "Trained partly on data whose terms allow research only; whether weights inherit such terms is "
    "not settled law. For commercial use ask a lawyer, or train on data of your own."
)


def describe(sources: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """A card's lines on its training data, and the note on its terms."""
    lines = tuple(DATASETS[source].terms for source in sources)
    restricted = any("research" in line for line in lines)
    return lines, RESEARCH_NOTE if restricted else "No restriction from training data."
