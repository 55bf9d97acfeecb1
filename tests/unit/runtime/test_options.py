"""What may be done differently when poses are estimated."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("decode='sharp'", "decode is 'sharp'; expected 'argmax' or 'quarter' or 'dark' or None"),
        ("score='best'", "score is 'best'; expected 'heatmap' or 'product' or 'rescored'"),
        ("neighbours='some'", "neighbours is 'some'; expected 'tracked' or 'all'"),
        ("candidates='future'", "candidates is 'future'; expected 'past' or 'video'"),
        ("sampling='odd'", "sampling is 'odd'; expected 'random' or 'even'"),
        ("views=(View(-120.0),)", "turn_deg is -120.0; expected -90 to 90 degrees"),
        ("views=(View(scale=0.0),)", "scale is 0.0; expected 0.5 to 2"),
        ("min_box=2.0", "min_box is 2.0; expected a score from 0 to 1"),
        (
            "causal=True, candidates='video'",
            "causal is on, but candidates is 'video'; expected 'past', since what comes is unknown",
        ),
    ],
)
def test_a_wrong_option_is_refused(settings: str, words: str) -> None:
    # In a process of its own: here the types are checked before our own check is reached.
    code = f"from glpose.runtime.options import PoseOptions, View; PoseOptions({settings})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"glpose.errors.BadConfig: {words}"
