"""What a refiner does to JHMDB's validation clips, boxes given: PCK and jitter before and after.

    python bench/refined.py DATA_FOLDER [--pose NAME_OR_FOLDER] [--refine flow] [--limit N]

Clean clips, every fifth frame damaged, and three in a row of ten; PCK@0.2 / @0.1 of the mask's box.
"""

from clips import look_at, text, val_clips
from figures import parser_of, subject_of
from filters import STATES, jitter_of


def main() -> None:
    """Parse the command line and print a row before and one after."""
    parser = parser_of(__doc__)
    parser.add_argument("--refine", default="flow")
    asked = parser.parse_args()
    subject = subject_of(asked)
    for refine in (None, asked.refine):
        cells = []
        for name, rhythm in STATES:
            seen = look_at(val_clips(subject), subject.models, rhythm=rhythm, refine=refine)
            cells.append(f"{name} {text(seen.both())} (jitter {jitter_of(seen):.2f} %)")
        print(f"{refine or 'as they are'}: {', '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
