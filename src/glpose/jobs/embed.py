"""Vectors of the people of a video, from poses that exist: how they look, how they hold themselves.

embed_video("walk.mp4", Path("poses.jsonl"), Path("walk.npz"), EmbedOptions("run.embedding.onnx"))
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glpose.crop import crop_from_image, cut
from glpose.errors import BadInput
from glpose.files import whole_file
from glpose.formats.poses import check_order, read_poses
from glpose.formats.results import poses_file_of
from glpose.formats.text.lines import cannot_write, looking_at
from glpose.imaging import Rgb
from glpose.jobs.ended import lack_of
from glpose.jobs.given import Made, Wanted, check_new
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.refine import check_belongs
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.runtime.embedder import Embedder
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_embedder
from glpose.types import Frame, People
from glpose.video.source import Source, find_recordings

_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """The weights (an exported run of `glpose pretrain`) and how they are run."""

    weights: str
    overwrite: bool = False
    engine: EngineSpec = EngineSpec()


def embed_video(
    video: str | Path | Source,
    poses: Path,
    output: Path,
    options: EmbedOptions,
    reporter: Reporter = SILENT,
    interrupt: Interrupt | None = None,
) -> Made:
    """Write the vectors of all people of all frames to an `.npz` file; what it lacks is reported.

    Its arrays have one row for each person and frame: `frame`, `time_s`, `track_id` (-1 where the
    poses have none), `xyxy`, `appearance` and `pose` (float32; compare them by their cosine). They are kept
    in memory until the end: 1 to 3 KB a row. People in frames that cannot be read have none.

    Raises: GLPoseError if video, poses, weights or output cannot be used; Interrupted.
    """
    check_order(poses, "glpose embed POSES VIDEO")
    entries = find_recordings([video])
    if len(entries) != 1:
        raise BadInput(f"{video}: holds {len(entries)} videos; expected one, embed each alone")
    poses = poses_file_of(poses)
    given = read_poses(poses)
    (entry,) = entries
    inputs = (poses, *entry.paths, *_files_of(options.weights))
    check_new([output], overwrite=options.overwrite, inputs=inputs)
    embed = load_embedder(options.weights, options.engine)
    source = entry.open()
    check_belongs(given, source.info, entry.label)
    make_folder(output.parent)
    interrupt = interrupt or Interrupt()
    by_frame = {found.frame: found for found in given.frames if len(found.people)}
    rows: list[dict[str, np.ndarray]] = []
    who: set[int] = set()
    wanted = Wanted(source, entry.label, by_frame)
    reporter.start(entry.name, source.info.num_frames)
    try:
        with interrupt.listening(), closing(wanted.read()) as frames:
            for frame in frames:
                interrupt.check()
                found = by_frame.get(frame.index)
                if found is not None and frame.rgb is not None:
                    rows.append(_vectors(embed, frame, frame.rgb, found.people))
                    who.update(found.people.track_id.tolist())
                reporter.update(frame.index + 1, len(who))
    finally:
        reporter.stop()
    if not rows:
        raise BadInput(f"{poses}: no person in a frame of {entry.label}; nothing was written")
    joined = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    try:
        with whole_file(output) as part, part.open("wb") as file:
            np.savez(file, **joined)  # type: ignore[arg-type]  # no array is called `allow_pickle`
    except OSError as problem:
        raise cannot_write(output, problem) from problem
    made = Made([output])
    lack = lack_of(poses, len(given.frames), given.settings)
    for line in (*((lack,) if lack else ()), *wanted.lacks()):
        made.lack(line, reporter)
    reporter.result(f"{entry.name}: vectors of {len(joined['frame'])} crops in {output}")
    return made


def _files_of(weights: str) -> list[Path]:
    """The files that may be meant by weights, if they are no shipped name."""
    path = Path(weights)
    with looking_at(path):
        return [path, *(path.glob("*.onnx") if path.is_dir() else ())]


def _vectors(embed: Embedder, frame: Frame, rgb: Rgb, people: People) -> dict[str, np.ndarray]:
    """The rows of one frame."""
    crop = embed.card.crop
    crops = np.stack([cut(rgb, crop_from_image(xyxy, crop), crop) for xyxy in people.xyxy])
    parts = [embed(crops[i : i + _AT_ONCE]) for i in range(0, len(crops), _AT_ONCE)]
    appearance, pose = (np.concatenate(part) for part in zip(*parts, strict=True))
    return {
        "frame": np.full(len(people), frame.index, np.int64),
        "time_s": np.full(len(people), frame.time_s),
        "track_id": people.track_id,
        "xyxy": people.xyxy,
        "appearance": appearance,
        "pose": pose,
    }
