"""The weights that come with the package, with their digests in `SHA256SUMS`."""

DEFAULT_POSE = "pose_small"
DEFAULT_DETECTOR = "person_small"
DEFAULT_LIFT = "lift_small"
