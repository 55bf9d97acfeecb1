"""The limb joints of JHMDB's validation clips, as `glpose run` finds them.

PCK here is that of `glpose.metrics.pck`: a joint is right within a share of the longer side of the
mask's box. All labelled joints inside the picture are pooled.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from damaged import damage_kind, damaged_frames
from figures import LIMBS, PARTS, Figure, Outcome, Subject, columns
from jaxtyping import Bool, Float32, Int64
from pck_jhmdb import KINDS

from glpose.api import Models, poses_of, usual_refiners
from glpose.evaluation.predict import true_people
from glpose.formats.jhmdb.short import JhmdbClip, read_clips
from glpose.geometry import box_iou
from glpose.metrics.pck import Pck, pck
from glpose.runtime.presets import PRESETS, Effort
from glpose.skeleton import JHMDB15, Skeleton
from glpose.types import FrameAndPoses, FramePoses, FrameTruth
from glpose.video.reader import open_video

LEAST_IOU = 0.3
"""Of the box of a person who is found with the labelled box; less is a miss."""

TURNED = 0.1
"""The labelled shoulders of who faces the camera, or looks away from it, are this far apart."""

AGAINST = "clips whose labels contradict the view in their names"
"""Their labels have left and right exchanged, see `against_their_view`."""

_VIEW = re.compile("_fr_|_ba_|_le_|_ri_")

PICTURES_EVERY = 6
"""So many frames are from one that is taken as a picture to the next."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Of `every` frames `in_a_row` are damaged."""

    every: int = 5
    in_a_row: int = 1


FIFTH, THREE_IN_A_ROW = Rhythm(), Rhythm(10, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Limbs:
    """Limb joints as `LIMBS`, one row for each labelled person and frame; image pixels.

    `guess_xy` is NaN for people who were missed. `clip` is an index into `names`.
    """

    guess_xy: Float32[np.ndarray, "rows 12 2"]
    truth_xy: Float32[np.ndarray, "rows 12 2"]
    labelled: Bool[np.ndarray, "rows 12"]
    truth_xyxy: Float32[np.ndarray, "rows 4"]
    clip: Int64[np.ndarray, " rows"]
    frame: Int64[np.ndarray, " rows"]
    is_damaged: Bool[np.ndarray, " rows"]
    names: tuple[str, ...]

    @property
    def side_px(self) -> Float32[np.ndarray, " rows"]:
        """The longer side of the labelled box."""
        return (self.truth_xyxy[:, 2:] - self.truth_xyxy[:, :2]).max(-1)

    def pck(self, limit: float, rows: Bool[np.ndarray, " rows"] | None = None) -> Pck:
        """PCK of all rows, or of some."""
        counted = self.labelled if rows is None else self.labelled & rows[:, None]
        return pck(self.guess_xy, self.truth_xy, counted, self.truth_xyxy, limit)

    def both(self, rows: Bool[np.ndarray, " rows"] | None = None) -> dict[str, float]:
        """PCK at the two limits of the table."""
        return {f"pck@{limit}": self.pck(limit, rows).pooled for limit in (0.2, 0.1)}


def text(scores: dict[str, float]) -> str:
    """Two percentages as the table has them."""
    return f"{scores['pck@0.2']:.1f} / {scores['pck@0.1']:.1f}"


@cache
def val_clips(subject: Subject) -> tuple[JhmdbClip, ...]:
    """The validation clips, labels only."""
    return tuple(subject.some(read_clips(subject.path("jhmdb"), "val")))


@cache
def given(subject: Subject, rhythm: Rhythm | None = None) -> Limbs:
    """The joints with the labelled boxes, on clean or damaged frames."""
    return look_at(val_clips(subject), subject.models, rhythm=rhythm)


def look_at(
    clips: Sequence[JhmdbClip],
    models: Models,
    *,
    finds: bool = False,
    rhythm: Rhythm | None = None,
    causal: bool = False,
    effort: Effort = Effort(),
) -> Limbs:
    """Run each clip as `glpose run` does: with the labelled boxes, or finding people (`finds`).

    `causal` lets nothing after a frame count for it.
    """
    poses = (
        [
            found
            for _, found in pairs_of(
                clip, number, models, finds=finds, rhythm=rhythm, causal=causal, effort=effort
            )
        ]
        for number, clip in enumerate(clips)
    )
    return limbs_of(clips, models.skeleton, poses, rhythm)


def limbs_of(
    clips: Sequence[JhmdbClip],
    joints: Skeleton,
    poses_of_clips: Iterable[Iterable[FramePoses]],
    rhythm: Rhythm | None = None,
) -> Limbs:
    """The limb joints in the poses of these clips.

    Of several people who are found the one with the highest IoU with the labelled box counts.
    """
    seen: list[tuple[FramePoses, FrameTruth, int]] = []
    for number, (clip, found) in enumerate(zip(clips, poses_of_clips, strict=True)):
        truth = {t.frame: t for t in clip.truth if len(t.people)}
        seen += [(poses, truth[poses.frame], number) for poses in found if poses.frame in truth]
    there, here = columns(JHMDB15), columns(joints)
    return Limbs(
        guess_xy=np.stack([_best(poses, label)[here] for poses, label, _ in seen]),
        truth_xy=np.stack([label.xy[0, there] for _, label, _ in seen]),
        labelled=np.stack([label.visibility[0, there] > 0 for _, label, _ in seen]),
        truth_xyxy=np.stack([label.people.xyxy[0] for _, label, _ in seen]),
        clip=np.array([number for _, _, number in seen], np.int64),
        frame=np.array([poses.frame for poses, _, _ in seen], np.int64),
        is_damaged=np.array([_is_damaged(p.frame, number, rhythm) for p, _, number in seen]),
        names=tuple(clip.name for clip in clips),
    )


def against_their_view(seen: Limbs) -> Bool[np.ndarray, " clips"]:
    """Clips whose labels have left and right the other way round than the view in their names.

    The names of HMDB51's clips tell it: `fr` is from the front, `ba` from behind. The median over the frames counts.
    """
    shoulders = [LIMBS.index(f"{side}_shoulder") for side in ("left", "right")]
    apart = np.diff(seen.truth_xy[:, shoulders[::-1], 0], axis=1)[:, 0] / seen.side_px
    known = seen.labelled[:, shoulders].all(1)
    against = np.zeros(len(seen.names), bool)
    for clip, name in enumerate(seen.names):
        rows = known & (seen.clip == clip)
        expected = {"_fr_": 1, "_ba_": -1}.get(next(iter(_VIEW.findall(name)), ""), 0)
        if expected and rows.any():
            against[clip] = expected * np.median(apart[rows]) < -TURNED
    return against


def _is_damaged(frame: int, clip: int, rhythm: Rhythm | None) -> bool:
    if rhythm is None:
        return False
    how = {"every": rhythm.every, "in_a_row": rhythm.in_a_row}
    return damage_kind(frame, clip, len(KINDS), **how) >= 0


def pairs_of(
    clip: JhmdbClip,
    number: int,
    models: Models,
    *,
    finds: bool = False,
    rhythm: Rhythm | None = None,
    keep_pictures: bool = False,
    causal: bool = False,
    effort: Effort = Effort(),
    steady: bool = True,
) -> Iterator[FrameAndPoses]:
    """The frames of a clip, damaged in this rhythm, with their poses; see `look_at`.

    Without `steady` joints stay where each frame's maps say.
    """
    video = open_video(clip.video)
    frames = video.frames()
    if rhythm:
        truth = {t.frame: t for t in clip.truth}
        how = {"every": rhythm.every, "in_a_row": rhythm.in_a_row}
        frames = damaged_frames(frames, truth, number, KINDS, **how)
    boxes = None if finds else true_people(clip.truth)
    size_hw = video.info.size_hw
    usual = usual_refiners(
        boxes,
        models.skeleton,
        size_hw,
        rate_hz=video.info.rate_hz,
        causal=causal,
        steady=False,
    )
    return poses_of(
        frames,
        video.info,
        models,
        boxes,
        refiners=None if steady else usual,
        keep_pictures=keep_pictures,
        causal=causal,
        effort=effort,
    )


def _best(poses: FramePoses, label: FrameTruth) -> Float32[np.ndarray, "joints 2"]:
    """The joints of the person who is where the label is, NaN if nobody is."""
    iou = box_iou(poses.people.xyxy, label.people.xyxy)[:, 0]
    if not len(iou) or iou.max() < LEAST_IOU:
        return np.full(poses.xy.shape[1:], np.nan, np.float32)
    return poses.xy[int(iou.argmax())].astype(np.float32)


def boxes(subject: Subject) -> Outcome:
    """PCK with the labelled boxes."""
    return _outcome("JHMDB val, boxes given", given(subject), "93.5 / 82")


def found(subject: Subject) -> Outcome:
    """PCK where `glpose run` finds the people; a miss counts as wrong."""
    seen = look_at(val_clips(subject), subject.models, finds=True)
    outcome = _outcome("JHMDB val, `glpose run` finds the person", seen, "91 / 79")
    missed = np.asarray(np.isnan(seen.guess_xy).all((1, 2)))
    per_clip = np.bincount(seen.clip[missed], minlength=len(seen.names))
    worst = [(int(per_clip[i]), seen.names[i]) for i in np.argsort(-per_clip)[:5] if per_clip[i]]
    line = f"missed in {missed.sum()} of {len(missed)} frames"
    outcome.details.append(line + "".join(f"; {num} of {name}" for num, name in worst))
    outcome.values["missed"] = int(missed.sum())
    against = against_their_view(seen)
    fits = outcome.values["labels_fit_the_view"] = seen.both(~against[seen.clip])
    outcome.details.append(f"without {against.sum()} {AGAINST}: {text(fits)}")
    return outcome


def presets(subject: Subject) -> Outcome:
    """PCK where `glpose run` finds the people, for each preset."""
    clips = val_clips(subject)
    outcome = Outcome([])
    for name, effort in PRESETS.items():
        seen = look_at(clips, subject.models, finds=True, effort=effort)
        scores = seen.both()
        missed = float(100 * np.isnan(seen.guess_xy).all((1, 2)).mean())
        what = f"{len(clips)} clips of JHMDB val ({len(seen.frame)} frames), `glpose run --preset {name}`"
        measured = f"{text(scores)}; {missed:.1f} % of the people missed"
        outcome.figures.append(Figure(what, measured, ""))
        outcome.values[name] = {**scores, "missed": missed}
    return outcome


def pictures(subject: Subject) -> Outcome:
    """PCK of some frames, each taken as a picture of its own, with the labelled boxes."""
    clips, outcome = val_clips(subject), Outcome([])
    once = Effort(thorough=False)
    kinds = {"one look": once, "flip test": replace(once, flip=True), "as `glpose run`": Effort()}
    for name, effort in kinds.items():
        poses = [list(_pictures_of(clip, subject.picture_models, effort)) for clip in clips]
        seen = limbs_of(clips, subject.picture_models.skeleton, poses)
        what = f"{len(seen.frame)} frames of JHMDB val as pictures, boxes given, {name}"
        outcome.figures.append(Figure(what, text(seen.both()), ""))
        outcome.values[name] = seen.both()
    return outcome


def _pictures_of(clip: JhmdbClip, models: Models, effort: Effort) -> Iterator[FramePoses]:
    """The poses of some frames of a clip, each as if there were no other."""
    video, boxes = open_video(clip.video), true_people(clip.truth)
    info = replace(video.info, is_still=True)
    for frame in video.frames():
        if frame.index % PICTURES_EVERY == 0 and frame.index in boxes:
            ((_, poses),) = poses_of([frame], info, models, boxes, effort=effort)
            yield poses


def _outcome(what: str, seen: Limbs, aim: str) -> Outcome:
    scores = seen.both()
    shares = seen.pck(0.2).per_joint
    parts = dict(zip(PARTS, np.nanmean(shares.reshape(-1, 2), 1).tolist(), strict=True))
    what = f"{what}, 12 limb joints, @0.2 / @0.1 of the mask's box"
    return Outcome(
        [Figure(what, text(scores), aim)],
        ["@0.2: " + ", ".join(f"{part} {share:.1f}" for part, share in parts.items())],
        {**scores, "joints@0.2": dict(zip(LIMBS, shares.tolist(), strict=True))},
    )


def damage(subject: Subject) -> Outcome:
    """PCK with damaged frames, all frames counted; and of the damaged frames alone."""
    whole = given(subject)
    clean, against = whole.both(), against_their_view(whole)
    fits = {"clean": whole.both(~against[whole.clip])}
    outcome = Outcome([], [], {"clean": clean, "labels_fit_the_view": fits})
    for what, rhythm, aim in (
        ("every fifth frame damaged", FIFTH, "within 1 of clean"),
        ("three in a row of ten damaged", THREE_IN_A_ROW, "within 3 of clean"),
    ):
        seen = given(subject, rhythm)
        scores, alone = seen.both(), seen.both(seen.is_damaged)
        measured = f"{text(scores)} (clean {text(clean)})"
        outcome.figures.append(Figure(f"JHMDB val, boxes given, {what}, all frames", measured, aim))
        outcome.details.append(f"{what}, these frames alone: {text(alone)}")
        outcome.values[what] = {"all": scores, "damaged": alone}
        fits[what] = seen.both(~against[seen.clip])
    said = ", ".join(f"{what} {text(scores)}" for what, scores in fits.items())
    outcome.details.append(f"without {against.sum()} {AGAINST}: {said}")
    return outcome


def causal(subject: Subject) -> Outcome:
    """PCK without the frames after each: boxes given, clean or damaged, and people found."""
    clips, models = val_clips(subject), subject.models
    outcome = Outcome([])
    for what, rhythm, finds in (
        ("boxes given", None, False),
        ("boxes given, every fifth frame damaged", FIFTH, False),
        ("boxes given, three in a row of ten damaged", THREE_IN_A_ROW, False),
        ("`glpose run` finds the person", None, True),
    ):
        seen = look_at(clips, models, finds=finds, rhythm=rhythm, causal=True)
        rows = {"all": seen.both()}
        if rhythm is not None:
            rows["damaged"] = seen.both(seen.is_damaged)
            outcome.details.append(f"causal, {what}, these frames alone: {text(rows['damaged'])}")
        outcome.figures.append(Figure(f"JHMDB val, causal, {what}", text(rows["all"]), ""))
        outcome.values[what] = rows
    return outcome
