"""PoseTrack 2017 and 2018: `labels` opens a set; the other modules read and write its files."""
