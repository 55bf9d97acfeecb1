"""The gait of figures that walk, and of people who do not."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from glpose.motion.people import Motion, motions_of
from glpose.motion.smooth import SmoothSpec
from glpose.skeleton import BODY19
from glpose.types import FramePoses
from walking import HIP_DEG, KNEE_DEG, Walk, frame_of, turned, walk

TIMES = np.arange(150) / 30


def motion(frames: list[FramePoses]) -> Motion:
    return motions_of(frames, BODY19, SmoothSpec())[1]


@pytest.mark.parametrize("how", [Walk(), Walk(facing=-1), Walk(period_s=0.7, speed_px_s=500)])
def test_period_and_ranges_are_those_of_the_walk(how: Walk) -> None:
    gait = motion(walk(TIMES, how, noise_px=1.5)).gait
    assert gait is not None
    assert gait.stride_s == pytest.approx(how.period_s, rel=0.02)
    assert gait.cadence_per_min == pytest.approx(120 / how.period_s, rel=0.02)
    for one in (gait.left, gait.right):
        assert one.strides >= 2
        assert one.stride_s == pytest.approx(how.period_s, rel=0.03)
        assert one.knee_range_deg == pytest.approx(2 * KNEE_DEG[1], abs=4)
        assert one.hip_range_deg == pytest.approx(2 * HIP_DEG[1], abs=4)


def test_strides_end_where_the_foot_is_farthest_ahead() -> None:
    """The right one is half a stride behind the left one."""
    gait = motion(walk(TIMES)).gait
    assert gait is not None
    lead = [Walk().joints(t)[[15, 16], 0] @ [1, -1] for t in TIMES]
    for event_s in gait.events_s["left"]:
        near = lead[max(0, round(event_s * 30) - 9) : round(event_s * 30) + 10]
        assert lead[round(event_s * 30)] == pytest.approx(max(near), abs=1)
    between = np.diff(sorted(gait.events_s["left"] + gait.events_s["right"]))
    np.testing.assert_allclose(between, 0.6, atol=0.04)


def test_the_camera_may_drop_frames() -> None:
    times = np.array([t for i, t in enumerate(TIMES) if i % 7 not in (2, 3)])
    gait = motion(walk(times)).gait
    assert gait is not None
    assert gait.stride_s == pytest.approx(1.2, rel=0.03)


def standing(times: Iterable[float]) -> list[FramePoses]:
    return [frame_of(i, t, {1: Walk().joints(0.3)}) for i, t in enumerate(times)]


def test_people_without_strides_have_no_gait() -> None:
    assert motion(standing(TIMES)).gait is None
    assert motion(walk(TIMES[:40])).gait is None
    frontal = [replace(poses, xy=poses.xy.copy()) for poses in walk(TIMES)]
    for poses in frontal:
        poses.xy[0, BODY19.index("nose")] = poses.xy[0, BODY19.index("head_bottom")]
    assert motion(frontal).gait is None


@pytest.mark.parametrize(("turn_deg", "walks"), [(0, True), (45, True), (90, False), (180, False)])
def test_only_who_is_upright_has_a_gait(turn_deg: float, walks: bool) -> None:
    """The same walk turned: leaning, lying and on the hands, as an exercise may look."""
    frames = [
        frame_of(i, t, {1: turned(Walk(speed_px_s=0).joints(t), turn_deg)})
        for i, t in enumerate(TIMES)
    ]
    found = motion(frames)
    assert (found.facing == 1).all()
    assert (found.gait is not None) == walks


def test_people_who_sway_have_no_gait() -> None:
    """Feet that slide to and fro by a few pixels are no steps."""
    people = [Walk().joints(0.3) for _ in TIMES]
    for xy, t in zip(people, TIMES, strict=True):
        shift = 8 * np.sin(2 * np.pi * t / 1.2)
        xy[BODY19.index("left_ankle"), 0] += shift
        xy[BODY19.index("right_ankle"), 0] -= shift
    frames = [frame_of(i, t, {1: xy}) for i, (t, xy) in enumerate(zip(TIMES, people, strict=True))]
    assert motion(frames).gait is None


def test_people_with_one_foot_always_ahead_have_no_gait() -> None:
    """As a fencer; and as somebody whose feet were taken for those of another for a moment."""
    frames = walk(TIMES)
    for poses in frames:
        poses.xy[0, BODY19.index("left_ankle"), 0] += 170
    assert motion(frames).gait is None


def test_people_who_jump_have_no_gait() -> None:
    """Both legs swing together."""
    people = [Walk().joints(t) for t in TIMES]
    for xy in people:
        for part in ("knee", "ankle"):
            xy[BODY19.index(f"right_{part}")] = xy[BODY19.index(f"left_{part}")]
    frames = [frame_of(i, t, {1: xy}) for i, (t, xy) in enumerate(zip(TIMES, people, strict=True))]
    assert motion(frames).gait is None


def test_a_stride_over_frames_of_unsure_sides_is_not_counted() -> None:
    """Half a second around a stride's end: what is left are the strides beside it."""
    frames = walk(TIMES)
    sure = motion(frames).gait
    assert sure is not None
    middle = sure.events_s["left"][1]
    unsure = [
        replace(poses, unsure_sides=np.array([abs(poses.time_s - middle) < 0.25]))
        for poses in frames
    ]
    found = motion(unsure)
    assert found.gait is not None
    assert not any(abs(event_s - middle) < 0.3 for event_s in found.gait.events_s["left"])
    assert found.gait.left.strides == sure.left.strides - 2
    assert found.gait.stride_s == pytest.approx(1.2, rel=0.03)


@pytest.mark.parametrize("seen_s", [1.3, 1.5])
@pytest.mark.parametrize("who", ["nobody", "no feet"])
def test_strides_over_moments_that_were_not_seen_are_not_counted(who: str, seen_s: float) -> None:
    """Every other second; over such a gap one stride and a half look like one."""
    times = np.arange(300) / 25
    frames = walk(times, Walk(period_s=1.0))
    feet = [BODY19.index(f"{side}_ankle") for side in ("left", "right")]
    for row, poses in enumerate(frames):
        if poses.time_s % (seen_s + 0.6) < seen_s:
            continue
        if who == "nobody":
            frames[row] = FramePoses.empty(poses.frame, poses.time_s, len(BODY19.joints))
        else:
            poses.xy[:, feet], poses.score[:, feet] = np.nan, 0
    gait = motion(frames).gait
    assert gait is None or gait.cadence_per_min == pytest.approx(120, rel=0.02)


def test_strides_of_which_a_third_is_missing_are_not_counted() -> None:
    frames = walk((np.arange(300) / 30).tolist())
    assert motion(frames).gait is not None
    holes = [poses for poses in frames if poses.frame % 12 < 8]
    assert motion(holes).gait is None


@pytest.mark.parametrize("missing_s", [0.15, 0.4, 1.2])
def test_frames_that_are_missing_are_as_frames_without_the_person(missing_s: float) -> None:
    """Cameras drop frames: the times have a hole, right after a stride's end or around it."""
    frames = walk((np.arange(300) / 30).tolist())
    sure = motion(frames).gait
    assert sure is not None
    end_s = sure.events_s["right"][3]
    for first_s in (end_s - missing_s / 2, end_s - 1.5 / 30):
        is_gone = [first_s < poses.time_s <= first_s + missing_s for poses in frames]
        empty = [
            FramePoses.empty(poses.frame, poses.time_s, len(BODY19.joints)) if gone else poses
            for poses, gone in zip(frames, is_gone, strict=True)
        ]
        dropped = [poses for poses, gone in zip(frames, is_gone, strict=True) if not gone]
        expected, found = motion(empty).gait, motion(dropped).gait
        assert expected is not None
        assert found is not None
        assert found.events_s == expected.events_s
        assert not any(abs(event_s - end_s) < missing_s / 2 for event_s in found.events_s["right"])
        assert found.left.knee_range_deg == pytest.approx(2 * KNEE_DEG[1], abs=1)


def test_strides_over_a_cut_are_not_counted() -> None:
    """As `glpose link` leaves it: the same person farther away, a quarter of a stride later."""
    frames = walk(TIMES)
    sure = motion(frames).gait
    cut = [
        replace(p, xy=p.xy + 400 if i >= 70 else p.xy)
        for i, p in enumerate(frame_of(i, t, {1: Walk().joints(t + 0.3 * (i >= 70))}) for i, t in enumerate(TIMES))
    ]  # fmt: skip
    gait = motion(cut).gait
    assert sure is not None
    assert gait is not None
    assert gait.stride_s == pytest.approx(1.2, rel=0.02)
    ends = [event_s for events in gait.events_s.values() for event_s in events]
    assert not any(abs(event_s - TIMES[70]) < 0.06 for event_s in ends)
    assert gait.left.strides + gait.right.strides < sure.left.strides + sure.right.strides


def test_one_long_stride_among_others_is_left_out() -> None:
    """Who stops for half a second in the middle."""
    late = np.where(TIMES > 2.4, np.maximum(2.4, TIMES - 0.6), TIMES)
    frames = [frame_of(i, t, {1: Walk().joints(own)}) for i, (t, own) in enumerate(zip(TIMES, late, strict=True))]  # fmt: skip
    gait = motion(frames).gait
    assert gait is not None
    assert gait.stride_s == pytest.approx(1.2, rel=0.05)


@pytest.mark.parametrize(
    ("rate_hz", "period_s"), [(30, 0.4), (25, 0.4), (60, 0.4), (20, 2.5), (30, 2.5)]
)
def test_strides_as_long_as_a_limit_count_wherever_they_are(rate_hz: int, period_s: float) -> None:
    times = np.round(np.arange(0, 15 * period_s, 1 / rate_hz), 6).tolist()
    gait = motion(walk(times, Walk(period_s=period_s))).gait
    assert gait is not None
    assert gait.left.strides + gait.right.strides >= 26


def who_turns(turn_s: float, at_s: float) -> list[FramePoses]:
    """Ten seconds on a treadmill that turns; what goes towards the camera looks shorter."""
    frames = []
    for i in range(300):
        time_s = i / 30
        part = min(1.0, max(0.0, (time_s - at_s) / max(turn_s, 1e-6)))
        xy = Walk(speed_px_s=0.0, start_px=0.0).joints(time_s)
        frames.append(frame_of(i, time_s, {1: xy * [np.cos(np.pi * part), 1] + [400, 0]}))
    return frames


@pytest.mark.parametrize("turn_s", [0.0, 0.4, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("at_s", [4.5, 4.7, 5.0, 5.3])
def test_strides_through_a_turn_are_not_counted(turn_s: float, at_s: float) -> None:
    """Those before and after it are."""
    found = motion(who_turns(turn_s, at_s))
    assert {1.0, -1.0} <= set(found.facing.tolist())
    gait = found.gait
    assert gait is not None
    true = motion(walk((np.arange(300) / 30).tolist())).gait
    assert true is not None
    for side, one in (("left", gait.left), ("right", gait.right)):
        assert one.strides >= 4
        assert one.stride_s == pytest.approx(1.2, abs=1e-6)
        assert one.knee_range_deg == pytest.approx(2 * KNEE_DEG[1], abs=2)
        for event_s in gait.events_s[side]:
            assert min(abs(event_s - other) for other in true.events_s[side]) < 0.01


@pytest.mark.parametrize("away_s", [1.2, 2.0, 5.0])
def test_strides_up_to_the_edge_of_the_picture_count(away_s: float) -> None:
    """Who leaves for longer than a second and comes back the other way has not turned in sight."""
    for phase in (17, 35):  # a foot is ahead in the third last frame seen
        num = 91
        gone = round(away_s * 30)
        frames = []
        for i in range(2 * num + gone):
            how = Walk() if i < num else Walk(facing=-1, start_px=800.0)
            own = {} if num <= i < num + gone else {1: how.joints((i + phase) / 30)}
            frames.append(frame_of(i, i / 30, own))
        parts = [motion(part).gait for part in (frames[:num], frames[-num:])]
        whole = motion(frames).gait
        assert whole is not None
        for side in ("left", "right"):
            events = {e for part in parts if part is not None for e in part.events_s[side]}
            assert events <= set(whole.events_s[side])


def test_strides_in_a_shot_from_afar_count() -> None:
    """Leads are measured by the size in the shot, not by that in a longer one from near."""
    frames = []
    for i in range(360):
        xy = Walk(speed_px_s=20.0).joints(i / 30)
        frames.append(frame_of(i, i / 30, {1: xy if i < 240 else 0.12 * xy}))
    gait = motion(frames).gait
    assert gait is not None
    assert all(sum(event_s > 8 for event_s in one) >= 2 for one in gait.events_s.values())
