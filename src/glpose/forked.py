"""Refuse to go on in a forked process: threads and locks of native libraries do not survive a fork.

Decoders and engines would hang or crash there. Processes that are spawned are not concerned.
"""

import os

from glpose.errors import GLPoseError


class _Natives:
    """Whether native threads may have run in this process, and whether it was forked since."""

    were_used = False
    are_broken = False


def use_natives() -> None:
    """Call this before native libraries are used, and before a thread is waited for that uses them.

    Raises: GLPoseError in a forked process.
    """
    if _Natives.are_broken:
        raise GLPoseError(
            "this process was forked from one in which glpose had opened a video or weights, which "
            "does not survive a fork; start processes with "
            "multiprocessing.get_context('spawn')"
        )
    _Natives.were_used = True


def _after_fork() -> None:
    _Natives.are_broken = _Natives.were_used


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
