"""Check that Sub-JHMDB on disk is complete: lists, and joints, mask and frames of every clip."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from glpose.errors import BadInput
from glpose.formats.check import Part, Problem, Report
from glpose.formats.jhmdb.labels import (
    PARTS,
    SPLITS,
    Clip,
    ClipLabels,
    action_of,
    read_list,
    split_lists,
)

# The GLPose paper counts 319 videos with 11,200 frames, the JHMDB paper 316; no file states the
# number, so the set is whatever the lists hold.
_VIDEOS, _FRAMES = (316, 319), 11_200
_ACTIONS = 12
_ARCHIVES = {
    "joint_positions": "joint_positions.zip",
    "puppet_mask": "puppet_mask.zip",
    "Rename_Images": "Rename_Images.tar.gz",
    "sub_splits": "sub_splits.zip",
}


@dataclass(slots=True)
class _Tally:
    """Findings from reading the clips one by one; `whole` are the usable ones."""

    whole: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    no_joints: list[str] = field(default_factory=list)
    no_mask: list[str] = field(default_factory=list)
    no_frames: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)


def check_subjhmdb(root: Path) -> Report:
    """Read all lists and the labels of all listed clips; pictures are only counted.

    A list or clip that cannot be used is reported and does not end the check. Raises: BadInput if
    there is no list at all.
    """
    lists: dict[int, dict[str, tuple[Clip, int]]] = {}
    num_lists: dict[int, int] = {}
    problems: list[Problem] = []
    for split in SPLITS:
        lists[split], num_lists[split], broken = _read_lists(root, split)
        if broken:
            problems.append(
                Problem(
                    f"lists of split {split} that are missing or wrong",
                    len(broken),
                    tuple(broken),
                    f"unpack sub_splits.zip again, so that they are in {root / 'sub_splits'}",
                )
            )
    if not any(lists.values()):
        raise BadInput(_nothing(root, problems))
    clips = {name: clip for found in lists.values() for name, (clip, _) in found.items()}
    tally = _Tally()
    for clip in clips.values():
        _count(clip, tally)
    parts = [_clips_part(root, clips, tally)]
    parts += [_split_part(split, lists[split], num_lists[split], tally) for split in SPLITS]
    return Report("jhmdb", tuple(parts), _notes(root, lists), tuple(problems))


def _read_lists(root: Path, split: int) -> tuple[dict[str, tuple[Clip, int]], int, list[str]]:
    """Clips of a split by name, the number of usable lists, and problems of the others."""
    try:
        paths = split_lists(root, split)
    except BadInput as problem:
        return {}, 0, [str(problem)]
    clips: dict[str, tuple[Clip, int]] = {}
    broken = []
    for path in paths:
        try:
            found = [(Clip(root, action_of(path), video), n) for video, n in read_list(path)]
        except BadInput as problem:
            broken.append(str(problem))
            continue
        clips |= {clip.name: (clip, number) for clip, number in found}
    return clips, len(paths) - len(broken), broken


def _count(clip: Clip, tally: _Tally) -> None:
    images, video = clip.frames()
    tally.counts["pictures"] += len(images)
    tally.counts["videos"] += video is not None
    absent = False
    for is_there, where, path in (
        (clip.joints.is_file(), tally.no_joints, clip.joints),
        (clip.mask.is_file(), tally.no_mask, clip.mask),
        (bool(images) or video is not None, tally.no_frames, clip.folder),
    ):
        if not is_there:
            where.append(str(path))
            absent = True
    if absent:
        return
    try:
        truth = ClipLabels(clip, images)()
    except BadInput as problem:
        tally.unusable.append(str(problem))
        return
    tally.whole[clip.name] = len(truth)
    tally.counts["without a person"] += sum(len(frame.people) == 0 for frame in truth)


def _clips_part(root: Path, clips: dict[str, Clip], tally: _Tally) -> Part:
    counts, frames = tally.counts, sum(tally.whole.values())
    notes = []
    if len(clips) not in _VIDEOS:
        notes.append(
            f"the GLPose paper counts {_VIDEOS[1]} videos and {_FRAMES} frames, the JHMDB paper "
            f"{_VIDEOS[0]} videos; here are {len(clips)} and {frames}"
        )
    if counts["without a person"]:
        notes.append(f"{counts['without a person']} frames have an empty mask; nobody is in them")
    where = {name: f"unpack {archive} in {root}" for name, archive in _ARCHIVES.items()}
    found = (
        ("clips without joint_positions.mat", tally.no_joints, where["joint_positions"]),
        ("clips without puppet_mask.mat", tally.no_mask, where["puppet_mask"]),
        ("clips without pictures or a video", tally.no_frames, where["Rename_Images"]),
        (
            "clips whose files cannot be used together",
            tally.unusable,
            "unpack the file that is named from its archive again",
        ),
    )
    return Part(
        "listed clips",
        usable=bool(tally.whole),
        counts={
            "clips": f"{len(clips)}, {len(tally.whole)} can be used",
            "frames": f"{frames} in clips that can be used",
            "pictures": f"{counts['pictures']}, and {counts['videos']} clips as videos",
        },
        notes=tuple(notes),
        problems=tuple(
            Problem(what, len(named), tuple(named), remedy)
            for what, named, remedy in found
            if named
        ),
    )


def _split_part(
    split: int, listed: dict[str, tuple[Clip, int]], num_lists: int, tally: _Tally
) -> Part:
    counts: dict[str, str | int] = {"lists": f"{num_lists} actions"}
    empty = []
    for part, number in PARTS.items():
        names = [name for name, (_, found) in listed.items() if found == number]
        frames = sum(tally.whole.get(name, 0) for name in names)
        counts[part] = f"{len(names)} lines, {frames} frames"
        if not names:
            empty.append(part)
    notes = [f"{_ACTIONS} actions are expected"] if num_lists != _ACTIONS else []
    problems = [Problem(f"part without clips ({part})", 1) for part in empty]
    usable = any(name in tally.whole for name in listed)
    return Part(f"split {split}", usable, counts, tuple(notes), tuple(problems))


def _notes(root: Path, lists: dict[int, dict[str, tuple[Clip, int]]]) -> tuple[str, ...]:
    notes = []
    names = [set(found) for found in lists.values() if found]
    differing = set.union(*names) - set.intersection(*names)
    if differing:
        notes.append(f"{len(differing)} clips are not in all three splits, e.g. {min(differing)}")
    on_disk = _clips_on_disk(root / "joint_positions")
    if others := len(on_disk - set.union(*names)):
        notes.append(f"{others} clips with joints are in no list; they belong to JHMDB as a whole")
    return tuple(notes)


def _clips_on_disk(folder: Path) -> set[str]:
    return {f"{action.name}/{clip.name}" for action in _inside(folder) for clip in _inside(action)}


def _inside(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        return ()
    return [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]


def _nothing(root: Path, problems: list[Problem]) -> str:
    wrong = [example for problem in problems for example in problem.examples]
    absent = [archive for name, archive in _ARCHIVES.items() if not (root / name).is_dir()]
    todo = f"; still to be unpacked in {root}: {', '.join(absent)}" if absent else ""
    return f"{wrong[0]}{todo}"
