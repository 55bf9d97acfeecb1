"""What cards say of the data that weights were trained on."""

import pytest

from glpose.errors import BadConfig
from glpose.export.terms import RESEARCH_NOTE, describe
from glpose.formats.sets import DATASETS


def test_a_part_of_a_set_has_the_terms_of_the_set() -> None:
    lines, note = describe(("coco", "coco-val", "jhmdb-val", "synth"))
    assert lines == tuple(DATASETS[name].terms for name in ("coco", "jhmdb", "synth"))
    assert note == RESEARCH_NOTE
    assert describe(("synth",))[1] == "No restriction from training data."


def test_a_set_without_terms_is_refused() -> None:
    with pytest.raises(BadConfig, match="terms of the set 'mine' are not known"):
        describe(("synth", "mine"))
