"""The page of `glpose report` in a real browser, worked by keyboard alone.

The pictures of the video carry their index, so that what the browser shows is compared with what
the page says.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bad_videos import SIZE_HW, read_index, write_video
from glpose.jobs.html_report import ReportOptions, write_report
from glpose.skeleton import BODY19
from glpose.types import FramePoses, VideoInfo
from walking import Walk, frame_of, turned, written

api = pytest.importorskip("playwright.sync_api")
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.slow,
]

NAME = "</script><img src=x onerror=alert(1)>"
STEPS_MS = (40, 33, 41, 40, 7, 120)  # one after the other: a variable rate
TIMES_MS = [int(ms) for ms in np.cumsum([0, *(STEPS_MS[i % len(STEPS_MS)] for i in range(59))])]


def joints(time_s: float) -> np.ndarray:
    """The walk, small and in the upper half, where pictures have no bits."""
    return Walk().joints(time_s) * 0.2 + [20, 10]


def poses_at(row: int) -> FramePoses:
    """Person 1 in all frames, 2 from frame 20 on; sides of 2 are unsure in 30 to 33, of 1 in 50."""
    time_s = TIMES_MS[row] / 1000
    people = {1: joints(time_s)} | ({2: joints(time_s) + [120, 3]} if row >= 20 else {})
    poses = frame_of(row, time_s, people)
    return replace(poses, unsure_sides=np.array([row == 50, 30 <= row <= 33])[: len(people)])


@dataclass
class Opened:
    """A page, and everything that the browser asks for or complains of."""

    page: Any
    asked: list[str]
    said: list[str]

    def open(self, path: Path) -> None:
        self.asked.clear()
        self.page.goto(path.as_uri())
        self.until(lambda: self.text("status") != "")

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait; not by Playwright's own means, which the policy of the page forbids."""
        for _ in range(800):
            if is_so():
                return
            self.page.wait_for_timeout(25)
        assert is_so(), self.text("status")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def slow_down(self) -> None:
        """To a tenth, so that a slow machine stops it before the end."""
        self.page.locator("#speed").focus()
        self.press("Home", "Tab")
        assert self.page.locator("#speed").input_value() == "0.1"

    def status(self, said: str) -> str:
        """The live region once it says this."""
        self.until(lambda: said in self.text("status"))
        return self.text("status")

    def text(self, name: str) -> str:
        return self.page.locator(f"#{name}").inner_text()

    @property
    def frame(self) -> int:
        """The number of the frame that the clock says."""
        return int(self.text("clock").split("frame ")[1])

    def wait_for_video(self) -> None:
        video = "document.getElementById('video')"
        self.until(lambda: self.page.evaluate(f"{video}.readyState >= 2 && !{video}.seeking"))

    def wait_for_picture(self, index: int) -> None:
        """Until the stage shows the picture with this index, and stays with it."""
        self.wait_for_video()
        self.until(lambda: self.shown() == index)
        self.page.wait_for_timeout(100)
        assert self.shown() == index

    def shown(self) -> int:
        """The index that the picture of the stage carries."""
        data = np.frombuffer(self.page.locator("#stage").screenshot(), np.uint8)
        rgb = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return read_index(rgb)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda problem: said.append(str(problem)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    yield Opened(page, asked, said)
    assert said == []
    context.close()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "a #1 <img src=x onerror=alert(1)>.mp4", times_ms=TIMES_MS)


def results(folder: Path, first: int = 0) -> Path:
    info = VideoInfo(NAME, SIZE_HW, 25.0, num_frames=len(TIMES_MS))
    return written(folder, [poses_at(row) for row in range(first, len(TIMES_MS))], info)


def test_a_report_by_keyboard_alone(opened: Opened, tmp_path: Path, video: Path) -> None:
    (page,) = write_report(results(tmp_path / "walk"), ReportOptions(video=video)).files
    opened.open(page)
    opened.wait_for_video()
    assert opened.text("name") == NAME
    assert opened.page.locator("img").count() == 0
    assert opened.status("Frame 0, 0:00.000. People: 1.").endswith("People: 1.")
    opened.wait_for_picture(0)

    opened.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    opened.status("Frame 2, ")
    opened.wait_for_picture(2)
    opened.press("Shift+ArrowRight")
    nearest = int(np.argmin(np.abs(np.array(TIMES_MS) - TIMES_MS[2] - 1000)))
    opened.status(f"Frame {nearest}, ")
    opened.wait_for_picture(nearest)
    opened.press("End")
    opened.status("Frame 59, ")
    opened.wait_for_picture(59)
    opened.press("Home")
    opened.status("Frame 0, ")

    opened.press("2")
    opened.status("Person 2")
    assert opened.page.locator("#person").input_value() == "2"
    assert opened.text("joint-value") == "none, none"  # not there yet
    opened.press("n", "n")
    opened.status("Person 1: sides unsure.")
    assert (opened.frame, opened.page.locator("#person").input_value()) == (50, "1")
    opened.press("n")
    opened.status("There is no later span to look at.")
    opened.press("p")
    assert opened.status("Frame 30") == (
        f"Frame 30, 0:0{TIMES_MS[30] / 1000:.3f}. People: 1, 2. Person 2: sides unsure."
    )
    opened.wait_for_picture(30)
    for joint in (0, 15):  # an ankle goes forwards and back
        opened.page.locator("#joint").select_option(str(joint))
        place = joints(TIMES_MS[30] / 1000)[joint] + [120, 3]
        values = [float(v) for v in re.findall(r"[\d.]+", opened.text("joint-value"))]
        assert values == pytest.approx(place.tolist(), abs=0.1)
    assert opened.text("score-value") == "0.80, 0.80"
    opened.page.locator("#on").focus()

    opened.slow_down()
    opened.press("k")
    opened.status("Playing")
    opened.until(lambda: opened.frame > 31)
    opened.press("k")
    opened.status("Frame ")
    row = opened.frame
    assert 31 < row < 59
    opened.wait_for_picture(row)

    assert opened.asked == [page.as_uri(), video.as_uri()]


def test_what_a_screen_reader_and_the_tab_key_find(
    opened: Opened, tmp_path: Path, video: Path
) -> None:
    (page,) = write_report(results(tmp_path / "walk"), ReportOptions(no_video=True)).files
    opened.open(page)
    opened.press("Tab", "Enter", "Tab")  # the link past the head, then the first button
    focused = "document.activeElement.id"
    assert opened.page.evaluate(focused) == "first"
    seen = []
    for _ in range(14):
        opened.press("Tab")
        seen.append(opened.page.evaluate(focused))
    assert seen[:8] == ["back", "play", "on", "last", "person", "speed", "drawn", "help"]
    assert {"span", "timeline-room", "angle", "joint"} <= set(seen)
    # A button that has the focus keeps the key that presses it.
    opened.page.locator("#on").focus()
    opened.press(" ")
    opened.status("Frame 1, ")
    unnamed = opened.page.evaluate(
        """[...document.querySelectorAll('button, select, input, canvas, [role=region]')].filter(
             (e) => !(e.textContent.trim() || e.getAttribute('aria-label')
               || e.getAttribute('aria-labelledby') || e.labels?.length)).map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    rows = opened.page.locator("#people tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert "0:00.000 to 0:02.690" in rows[0]
    labels = [d.get_attribute("aria-label") for d in opened.page.locator("#doubts button").all()]
    assert [label.split(", ", 1)[1] for label in labels] == [
        "sides unsure, person 2", "sides unsure, person 1",
    ]  # fmt: skip
    opened.press("?")
    assert opened.page.locator("#keys").is_visible()
    opened.press("Escape")
    assert not opened.page.locator("#keys").is_visible()
    assert opened.asked == [page.as_uri()]


def test_a_part_with_its_overlay_inside(opened: Opened, tmp_path: Path) -> None:
    """The overlay begins at 0 where the results begin later; it is not asked for as a file."""
    folder = results(tmp_path / "walk", first=10)
    later = [ms - TIMES_MS[10] for ms in TIMES_MS[10:]]
    write_video(folder / "overlay.mp4", times_ms=later)  # its pictures count from 0
    (page,) = write_report(folder, ReportOptions(embed=True)).files
    opened.open(page)
    opened.wait_for_video()
    opened.status("Frame 10, ")
    opened.wait_for_picture(0)
    opened.press("n", "ArrowRight")
    opened.status("Frame 31, ")
    opened.wait_for_picture(21)
    assert not opened.page.locator("#drawn").is_checked()
    assert [url for url in opened.asked if not url.startswith("blob:")] == [page.as_uri()]


def test_a_video_whose_pictures_begin_late(opened: Opened, tmp_path: Path) -> None:
    """Times of results count from the first picture, those of the browser from the first sound."""
    video = write_video(tmp_path / "late.mp4", times_ms=[200 + ms for ms in TIMES_MS], audio="aac")
    (page,) = write_report(results(tmp_path / "walk", first=3), ReportOptions(video=video)).files
    opened.open(page)
    opened.wait_for_picture(3)
    opened.press("n")
    opened.wait_for_picture(30)


def test_a_video_that_is_gone_is_said_and_the_rest_works(
    opened: Opened, tmp_path: Path, video: Path
) -> None:
    (page,) = write_report(results(tmp_path / "walk"), ReportOptions(video=video)).files
    video.unlink()
    opened.open(page)
    opened.page.wait_for_selector("#problem:visible")
    assert f"The video {video.name} cannot be played here" in opened.text("problem")
    opened.press("n")
    opened.slow_down()
    opened.press("k")
    opened.until(lambda: opened.frame > 31)
    opened.press("k")
    opened.status("People: 1, 2.")
    drawn = opened.page.evaluate(
        """() => { const c = document.getElementById('skeletons');
             return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); }"""
    )
    assert drawn
    # The browser itself says that the file is not there.
    assert all("ERR_FILE_NOT_FOUND" in line for line in opened.said)
    opened.said.clear()


def test_skeletons_are_those_of_the_picture_where_the_browser_shows_a_neighbour(
    opened: Opened, tmp_path: Path
) -> None:
    """B-frames at a harsh rate: how long they last, a browser guesses by the order in the file."""
    times = np.cumsum([0, *([100, 4, 33, 8, 17] * 12)[:59]]).tolist()
    video = write_video(tmp_path / "harsh.mp4", times_ms=times)
    info = VideoInfo("harsh.mp4", SIZE_HW, 25.0, num_frames=60)
    folder = written(
        tmp_path / "walk",
        [frame_of(row, ms / 1000, {1: joints(row / 25)}) for row, ms in enumerate(times)],
        info,
    )
    (page,) = write_report(folder, ReportOptions(video=video)).files
    opened.open(page)
    opened.wait_for_picture(0)
    told = r"Frame (\d+), .*what you see is frame (\d+)"
    num_right = 0
    for row in range(1, 13):
        opened.press("ArrowRight")
        opened.status(f"Frame {row}, ")

        def fits(row: int = row) -> bool:
            said = re.match(told, opened.text("status"))
            return opened.shown() == (int(said[2]) if said else row)

        opened.until(fits)
        opened.page.wait_for_timeout(200)
        assert fits()
        num_right += opened.shown() == row
    assert num_right >= 8  # 4 if each row is asked for only once


def test_play_before_the_video_has_loaded(opened: Opened, tmp_path: Path, video: Path) -> None:
    opened.page.add_init_script(
        """const soon = setInterval(() => {
             if (!document.getElementById("loading")?.hidden) return;
             clearInterval(soon);
             document.getElementById("play").click();
           }, 0);"""
    )
    (page,) = write_report(results(tmp_path / "walk"), ReportOptions(video=video)).files
    opened.open(page)
    opened.wait_for_video()
    opened.until(lambda: opened.frame == 59 and opened.text("play") == "Play")


def test_next_and_previous_reach_each_span(opened: Opened, tmp_path: Path) -> None:
    """Three begin in the first frame, two in another."""
    unsure = {0: (1, 1), 1: (1, 0), 20: (1, 1)}
    frames = [
        replace(
            frame_of(row, row / 25, {1: joints(row / 25), 2: joints(row / 25) + [120, 3]}),
            unsure_sides=np.array(unsure.get(row, (0, 0)), bool),
            status="undecodable" if row == 0 else "ok",
        )
        for row in range(40)
    ]
    folder = written(tmp_path / "walk", frames, VideoInfo(NAME, SIZE_HW, 25.0, num_frames=40))
    (page,) = write_report(folder, ReportOptions(no_video=True)).files
    opened.open(page)
    rows = opened.page.locator("#doubts tbody tr")
    marked = "[...document.querySelectorAll('#doubts tbody tr')].findIndex((r) => r.ariaCurrent)"
    num = rows.count()
    assert num == 5
    for key, places in (("n", range(num)), ("p", range(num - 2, -1, -1))):
        for place in places:
            opened.press(key)
            assert opened.page.evaluate(marked) == place
    opened.press("p")
    opened.status("There is no earlier span to look at.")
    opened.press("ArrowRight", "n")  # on from where the user is now
    assert opened.page.evaluate(marked) == 3


def test_times_numbers_and_bars_can_be_told_apart(opened: Opened, tmp_path: Path) -> None:
    """At 240 Hz; of numbers that a script's own numbers cannot hold; colours are light, so is the page."""
    ids = (5, 2**53, 2**53 + 1)
    people = {number: joints(0.0) + [100 * at, 0] for at, number in enumerate(ids)}
    people[ids[-1]][[BODY19.index("left_knee"), BODY19.index("right_knee")]] = np.nan
    frames = [frame_of(row, row / 240, people) for row in range(12)]
    folder = written(tmp_path / "walk", frames, VideoInfo(NAME, SIZE_HW, 240.0, num_frames=12))
    (page,) = write_report(folder, ReportOptions(no_video=True)).files
    opened.open(page)
    rows = opened.page.locator("#people tbody tr").all_inner_texts()
    assert [row.split()[0] for row in rows] == [str(number) for number in ids]
    assert "0:00.000 to 0:00.046" in rows[0]
    for number in map(str, ids):
        opened.page.locator("#person").select_option(number)
        assert opened.page.locator("#people tr[aria-current]").inner_text().split()[0] == number
    edge, bar = opened.page.evaluate(
        """() => { const c = document.getElementById("timeline"), r = devicePixelRatio;
             const { data } = c.getContext("2d").getImageData(c.width / 2, 0, 1, 9 * r);
             return [3, 8].map((y) => [...data.slice(4 * y * r, 4 * y * r + 3)]); }"""
    )
    assert sum(bar) > 400, bar
    assert sum(edge) < 330, edge  # a contrast of 7 to white
    drawn = """() => { const said = []; const draw = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
        said.push(String(text)); draw.call(this, text, ...at); };
      document.getElementById("joint").dispatchEvent(new Event("change")); return said; }"""
    said = opened.page.evaluate(drawn)
    labels = [text for text in said if re.match(r"0:00", text)]
    # The three curves have the same axis of times.
    assert len(labels) == 3 * len(set(labels)) > 3
    assert "not seen from the side, or not found here" in said


def report_of(folder: Path, people: Callable[[float], dict[int, np.ndarray]], rate: float) -> Path:
    """A page without a video of four seconds of people who are placed by the time."""
    frames = [frame_of(row, row / rate, people(row / rate)) for row in range(round(4 * rate))]
    info = VideoInfo(NAME, SIZE_HW, rate, num_frames=len(frames))
    (page,) = write_report(written(folder, frames, info), ReportOptions(no_video=True)).files
    return page


def test_angles_that_go_through_half_a_turn(opened: Opened, tmp_path: Path) -> None:
    """1 lies and sways, 2 turns over and over: no line goes from one end of the range to the other."""

    def people(time_s: float) -> dict[int, np.ndarray]:
        sway = 2 * np.sin(2 * np.pi * time_s)
        return {1: turned(joints(0), 90 + sway), 2: turned(joints(0) + [120, 3], 360 * time_s)}

    opened.open(report_of(tmp_path / "lie", people, 25.0))
    drawn = """() => { const at = []; const labels = []; let last = null;
      const { moveTo, lineTo, fillText } = CanvasRenderingContext2D.prototype;
      const of = (context) => context.canvas.id === "angle-curve";
      Object.assign(CanvasRenderingContext2D.prototype, {
        moveTo(x, y) { last = y; moveTo.call(this, x, y); },
        lineTo(x, y) { if (of(this)) at.push(Math.abs(y - last)); last = y; lineTo.call(this, x, y); },
        fillText(text, ...where) { if (of(this)) labels.push(Number(text)); },
      });
      const choice = document.getElementById("angle");
      choice.value = "trunk_segment";
      choice.dispatchEvent(new Event("change"));
      Object.assign(CanvasRenderingContext2D.prototype, { moveTo, lineTo, fillText });
      const { height } = document.getElementById("angle-curve").getBoundingClientRect();
      return [Math.max(...at) / height, at.length, labels.filter((one) => one > 100)]; }"""
    longest, _, labels = opened.page.evaluate(drawn)
    assert set(labels) == {178, 180, 182}
    assert opened.text("angle-value") == "-180.0 degrees"
    opened.page.locator("#person").select_option("2")
    longest, num, _ = opened.page.evaluate(drawn)
    assert num > 90
    assert longest < 0.1


def test_the_curves_move_by_whole_spans(opened: Opened, tmp_path: Path) -> None:
    """At a rate whose times are no round numbers, frame by frame to the end."""
    page = report_of(tmp_path / "walk", lambda time_s: {1: joints(time_s)}, 29.97)
    opened.open(page)
    opened.page.locator("#span").select_option("1")
    moves = opened.page.evaluate(
        """() => { const seen = []; document.getElementById("first").click();
          for (let row = 0; row < 119; row++) {
            const shown = document.getElementById("shown").textContent;
            if (shown !== seen.at(-1)) seen.push(shown);
            document.getElementById("on").click();
          } return seen; }"""
    )
    assert opened.frame == 119
    assert [move.split()[0] for move in moves] == [
        "0:00.00",
        "0:00.90",
        "0:01.80",
        "0:02.70",
        "0:02.97",
    ]
