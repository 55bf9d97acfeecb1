"""Results as one HTML page that a browser opens offline: `html_page`.

The page is put together of the files in `page/`: a frame, a style and scripts. The results go into
it as data, which the scripts unpack (`packing`) and write into the page as text, never as HTML. Its
content security policy allows nothing but these scripts and the video.
"""

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jaxtyping import Float64

from glpose.formats.text.lines import dump
from glpose.imaging import Colour
from glpose.motion.angles import least_shown
from glpose.motion.doubts import Doubt
from glpose.motion.people import Motion
from glpose.motion.series import runs
from glpose.types import PoseResult
from glpose.viewer.overlay import DOUBTFUL, HIDDEN, SURE, shade_of, sides_of, track_colour
from glpose.viewer.packing import Packing

_FILES = files("glpose.viewer") / "page"
_SCRIPTS = ("unpack.js", "results.js", "skeletons.js", "player.js", "charts.js", "page.js")

QUANTUM_PX = 0.1
"""Coordinates in the page are rounded to this; scores, angles and times to those below."""

QUANTUM_SCORE = 0.01
QUANTUM_DEG = 0.1
QUANTUM_S = 1e-5

ANGLES = tuple(
    f"{side}_{joint}_flexion"
    for joint in ("knee", "hip", "shoulder", "elbow")
    for side in ("left", "right")
) + ("trunk_segment",)
"""The angles that a page shows, of those in `motion.angles`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the page has its video from: beside it at a relative `url`, or inside as `data`, an MP4.

    It may have any size, and is stretched to that of the results. `begin_s` is the time of its first
    frame in the results. `is_drawn`: it shows the skeletons already.
    """

    name: str
    begin_s: float
    is_drawn: bool
    url: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What a page shows. `motions` are those of the result's people, `doubts` spans of its rows.

    `angles` says in words how the angles were made, `notes` what the reader should know, `settings`
    and `weights` are tables: names and texts.
    """

    result: PoseResult
    motions: Mapping[int, Motion]
    doubts: Sequence[Doubt]
    picture: Picture | None
    angles: str
    notes: Sequence[str]
    settings: Mapping[str, str]
    weights: Sequence[Mapping[str, str]]
    made_by: str


def html_page(contents: Contents) -> str:
    """The page. Raises: BadInput for times or coordinates that are too large."""
    packing = Packing()
    facts = _facts(contents, packing)
    script = "".join(map(_file, _SCRIPTS))
    picture = contents.picture
    video = b"" if picture is None or picture.data is None else picture.data
    title = html.escape(f"{contents.result.video.name}: glpose report")
    parts = {
        # Names that are no text in any encoding are shown with marks in place of bytes.
        "title": title.encode("ascii", "xmlcharrefreplace").decode("ascii"),
        "policy": html.escape(_policy(script)),
        "style": _file("page.css"),
        "script": script,
        "facts": _as_script(facts),
        "poses": packing.text(),
        "video": base64.b64encode(video).decode("ascii"),
    }
    return _filled(_file("page.html"), parts)


def _file(name: str) -> str:
    return (_FILES / name).read_text("utf-8")


def _filled(frame: str, parts: Mapping[str, str]) -> str:
    """The frame with parts in place of their names in double braces, which parts may hold as well."""
    first, *pieces = frame.split("{{")
    filled = [first]
    for piece in pieces:
        name, _, rest = piece.partition("}}")
        filled += [parts[name], rest]
    return "".join(filled)


def _policy(script: str) -> str:
    """Nothing from elsewhere, and no script but this one, whatever names or settings may hold."""
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; media-src 'self' file: blob:; base-uri 'none'; form-action 'none'"
    )


def _as_script(facts: object) -> str:
    """JSON that cannot end the element that holds it."""
    return dump(facts).replace("<", "\\u003c")


def _facts(contents: Contents, packing: Packing) -> dict[str, object]:
    result, picture = contents.result, contents.picture
    frames, skeleton = result.frames, result.skeleton
    height, width = result.video.size_hw
    times = np.array([[poses.time_s] for poses in frames], np.float64)
    numbers = np.array([[poses.frame] for poses in frames], np.float64)
    return {
        "name": result.video.name,
        "size": [width, height],
        "rows": len(frames),
        "times": packing.add(times, QUANTUM_S),
        "frames": packing.add(numbers, 1.0),
        "joints": skeleton.joints,
        "bones": skeleton.bones,
        "sides": sides_of(skeleton),
        "limits": {"sure": SURE, "doubtful": DOUBTFUL, "hidden": HIDDEN},
        "angles": {"names": _known_angles(contents.motions), "how": contents.angles},
        "people": [
            _person(number, motion, packing) for number, motion in sorted(contents.motions.items())
        ],
        "doubts": [
            [d.kind, None if d.person is None else str(d.person), d.first, d.last]
            for d in contents.doubts
        ],
        "picture": None
        if picture is None
        else {
            "name": picture.name,
            "begin": picture.begin_s,
            "drawn": picture.is_drawn,
            "url": picture.url,
        },
        "notes": list(contents.notes),
        "settings": list(contents.settings.items()),
        "weights": list(contents.weights),
        "made_by": contents.made_by,
    }


def _known_angles(motions: Mapping[int, Motion]) -> list[str]:
    """The angles that the skeleton has."""
    known = next(iter(motions.values())).filtered
    return [name for name in ANGLES if name in known]


def _person(number: int, motion: Motion, packing: Packing) -> dict[str, object]:
    series = motion.series
    xy = series.xy.reshape(len(series.rows), -1)
    score = np.where(series.is_present[:, None], series.score, np.nan)
    names = _known_angles({number: motion})
    angles = [motion.filtered[name] for name in names]
    return {
        "id": str(number),  # numbers of scripts are exact up to 2^53 only
        "first": int(series.rows[0]),
        "present": runs(series.is_present),
        "colours": _colours(number),
        "xy": packing.add(xy, QUANTUM_PX),
        "score": packing.add(score, QUANTUM_SCORE),
        "angles": packing.add(_stacked(angles, len(series.rows)), QUANTUM_DEG),
        "least": [_least(name, motion) for name in names],
        "unsure": int(series.unsure_sides.sum()),
        "gait": _gait(motion),
    }


def _stacked(
    columns: Sequence[Float64[np.ndarray, " rows"]], num_rows: int
) -> Float64[np.ndarray, "rows channels"]:
    return np.stack(columns, axis=1) if columns else np.zeros((num_rows, 0))


def _least(name: str, motion: Motion) -> float:
    """From which value on an angle is shown; left and right are curves of one picture."""
    kind = _both(name)
    return least_shown(
        name, [one for other, one in motion.filtered.items() if _both(other) == kind]
    )


def _both(name: str) -> str:
    """The name of an angle of left and right."""
    return name.removeprefix("left_").removeprefix("right_")


def _gait(motion: Motion) -> str:
    gait = motion.gait
    if gait is None:
        return ""
    return f"stride {gait.stride_s:.2f} s, {gait.cadence_per_min:.0f} steps a minute"


def _colours(number: int) -> list[str]:
    """The colours of middle, left and right joints, as in the overlay."""
    return [_css(shade_of(track_colour(number), side)) for side in (0, 1, -1)]


def _css(colour: Colour) -> str:
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"
