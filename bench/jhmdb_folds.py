"""Folders to test whether other frames help less if the encoder was trained on the same clips.

    python bench/jhmdb_folds.py JHMDB FOLDER

Writes FOLDER/{unseenA,unseenB,seenA,seenB}, each with links to JHMDB and its own lists. The
validation clips are halved by source video: unseenA trains on one half and is scored on the other,
unseenB vice versa; seenA and seenB are scored on the same clips but train on equally many training
clips, which the encoder of `pose_small` was trained on. Train in each with a separate cache:

    glpose train jhmdb_complete --data jhmdb=FOLDER/seenA --cache cache/seenA --init RUN.pt \
        --set num_steps=300 --set validate_every=300 --set data.damaged_stride=1 -o runs/seenA
"""

import argparse
import random
from collections import defaultdict
from pathlib import Path

from scripts import run_script

LISTS = ("train.txt", "val.txt")


def main() -> None:
    """Halve the lists and write the folders."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("jhmdb", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    train, val = (clips(arguments.jhmdb / name) for name in LISTS)
    one, other = halves(val)
    random.Random(1).shuffle(train)
    seen = train[: len(one)], train[len(one) : len(val)]
    folds = {
        "unseenA": (one, other),
        "unseenB": (other, one),
        "seenA": (seen[0], other),
        "seenB": (seen[1], one),
    }
    for name, lists in folds.items():
        fold = arguments.folder / name
        fold.mkdir(parents=True)
        for path in arguments.jhmdb.resolve().iterdir():
            if path.name not in LISTS:
                (fold / path.name).symlink_to(path)
        for file, lines in zip(LISTS, lists, strict=True):
            (fold / file).write_text("\n".join(lines) + "\n", "utf-8")
        print(f"{fold}: {len(lists[0])} clips to train on, {len(lists[1])} to score")


def clips(path: Path) -> list[str]:
    """The lines of a list that name a clip."""
    return [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]


def halves(lines: list[str]) -> tuple[list[str], list[str]]:
    """Two halves that share no source video, the last word of a line."""
    videos = defaultdict(list)
    for line in lines:
        videos[line.split()[-1]].append(line)
    names = sorted(videos)
    random.Random(0).shuffle(names)
    one: list[str] = []
    other: list[str] = []
    for name in names:
        (one if len(one) <= len(other) else other).extend(videos[name])
    return one, other


if __name__ == "__main__":
    run_script(main)
