"""COCO keypoints: `labels`, person `boxes`, `results`, and the `check` of a set."""
