"""Coarse heatmaps with offsets (CLNet's idea) beside plain ones, on JHMDB's validation clips.

    python bench/composite_run.py DATA_FOLDER --weights NAME=WEIGHTS ... [--limit N] [--threads 1]

For single-frame weights, boxes given: PCK@0.2 / @0.1 of limb joints by the way of reading the maps
(`decoders.py`; the codec's own is `dark`, or `vote` with offsets), millions of multiplications of
encoder and head for a crop (`costs.py`), and processor milliseconds of encoder, head and the
codec's decoding. `cut_pyramid.py` makes what a fair pair of runs starts from. Needs the export
extra.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from clips import look_at, text, val_clips
from costs import pose_macs
from decoders import Decoded, ways_of
from figures import parser_of, subject_of, with_weights
from scripts import run_script
from test_time import Remembering

from glpose.api import load_models
from glpose.errors import BadWeights
from glpose.runtime.alone import looks_alone
from glpose.runtime.protocols import Estimator

SHOWN = ("cell", "dark", "offsets", "vote")
HEADER = ("PCK@0.2 / @0.1", *SHOWN, "MMAC encoder, head", "ms encoder, head, decoding")
REPEATS = 50


def milliseconds(estimate: Estimator) -> tuple[float, float, float]:
    """Processor milliseconds for a crop: encoder, head, decoding; the median of some repeats."""
    (slot,) = estimate.card.slots
    crop = np.random.default_rng(0).integers(0, 256, (1, *estimate.card.crop.size_hw, 3), np.uint8)
    inputs = {slot.name: estimate.encode(crop).features}
    maps = estimate.solve(inputs)
    return (
        _median_ms(lambda: estimate.encode(crop)),
        _median_ms(lambda: estimate.solve(inputs)),
        _median_ms(lambda: estimate.card.codec.decode(maps)),
    )


def _median_ms(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(REPEATS):
        begin = time.process_time()
        call()
        spent.append(1e3 * (time.process_time() - begin))
    return float(np.median(spent))


def main() -> None:
    """Print a row for each of the weights."""
    parser = with_weights(parser_of(__doc__, "limit", "threads"), required=True)
    arguments = parser.parse_args()
    subject = subject_of(arguments)
    networks = [
        (name, weights, load_models(weights, None, subject.engine))
        for name, weights in arguments.weights
    ]
    for _, weights, models in networks:
        if not looks_alone(models.estimate.card):
            raise BadWeights(f"{weights} look at other frames; expected weights of single frames")
    clips = val_clips(subject)
    print(f"{len(clips)} clips, {sum(len(clip.truth) for clip in clips)} frames\n")
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    for name, weights, models in networks:
        ways = ways_of(models.estimate.card.codec)
        once = Remembering(models.estimate)
        scores = {
            way: look_at(clips, replace(models, estimate=Decoded(once, ways[way]))).both()
            for way in SHOWN
            if way in ways
        }
        macs = ", ".join(f"{count / 1e6:.1f}" for count in pose_macs(weights)[:2])
        spent = ", ".join(f"{ms:.2f}" for ms in milliseconds(models.estimate))
        cells = [text(scores[way]) if way in scores else "-" for way in SHOWN]
        print("| " + " | ".join((name, *cells, macs, spent)) + " |", flush=True)


if __name__ == "__main__":
    run_script(main)
