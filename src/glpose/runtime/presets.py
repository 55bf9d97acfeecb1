"""Presets: how much work is done for a frame, by name."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from glpose.config import checked_truth
from glpose.errors import BadConfig, BadInput
from glpose.runtime.alone import can_follow, can_look_alone, looks_alone
from glpose.runtime.card import DetectorCard, PoseCard
from glpose.runtime.options import PoseOptions, View
from glpose.track.by_pose import PoseTrackerSpec

Preset = Literal["fast", "balanced", "best"]


VIEWS = (View(-5.0, 0.8), View(5.0, 0.9), View(-5.0, 1.15), View(5.0, 1.3))
"""The best of some on validation clips, see docs/results.md."""


MOST_WAIT = 20
"""For how many frames the detector waits at most where nothing changes, see `PoseTrackerSpec.look_still`.

People are followed back for longer (`HindsightSpec.reach`), so that whom the next look finds, and whose
poses are sure, is found from where the wait began. Where fewer frames are held it waits less.
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work is done for a frame; the defaults are those of the preset "balanced".

    The detector looks at every `detect_every`-th frame, less often where nothing changes beside people,
    and wherever poses do not say where they are, see `PoseTrackerSpec`. `flip`: each crop is looked at mirrored, too, see `flip.Mirrored`. `fuse`: joints come from
    the crops of several frames; else from what the encoder answers for each alone. `thorough`: in a
    picture, which has no other frames, people are searched in several views, see
    `detector.ThoroughDetector`, and crops that are seen alone are looked at mirrored, and turned and
    scaled, see `VIEWS`. `small_people`: people who are small are searched in a larger input, too, in
    videos now and then, see `detector.BoxDetector.small_people` and `pipeline.FollowPoses`.
    """

    detect_every: int = PoseTrackerSpec().look_every
    flip: bool = False
    fuse: bool = True
    thorough: bool = True
    small_people: bool = True

    def options(self, *, is_picture: bool, causal: bool) -> PoseOptions:
        """Options for a video, or for a picture, in which each crop is seen alone."""
        is_thorough = is_picture and self.thorough
        views = VIEWS if is_thorough else ()
        flip = self.flip or is_thorough
        return PoseOptions(causal=causal, flip=flip, views=views, in_box=is_picture)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What an effort comes to with the weights of a card, in a video or in a single picture."""

    effort: Effort
    card: PoseCard
    is_still: bool

    @property
    def looks_alone(self) -> bool:
        """Whether each crop is seen alone."""
        # A picture has no other frames, and copies of itself tell nothing: measured, they do harm.
        return not self.effort.fuse or (self.is_still and can_look_alone(self.card))

    @property
    def searches_views(self) -> bool:
        """Whether people are searched in several views."""
        # Where poses do not judge what is weak, means over views would lose people.
        return self.is_still and self.effort.thorough and can_follow(self.card)

    def options(self, *, causal: bool) -> PoseOptions:
        """The options for the poses."""
        is_picture = self.is_still and self.looks_alone
        return self.effort.options(is_picture=is_picture, causal=causal)

    def in_words(self, *, searches: bool = True, causal: bool = False) -> str:
        """What is done; `searches` is false where nobody has to be searched."""
        options = self.options(causal=causal)
        small = ", small ones of large pictures besides" if self.effort.small_people else ""
        if self.is_still:
            search = "searched in several views" if self.searches_views else "searched once"
            num = (1 + len(options.views)) * (1 + options.flip)
            looks = {1: "once", 2: "twice"}.get(num, f"{num} times")
            return f"people {search + small if searches else 'given'}, looked at {looks}"
        num = self.effort.detect_every
        every = "every frame" if num == 1 else f"every {num} frames"
        if not causal and 1 < num < MOST_WAIT:
            every += ", less often where nothing changes"
        card = self.card
        in_time = card.states and not card.neighbours  # only the frame before is fused
        fused = "each frame with the one before" if in_time else "frames fused"
        return (
            f"people {f'searched {every}{small}' if searches else 'given'}, "
            f"{'with' if options.flip else 'no'} flip test, "
            f"{'single frames' if self.looks_alone else fused}"
        )


PRESETS: dict[Preset, Effort] = {
    "fast": Effort(detect_every=15, fuse=False, thorough=False, small_people=False),
    "balanced": Effort(),
    "best": Effort(detect_every=1, flip=True),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A preset, and what was asked for besides; None is as the preset says.

    Raises: BadConfig for a preset with another name, BadInput for other values.
    """

    preset: Preset = "balanced"
    detect_every: int | None = None
    flip: bool | None = None
    fuse: bool | None = None
    small_people: bool | None = None

    def __post_init__(self) -> None:
        if self.preset not in get_args(Preset):
            names = ", ".join(get_args(Preset))
            raise BadConfig(f"the preset is {self.preset!r:.40}; expected one of {names}")
        every = self.detect_every
        whole = isinstance(every, int | np.integer) and not isinstance(every, bool)
        if every is not None and (not whole or every < 1):
            raise BadInput(f"detect_every is {every!r:.40}; expected 1 or more")
        for name in ("flip", "fuse", "small_people"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, checked_truth(value, name))

    def effort(
        self,
        card: PoseCard,
        *,
        is_still: bool = False,
        is_given: bool = False,
        detector: DetectorCard | None = None,
    ) -> Effort:
        """What is done with an estimator: what it has to do, or cannot, goes before a preset.

        A single picture (`is_still`) has no other frames, in which what is asked for could be done, and
        people who are given (`is_given`) are not searched in any, others by the `detector`, if it is
        known.

        Raises: BadConfig if the networks cannot do what was asked for in so many words.
        """
        named = PRESETS[self.preset]
        sees_one, tells_alone = looks_alone(card), can_follow(card)
        every = named.detect_every if self.detect_every is None else int(self.detect_every)
        cannot = ""
        if not tells_alone and self.fuse is False:
            cannot = "answers nothing from a single frame; leave out --no-fuse (fuse=False)"
        elif not (tells_alone or is_still or is_given) and self.detect_every and every > 1:
            cannot = (
                "answers nothing from a single frame, so people cannot be followed from frame to "
                f"frame; leave out --detect-every (detect_every={every})"
            )
        elif not (tells_alone or is_given) and self.small_people:
            cannot = (
                "answers nothing from a single frame, so nobody is searched besides, as small people "
                "are; leave out --small-people (small_people=True)"
            )
        elif sees_one and self.fuse and not is_still:
            cannot = "sees single frames only; leave out --fuse (fuse=True)"
        if cannot:
            raise BadConfig(f"'{card.name}' {cannot}, or use other weights")
        has_fine = True
        if detector is not None and detector.fine_size_hw is None:
            has_fine = False
            if self.small_people and not is_given:
                raise BadConfig(
                    f"the detector '{detector.name}' has no larger input for small people (its card's "
                    "fine_size_hw); leave out --small-people (small_people=True), or use another one"
                )
        fuse = named.fuse if self.fuse is None else self.fuse
        return Effort(
            every if tells_alone else 1,
            named.flip if self.flip is None else self.flip,
            not tells_alone or (fuse and not sees_one),
            (named.thorough if self.flip is None else self.flip) and tells_alone,
            (named.small_people if self.small_people is None else self.small_people)
            and tells_alone
            and has_fine,
        )
