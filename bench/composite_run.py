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
from pck_jhmdb import digest
from scripts import run_script

from glpose.api import load_models
from glpose.codecs.codec import Maps
from glpose.errors import BadWeights
from glpose.runtime.alone import looks_alone
from glpose.runtime.protocols import Encoded, Estimator, Inputs, Starting

SHOWN = ("cell", "dark", "offsets", "vote")
HEADER = ("PCK@0.2 / @0.1", *SHOWN, "MMAC encoder, head", "ms encoder, head, decoding")
REPEATS = 50


class Remembering:
    """An estimator that caches its results; its encoder answers nothing alone, but may summarise."""

    def __init__(self, estimate: Estimator) -> None:
        self.card = replace(estimate.card, answers=False, summarises=False)
        self._estimate = estimate
        self._encoded: dict[bytes, tuple[np.ndarray, ...]] = {}
        self._solved: dict[bytes, Maps] = {}

    def encode(self, crops: np.ndarray) -> Encoded:
        """As the estimator, cached."""
        keys = [digest(crop) for crop in crops]
        new = {key: i for i, key in enumerate(keys) if key not in self._encoded}
        if new:
            found = self._estimate.encode(crops[list(new.values())])
            arrays = [found.features, found.embedding, found.summary]
            rows = zip(*(array for array in arrays if array is not None), strict=True)
            self._encoded.update(zip(new, rows, strict=True))
        rows = zip(*(self._encoded[key] for key in keys), strict=True)
        features, embeddings, *summary = (np.stack(row) for row in rows)
        return Encoded(features, embeddings, summary=summary[0] if summary else None)

    def solve(self, inputs: Inputs) -> Maps:
        """As the estimator, cached."""
        keys = [digest(*parts) for parts in zip(*inputs.values(), strict=True)]
        new = {key: i for i, key in enumerate(keys) if key not in self._solved}
        if new:
            rows = list(new.values())
            found = self._estimate.solve({name: part[rows] for name, part in inputs.items()})
            rows_found = [
                dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)
            ]
            self._solved.update(zip(new, rows_found, strict=True))
        return {
            name: np.stack([self._solved[key][name] for key in keys]) for name in self.card.outputs
        }

    def start(self, crops: np.ndarray) -> Maps:
        """As the estimator, which has to have a starter."""
        assert isinstance(self._estimate, Starting)
        return self._estimate.start(crops)


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
