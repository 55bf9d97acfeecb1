"""Which joints can be relied on."""

import numpy as np

from glpose.motion.reliable import reliable
from glpose.motion.series import series_of
from glpose.skeleton import BODY19
from walking import walk

WRIST = BODY19.index("left_wrist")


def test_weak_joints_and_limbs_of_unsure_sides_are_left_out() -> None:
    one = series_of(walk(np.arange(20) / 25))[1]
    one.score[5, WRIST] = 0.19
    one.unsure_sides[9] = True
    clean = reliable(one, BODY19)
    gone = np.isnan(clean.xy[..., 0])
    assert gone[5].nonzero()[0].tolist() == [WRIST]
    names = [BODY19.joints[j] for j in np.flatnonzero(gone[9])]
    assert sorted(names) == sorted(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in ("elbow", "wrist", "knee", "ankle")
    )
    assert gone.sum() == 9
    assert (clean.score[gone] == 0).all()
