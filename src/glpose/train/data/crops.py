"""Crops of people through time, cut from videos once: what is learned from without labels.

A stored picture shows a person's crop and, to its right, the same place without people: the
temporal median of the scene. Crops of one person in one scene, of some seconds, are a clip.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.api import load_models, poses_of
from glpose.config import check_ranges
from glpose.crop import crop_from_image, cut
from glpose.errors import BadConfig, BadInput, GLPoseError
from glpose.files import open_regular, text_bytes
from glpose.formats.dataset import LabelledPictures, LabelledSequence
from glpose.formats.sets import sources
from glpose.imaging import resize, resized_boxes
from glpose.track.cuts import CutDetector
from glpose.train.data.sets import folder_of, frames_with_people, labels_digest
from glpose.train.data.store import PictureStore, content_digest, has_store, write_store
from glpose.types import CropSpec, Frame, People
from glpose.video.source import SourceEntry, find_recordings
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_POSE

VIDEOS = "videos"
"""The source whose people are found, in a folder, a file or a glob of a user."""

ROUNDED_S = 1e-3
"""Differences of times are wrong by so much: files round each to a thousandth of a second."""

_BACKDROP_PX, _BACKDROP_FRAMES = 480, 15
_NUM_SCENES, _SCENE_FRAMES = 12, 40
_TELL_S = 30.0
_END_BYTES = 2**16

Rgb = UInt8[np.ndarray, "_h _w 3"]
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CropsConfig:
    """Which crops are kept.

    At most `rate_hz` a second (more where they would be too far apart, see `open_crops`), in clips
    of `min_s` to `max_s` seconds, of people whose longer box side is at least `min_side_px`. Crops
    are larger than those of the network by the factor `margin`, to be turned and shifted. Clips
    whose pixels change by less than `min_change` of 255 levels from crop to crop are static:
    nothing is to be learned from them.
    """

    rate_hz: float = 12.5
    min_s: float = 0.5
    max_s: float = 10.0
    min_side_px: float = 48.0
    margin: float = 1.15
    min_change: float = 1.5

    def __post_init__(self) -> None:
        check_ranges(self, "crops.", rate_hz=(0.01, 1000), max_s=(0, 3600), margin=(1, 10))
        check_ranges(self, "crops.", min_side_px=(0, 8192), min_change=(0, 255))
        if not 0 < self.min_s < self.max_s:
            raise BadConfig(
                f"crops.min_s is {self.min_s} and crops.max_s {self.max_s}; expected "
                "0 < min_s < max_s"
            )

    def stored(self, crop: CropSpec) -> CropSpec:
        """The crops that are kept for a network that takes these."""
        height, width = (round(side * self.margin) for side in crop.size_hw)
        return CropSpec((height, width), crop.padding * self.margin, crop.anchor)


@dataclass(slots=True)
class Tally:
    """What became of the people of a video."""

    kept: int = 0
    short: int = 0
    static: int = 0
    small: int = 0

    def __str__(self) -> str:
        left = {"too short": self.short, "static": self.static, "too small": self.small}
        if not (self.kept or any(left.values())):
            return "nobody was found"
        reasons = ", ".join(f"{count} {reason}" for reason, count in left.items() if count)
        kept = f"{self.kept} {'clip' if self.kept == 1 else 'clips'} of people"
        return kept + (f" (left out: {reasons})" if reasons else "")


@dataclass(slots=True)
class _Clip:
    """One person in one scene so far."""

    frames: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    boxes: list[Float32[np.ndarray, 4]] = field(default_factory=list)
    crops: list[Rgb] = field(default_factory=list)
    changes: list[float] = field(default_factory=list)


Stored = tuple[Rgb, dict[str, np.ndarray]]


def open_crops(
    source: str,
    roots: Mapping[str, str],
    cache_dir: Path,
    crop: CropSpec,
    how: CropsConfig,
    near_s: float,
    report: Report | None = None,
) -> PictureStore:
    """Open the crops of a source, which are cut first if the cache does not have them.

    Crops are at most `near_s` seconds apart where the frames of a video are. `report` takes a line
    for each video.

    Raises: BadConfig if the source is unknown or its folder is not given; BadInput if it holds
    nothing to learn from.
    """
    tell = report or _silent
    if source == VIDEOS:
        root = roots.get(VIDEOS)
        if not root:
            raise BadConfig(
                "no videos were given; use glpose pretrain VIDEOS, or --data videos=FOLDER"
            )
        entries = find_recordings([root])
        if entries[0].error is not None:
            raise entries[0].error
        files = (path for entry in entries for path in entry.paths)
        tag = content_digest(root, crop, how, near_s, DEFAULT_POSE, DEFAULT_DETECTOR, files=files)
        videos, label = _found_people(entries, tell), root
    else:
        known = {
            name: entry for name, entry in sources().items() if entry[0].open or not entry[0].root
        }
        if source not in known:
            raise BadConfig(f"unknown set '{source}'; known: {VIDEOS}, {', '.join(known)}")
        videos, tag = _labelled_people(source, roots, crop, how, near_s)
        label = f"the set {source}"
    folder = cache_dir / f"crops-{source}-{tag}"
    if has_store(folder):
        return PictureStore(folder)
    spec, total = how.stored(crop), Tally()
    pictures = _numbered(videos, spec, how, near_s, total, tell)
    first = next(pictures, None)
    if first is None:
        raise BadInput(
            f"{label}: nothing to learn from, {total}; expected videos with moving people, each seen "
            f"for at least {how.min_s:g} s and at least {how.min_side_px:g} pixels high"
        )
    return write_store(folder, chain([first], pictures), label)


def digests_of_videos(root: str) -> dict[str, str]:
    """Digests of the videos that a user gives, by their paths: of sizes, beginnings and ends."""
    return {
        entry.label: _digest_of_files(entry.paths)
        for entry in find_recordings([root])
        if entry.paths
    }


def _digest_of_files(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        with suppress(OSError), open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            whole.update(text_bytes(f"{path.name} {size} "))
            for place in (0, max(0, size - _END_BYTES)):
                file.seek(place)
                whole.update(file.read(_END_BYTES))
    return whole.hexdigest()


def _silent(line: str) -> None:
    del line


Video = tuple[str, Iterable[tuple[Frame, People]]]
"""A name for messages, and the decodable frames with the people in them."""


def _found_people(entries: list[SourceEntry], tell: Report) -> Iterator[Video]:
    """People found by the shipped detector and network; what cannot be read is told and left out.

    Raises: GLPoseError if nothing can be read.
    """
    models = load_models()
    num_read = 0
    for entry in entries:
        try:
            source = entry.open()
        except GLPoseError as problem:
            if len(entries) == 1:
                raise
            tell(str(problem))
            continue
        num_read += 1
        pairs = poses_of(source.frames(), source.info, models, refiners=())
        found = ((frame, poses.people) for frame, poses in pairs)
        yield entry.label, _with_progress(found, entry.label, source.info.duration_s, tell)
    if not num_read:
        raise BadInput(f"none of the {len(entries)} videos can be read; the lines above say why")


def _with_progress(
    frames: Iterable[tuple[Frame, People]], label: str, duration_s: float | None, tell: Report
) -> Iterator[tuple[Frame, People]]:
    """The same frames; a line now and then, since people are found no faster than in `glpose run`."""
    told = time.monotonic()
    length = "" if duration_s is None else f" of {duration_s:.0f}"
    for frame, people in frames:
        if time.monotonic() - told >= _TELL_S:
            told = time.monotonic()
            tell(f"{label}: looking for people, {frame.time_s:.0f}{length} s")
        yield frame, people


def _labelled_people(
    source: str, roots: Mapping[str, str], *settings: object
) -> tuple[Iterator[Video], str]:
    """The people of a set by their boxes, and the digest of set and settings."""
    found, part = sources()[source]
    if found.open is None:
        return _of_scenes(), content_digest(*settings)
    labelled = found.open(folder_of(found, roots), part)
    if isinstance(labelled, LabelledPictures):
        raise BadConfig(f"the set {source} has pictures, not videos; expected a set of videos")
    return _of_sequences(labelled), labels_digest(labelled, *settings)


def _of_scenes() -> Iterator[Video]:
    from glpose.synth import SceneSpec, render_scene

    spec = SceneSpec(size_hw=(240, 320), num_frames=_SCENE_FRAMES)
    for seed in range(_NUM_SCENES):
        frames = render_scene(spec, seed=seed).frames()
        yield f"scene {seed}", ((frame, truth.people) for frame, truth in frames)


def _of_sequences(labelled: list[LabelledSequence]) -> Iterator[Video]:
    for number, frames in groupby(frames_with_people(labelled), key=lambda item: item[0]):
        name = labelled[number].name
        yield name, ((Frame(t.frame, t.time_s, rgb), t.people) for _, rgb, t in frames)


def _numbered(
    videos: Iterator[Video],
    spec: CropSpec,
    how: CropsConfig,
    near_s: float,
    total: Tally,
    tell: Report,
) -> Iterator[Stored]:
    """The pictures of all clips, which are numbered."""
    number = 0
    for name, frames in videos:
        own = Tally()
        for clip in _clips(_kept(frames, how.rate_hz, near_s), spec, how, own):
            for picture, labels in clip:
                yield picture, {**labels, "clip": np.array([number])}
            number += 1
        tell(f"{name}: {own}")
        total.kept += own.kept
        total.short += own.short
        total.static += own.static
        total.small += own.small


def _kept(
    frames: Iterable[tuple[Frame, People]], rate_hz: float, near_s: float
) -> Iterator[tuple[Frame, Rgb, People]]:
    """At most `rate_hz` frames a second; more where the next one would be too far from the last.

    At 15 frames a second those that are 1 / 12.5 s apart would be 0.13 s apart, too far for 0.1 s.
    """
    decoded = ((frame, frame.rgb, people) for frame, people in frames if frame.rgb is not None)
    last_s, longest_s = -np.inf, near_s + ROUNDED_S + 1e-9  # a step of just so much is near
    for one, after in pairwise(chain(decoded, [None])):
        assert one is not None
        time_s, after_s = one[0].time_s, np.inf if after is None else after[0].time_s
        is_due = time_s - last_s >= 1 / rate_hz - ROUNDED_S / 2
        if is_due or after_s - time_s <= longest_s < after_s - last_s:
            last_s = time_s
            yield one


def _clips(
    frames: Iterable[tuple[Frame, Rgb, People]], spec: CropSpec, how: CropsConfig, tally: Tally
) -> Iterator[list[Stored]]:
    """The clips of a video. A scene ends at a cut and after `max_s`, so that memory is bounded."""
    scene = _Scene(spec, how)
    for frame, rgb, people in frames:
        if scene.ends_before(rgb, frame.time_s):
            yield from scene.close(tally)
        scene.add(frame, rgb, people)
    yield from scene.close(tally)


class _Scene:
    """The people and the pictures of a part of a video without a cut."""

    def __init__(self, spec: CropSpec, how: CropsConfig) -> None:
        self._spec, self._how = spec, how
        self._cuts = CutDetector()
        self._begin()

    def _begin(self) -> None:
        self._first_s: float | None = None
        self._clips: dict[int, _Clip] = {}
        self._small: set[int] = set()
        self._pictures: list[Rgb] = []
        self._before: Rgb | None = None

    def ends_before(self, rgb: Rgb, time_s: float) -> bool:
        """Whether a new scene begins with this picture."""
        is_cut = self._cuts.update(rgb)
        is_long = self._first_s is not None and time_s - self._first_s >= self._how.max_s
        return is_cut or is_long

    def add(self, frame: Frame, rgb: Rgb, people: People) -> None:
        """Take a frame and the crops of its people."""
        self._first_s = frame.time_s if self._first_s is None else self._first_s
        zoom = min(1.0, _BACKDROP_PX / max(rgb.shape[:2]))
        height, width = (max(1, round(side * zoom)) for side in rgb.shape[:2])
        self._pictures.append(resize(rgb, (height, width)))
        for xyxy, who in zip(people.xyxy, people.track_id.tolist(), strict=True):
            if (xyxy[2:] - xyxy[:2]).max() < self._how.min_side_px:
                self._small.add(who)
                continue
            clip = self._clips.setdefault(who, _Clip())
            if clip.boxes and self._before is not None:
                # At the place of the last crop, since boxes tremble where nothing moves.
                same = cut(rgb, crop_from_image(clip.boxes[-1], self._spec), self._spec)
                clip.changes.append(float(np.abs(same.astype(np.int16) - clip.crops[-1]).mean()))
            clip.frames.append(frame.index)
            clip.times_s.append(frame.time_s)
            clip.boxes.append(xyxy)
            clip.crops.append(cut(rgb, crop_from_image(xyxy, self._spec), self._spec))
        self._before = rgb

    def close(self, tally: Tally) -> Iterator[list[Stored]]:
        """The clips of the scene that can be learned from; a new scene begins."""
        clips, pictures, small = self._clips, self._pictures, self._small - set(self._clips)
        size_hw = None if self._before is None else self._before.shape[:2]
        self._begin()
        tally.small += len(small)
        if size_hw is None:
            return
        backdrop = None
        for clip in clips.values():
            if clip.times_s[-1] - clip.times_s[0] < self._how.min_s:
                tally.short += 1
            elif np.mean(clip.changes) < self._how.min_change:
                tally.static += 1
            else:
                tally.kept += 1
                if backdrop is None:
                    backdrop = _median(pictures)
                yield self._stored(clip, backdrop, size_hw)

    def _stored(self, clip: _Clip, backdrop: Rgb, size_hw: tuple[int, ...]) -> list[Stored]:
        zoom_xy = (backdrop.shape[1] / size_hw[1], backdrop.shape[0] / size_hw[0])
        boxes = resized_boxes(np.stack(clip.boxes), zoom_xy).astype(np.float32)
        out: list[Stored] = []
        for row, crop in enumerate(clip.crops):
            behind = cut(backdrop, crop_from_image(boxes[row], self._spec), self._spec)
            labels = {
                "frame": np.array([clip.frames[row]]),
                "time_s": np.array([clip.times_s[row]]),
            }
            out.append((np.concatenate([crop, behind], 1), labels))
        return out


def _median(pictures: list[Rgb]) -> Rgb:
    """The median of pictures of one scene; those of another size than the last are left out."""
    same = [picture for picture in pictures if picture.shape == pictures[-1].shape]
    chosen = np.linspace(0, len(same) - 1, min(len(same), _BACKDROP_FRAMES)).astype(int)
    return np.median([same[number] for number in chosen], axis=0).astype(np.uint8)
