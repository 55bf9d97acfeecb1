"""Procedural motions: joint angles over time.

A motion combines a leg part and an arm part, chosen independently, so that people may wave while
they walk. All amplitudes and tempos are our own, set by eye.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glpose.synth.figure import ANGLE_NAMES, SIDES, Angles

Times = Float64[np.ndarray, " time"]


@dataclass(frozen=True, slots=True)
class Action:
    """What the legs and the arms do. `hang` fixes the hands in space instead of the feet."""

    legs: str = "stand"
    arms: str = "relaxed"
    hang: bool = False


def wobble(rng: np.random.Generator, time_s: Times, amplitude: float, rate_hz: float) -> Times:
    """A smooth random curve: three sinusoids with random phases and frequencies around `rate_hz`."""
    out = np.zeros_like(time_s)
    for share in (0.6, 0.3, 0.2):
        hz = rate_hz * rng.uniform(0.4, 1.6)
        out += share * np.sin(2 * np.pi * (hz * time_s + rng.random()))
    return amplitude * out


def _pulse(phase: Times, sharp: float = 1.0) -> Times:
    """From 0 to 1 and back, once per period of `phase` (radians)."""
    return (0.5 - 0.5 * np.cos(phase)) ** sharp


def _turns(rng: np.random.Generator, time_s: Times, low_hz: float, high_hz: float) -> Times:
    return 2 * np.pi * (rng.uniform(low_hz, high_hz) * time_s + rng.random())


def _both(name: str, value: Times | float) -> Angles:
    return {f"{side}_{name}": np.asarray(value, float) for side in SIDES}


def _step(phase: Times, swing: float, lift: float, bent: float) -> Angles:
    """Legs of a gait. The standing foot stays level, as far as the ankle allows."""
    out: Angles = {}
    for side, turn in zip(SIDES, (0.0, np.pi), strict=True):
        hip = swing * np.sin(phase + turn) + 0.45 * bent + 0.12 * swing
        # The knee bends most in the first half of the forward swing.
        raised = np.clip(np.cos(phase + turn + 0.45), 0, None) ** 1.6
        knee = bent + lift * raised + 0.12 * np.clip(np.sin(phase + turn + 0.4), 0, None)
        push_off = 0.45 * np.clip(-np.sin(phase + turn - 0.25), 0, None) ** 3
        out |= {f"{side}_hip_flex": hip, f"{side}_knee": knee}
        out[f"{side}_ankle"] = 0.75 * (knee - hip) * (1 - raised) - push_off
    return out


def _walk(rng: np.random.Generator, time_s: Times) -> Angles:
    phase = _turns(rng, time_s, 0.75, 1.05)
    swing = rng.uniform(0.36, 0.5)
    trunk = {
        "spine_twist": -0.13 * np.sin(phase),
        "roll": 0.03 * np.cos(phase),
        "pitch": np.full_like(phase, rng.uniform(0, 0.08)),
    }
    return _step(phase, swing, rng.uniform(0.85, 1.1), 0.08) | trunk | _swing(rng, phase, 0.45, 0.2)


def _run(rng: np.random.Generator, time_s: Times) -> Angles:
    phase = _turns(rng, time_s, 1.25, 1.6)
    swing = rng.uniform(0.6, 0.85)
    legs = _step(phase, swing, rng.uniform(1.3, 1.75), 0.3)
    trunk = {"spine_twist": -0.22 * np.sin(phase), "pitch": np.full_like(phase, 0.18)}
    air = {"air": 0.09 * np.abs(np.sin(phase)) ** 0.7}
    return legs | trunk | _swing(rng, phase, 0.75, 1.5) | air


def _swing(rng: np.random.Generator, phase: Times, reach: float, bent: float) -> Angles:
    out = _both("arm_abduct", rng.uniform(0.05, 0.18))
    reach = reach * rng.uniform(0.7, 1.2)
    for side, turn in zip(SIDES, (np.pi, 0.0), strict=True):  # opposite to the leg
        swing = np.sin(phase + turn)
        out[f"{side}_arm_flex"] = reach * swing + 0.05
        out[f"{side}_elbow"] = bent + 0.2 * (swing + 1) * rng.uniform(0.8, 1.2)
    return out


def _stand(rng: np.random.Generator, time_s: Times) -> Angles:
    out = _both("knee", 0.06) | _both("hip_flex", 0.03) | _both("ankle", 0.03)
    sway = wobble(rng, time_s, 0.04, 0.4)
    out |= {"roll": sway, "left_hip_abduct": 0.08 + sway, "right_hip_abduct": 0.08 - sway}
    step = rng.normal(0, 0.13)
    out["left_hip_flex"] = out["left_hip_flex"] + step
    out["right_hip_flex"] = out["right_hip_flex"] - step
    return out


def _crouch(depth: Times, lean: float) -> Angles:
    """Knees and hips bend so that the feet stay below the body."""
    out = _both("knee", 1.9 * depth) | _both("hip_flex", (1.45 + 0.2 * lean) * depth)
    out |= _both("ankle", 0.45 * depth) | _both("hip_abduct", 0.1 + 0.2 * depth)
    return out | {"pitch": lean * depth, "spine_bend": 0.25 * depth} | _both("hip_twist", 0.15)


def _squat(rng: np.random.Generator, time_s: Times) -> Angles:
    return _crouch(
        _pulse(_turns(rng, time_s, 0.3, 0.6)) * rng.uniform(0.6, 1.1), rng.uniform(0.3, 0.6)
    )


def _jump(rng: np.random.Generator, time_s: Times) -> Angles:
    phase = _turns(rng, time_s, 0.6, 0.9) % (2 * np.pi)
    flight = np.clip((phase - 3.6) / 1.9, 0, 1)
    depth = 0.55 * np.sin(np.clip(phase / 3.6, 0, 1) * np.pi) ** 2
    out = _crouch(depth, 0.35) | {"air": rng.uniform(0.8, 1.6) * flight * (1 - flight)}
    tuck = 4 * flight * (1 - flight)
    out = _plus(out, _both("knee", rng.uniform(0, 0.9) * tuck))
    return _plus(out, _both("ankle", -0.6 * tuck))


def _kick(rng: np.random.Generator, time_s: Times) -> Angles:
    out = _stand(rng, time_s)
    side = SIDES[rng.integers(2)]
    phase = _turns(rng, time_s, 0.4, 0.8)
    swing = np.sin(phase) * 0.85 + 0.25 + 0.4 * np.clip(np.sin(phase), 0, None) ** 3
    out[f"{side}_hip_flex"] = swing
    out[f"{side}_knee"] = 0.15 + 1.3 * np.clip(-np.sin(phase + 0.9), 0, None)
    out |= {f"{side}_ankle": np.full_like(phase, -0.35), "pitch": -0.12 * np.sin(phase)}
    return out | {"spine_twist": (0.25 if side == "left" else -0.25) * np.sin(phase)}


def _sit(rng: np.random.Generator, time_s: Times) -> Angles:
    knee = rng.uniform(1.2, 1.7)
    out = _both("hip_flex", rng.uniform(1.35, 1.6)) | _both("knee", knee)
    out |= _both("ankle", 0.1) | {"pitch": np.full_like(time_s, rng.uniform(-0.25, 0.15))}
    return (
        out
        | _both("hip_abduct", rng.uniform(0.02, 0.3))
        | {"spine_bend": 0.1 + wobble(rng, time_s, 0.15, 0.3)}
    )


def _pick_up(rng: np.random.Generator, time_s: Times) -> Angles:
    depth = _pulse(_turns(rng, time_s, 0.25, 0.5), 1.5)
    out = _crouch(depth * rng.uniform(0.1, 0.6), 0.4)
    return _plus(
        out, {"pitch": 0.75 * depth, "spine_bend": 0.7 * depth} | _both("hip_flex", 0.75 * depth)
    )


def _lunge(rng: np.random.Generator, time_s: Times) -> Angles:
    depth = _pulse(_turns(rng, time_s, 0.2, 0.5)) * rng.uniform(0.5, 1)
    front, back = rng.permutation(SIDES)
    return {
        f"{front}_hip_flex": 0.2 + 1.1 * depth, f"{front}_knee": 0.1 + 1.2 * depth,
        f"{back}_hip_flex": -0.2 - 0.25 * depth, f"{back}_knee": 0.15 + 0.9 * depth,
        f"{front}_ankle": 0.1 * depth, f"{back}_ankle": 0.3 + 0.2 * depth,
    }  # fmt: skip


def _on_the_floor(rng: np.random.Generator, time_s: Times) -> Angles:
    """Lying, face down or up, or on hands and feet as in a push-up."""
    if rng.random() < 0.5:
        press = _pulse(_turns(rng, time_s, 0.3, 0.7))
        out = {"pitch": 1.35 + 0.15 * press} | _both("arm_flex", 1.5 - 0.5 * press)
        return out | _both("elbow", 0.1 + 1.5 * press) | _both("arm_abduct", 0.2 + 0.3 * press)
    out = {"pitch": np.full_like(time_s, rng.choice([-1, 1]) * rng.uniform(1.35, 1.57))}
    return out | _loose(rng, time_s, 0.45)


def _loose(rng: np.random.Generator, time_s: Times, size: float = 1.0) -> Angles:
    """Smooth random angles of all limbs."""
    spread = {"arm_flex": (0.7, 1.1), "arm_abduct": (0.7, 0.8), "arm_twist": (0.1, 0.8)}
    spread |= {"elbow": (0.8, 0.9), "wrist": (0, 0.3), "hip_flex": (0.4, 0.6)}
    spread |= {"hip_abduct": (0.25, 0.25), "hip_twist": (0, 0.3), "knee": (0.6, 0.7)}
    spread |= {"ankle": (0, 0.3)}
    out: Angles = {}
    tempo = rng.uniform(0.15, 0.7)
    for name in spread:
        for side in SIDES:
            middle, width = spread[name]
            around = size * (middle + rng.normal(0, 0.7 * width))
            out[f"{side}_{name}"] = around + wobble(rng, time_s, size * width, tempo)
    out["spine_bend"] = 0.15 + wobble(rng, time_s, 0.3 * size, tempo)
    out["spine_side"] = wobble(rng, time_s, 0.25 * size, tempo)
    return out | {"spine_twist": wobble(rng, time_s, 0.4 * size, tempo)}


def _gymnast(rng: np.random.Generator, time_s: Times) -> Angles:
    """Random limb angles on a body that leans, hangs or is upside down."""
    out = _loose(rng, time_s) | {"air": np.full_like(time_s, rng.uniform(0, 0.4))}
    lean = rng.normal(0, 1.1) + wobble(rng, time_s, 0.5, 0.3)
    return out | {"pitch": lean, "roll": rng.normal(0, 0.6) + wobble(rng, time_s, 0.3, 0.3)}


def _relaxed(rng: np.random.Generator, time_s: Times) -> Angles:
    out = _both("arm_abduct", rng.uniform(0.06, 0.2))
    for side in SIDES:
        out[f"{side}_arm_flex"] = rng.normal(0.03, 0.12) + wobble(rng, time_s, 0.06, 0.5)
        out[f"{side}_elbow"] = rng.uniform(0.1, 0.5) + wobble(rng, time_s, 0.05, 0.5)
    if rng.random() < 0.2:  # hands on the hips, or arms folded
        folded = rng.random() < 0.5
        out |= _both("arm_abduct", 0.1 if folded else 0.7) | _both("elbow", 1.75)
        out |= _both("arm_twist", -1.0 if folded else -0.9)
        out |= _both("arm_flex", 0.35 if folded else -0.35)
    return out


def _wave(rng: np.random.Generator, time_s: Times) -> Angles:
    side = SIDES[rng.integers(2)]
    out = _relaxed(rng, time_s)
    swing = np.sin(_turns(rng, time_s, 1.0, 1.9))
    out |= {
        f"{side}_arm_abduct": rng.uniform(1.5, 2.2) + 0.15 * swing,
        f"{side}_arm_flex": np.full_like(time_s, rng.uniform(0, 0.4)),
        f"{side}_arm_twist": np.full_like(time_s, 1.5),
        f"{side}_elbow": rng.uniform(0.75, 1.2) - 0.4 * swing,
        f"{side}_wrist": 0.3 * swing,
    }
    return out


def _clap(rng: np.random.Generator, time_s: Times) -> Angles:
    open_ = _pulse(_turns(rng, time_s, 1.2, 2.6))
    out = _both("arm_flex", rng.uniform(0.5, 1.2)) | _both("elbow", 1.2 - 0.2 * open_)
    return out | _both("arm_twist", -0.55 + 0.6 * open_) | _both("arm_abduct", 0.15 + 0.15 * open_)


def _punch(rng: np.random.Generator, time_s: Times) -> Angles:
    phase = _turns(rng, time_s, 0.7, 1.6)
    out = _both("arm_abduct", 0.2)
    for side, turn in zip(SIDES, (0, np.pi), strict=True):
        reach = _pulse(phase + turn, 2.0)
        out |= {f"{side}_arm_flex": 0.35 + 1.15 * reach, f"{side}_elbow": 2.1 - 1.95 * reach}
    return out | {"spine_twist": 0.3 * np.cos(phase)}


def _throw(rng: np.random.Generator, time_s: Times) -> Angles:
    side = SIDES[rng.integers(2)]
    phase = _turns(rng, time_s, 0.4, 0.9)
    drive = _pulse(phase, 2.0)
    out = _relaxed(rng, time_s) | {
        f"{side}_arm_abduct": 1.5 - 0.9 * drive,
        f"{side}_arm_flex": 0.2 + 1.3 * drive,
        f"{side}_arm_twist": 1.5 - 1.3 * drive,
        f"{side}_elbow": 1.7 - 1.4 * drive,
    }
    return out | {"spine_twist": (1 if side == "right" else -1) * (0.8 * drive - 0.4)}


def _swing_bat(rng: np.random.Generator, time_s: Times) -> Angles:
    """Both hands together swing from side to side: bat, club, racket, broom."""
    turn = np.sin(_turns(rng, time_s, 0.3, 0.9))
    height = rng.uniform(0.5, 1.5)
    out = _both("elbow", 0.35) | _both("arm_twist", -0.35) | _both("arm_flex", height)
    lead = 0.45 * turn
    out |= {"left_arm_abduct": -0.25 + lead, "right_arm_abduct": -0.25 - lead}
    return out | {"spine_twist": 0.6 * turn, "spine_side": 0.1 * turn}


def _reach(rng: np.random.Generator, time_s: Times) -> Angles:
    """Hands move in front of or above the body: catching, pouring, shooting, writing."""
    out: Angles = {}
    for side in SIDES:
        out[f"{side}_arm_flex"] = rng.uniform(0.2, 2.6) + wobble(rng, time_s, 0.5, 0.5)
        out[f"{side}_arm_abduct"] = rng.uniform(-0.1, 0.7) + wobble(rng, time_s, 0.2, 0.5)
        out[f"{side}_arm_twist"] = rng.normal(-0.2, 0.4) + wobble(rng, time_s, 0.2, 0.5)
        out[f"{side}_elbow"] = rng.uniform(0.1, 2.0) + wobble(rng, time_s, 0.5, 0.6)
    return out


def _raise_arms(rng: np.random.Generator, time_s: Times) -> Angles:
    up = _pulse(_turns(rng, time_s, 0.4, 1.0))
    return (
        _both("arm_abduct", 0.15 + 2.6 * up)
        | _both("elbow", 0.15 + 0.3 * up)
        | _both("arm_twist", 0.5)
    )


def _pull_up(rng: np.random.Generator, time_s: Times) -> Angles:
    pull = _pulse(_turns(rng, time_s, 0.25, 0.5))
    out = _both("arm_abduct", 2.75 - 1.25 * pull) | _both("arm_twist", 1.55)
    out |= _both("elbow", 0.2 + 1.95 * pull) | _both("knee", rng.uniform(0.1, 1.6))
    return out | _both("hip_flex", 0.1 + wobble(rng, time_s, 0.15, 0.5)) | _both("ankle", -0.5)


_Part = Callable[[np.random.Generator, Times], Angles]
LEGS: dict[str, _Part] = {
    "walk": _walk, "run": _run, "stand": _stand, "squat": _squat, "jump": _jump, "kick": _kick,
    "sit": _sit, "pick_up": _pick_up, "lunge": _lunge, "floor": _on_the_floor,
    "gymnast": _gymnast, "loose": _loose,
}  # fmt: skip
ARMS: dict[str, _Part] = {
    "relaxed": _relaxed, "wave": _wave, "clap": _clap, "punch": _punch, "throw": _throw,
    "bat": _swing_bat, "reach": _reach, "raise": _raise_arms, "pull_up": _pull_up,
    "loose": _loose,
}  # fmt: skip
_ARM_WORDS = ("arm", "elbow", "wrist", "twist", "side", "bend")
_OWN_ARMS = ("walk", "run", "floor", "gymnast", "loose")


def _plus(angles: Angles, more: Angles) -> Angles:
    return angles | {name: angles.get(name, 0.0) + value for name, value in more.items()}


def random_action(rng: np.random.Generator) -> Action:
    """A random action: mostly upright, sometimes hanging, lying or tumbling."""
    if rng.random() < 0.06:
        return Action("stand", "pull_up", hang=True)
    weight = [18, 8, 20, 6, 6, 7, 8, 6, 5, 4, 5, 7]
    legs = str(rng.choice(list(LEGS), p=np.array(weight) / sum(weight)))
    if legs in _OWN_ARMS and rng.random() < 0.75:
        return Action(legs, "own")
    return Action(legs, str(rng.choice([a for a in ARMS if a != "pull_up"])))


def act(rng: np.random.Generator, action: Action, time_s: Times) -> Angles:
    """Joint angles of an action, with small random movements of all joints.

    The extra key `air` is the height of the lowest point above the floor, in metres.
    """
    angles = LEGS[action.legs](rng, time_s)
    if action.arms != "own":
        arms = ARMS[action.arms](rng, time_s)
        angles = angles | {
            n: v for n, v in arms.items() if n.split("_")[1] in _ARM_WORDS or action.hang
        }
    angles = {n: np.broadcast_to(v, time_s.shape) for n, v in angles.items()}
    small = {n: wobble(rng, time_s, 0.035, 0.6) for n in ANGLE_NAMES if n != "heading"}
    look = {"head_turn": rng.normal(0, 0.3) + wobble(rng, time_s, 0.25, 0.3)}
    look["head_nod"] = 0.05 + wobble(rng, time_s, 0.12, 0.3)
    return _plus(_plus(angles, small), look)
