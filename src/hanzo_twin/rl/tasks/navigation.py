"""Drive to a target between obstacles that stand elsewhere in every episode."""

from __future__ import annotations

from functools import partial

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.rl.actions import planar_base
from hanzo_twin.rl.task import Actions, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.tasks import layouts, parts
from hanzo_twin.rl.terms import norm
from hanzo_twin.rl.world import Start, World, joint_columns
from hanzo_twin.scene.model import Body, Cylinder, Drive, Scene
from hanzo_twin.spatial import BoolArray, FloatArray

BASE_RADIUS = 0.25
BASE_HEIGHT = 0.15
OBSTACLE_RADII = (0.4, 0.3, 0.25, 0.35, 0.45, 0.5, 0.55, 0.6)
HALF_ARENA = 5.0
# Gaps that the base fits through, and how many obstacles are put in its way.
CLEARANCE, BETWEEN = 0.7, 2
SUCCESS_DISTANCE = 0.5
NEAREST_TARGET, FARTHEST_TARGET = 2.0, 5.0
MAX_STEPS = 500
STEP_HZ = 10.0
RAYS = 16
RANGE = 4.0
# Obstacles that are not needed wait here, below the ground.
_AWAY = -2.0
_CONTACT = 0.02


def make_scene() -> Scene:
    """A round base on two slides and a turning joint, with velocity drives, and eight kinematic cylinders."""
    along, across, base = (
        parts.body("/World/base/along", (0.0, 0.0, BASE_HEIGHT), 1.0),
        parts.body("/World/base/across", (0.0, 0.0, BASE_HEIGHT), 1.0),
        parts.body(
            "/World/base/chassis",
            (0.0, 0.0, BASE_HEIGHT),
            20.0,
            [parts.cylinder("/World/base/chassis/hull", BASE_RADIUS, 0.2, color=(0.15, 0.4, 0.75, 1.0))],
            size=0.4,
        ),
    )
    push = Drive(damping=200.0, max_effort=100.0)
    joints = [
        parts.joint("/World/base/slide_x", "prismatic", None, along, (1.0, 0.0, 0.0), drive=push),
        parts.joint("/World/base/slide_y", "prismatic", along, across, (0.0, 1.0, 0.0), drive=push),
        parts.joint(
            "/World/base/turn", "revolute", across, base, (0.0, 0.0, 1.0), drive=Drive(damping=20.0, max_effort=20.0)
        ),
    ]
    carriers = [along, across, base]
    pillars = [_pillar(index, radius) for index, radius in enumerate(OBSTACLE_RADII)]
    return parts.scene(
        "navigation",
        [*carriers, *pillars],
        joints,
        [parts.robot("/World/base", carriers, joints)],
        [parts.ground()],
        friction=0.2,
    )


def _pillar(index: int, radius: float) -> Body:
    path = f"/World/obstacle_{index}"
    hull = parts.cylinder(f"{path}/hull", radius, 0.8, color=(0.8, 0.45, 0.2, 1.0))
    return parts.body(path, (2.0 * index, 8.0, 0.4), 10.0, [hull], kinematic=True)


class _Course:
    """What the terms of the task read and keep, for one scene with a planar base and round obstacles."""

    def __init__(self, scene: Scene) -> None:
        joints = planar_base(scene)
        base = scene.bodies[scene.joints[joints[2]].child]
        self._columns = joint_columns(scene, joints)
        self._start = np.array(base.pose_world_body.position)
        self._pillars = {path: body for path, body in scene.bodies.items() if body.kinematic and body.shapes}
        self._radii = np.array([_radius(body) for body in self._pillars.values()])
        self._base_radius = _radius(base)

    def position(self, world: World) -> FloatArray:
        return self._start[:2] + world.joint_positions[:, self._columns[:2]]

    def yaw(self, world: World) -> FloatArray:
        return world.joint_positions[:, self._columns[2]]

    def distance(self, world: World) -> FloatArray:
        return norm(world.memory["target"] - self.position(world))

    def reached(self, world: World) -> BoolArray:
        return self.distance(world) < SUCCESS_DISTANCE

    def efficiency(self, world: World) -> FloatArray:
        """Of an episode that reached the target: the way there over the way that was driven."""
        direct = world.memory["direct"] - SUCCESS_DISTANCE
        return np.where(self.reached(world), direct / np.maximum(world.memory["length"], direct), 0.0)

    def seen_from_base(self, world: World) -> FloatArray:
        """The target in the frame of the base [N, 3], m."""
        x, y = (world.memory["target"] - self.position(world)).T
        cosine, sine = np.cos(self.yaw(world)), np.sin(self.yaw(world))
        return np.stack([cosine * x + sine * y, cosine * y - sine * x, np.zeros_like(x)], axis=1)

    def gaps(self, world: World) -> FloatArray:
        """Free distance [N, n_obstacles] between the base and each obstacle, m."""
        away = world.memory["obstacles"] - self.position(world)[:, None]
        between: FloatArray = np.sqrt(away[:, :, 0] ** 2 + away[:, :, 1] ** 2) - self._radii - self._base_radius
        return between

    def ranges(self, world: World) -> FloatArray:
        return free_distances(self.position(world), self.yaw(world), world.memory["obstacles"], self._radii)

    def begin(self, start: Start) -> None:
        """Draw target, heading and obstacles, and put the obstacles where they were drawn."""
        count = len(start.envs)
        farthest = NEAREST_TARGET + (FARTHEST_TARGET - NEAREST_TARGET) * (0.3 + 0.7 * start.level)
        target = layouts.targets(start.draws, nearest=NEAREST_TARGET, farthest=farthest)
        start.joint_positions[:, self._columns[2]] = start.draws.uniform("yaw", low=-np.pi, high=np.pi)[:, 0]
        start.remember("target", target)
        start.remember("length", np.zeros(count))
        start.remember("collisions", np.zeros(count))
        start.remember("last", np.zeros((count, 2)) + self._start[:2])
        start.remember("direct", norm(target - self._start[:2]))
        places, hidden = self._drawn_obstacles(start, target)
        start.remember("obstacles", places)
        for index, (path, body) in enumerate(self._pillars.items()):
            pose = np.zeros((count, 7))
            pose[:, :2], pose[:, 3] = np.where(hidden[:, index, None], 0.0, places[:, index]), 1.0
            pose[:, 2] = np.where(hidden[:, index], _AWAY, body.pose_world_body.position[2])
            start.place(path, pose)

    def _drawn_obstacles(self, start: Start, target: FloatArray) -> tuple[FloatArray, BoolArray]:
        """Places [N, n_obstacles, 2] m, far away for those that are not used, and which are not [N, n_obstacles]."""
        radii = self._radii
        places = layouts.obstacles(start.draws, radii, target, half=HALF_ARENA, clearance=CLEARANCE, between=BETWEEN)
        wanted = 2 + start.draws.integers("obstacles", max(1, len(radii) - 1))[:, 0]
        rank = np.argsort(start.draws.uniform("chosen", len(radii)), axis=1, kind="stable")
        unwanted = (rank >= wanted[:, None]) & (np.arange(len(radii)) >= BETWEEN)
        hidden = np.isnan(places[:, :, 0]) | unwanted
        places[hidden] = 100.0
        return places, hidden

    def remember(self, world: World) -> None:
        now = self.position(world)
        world.memory["length"] = world.memory["length"] + norm(now - world.memory["last"])
        world.memory["collisions"] = world.memory["collisions"] + (self.gaps(world).min(axis=1) < _CONTACT)
        world.memory["last"] = now

    def observations(self) -> tuple[ObservationTerm, ...]:
        plane, turn, height = self._columns[:2], self._columns[2], self._start[2]
        return (
            ObservationTerm(name="position", size=3, read=lambda w: _with_height(self.position(w), height)),
            ObservationTerm(name="orientation", size=4, read=lambda w: _about_z(self.yaw(w)), low=-1.0, high=1.0),
            ObservationTerm(name="relative_target", size=3, read=self.seen_from_base),
            ObservationTerm(
                name="linear_velocity", size=3, read=lambda w: _with_height(w.joint_velocities[:, plane], 0.0)
            ),
            ObservationTerm(name="angular_velocity", size=3, read=lambda w: _third(w.joint_velocities[:, turn])),
            ObservationTerm(name="distance", size=1, read=lambda w: self.distance(w)[:, None], low=0.0),
        )


def build(scene: Scene, *, ranges: bool = False) -> Task:
    """The task for any scene with a planar base and kinematic cylinders as obstacles.

    Observed are position, orientation (w, x, y, z), the target seen from the base [m], linear and angular velocity
    and the distance to the target; with ``ranges``, also the free distance in 16 directions around the base. Actions
    are (v_x, v_y, ω_z) of the base's own frame, at most 1 m/s and 1 rad/s. Reward: −0.1 · distance − 0.01 each step,
    +10 once nearer than 0.5 m, which ends the episode, as do 500 steps.

    Raises:
        UnsupportedError: the scene has no such base.
    """
    course = _Course(scene)
    around = ObservationTerm(name="ranges", size=RAYS, read=course.ranges, low=0.0, high=RANGE)
    return Task(
        name="navigation_ranges" if ranges else "navigation",
        observations=(*course.observations(), *((around,) if ranges else ())),
        rewards=(
            RewardTerm(name="distance", weight=-0.1, read=course.distance),
            RewardTerm(name="reached", weight=10.0, read=lambda w: course.reached(w).astype(np.float64)),
            RewardTerm(name="time", weight=-0.01, read=lambda w: np.ones(w.num_envs)),
        ),
        ends=(EndTerm(name="reached", holds=course.reached),),
        start=(course.begin,),
        actions=Actions(kind="twist", max_twist=(1.0, 1.0, 1.0)),
        step_hz=STEP_HZ,
        max_seconds=MAX_STEPS / STEP_HZ,
        success=course.reached,
        metrics=(
            ("path_length_m", lambda w: w.memory["length"]),
            ("time_s", lambda w: w.step_seconds * w.steps.astype(np.float64)),
            ("steps_in_contact", lambda w: w.memory["collisions"]),
            ("path_efficiency", course.efficiency),
            ("final_distance_m", course.distance),
        ),
        remember=course.remember,
    )


def free_distances(position: FloatArray, yaw: FloatArray, centers: FloatArray, radii: FloatArray) -> FloatArray:
    """Distances [N, RAYS] m from ``position`` [N, 2] to circles, in equal turns from straight ahead, at most `RANGE`.

    A ray p + t d meets a circle about c where t = b − √(b² − |c − p|² + r²), b = (c − p) · d.
    """
    angles = yaw[:, None] + np.arange(RAYS) * (2.0 * np.pi / RAYS)
    x, y = np.cos(angles)[:, :, None], np.sin(angles)[:, :, None]
    away = centers - position[:, None]
    ahead = away[:, None, :, 0] * x + away[:, None, :, 1] * y
    under = ahead**2 - (away[:, :, 0] ** 2 + away[:, :, 1] ** 2)[:, None] + radii**2
    hits = (under > 0.0) & (ahead > 0.0)
    distance = np.where(hits, ahead - np.sqrt(np.maximum(under, 0.0)), RANGE)
    return np.asarray(np.minimum(np.maximum(distance, 0.0), RANGE).min(axis=2), dtype=np.float64)


def _radius(body: Body) -> float:
    for shape in body.shapes:
        if isinstance(shape.geometry, Cylinder):
            return shape.geometry.radius
    raise UnsupportedError(
        f"The task 'navigation' takes bases and obstacles to be round: '{body.path}' is not a cylinder.",
        hint="Give it a collider that is an upright cylinder.",
    )


def _with_height(plane: FloatArray, height: float) -> FloatArray:
    return np.concatenate([plane, np.full((len(plane), 1), height)], axis=1)


def _third(values: FloatArray) -> FloatArray:
    zeros = np.zeros_like(values)
    return np.stack([zeros, zeros, values], axis=1)


def _about_z(angle: FloatArray) -> FloatArray:
    zeros = np.zeros_like(angle)
    return np.stack([np.cos(angle / 2), zeros, zeros, np.sin(angle / 2)], axis=1)


CONFIG = EngineConfig(step_hz=60.0)
NAVIGATION = Recipe(
    name="navigation",
    summary="drive to a target between obstacles",
    scene=make_scene,
    build=build,
    config=CONFIG,
)
NAVIGATION_RANGES = Recipe(
    name="navigation_ranges",
    summary="the same, seeing how far it is free all around",
    scene=make_scene,
    build=partial(build, ranges=True),
    config=CONFIG,
)
