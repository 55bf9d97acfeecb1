"""Rendered data sets in the official layouts of PoseTrack, JHMDB and COCO, for trials and tests.

Start with `write.py` (`write_layout`, `LAYOUTS`). `order.py` is shared by all layouts; each layout
has its own module, and `posetrack.py` is shared by both PoseTrack layouts.
"""

from glpose.synth.layouts.write import LAYOUTS, write_layout

__all__ = ["LAYOUTS", "write_layout"]
