"""glpose: multi-frame human pose estimation in videos."""

__version__ = "0.1.0"
