"""Draw one frame of a result: python draw_frame.py VIDEO POSES.jsonl FRAME OUT.png."""

import sys
from itertools import islice
from pathlib import Path

import glpose
from glpose.imaging import write_image
from glpose.video.reader import open_video
from glpose.viewer.overlay import draw

video, results, number, out = sys.argv[1:]
result = glpose.load(results)
frame = next(islice(open_video(video).frames(), int(number), None))

if frame.rgb is None:
    sys.exit(f"frame {number} could not be decoded")
write_image(Path(out), draw(frame.rgb, result.frames[frame.index], result.skeleton))
