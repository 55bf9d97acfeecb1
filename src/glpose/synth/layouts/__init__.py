"""Rendered sets in the official layouts of PoseTrack, JHMDB and COCO, to try everything on.

Start with `write.py` (`write_layout`, `LAYOUTS`). `order.py` is what all layouts share; there is
one module a layout, and `posetrack.py` is what both years of PoseTrack are written from.
"""

from glpose.synth.layouts.write import LAYOUTS, write_layout

__all__ = ["LAYOUTS", "write_layout"]
