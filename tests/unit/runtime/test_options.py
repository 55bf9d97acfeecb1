"""What may be done differently when poses are estimated."""

import pytest

from child import refusals

REFUSED = {
    "decode='sharp'": "decode is 'sharp'; expected 'argmax' or 'quarter' or 'dark' or None",
    "score='best'": "score is 'best'; expected 'heatmap' or 'product' or 'rescored'",
    "neighbours='some'": "neighbours is 'some'; expected 'tracked' or 'all'",
    "candidates='future'": "candidates is 'future'; expected 'past' or 'video'",
    "sampling='odd'": "sampling is 'odd'; expected 'random' or 'even'",
    "views=(View(-120.0),)": "turn_deg is -120.0; expected -90 to 90 degrees",
    "views=(View(scale=0.0),)": "scale is 0.0; expected 0.5 to 2",
    "min_box=2.0": "min_box is 2.0; expected a score from 0 to 1",
    "causal=True, candidates='video'": "causal is on, but candidates is 'video'; expected 'past', "
    "since what comes is unknown",
}


@pytest.mark.slow
def test_wrong_options_are_refused() -> None:
    expected = {f"PoseOptions({settings})": words for settings, words in REFUSED.items()}
    assert refusals(expected) == expected
