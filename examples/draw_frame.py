"""Draw one frame of a result: python draw_frame.py VIDEO POSES.jsonl FRAME OUT.png."""

import sys
from pathlib import Path

import glpose
from glpose.imaging import write_image
from glpose.video.reader import open_video

if len(sys.argv) != 5:
    sys.exit(__doc__)
video, results, number, out = sys.argv[1:]
if not number.isdecimal():
    sys.exit(f"found {number} in place of a frame; expected its number, from 0")
try:
    poses = glpose.load(results).at(int(number))
    frames = open_video(video).frames()
    frame = next((f for f in frames if f.index == poses.frame), None)
    if frame is None or frame.rgb is None:
        sys.exit(f"frame {number} is not in {video}, or could not be decoded")
    write_image(Path(out), poses.plot(frame.rgb))
except glpose.GLPoseError as problem:
    sys.exit(str(problem))
