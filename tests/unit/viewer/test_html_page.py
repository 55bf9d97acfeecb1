"""The page as text: what is in it, and that nothing from outside becomes part of its markup."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import glpose
from glpose.motion.doubts import Doubt
from glpose.motion.people import motions_of
from glpose.skeleton import BODY19, LSP14
from glpose.types import FramePoses, PoseResult
from glpose.viewer.html_page import ANGLES, Contents, Picture, html_page
from glpose.viewer.overlay import shade_of, track_colour
from walking import INFO, Walk, frame_of, walk

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- {{poses}} \" ' & \u2028 \ud800"
FILES = Path(glpose.__file__).parent / "viewer" / "page"


class Read(HTMLParser):
    """The tags of a page with their attributes, and the texts of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.titles: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        if self._inside == "title":
            self.titles.append(data)

    @property
    def facts(self) -> dict:
        return json.loads(self.scripts[0])


def contents(text: str = "walk.mp4", *, picture: Picture | None = None) -> Contents:
    """A page of a walk in which every text that comes from outside is `text`."""
    frames = tuple(walk([i / 25 for i in range(20)]))
    result = PoseResult(replace(INFO, name=text), BODY19, frames)
    weights = [dict.fromkeys(("use", "name", "licence", "terms", "digest"), text)]
    return Contents(
        result,
        motions_of(frames, BODY19, None),
        [Doubt("gap", 1, 3, 4), Doubt("numbers change", None, 5, 5)],
        picture,
        text,
        [text],
        {text: text},
        weights,
        text,
    )


def test_foreign_texts_stay_texts() -> None:
    evil = Picture(EVIL, 0.0, is_drawn=False, url="walk.mp4")
    page = html_page(contents(EVIL, picture=evil))
    page.encode("utf-8")
    read, harmless = Read(page), Read(html_page(contents()))
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in harmless.tags]
    assert read.tags[2][1].keys() == harmless.tags[2][1].keys()
    facts = read.facts
    texts = [
        facts["name"], facts["notes"][0], *facts["settings"][0], *facts["weights"][0].values(),
        facts["made_by"], facts["angles"]["how"], facts["picture"]["name"],
    ]  # fmt: skip
    assert texts == [EVIL] * len(texts)
    assert "onerror" in read.titles[0]


def test_nothing_is_asked_of_a_network() -> None:
    page = html_page(contents(picture=Picture("walk.mp4", 0.0, is_drawn=True, url="../walk.mp4")))
    assert "http:" not in page
    assert "https:" not in page
    for _, attributes in Read(page).tags:
        for name in ("src", "href", "data", "action", "srcset", "poster"):
            assert attributes.get(name, "#") in ("data:,", "#", "#controls", "#doubts-title")


def test_the_policy_allows_this_script_and_no_other() -> None:
    read = Read(html_page(contents()))
    (policy,) = (a["content"] for _, a in read.tags if a.get("http-equiv"))
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(read.scripts[-1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    # Else the element would end in the middle, or the digest be that of another text.
    assert "</" not in read.scripts[-1]


@pytest.mark.parametrize("path", sorted(FILES.glob("*.js")), ids=lambda path: path.name)
def test_scripts_write_no_html_and_run_no_text(path: Path) -> None:
    script = path.read_text("utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in script
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "localStorage", "sendBeacon"):
        assert word not in script


def test_what_the_page_says_about_people() -> None:
    facts = Read(html_page(contents())).facts
    (person,) = facts["people"]
    assert (person["id"], person["first"], person["present"]) == ("1", 0, [[0, 20]])
    red, green, blue = shade_of(track_colour(1), -1)
    assert person["colours"][2] == f"#{red:02x}{green:02x}{blue:02x}"
    assert (person["xy"]["rows"], person["xy"]["channels"]) == (20, 38)
    assert person["score"]["channels"] == 19
    assert facts["angles"]["names"] == list(ANGLES)
    assert facts["doubts"] == [["gap", "1", 3, 4], ["numbers change", None, 5, 5]]
    assert (facts["size"], facts["rows"], facts["picture"]) == ([2000, 480], 20, None)


def test_left_and_right_of_an_angle_are_shown_alike() -> None:
    """Half a turn on where one of them wraps."""
    some = contents()
    steps = np.where(np.arange(20) % 2, -89.0, 269.0)
    filtered = some.motions[1].filtered | {"left_shoulder_flexion": steps}
    motions = {1: replace(some.motions[1], filtered=filtered)}
    (person,) = Read(html_page(replace(some, motions=motions))).facts["people"]
    least = dict(zip(ANGLES, person["least"], strict=True))
    assert least["left_shoulder_flexion"] == least["right_shoulder_flexion"] == 90
    assert least["left_knee_flexion"] == least["trunk_segment"] == -180


def test_a_skeleton_without_a_face_has_the_angles_of_the_trunk() -> None:
    of_body = [BODY19.index(name.replace("neck", "head_bottom")) for name in LSP14.joints]
    frames = [_with(poses, of_body) for poses in walk([i / 25 for i in range(20)])]
    frames[3] = replace(frames[3], score=frames[3].score * 0 + 0.5)
    some = replace(
        contents(),
        result=PoseResult(INFO, LSP14, tuple(frames)),
        motions=motions_of(frames, LSP14, None),
    )
    facts = Read(html_page(some)).facts
    assert facts["people"][0]["xy"]["channels"] == 28
    assert facts["angles"]["names"] == ["trunk_segment"]


def _with(poses: FramePoses, joints: list[int]) -> FramePoses:
    return replace(poses, xy=poses.xy[:, joints], score=poses.score[:, joints])


def test_a_person_in_two_frames_and_joints_that_are_nowhere() -> None:
    joints = Walk().joints(0.0)
    nowhere = np.full_like(joints, np.nan)
    frames = [
        frame_of(i, i / 25, {1: joints} | ({2: nowhere} if i in (1, 2) else {})) for i in range(9)
    ]
    some = replace(
        contents(),
        result=PoseResult(INFO, BODY19, tuple(frames)),
        motions=motions_of(frames, BODY19, None),
    )
    one, two = Read(html_page(some)).facts["people"]
    assert (two["first"], two["present"], two["xy"]["planes"]) == (1, [[0, 2]], 0)
    assert one["xy"]["planes"] == 2


def test_an_embedded_video_is_the_third_script() -> None:
    some = contents(picture=Picture("walk.mp4", 0.0, is_drawn=False, data=b"\0\1video"))
    read = Read(html_page(some))
    assert base64.b64decode(read.scripts[2]) == b"\0\1video"
    assert read.facts["picture"]["url"] is None


def colours(style: str) -> dict[str, list[float]]:
    return {
        name: [int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        for name, code in re.findall(r"--([\w-]+): #(\w{6});", style)
    }


def luminance(rgb: list[float]) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines 2.2 define it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_texts_have_the_contrast_of_level_aa_in_light_and_dark() -> None:
    light, dark = (FILES / "page.css").read_text("utf-8").split("prefers-color-scheme: dark")
    for scheme in (colours(light), colours(dark)):
        pairs = [(name, "ground") for name in ("text", "quiet", "doubt", "curve-a", "curve-b")]
        for text, ground in [*pairs, ("text", "raised"), ("on-accent", "accent")]:
            high, low = sorted((luminance(scheme[text]), luminance(scheme[ground])), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
