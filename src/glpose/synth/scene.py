"""Scenes: random people, camera, backdrop and obstacles, rendered with their ground truth."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float32, UInt8

from glpose.errors import BadConfig
from glpose.imaging import inside_picture, warp_perspective
from glpose.skeleton import POSETRACK15
from glpose.synth.backdrop import from_picture, random_backdrop
from glpose.synth.body import make_mesh
from glpose.synth.camera import Camera, View
from glpose.synth.effects import Effects, degrade, random_effects
from glpose.synth.figure import BONES, Bones, Proportions, random_proportions
from glpose.synth.ground import travel
from glpose.synth.mesh import Mesh
from glpose.synth.motion import Action, act, random_action, wobble
from glpose.synth.props import Prop, random_props
from glpose.synth.render import OVERSAMPLING, Body, Light, Painted, cast_shadows, paint
from glpose.synth.wardrobe import Outfit, random_outfit
from glpose.types import Frame, FrameTruth, People

MARGIN = 1.45  # size of the backdrop relative to the picture
_LIMBS = np.array([
    (BONES.index(a), BONES.index(b))
    for a, b in (
        [("pelvis", "chest"), ("chest", "head")]
        + [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right")
           for a, b in (("arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot"))]
    )
])  # fmt: skip
_LIMB_WIDTH_M = np.array([0.3, 0.24] + 2 * [0.09, 0.07, 0.14, 0.1])


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """The distribution of random scenes; ranges are inclusive.

    `height_share` is the height of a standing adult as a fraction of the picture's height (above 1
    people are cut off). `num_obstacles` counts objects in front of people. `camera_motion` scales
    turning, shaking and zooming, `damage` scales noise, blur, compression and bad light; 0 is none.
    `motion_blur_share` is the fraction of scenes with motion blur (three times the work).
    """

    size_hw: tuple[int, int] = (240, 320)
    num_frames: int = 60
    rate_hz: float = 25.0
    num_people: tuple[int, int] = (1, 4)
    height_share: tuple[float, float] = (0.4, 1.15)
    num_obstacles: tuple[int, int] = (0, 2)
    camera_motion: float = 1.0
    damage: float = 1.0
    motion_blur_share: float = 0.25

    def __post_init__(self) -> None:
        low, high = self.num_people
        if not 0 <= low <= high:
            raise BadConfig(f"num_people is {self.num_people}; expected 0 <= first <= second")
        if self.num_frames < 1 or min(self.size_hw) < 16:
            raise BadConfig(
                f"a scene of {self.num_frames} frames of {self.size_hw} px cannot be rendered; "
                "give at least 1 frame and 16 px"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A person in a scene, with one extra time sample before and after the frames, for motion blur."""

    mesh: Mesh
    tiles: UInt8[np.ndarray, "materials tile tile 3"]
    bones: Bones
    vertices: Float32[np.ndarray, "time vertices 3"]
    normals: Float32[np.ndarray, "time vertices 3"]

    def body(self, time: float) -> Body:
        """The mesh at a time in samples."""
        mesh = self.mesh
        xyz, normal = _between(self.vertices, time), _between(self.normals, time)
        return Body(xyz, normal, mesh.faces, mesh.texture, mesh.material, mesh.bias, self.tiles)

    def joints(self, time: float) -> np.ndarray:
        """Joints in the world at a time in samples."""
        placed = [
            Bones(self.bones.rotation[i : i + 1], self.bones.origin[i : i + 1]).place(
                list(self.mesh.joint_bones), self.mesh.joint_local
            )[0]
            for i in (int(time), min(int(time) + 1, len(self.vertices) - 1))
        ]
        return placed[0] + (placed[1] - placed[0]) * (time % 1)


def _between(values: np.ndarray, time: float) -> np.ndarray:
    first = int(time)
    if time == first:
        return values[first]
    return values[first] + (values[first + 1] - values[first]) * np.float32(time % 1)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A scene that can be rendered any number of times, always with the same bytes."""

    spec: SceneSpec
    seed: int
    actors: tuple[Actor, ...]
    props: tuple[Prop, ...]
    camera: Camera
    reference: View
    backdrop: UInt8[np.ndarray, "h w 3"]
    light: Light
    effects: Effects = field(default_factory=Effects)

    def frames(self) -> Iterator[tuple[Frame, FrameTruth]]:
        """Pictures with their ground truth, in order."""
        for index in range(self.spec.num_frames):
            yield self.frame(index)

    def frame(self, index: int) -> tuple[Frame, FrameTruth]:
        """One picture with its ground truth."""
        frame, painted = self.painting(index)
        return frame, self.truth(index, painted)

    def painting(self, index: int) -> tuple[Frame, Painted]:
        """One picture with its face map; the bodies of the actors come first, in order."""
        time_s = index / self.spec.rate_hz
        moments = [index + 1.0]
        if self.effects.shutter > 0:
            moments = [moments[0] + s * self.effects.shutter / 3 for s in (-1, 1, 0)]
        pictures = [self._picture(m) for m in moments]
        rgb, painted = pictures[-1]
        if len(pictures) > 1:
            total = np.stack([p for p, _ in pictures]).sum(0, dtype=np.uint16)
            rgb = np.floor_divide(total, len(pictures)).astype(np.uint8)
        rng = np.random.default_rng([self.seed, 7, index])
        rgb = degrade(rgb, self.effects, rng, time_s)
        return Frame(index, time_s, rgb), painted

    def joints_in_camera(self, index: int) -> Float32[np.ndarray, "actors joints 3"]:
        """All actors' joints in metres, camera axes (x right, y down, z forward).

        Row i is track i + 1, even if that person is not in the picture.
        """
        view = self.camera.at(index + 1.0)
        seen = [view.see(a.joints(index + 1.0)) for a in self.actors]
        return np.array(seen, np.float32).reshape(-1, len(POSETRACK15.joints), 3)

    def _picture(self, moment: float) -> tuple[np.ndarray, Painted]:
        view = self.camera.at(moment)
        rgb = warp_perspective(self.backdrop, view.picture_from(self.reference), self.spec.size_hw)
        limbs = [_between(a.bones.origin, moment)[_LIMBS] for a in self.actors]
        widths = np.tile(_LIMB_WIDTH_M, len(self.actors))
        cast_shadows(rgb, view, np.array(limbs).reshape(-1, 2, 3), widths, self.light)
        bodies = [a.body(moment) for a in self.actors] + [p.body(view) for p in self.props]
        return rgb, paint(rgb, view, bodies, self.light)

    def truth(self, index: int, painted: Painted) -> FrameTruth:
        """The visible people of a picture; `painted` is the result of `painting`."""
        time_s = index / self.spec.rate_hz
        view = self.camera.at(index + 1.0)
        h, w = self.spec.size_hw
        rows = []
        covered = painted.covered_px(len(painted.xy))
        for number, actor in enumerate(self.actors):
            seen = view.see(actor.joints(index + 1.0))
            in_front = painted.seen[number][:, 2] > 0.2
            if not in_front.any() or not (seen[:, 2] > 0.2).all():
                continue
            outline = painted.xy[number][in_front]
            whole = np.r_[outline.min(0), outline.max(0)]
            box = np.clip(whole, 0, [w - 1, h - 1, w - 1, h - 1])
            area = float(np.prod(np.maximum(box[2:] - box[:2], 0)))
            # People of whom only a sliver is visible cannot be found and are left out.
            if covered[number] < max(12.0, 0.03 * area):
                continue
            xy = view.picture(seen)
            reach = actor.mesh.joint_reach
            visibility = visibility_of(xy, seen[:, 2], reach, number, painted, (h, w))
            rows.append(
                (box, number + 1, np.where(visibility[:, None] > 0, xy, np.nan), visibility)
            )
        num = len(POSETRACK15.joints)
        people = People(
            np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
            np.ones(len(rows), np.float32),
            np.array([r[1] for r in rows], np.int64),
        )
        return FrameTruth(
            index,
            time_s,
            people,
            np.array([r[2] for r in rows], np.float32).reshape(-1, num, 2),
            np.array([r[3] for r in rows], np.int8).reshape(-1, num),
        )


def visibility_of(
    xy: np.ndarray, depth: np.ndarray, reach: np.ndarray, number: int, painted: Painted,
    size_hw: tuple[int, int],
) -> np.ndarray:  # fmt: skip
    """2 if the body's own surface was drawn close in front of a joint, 1 if hidden, 0 outside.

    `depth` and `reach` (how far in front of the joint the surface may lie) are in metres; `number`
    is the index of the body. A joint where nothing was drawn (at the thin edge of a head) counts as
    visible.
    """
    inside = inside_picture(xy, size_hw)
    grid = np.round(xy * OVERSAMPLING + (OVERSAMPLING - 1) / 2).astype(int)
    out = np.zeros(len(xy), int)
    for j in np.flatnonzero(inside):
        x, y = grid[j]
        near = painted.face_map[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].ravel()
        own = painted.owner[near] == number
        close = painted.depth_m[near] > depth[j] - reach[j]
        seen = (own & close) | (painted.owner[near] < 0)
        out[j] = 2 if seen.any() else 1
    return out


def make_actor(
    rng: np.random.Generator, action: Action, where_xz: tuple[float, float], heading: float,
    time_s: np.ndarray, person: Proportions | None = None, outfit: Outfit | None = None,
) -> Actor:  # fmt: skip
    """A person who is at `where_xz` on the floor at the middle of the clip."""
    person = random_proportions(rng) if person is None else person
    outfit = random_outfit(rng) if outfit is None else outfit
    angles = act(rng, action, time_s)
    turn = wobble(rng, time_s, 0.12, 0.15) if action.legs in ("walk", "run") else 0.0
    bones, path = travel(person, angles | {"heading": heading + turn + 0 * time_s}, action)
    middle = path[len(path) // 2]
    shift = np.array([where_xz[0] - middle[0], 0, where_xz[1] - middle[2]])
    nearest = float((path[:, 2] + shift[2]).max())
    shift[2] -= max(0.0, nearest + 1.3)  # nobody walks into the lens
    mesh = make_mesh(person, outfit)
    placed = Bones(bones.rotation, bones.origin + shift)
    return Actor(mesh, outfit.tiles, placed, *mesh.place(placed))


def render_scene(
    spec: SceneSpec, seed: int, background: UInt8[np.ndarray, "h w 3"] | None = None
) -> Scene:
    """Make a random scene; the same arguments always give the same bytes.

    `background` is a picture to use behind the people instead of a random backdrop.
    """
    rng = np.random.default_rng(seed)
    time_s = (np.arange(spec.num_frames + 2) - 1) / spec.rate_hz
    num = int(rng.integers(spec.num_people[0], spec.num_people[1] + 1))
    focal = spec.size_hw[0] * rng.uniform(0.9, 2.1)
    smallest, largest = np.log(spec.height_share)
    shares = np.exp(rng.uniform(smallest, largest, max(num, 1)))
    depths = 1.72 * focal / (shares * spec.size_hw[0])
    camera = _random_camera(rng, spec, time_s, focal, float(np.median(depths)))
    reference = camera.reference(MARGIN)
    width = spec.size_hw[1] / focal
    places: list[tuple[float, float]] = []
    for depth in depths[:num]:
        spots = [(rng.uniform(-0.42, 0.42) * width * depth, -depth) for _ in range(12)]
        free = [s for s in spots if all(np.hypot(s[0] - x, s[1] - z) > 0.55 for x, z in places)]
        places.append((free or spots)[0])
    actors = tuple(
        make_actor(rng, random_action(rng), at, _random_heading(rng), time_s) for at in places
    )
    light = random_light(rng)
    if background is None:
        backdrop = random_backdrop(rng, reference)
    else:
        backdrop = from_picture(background, reference.size_hw)
    blurred = rng.random() < spec.motion_blur_share
    return Scene(
        spec=spec,
        seed=seed,
        actors=actors,
        props=random_props(rng, int(rng.integers(spec.num_obstacles[0], spec.num_obstacles[1] + 1)), places, width),
        camera=camera,
        reference=reference,
        backdrop=backdrop,
        light=light,
        effects=replace(random_effects(rng, spec.damage), shutter=rng.uniform(0.4, 1.0) * blurred),
    )  # fmt: skip


def render_person(
    seed: int, size_hw: tuple[int, int] = (256, 192), damage: float = 1.0
) -> tuple[UInt8[np.ndarray, "h w 3"], FrameTruth]:
    """A still picture of one person in a random action, who fills most of the picture."""
    spec = SceneSpec(size_hw, 1, num_people=(1, 1), height_share=(0.6, 1.05), damage=damage)
    frame, truth = render_scene(spec, seed).frame(0)
    assert frame.rgb is not None
    return frame.rgb, truth


def _random_heading(rng: np.random.Generator) -> float:
    """Any direction, more often towards the camera."""
    return float(rng.normal(0, 0.9) if rng.random() < 0.4 else rng.uniform(-np.pi, np.pi))


def random_light(rng: np.random.Generator) -> Light:
    """Sun or lamp from above, soft or hard."""
    towards = np.array([rng.normal(0, 0.7), rng.uniform(0.45, 1.2), rng.normal(0.4, 0.6)])
    direct = rng.uniform(0.2, 0.95)
    ambient = rng.uniform(0.85, 1.1) - 0.55 * direct
    shadow = float(np.clip(rng.uniform(-0.1, 0.7), 0, 1))
    return Light(towards / np.linalg.norm(towards), ambient, direct, shadow)


def _random_camera(
    rng: np.random.Generator, spec: SceneSpec, time_s: np.ndarray, focal: float, depth: float
) -> Camera:
    height = float(np.clip(rng.normal(1.45, 0.45), 0.4, 3.5))
    amount = spec.camera_motion * rng.choice([0.0, 0.25, 1.0], p=[0.35, 0.35, 0.3])
    reach = 0.12 * spec.size_hw[1] / focal * amount  # stays within the backdrop's margin
    shake = 0.006 * amount * spec.size_hw[0] / focal
    tilt = np.arctan2(height - 0.88, depth) + rng.normal(0, 0.05)
    zoom = 1 + 0.25 * amount * rng.uniform(0, 1) * (
        0.5 - 0.5 * np.cos(0.7 * time_s + rng.uniform(0, 6))
    )
    still = np.zeros_like(time_s)
    return Camera(
        height_m=height,
        pan=still + wobble(rng, time_s, reach, 0.2) + wobble(rng, time_s, shake, 3.0),
        tilt=tilt + wobble(rng, time_s, reach * 0.3, 0.2) + wobble(rng, time_s, shake, 3.0),
        roll=still + rng.normal(0, 0.02) + wobble(rng, time_s, 0.02 * amount, 0.4),
        focal_px=focal * zoom,
        size_hw=spec.size_hw,
    )
