"""AP of the person detector on the pictures held out of `person_boxes`, and ms per picture.

    python bench/ap_person_boxes.py FOLDER [--detector NAME|PATH] [--size H W ...]

Every fifth picture is held out of training. `--size` tries input areas other than the card's.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

from glpose.imaging import read_image
from glpose.metrics.ap import (
    BoxTruth,
    average_precision,
    mean_average_precision,
    recall_and_precision,
)
from glpose.runtime.detector import BoxDetector
from glpose.runtime.load import load_detector
from glpose.systems.person_detector.data import held_out_pictures

_LOWEST = 0.01
_REPORTED = 0.35


def main() -> None:
    """Parse the command line, detect, print one line per size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", default="person_small")
    parser.add_argument("--size", nargs=2, type=int, action="append", metavar=("H", "W"))
    args = parser.parse_args()
    shipped = load_detector(args.detector)
    card = shipped.card
    pictures = [
        (read_image(p.path), BoxTruth(p.xyxy, p.ignore)) for p in held_out_pictures(args.folder)
    ]
    for size in args.size or [card.size_hw]:
        settings = replace(card, size_hw=tuple(size), min_score=_LOWEST)
        detect = BoxDetector(shipped.run, settings)
        begin = time.perf_counter()
        found = [detect(rgb) for rgb, _ in pictures]
        each_ms = 1000 * (time.perf_counter() - begin) / len(pictures)
        truth = [people for _, people in pictures]
        recall, precision = recall_and_precision(found, truth, _REPORTED)
        print(
            f"{size[0]}x{size[1]}: AP50 {100 * average_precision(found, truth):.1f}, "
            f"AP50:95 {100 * mean_average_precision(found, truth):.1f}, at score {_REPORTED} "
            f"recall {100 * recall:.1f} and precision {100 * precision:.1f}, "
            f"{each_ms:.1f} ms a picture"
        )


if __name__ == "__main__":
    main()
