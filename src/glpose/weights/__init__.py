"""The weights that come with the package, with their digests in `SHA256SUMS`."""

DEFAULT_POSE = "pose_small"
DEFAULT_PICTURE = "picture_small"
"""For a picture alone: a network of one frame."""

DEFAULT_DETECTOR = "person_small"
DEFAULT_LIFT = "lift_small"
