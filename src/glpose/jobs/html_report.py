"""Results as one page for the browser: `glpose report`.

made = write_report(Path("glpose-out/walk"), ReportOptions())
"""

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from glpose import __version__
from glpose.errors import BadInput, VideoError, one_line
from glpose.files import file_digest, is_same_file
from glpose.formats.poses import GivenPoses
from glpose.formats.text.lines import dump, write_text
from glpose.imaging import resize
from glpose.jobs.anew import how_anew
from glpose.jobs.given import (
    Given,
    Made,
    Wanted,
    check_motion,
    check_new,
    each_alone,
    open_given,
    warn_of_cut_off,
)
from glpose.jobs.refine import check_belongs
from glpose.jobs.report import SILENT, Reporter
from glpose.jobs.run import make_folder
from glpose.jobs.writers import OVERLAY, REPORT
from glpose.motion.doubts import doubts_of
from glpose.motion.people import Motion, motions_of
from glpose.motion.series import rising, usual_step_s
from glpose.motion.smooth import SmoothSpec
from glpose.runtime.load import read_card, shipped
from glpose.types import PoseResult
from glpose.video.source import Source, find_recordings
from glpose.video.writer import VideoWriter
from glpose.viewer.html_page import Contents, Picture, html_page

MOST_EMBEDDED = 32_000_000
"""Bytes of a video inside a page: some minutes; browsers hold the whole page in memory."""

_EMBEDDED_PX = 640  # the longer side
_EMBEDDED_CRF = 28
_LOOK_EVERY = 100  # frames between two looks at the size


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of `glpose report`; `output` is a file, by default `report.html` of the results.

    The picture comes from `video`, else from the overlay beside the results; with `no_video` there
    is none. `embed` puts it into the page, small and without sound.
    """

    output: Path | None = None
    video: Path | None = None
    no_video: bool = False
    embed: bool = False
    overwrite: bool = False


def write_report(
    results: Path | Sequence[Path],
    options: ReportOptions = ReportOptions(),
    reporter: Reporter = SILENT,
) -> Made:
    """Write a page with video, skeletons, people over time, curves, doubtful spans and settings.

    `results` may be several, or a folder of them: a page beside each, and what is bad is reported.
    Raises: BadInput if the only ones cannot be read or shown, the video is not theirs, or the page
    cannot be written. Nothing is left half written.
    """
    if options.no_video and (options.video is not None or options.embed):
        raise BadInput("--no-video leaves the video out; give it without --video and --embed")
    return each_alone(
        results,
        lambda file: _write_page(file, options, reporter),
        reporter,
        {"-o": options.output, "--video": options.video},
    )


def _write_page(file: Path, options: ReportOptions, reporter: Reporter) -> Made:
    given = open_given(file)
    check_motion(given)
    if 0 in given.result.video.size_hw:
        raise BadInput(f"{given.path}: says no size of its video; expected results of glpose run")
    output = options.output or given.path.parent / REPORT
    check_new([output], overwrite=options.overwrite, inputs=[given.path])
    film, lack = _film(given, options)
    if film is not None:
        check_new([output], overwrite=True, inputs=[film.path])
    if film is None and options.embed:
        how = "give it with --video"
        if given.private is not None:
            how = how_anew(given.path.with_name(OVERLAY), given.private)
        raise BadInput(f"{given.path}: no video to embed was found; {how}")
    picture, lacks = None, [lack] if lack else []
    if film is not None and film.is_overlay and given.is_drawn_before:
        lacks.append(
            f"{film.path}: shows people as they were before glpose link or drop; {_instead(given)}"
        )
    if film is not None and options.embed:
        picture, missing = _embedded(film, given.result)
        lacks += missing
    elif film is not None:
        picture = _linked(film, output)
    page = html_page(_contents(given, picture))
    make_folder(output.parent)
    write_text(output, page)
    made = Made([output])
    warn_of_cut_off(given, made, reporter)
    for line in lacks:
        made.lack(line, reporter)
    shown = "beside its video" if picture is not None else "skeletons on a plain ground"
    shown = "with its video inside" if options.embed else shown
    result = given.result
    reporter.result(
        f"{result.video.name}: {len(result.frames)} frames, {shown}; page of "
        f"{len(page) / 1e6:.1f} MB in {output}"
    )
    return made


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """A video that shows the results; `begin_s` is the time of its first frame in them."""

    path: Path
    source: Source
    begin_s: float
    is_overlay: bool


def _film(given: Given, options: ReportOptions) -> tuple[_Film | None, str]:
    """The video to show, and why not if there is one that is none of these results.

    Raises: BadInput if one was given that cannot be shown.
    """
    if options.no_video:
        return None, ""
    if options.video is not None:
        return _given_film(given, options.video), ""
    beside = given.path.parent / OVERLAY
    if not beside.is_file():
        return None, ""
    try:
        return _overlay(beside, given), ""
    except BadInput as problem:
        return None, f"the page shows skeletons on a plain ground: {problem}"


def _given_film(given: Given, path: Path) -> _Film:
    result = given.result
    if is_same_file(path, given.path.parent / OVERLAY):
        return _overlay(path, given)
    if given.private is not None:
        raise BadInput(
            f"{given.path}: was made with --private {given.private}, so that {path} would show who is to "
            "stay hidden; leave out --video"
        )
    path, source = _opened(path)
    poses = GivenPoses(result.skeleton, result.frames, result.video, result.models)
    check_belongs(poses, source.info, str(path))
    return _Film(path, source, 0.0, is_overlay=False)


def _opened(path: Path) -> tuple[Path, Source]:
    """A video by its path, or a folder that holds one, with the path of its file."""
    entry, *more = find_recordings([path])
    if entry.error is not None:
        raise entry.error
    if more or entry.is_images or not entry.paths:
        raise BadInput(f"{path}: is no video; expected the file of the video of these results")
    return entry.paths[0], entry.open()


def _instead(given: Given) -> str:
    """What to do about an overlay that does not show the results as they are."""
    others = "--no-video leaves it out"
    if given.private is None:
        others += ", --video VIDEO shows the video itself"
    return f"{others}; {how_anew(given.path.with_name(OVERLAY), given.private)}"


def _overlay(path: Path, given: Given) -> _Film:
    """The overlay of the results. Raises: BadInput for that of others."""
    path, source = _opened(path)
    result = given.result
    (height, width), size_hw = result.video.size_hw, source.info.size_hw
    padded = height + height % 2, width + width % 2
    num, counted = len(result.frames), source.info.num_frames
    if size_hw != padded:
        found = f"has {size_hw[1]} x {size_hw[0]} pixels"
        raise BadInput(
            f"{path}: {found}, but the results are those of {width} x {height}; {_instead(given)}"
        )
    if counted is not None and counted < num:
        raise BadInput(
            f"{path}: has {counted} frames, but the results have {num}; {_instead(given)}"
        )
    return _Film(path, source, result.frames[0].time_s, is_overlay=True)


def _linked(film: _Film, output: Path) -> Picture:
    """The video by its path from the page, so that both can be moved together."""
    path, folder = (os.path.abspath(p) for p in (film.path, output.parent))  # noqa: PTH100
    url = quote(os.fsencode(os.path.relpath(path, folder).replace(os.sep, "/")))
    return Picture(film.path.name, film.begin_s, film.is_overlay, url=url)


def _embedded(film: _Film, result: PoseResult) -> tuple[Picture, list[str]]:
    """A small copy of the frames of the results, without sound, and what it lacks of them.

    Raises: BadInput if it takes more than `MOST_EMBEDDED` bytes, or the video has none of the frames;
    VideoError if there is no room for it.
    """
    # An overlay has only the frames of the results.
    numbers = enumerate(result.frames) if film.is_overlay else ((p.frame, p) for p in result.frames)
    shown = {number for number, _ in numbers}
    wanted = Wanted(film.source, str(film.path), shown)
    height, width = result.video.size_hw
    shrink = min(1.0, _EMBEDDED_PX / max(height, width))
    size_hw = max(2, round(height * shrink)), max(2, round(width * shrink))
    begin_s = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.mp4"
        source = film.source
        with (
            _says_where(folder, film.path),
            VideoWriter(
                path,
                size_hw,
                result.video.rate_hz,
                time_base=source.time_base,
                crf=_EMBEDDED_CRF,
                whole=True,
            ) as writer,
        ):
            for frame in wanted.read():
                if frame.rgb is None or frame.index not in shown:
                    continue
                begin_s = film.begin_s + frame.time_s if begin_s is None else begin_s
                writer.write(resize(frame.rgb, size_hw), frame.time_s)
                if writer.num_frames % _LOOK_EVERY == 0:
                    _check_size(writer.partial, film.path)
        if begin_s is None:
            raise BadInput(f"{film.path}: none of the frames can be decoded; give another --video")
        _check_size(path, film.path)
        picture = Picture(film.path.name, begin_s, film.is_overlay, data=path.read_bytes())
        return picture, wanted.lacks()


@contextmanager
def _says_where(folder: str, video: Path) -> Iterator[None]:
    """Problems with a file in a temporary folder say what can be done about it."""
    try:
        yield
    except VideoError as problem:
        if one_line(folder) not in str(problem):
            raise
        raise VideoError(
            f"{video}: no room for a small copy of it in {Path(folder).parent}, or it cannot be written "
            "there; set TMPDIR to a folder with room, or leave out --embed"
        ) from problem


def _check_size(part: Path, video: Path) -> None:
    if part.stat().st_size > MOST_EMBEDDED:
        raise BadInput(
            f"{video}: takes more than {MOST_EMBEDDED / 1e6:.0f} MB in a page; leave out --embed, so "
            "that the page shows the file beside it"
        )


def _contents(given: Given, picture: Picture | None) -> Contents:
    result = given.result
    motions, angles = _motions(given)
    series = {number: motion.series for number, motion in motions.items()}
    return Contents(
        result,
        motions,
        doubts_of(result.frames, series),
        picture,
        angles,
        list(_notes(given, picture)),
        dict(_told(result)),
        list(_weights(result)),
        f"glpose {__version__}",
    )


def _motions(given: Given) -> tuple[dict[int, Motion], str]:
    """How people move, and how their angles were made."""
    frames, skeleton = given.result.frames, given.result.skeleton
    how = SmoothSpec()
    time_s = rising(np.array([poses.time_s for poses in frames], np.float64))
    if given.is_smoothed:
        return motions_of(frames, skeleton, None), "from the smoothed joints"
    if how.cutoff_hz >= 0.5 / usual_step_s(time_s):
        return motions_of(frames, skeleton, None), "from the joints as found"
    said = f"filtered ({how.filter}, {how.cutoff_hz:g} Hz), as by glpose angles"
    return motions_of(frames, skeleton, how), said


def _notes(given: Given, picture: Picture | None) -> Iterator[str]:
    if given.lack:
        yield "The results are of a run that did not end well: frames may be missing."
    if picture is None:
        how = "; glpose report --video adds one" if given.private is None else ""
        yield f"There is no video: skeletons are drawn on a plain ground{how}."
    if picture is not None and picture.is_drawn and given.is_drawn_before:
        yield "The video shows people as they were before glpose link or drop: it was drawn earlier."
    if given.is_smoothed:
        yield "The joints were smoothed by glpose smooth."
    if given.private is not None:
        yield f"People were hidden in the pictures (--private {given.private})."


def _told(result: PoseResult) -> Iterator[tuple[str, str]]:
    """Settings of the results by name, as texts."""
    video = result.video
    yield "video", video.name
    yield "size", f"{video.size_hw[1]} x {video.size_hw[0]} pixels"
    yield "frame rate", "not known" if math.isnan(video.rate_hz) else f"{video.rate_hz:g} Hz"
    yield "skeleton", f"{result.skeleton.name}, {len(result.skeleton.joints)} joints"
    for name, value in result.settings.items():
        if value is not None:
            yield name, value if isinstance(value, str) else dump(value)


def _weights(result: PoseResult) -> Iterator[dict[str, str]]:
    """What is known about each network of the results; terms only of weights in this package."""
    if not result.models:
        return
    files = {file_digest(file): file for weights in shipped() for file in weights.files}
    for use, record in result.models.items():
        digests = record.get("sha256")
        digests = list(digests.values()) if isinstance(digests, dict) else []
        known = [files[digest] for digest in digests if digest in files]
        cards = [read_card(file) for file in known]
        yield {
            "use": use,
            "name": f"{record.get('name', '')} {record.get('version', '')}".strip(),
            "licence": "; ".join(dict.fromkeys(card.licence for card in cards)),
            "terms": "; ".join(dict.fromkeys(card.terms for card in cards)),
            "digest": ", ".join(str(digest)[:12] for digest in digests),
        }
