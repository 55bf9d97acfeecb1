"""All ways to use neighbouring frames side by side, on JHMDB's validation clips, boxes given.

    python bench/siblings.py DATA_FOLDER --weights flowing=WEIGHTS [dkd=WEIGHTS ...] [--limit N]
        [--pose NAME_OR_FOLDER] [--single WEIGHTS] [--threads 1] [--json FILE]

Rows: one frame (what the encoder of `--pose` answers alone, or `--single`); the same with each kind
of temporal filter, tuned on these clips (see `filters.py`); the same with poses merged along the
flow (`glpose refine`); all `--weights` by the names given; `--pose`. Every row comes from the path
of `glpose run`, which for all of them ends with `refine.sides`. `--limit` takes so many clips.

Columns: PCK@0.2 / @0.1 over all frames of clean clips, of clips with every fifth frame damaged, and
with three in a row of ten; the jitter of clean clips; processor milliseconds a frame of a clean
clip, decoding included; millions of multiplications a frame, as counted in `costs.py`: those of
networks only, so that flow and filters count as nothing.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from clips import Limbs, Rhythm, limbs_of, pairs_of, text, val_clips
from costs import Counting, Macs, pose_macs
from figures import Subject, parser_of, subject_of, with_weights
from filters import STATES, Row, filter_rows, row_of, single_frame, tuned
from scripts import run_script

from glpose.api import Models, load_models
from glpose.formats.jhmdb.short import JhmdbClip
from glpose.refine import refiner_named

FLOW = "flow"
HEADER = ("PCK@0.2 / @0.1", *(state for state, _ in STATES), "jitter", "ms a frame", "MMAC a frame")


@dataclass(frozen=True, slots=True)
class System:
    """A row: networks, their multiplications, and a refiner after them."""

    name: str
    models: Models
    macs: Macs
    refine: str | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a frame costs: processor milliseconds, and millions of multiplications."""

    ms: float
    mmacs: float


def seen_by(system: System, clips: tuple[JhmdbClip, ...]) -> tuple[list[Limbs], Cost]:
    """The joints in each of `STATES`, and the cost of a frame of the clean clips."""
    counting = Counting(system.models.estimate)
    models = replace(system.models, estimate=counting)
    begin = time.process_time()
    clean = _joints(system.refine, models, clips, None)
    ms = 1e3 * (time.process_time() - begin)
    macs = counting.macs(system.macs)
    damaged = [_joints(system.refine, models, clips, rhythm) for _, rhythm in STATES[1:]]
    num_frames = sum(len(clip.truth) for clip in clips)
    return [clean, *damaged], Cost(ms / num_frames, macs / num_frames / 1e6)


def _joints(
    refine: str | None, models: Models, clips: tuple[JhmdbClip, ...], rhythm: Rhythm | None
) -> Limbs:
    """What the systems themselves say: joints are not made steady."""
    change = iter if refine is None else refiner_named(refine, models.skeleton)
    poses = []
    for number, clip in enumerate(clips):
        pairs = pairs_of(clip, number, models, rhythm=rhythm, keep_pictures=True, steady=False)
        poses.append([found for _, found in change(pairs)])
    return limbs_of(clips, models.skeleton, poses, rhythm)


def one_frame(subject: Subject) -> System:
    """The network of one frame."""
    models = single_frame(subject)
    if subject.single is None:
        return System("one frame", models, Macs(pose_macs(subject.pose).encode))
    return System("one frame", models, pose_macs(subject.single))


def loaded(name: str, weights: str, subject: Subject) -> System:
    """A system by its weights."""
    return System(name, load_models(weights, None, subject.engine), pose_macs(weights))


def line(name: str, row: Row, cost: Cost) -> str:
    """A row of the table."""
    numbers = (f"{row.jitter:.1f} %", f"{cost.ms:.1f}", f"{cost.mmacs:.0f}")
    return "| " + " | ".join((name, *map(text, row.pck), *numbers)) + " |"


def main() -> None:
    """Measure, and print each row as soon as it is known."""
    parser = with_weights(parser_of(__doc__, "pose", "single", "limit", "threads"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    subject = subject_of(arguments)
    clips = val_clips(subject)
    found: dict[str, tuple[Row, Cost]] = {}

    def tell(name: str, row: Row, cost: Cost) -> None:
        found[name] = row, cost
        print(line(name, row, cost), flush=True)

    print(f"{len(clips)} clips, {sum(len(clip.truth) for clip in clips)} frames\n")
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|", flush=True)
    alone = one_frame(subject)
    states, cost = seen_by(alone, clips)
    for (kind, setting), row in tuned(filter_rows(states)).items():
        tell(f"{alone.name}, {kind}, {setting}" if setting else alone.name, row, cost)
    others = [replace(alone, name=f"{alone.name}, merged along the flow", refine=FLOW)]
    others += [loaded(name, weights, subject) for name, weights in arguments.weights]
    others.append(loaded(subject.pose, subject.pose, subject))
    for system in others:
        states, cost = seen_by(system, clips)
        tell(system.name, row_of(states), cost)
    if arguments.json:
        plain = {name: {**row.plain(), **asdict(cost)} for name, (row, cost) in found.items()}
        arguments.json.write_text(json.dumps(plain, indent=1), "utf-8")


if __name__ == "__main__":
    run_script(main)
