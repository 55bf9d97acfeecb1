"""Change the people of results that exist: two numbers are one person, a number is nobody.

edited = link(Path("glpose-out/walk"), {3: 1})
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.formats.lock import only_writer
from glpose.formats.poses import read_poses
from glpose.formats.results import POSES, load, poses_file_of, result_lines, write_summary
from glpose.formats.text.lines import cannot_write, dump, first_value
from glpose.jobs.anew import how_anew
from glpose.jobs.ended import SUMMARY, lack_of
from glpose.jobs.given import EDITED, Wanted, edits_of
from glpose.jobs.refine import check_belongs
from glpose.jobs.writers import DERIVED, OVERLAY, OVERLAY_PICTURE, TABLE, Target, overlay
from glpose.skeleton import Skeleton
from glpose.timing import Timings
from glpose.types import FramePoses, PoseResult
from glpose.video.source import Source, find_recordings
from glpose.viewer.private import without_faces


@dataclass(frozen=True, slots=True)
class Edited:
    """The changed file, the numbers that are left, and files beside it that hold the old ones.

    `lacks` says, a line each, that the run of the results did not end well, and what is missing from an
    overlay that was drawn anew. `private` is the setting of the run.
    """

    path: Path
    track_ids: tuple[int, ...]
    stale: tuple[Path, ...]
    lacks: tuple[str, ...] = ()
    private: object = None


def link(results: Path, same: Mapping[int, int], video: str | Path | None = None) -> Edited:
    """Give people the numbers of others who they are: {3: 1} makes person 3 person 1.

    `results` is a folder of results or a file of poses; with `video` the overlay of the folder is
    drawn anew. After an error or Ctrl-C all is as it was.
    Raises: BadInput for a number that nobody has, a person and themselves, or two who are in one frame.
    """
    for number, one in same.items():
        if number == one:
            raise BadInput(
                f"{one}={number}: is one person already; expected two numbers, such as 1=3"
            )
    path, result = _open(results, [*same, *same.values()])
    source = _source_of(result, path, video)
    final = {number: _end_of(number, same) for number in same}
    for poses in result.frames:
        numbers = poses.people.track_id.tolist()
        renamed = [final.get(number, number) for number in numbers]
        for row, number in enumerate(renamed):
            if number in renamed[:row]:
                one, other = numbers[renamed.index(number)], numbers[row]
                raise BadInput(
                    f"{path}: {one} and {other} are both in frame {poses.frame}, so they are two "
                    "people; link others, or drop one of them"
                )
    return _rewrite(
        path,
        lambda number: final.get(number, number),
        source,
        {"link": {int(number): int(one) for number, one in same.items()}},
    )


def drop(results: Path, track_ids: Collection[int], video: str | Path | None = None) -> Edited:
    """Leave out people by number. `results`, `video` and errors are as for `link`.

    Without a number all stay as they are, and the overlay is drawn anew.
    """
    path, result = _open(results, track_ids)
    source = _source_of(result, path, video)
    gone = set(track_ids)
    return _rewrite(
        path,
        lambda number: None if number in gone else number,
        source,
        {"drop": [int(number) for number in track_ids]},
    )


def _open(results: Path, track_ids: Collection[int]) -> tuple[Path, PoseResult]:
    path = poses_file_of(results)
    result = load(path)
    known = _numbers(result)
    for number in track_ids:
        if number not in known:
            there = ", ".join(map(str, known)) or "nobody is in it"
            raise BadInput(f"{path}: nobody has the number {number}; the numbers are: {there}")
    return path, result


def _numbers(result: PoseResult) -> tuple[int, ...]:
    return tuple(sorted({int(i) for poses in result.frames for i in poses.people.track_id}))


def _end_of(number: int, same: Mapping[int, int]) -> int:
    """The number at the end of a chain of links."""
    passed = [number]
    while (number := same.get(number, number)) != passed[-1]:
        if number in passed:
            raise BadInput(f"{' = '.join(map(str, [*passed, number]))} goes in a circle")
        passed.append(number)
    return number


def _rewrite(
    path: Path,
    renamed: Callable[[int], int | None],
    source: Source | None,
    edit: dict[str, object],
) -> Edited:
    """Change the numbers, and keep in the header that it was done, and whether it was drawn."""
    with only_writer(path.parent):
        lines = [_edited(line.data, renamed) for line in result_lines(path, forgive_last=True)]
        settings = lines[0].get("settings") or {}
        edits = [*edits_of(settings), edit | {"drawn": source is not None}]
        lines[0]["settings"] = settings | {EDITED: edits}
        text = "".join(f"{dump(line)}\n" for line in lines) + _cut_off(path)
        lacks: list[str] = []
        try:
            # Both files are replaced once all is written and drawn.
            with whole_file(path) as part:
                part.write_bytes(text.encode("utf-8"))
                result = load(part)
                if source is not None:
                    lacks = _draw(result, path.parent, source)
        except OSError as problem:
            raise cannot_write(path, problem) from problem
        beside: tuple[str, ...] = ()
        if path.name == POSES:
            _count_anew(path.with_name(SUMMARY), result)
            drawn = (OVERLAY, OVERLAY_PICTURE) if source is None else ()
            beside = (TABLE, *DERIVED, *drawn)
        stale = tuple(file for name in beside if (file := path.with_name(name)).exists())
        if lack := lack_of(path, len(result.frames), result.settings):
            lacks.insert(0, lack)
        private = result.settings.get("private")
        return Edited(path, _numbers(result), stale, tuple(lacks), private)


def _cut_off(path: Path) -> str:
    """The start of half a last line, as a killed run leaves it, to say that the run was not whole.

    Its people go, as they cannot be told apart: one of them may be somebody who is left out.
    """
    if first_value(path)[1]:  # a whole result, which is read as a whole or not at all
        return ""
    last = path.read_text("utf-8-sig").rpartition("\n")[2]
    try:
        json.loads(last or "null")
    except ValueError:
        return last.partition('"people"')[0]
    return ""


def _count_anew(summary: Path, result: PoseResult) -> None:
    """Correct the counts of people in the summary of a run; one that is not readable stays."""
    try:
        told = json.loads(summary.read_text("utf-8"))
        frames = told["frames"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    numbers = [poses.people.track_id for poses in result.frames]
    told |= {"people": len(_numbers(result)), "poses": sum(map(len, numbers))}
    told["frames"] = frames | {"with_people": sum(len(ids) > 0 for ids in numbers)}
    write_summary(summary, told)


def _edited(line: dict, renamed: Callable[[int], int | None]) -> dict:
    if "frames" in line:  # a whole result in one object
        return line | {"frames": [_edited(frame, renamed) for frame in line["frames"]]}
    if "people" not in line:
        return line
    kept = [(renamed(person["track_id"]), person) for person in line["people"]]
    people = [person | {"track_id": number} for number, person in kept if number is not None]
    return line | {"people": sorted(people, key=lambda person: person["track_id"])}


@dataclass(frozen=True, slots=True)
class _Origin:
    skeleton: Skeleton
    record: dict[str, dict[str, object]]


def _source_of(result: PoseResult, path: Path, video: str | Path | None) -> Source | None:
    """The video to draw on. Raises: BadInput if it is not that of the results."""
    folder = path.parent
    if video is None:
        return None
    if path.name != POSES:
        raise BadInput(f"{path}: has no overlay of its own, only {POSES} has; leave out --video")
    if result.settings.get("private") == "blur":
        raise BadInput(
            f"{folder}: those of people who are left out could not be blurred; leave out --video; "
            f"{how_anew(folder / OVERLAY, 'blur')}"
        )
    entries = find_recordings([video])
    if len(entries) != 1:
        raise BadInput(f"{video}: holds {len(entries)} videos; expected the one of these results")
    (entry,) = entries
    rate_hz = result.video.rate_hz
    source = entry.open(rate_hz if entry.is_images and rate_hz > 0 else None)
    check_belongs(read_poses(path), source.info, entry.label)
    return source


def _draw(result: PoseResult, folder: Path, source: Source) -> list[str]:
    """Draw the overlay; says what it lacks, a line each."""
    private = result.settings.get("private")
    poses_at = {poses.frame: poses for poses in result.frames}
    wanted = Wanted(source, source.info.name, poses_at)
    pairs = (
        (frame, poses_at.get(frame.index) or _nobody(frame.index, result))
        for frame in wanted.read()
    )
    if private == "skeleton":
        pairs = without_faces(pairs, result.skeleton, "skeleton")
    origin = _Origin(result.skeleton, result.models)
    target = Target(folder, source, origin, {}, Timings(), sound=private is None, whole=True)
    with overlay(target) as writer:
        for frame, poses in pairs:
            writer.write(frame, poses)
    return wanted.lacks()


def _nobody(frame: int, result: PoseResult) -> FramePoses:
    return FramePoses.empty(frame, np.nan, len(result.skeleton.joints))
