"""Windows of the tracks of a published set, whose true poses are known in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from glpose.errors import BadConfig, BadInput
from glpose.formats.sets import DATASETS
from glpose.formats.tracks_in_space import LIFT_SETS
from glpose.runtime.lift import camera_frame, finite, network_inputs
from glpose.systems.dg_net.spec import Settings
from glpose.train.data.epochs import sample_rows
from glpose.train.system import ArrayBatch


class TrackData:
    """Batches of windows, see `train.system.TrainData`; a sample is a frame that counts.

    Arrays of a batch are those of `data.LiftData`, with poses in metres, and all in the frame of
    the camera. All joints count. In training left and right are exchanged for half of the samples.
    """

    has_epochs = True

    def __init__(self, recipe: Settings, *, held: bool) -> None:
        how = recipe.data
        root = recipe.roots[DATASETS[how.published].root]
        if not root:
            raise BadConfig(
                f"the set {how.published} has no folder; expected --data {how.published}=FOLDER"
            )
        part = "test" if held else "train"
        tracks = LIFT_SETS[how.published].read(Path(root), part, how.points)
        if not any(track.counts.any() for track in tracks):
            raise BadInput(f"{root}: the part '{part}' has no frames; check the files in it")
        self._recipe, self._held = recipe, held
        self._xy = np.concatenate([track.xy for track in tracks])
        self._xyz = np.concatenate([track.xyz for track in tracks])
        length = np.array([len(track.xy) for track in tracks])
        self._first = np.repeat(np.cumsum(length) - length, length)
        self._end = np.repeat(np.cumsum(length), length)
        self._size_wh = np.repeat([track.size_wh for track in tracks], length, axis=0)
        self._frames = np.flatnonzero(np.concatenate([track.counts for track in tracks]))

    @property
    def num_samples(self) -> int:
        """Frames that count, of all cameras."""
        return len(self._frames)

    def describe(self, step: int) -> None:
        """A row has no name."""
        del step

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """The rows of a step; each is mirrored or not by a generator of its own."""
        recipe = self._recipe
        chosen = sample_rows(step, recipe.batch_size, self.num_samples, recipe.seed)[list(numbers)]
        flip = [np.random.default_rng([recipe.seed, step, n]).random() < 0.5 for n in numbers]
        return self._windows(self._frames[chosen], np.array(flip))

    def many(self, seed: Sequence[int], num: int) -> ArrayBatch:
        """At most that many windows, evenly spaced and not mirrored; `seed` does not matter."""
        del seed
        at = np.linspace(0, self.num_samples - 1, min(num, self.num_samples)).astype(int)
        return self._windows(self._frames[at], np.zeros(len(at), bool))

    def _windows(self, frame: Int64[np.ndarray, " n"], flip: np.ndarray) -> ArrayBatch:
        model = self._recipe.model
        reach = np.arange(-(model.window // 2), model.window // 2 + 1)
        first, end = self._first[frame, None], self._end[frame, None]
        xy = self._xy[np.clip(frame[:, None] + reach, first, end - 1)]
        joints, known = network_inputs(camera_frame(xy, self._size_wh[frame]), finite(xy))
        pose = self._xyz[frame]
        pose = pose - pose[:, list(model.roots)].mean(1, keepdims=True)
        mirror = list(model.joints.mirror)
        turned = np.array([-1, 1, 1], np.float32)
        rows = flip[:, None, None]
        return {
            "joints": np.where(rows[..., None], joints[:, :, mirror] * turned, joints),
            "known": np.where(rows, known[:, :, mirror], known),
            "pose": np.where(rows, pose[:, mirror] * turned, pose),
            "counts": np.ones(pose.shape[:2], np.float32),
        }
