"""Tracks of people in the videos of a set: who is where before and after, and elsewhere in it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from glpose.clip import Border, Pool, local_frames
from glpose.crop import cut
from glpose.train.data.store import Pictures
from glpose.types import Affine, CropSpec


class Tracks:
    """The people of a set, sorted by video, person and frame; a row is one person in one frame."""

    def __init__(self, pictures: Pictures) -> None:
        labels = pictures.labels
        order = np.lexsort((labels["frame"], labels["track"], labels["clip"]))
        self.pictures, self._pictures_at = pictures, pictures.places()
        self.clip, self.frame = labels["clip"][order], labels["frame"][order]
        self.person = labels["track"][order]
        self.track = np.unique(np.stack([self.clip, self.person], 1), axis=0, return_inverse=True)[
            1
        ].reshape(-1)
        self.xyxy, self.xy = labels["xyxy"][order], labels["xy"][order]
        self.state, self.picture = labels["state"][order], labels["picture"][order]
        self._place = {
            place: i
            for i, place in enumerate(zip(self.track.tolist(), self.frame.tolist(), strict=True))
        }

    def __reduce__(self) -> tuple[type[Tracks], tuple[Pictures]]:
        """A worker process sorts the labels again, which is cheaper than pickling the tables."""
        return Tracks, (self.pictures,)

    def __len__(self) -> int:
        return len(self.clip)

    def describe(self, row: int) -> str:
        """Clip, frame and person of a row, for messages."""
        clip = self.pictures.clip_name(int(self.clip[row]))
        return f"{clip}, frame {self.frame[row]}, person {self.person[row]}"

    def runs(self) -> list[Int64[np.ndarray, " _"]]:
        """The rows of each person's consecutive frames, in time; a gap ends a run."""
        follows = (np.diff(self.track) == 0) & (np.diff(self.frame) == 1)
        return np.split(np.arange(len(self)), np.flatnonzero(~follows) + 1)

    def neighbours(
        self, i: int, offsets: tuple[int, ...], border: Border
    ) -> Int64[np.ndarray, " offsets"]:
        """Rows of the same person at some offsets in frames from row i, see `clip.local_frames`."""
        track = self.track[i]
        frames = local_frames(
            int(self.frame[i]), offsets, lambda f: (track, f) in self._place, border
        )
        return np.array([self._place[track, f] for f in frames], np.int64)

    def before(self, i: int) -> int:
        """The row of the same person one frame earlier; i itself at the start or after a gap."""
        return self._place.get((int(self.track[i]), int(self.frame[i]) - 1), i)

    def neighbour_pictures(self, i: int, offsets: tuple[int, ...], border: Border) -> list[int]:
        """Pictures at these offsets from row i, regardless of who is labelled in them."""
        clip, at = int(self.clip[i]), self._pictures_at
        frames = local_frames(int(self.frame[i]), offsets, lambda f: (clip, f) in at, border)
        return [at[clip, f] for f in frames]

    def proposals(
        self, i: int, most: int, pool: Pool, rng: np.random.Generator
    ) -> Int64[np.ndarray, " proposals"]:
        """At most so many random rows of the same video as row i, of its `pool`.

        No row is repeated; row i itself if there is no other.
        """
        begin, end = np.searchsorted(self.clip, [self.clip[i], self.clip[i] + 1])
        same = np.arange(begin, end)
        if pool == "other_frames":
            same = same[self.frame[same] != self.frame[i]]
        elif pool == "other_crops":
            same = same[same != i]
        if len(same) == 0:
            same = np.array([i])
        return rng.choice(same, min(most, len(same)), replace=False)

    def cut(self, row: int, to_crop: Affine, crop: CropSpec) -> UInt8[np.ndarray, "h w 3"]:
        """Warp the picture of a row into a crop."""
        return cut(self.pictures[int(self.picture[row])], to_crop, crop)
