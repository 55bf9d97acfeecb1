"""What a refiner does to JHMDB's validation clips: PCK and jitter before and after.

    python bench/refined.py DATA_FOLDER [--pose NAME_OR_FOLDER] [--refine flow] [--limit N]
        [--states clean ...] [--found]

Clean clips, every fifth frame damaged, and three in a row of ten; PCK@0.2 / @0.1 of the mask's box.
With the labelled boxes, or (`--found`) with people as `glpose run` finds them; a miss counts as wrong.
"""

from clips import Limbs, Rhythm, limbs_of, pairs_of, text, val_clips
from figures import Subject, parser_of, subject_of
from filters import STATES, jitter_of
from scripts import run_script

from glpose.refine import refiner_named


def before_and_after(
    subject: Subject, refine: str, rhythm: Rhythm | None, *, finds: bool
) -> tuple[Limbs, Limbs]:
    """The joints as they are, and refined; the networks run once."""
    clips, models = val_clips(subject), subject.models
    before, after = [], []
    for number, clip in enumerate(clips):
        pairs = list(pairs_of(clip, number, models, finds=finds, rhythm=rhythm, keep_pictures=True))
        before.append([poses for _, poses in pairs])
        after.append([poses for _, poses in refiner_named(refine, models.skeleton)(pairs)])
    return (
        limbs_of(clips, models.skeleton, before, rhythm),
        limbs_of(clips, models.skeleton, after, rhythm),
    )


def main() -> None:
    """Parse the command line and print a line for each state of the clips."""
    names = [name for name, _ in STATES]
    parser = parser_of(__doc__, "pose", "detector", "limit", "threads")
    parser.add_argument("--refine", default="flow")
    parser.add_argument("--states", nargs="+", choices=names, default=names)
    parser.add_argument("--found", action="store_true")
    asked = parser.parse_args()
    subject = subject_of(asked)
    for name, rhythm in STATES:
        if name in asked.states:
            both = before_and_after(subject, asked.refine, rhythm, finds=asked.found)
            cells = [f"{text(seen.both())} (jitter {jitter_of(seen):.2f} %)" for seen in both]
            print(f"{name}: {cells[0]}; with {asked.refine}: {cells[1]}", flush=True)


if __name__ == "__main__":
    run_script(main)
