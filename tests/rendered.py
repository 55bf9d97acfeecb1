"""A short rendered clip as a file, with the true boxes beside it."""

import json
from pathlib import Path

from glpose.synth import SceneSpec, render_scene
from glpose.video.writer import VideoWriter


def write_clip(path: Path, num_frames: int = 6) -> Path:
    """A synthetic clip of one person; returns the file of the true boxes."""
    scene = render_scene(SceneSpec((96, 128), num_frames, num_people=(1, 1)), seed=3)
    lines = []
    with VideoWriter(path, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, truth in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
            box = {"track_id": 1, "box_xyxy": truth.people.xyxy[0].tolist(), "box_score": 1.0}
            lines.append(json.dumps({"frame": frame.index, "people": [box]}) + "\n")
    boxes = path.with_suffix(".jsonl")
    boxes.write_text("".join(lines), "utf-8")
    return boxes
