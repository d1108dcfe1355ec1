"""Several things in a row: pick up a tray, carry it along a corridor, through a door, and put it down behind it."""

from __future__ import annotations

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.rl.task import Actions, EndTerm, ObservationTerm, Recipe, RewardTerm, Task
from hanzo_twin.rl.tasks import gripper, parts
from hanzo_twin.rl.terms import action_cost, joint_positions, joint_velocities, norm
from hanzo_twin.rl.world import Start, World
from hanzo_twin.scene.model import Body, Drive, Joint, Scene, Shape
from hanzo_twin.spatial import BoolArray, FloatArray

TRAY, HAND = "/World/tray", "/World/carrier/hand"
DOOR = "/World/door/leaf"
CORRIDOR_X, DOOR_X = 1.0, 2.5
HALF_WIDTH = 0.6
PICK_HEIGHT = 0.5
GOAL = (3.6, 0.0)
LIFTED, PLACED = 0.03, 0.15
STAGES = ("tray", "corridor", "door", "place", "done")
# Where the tray is carried to in each stage.
_WAY = np.array([[0.4, 0.0], [CORRIDOR_X + 0.3, 0.0], [DOOR_X + 0.5, 0.0], GOAL, GOAL])
_PUSH = Drive(damping=400.0, max_effort=200.0)
_LIFT = Drive(stiffness=8000.0, damping=800.0, max_effort=600.0)


def make_scene() -> Scene:
    """A base on two slides and a turning joint with a lift and two fingers; shelves, corridor, door and tray."""
    along, across = (parts.body(f"/World/carrier/{name}", (0.0, 0.0, 0.2), 1.0) for name in ("along", "across"))
    hull = parts.cylinder("/World/carrier/base/hull", 0.22, 0.3, color=(0.15, 0.4, 0.75, 1.0))
    base = parts.body("/World/carrier/base", (0.0, 0.0, 0.2), 20.0, [hull], size=0.4)
    palm = parts.box(f"{HAND}/palm", (0.03, 0.07, 0.015), (0.0, 0.0, 0.0), color=(0.9, 0.6, 0.1, 1.0))
    hand = parts.body(HAND, (0.4, 0.0, PICK_HEIGHT + 0.3), 1.0, [palm], size=0.1)
    turn = Drive(damping=40.0, max_effort=60.0)
    joints = [
        parts.joint("/World/carrier/slide_x", "prismatic", None, along, (1.0, 0.0, 0.0), drive=_PUSH),
        parts.joint("/World/carrier/slide_y", "prismatic", along, across, (0.0, 1.0, 0.0), drive=_PUSH),
        parts.joint("/World/carrier/turn", "revolute", across, base, (0.0, 0.0, 1.0), drive=turn),
        parts.joint("/World/carrier/lift", "prismatic", base, hand, (0.0, 0.0, 1.0), limits=(-0.2, 0.2), drive=_LIFT),
    ]
    tips, slides = gripper.fingers(hand)
    carrier = [along, across, base, hand, *tips]
    plate = parts.box(f"{TRAY}/plate", (0.1, 0.15, 0.01), color=(0.75, 0.75, 0.2, 1.0))
    grip = parts.box(f"{TRAY}/grip", (0.02, 0.02, 0.06), (0.0, 0.0, 0.07), color=(0.75, 0.75, 0.2, 1.0))
    tray = parts.body(TRAY, (0.4, 0.0, PICK_HEIGHT + 0.01), 0.3, [plate, grip], size=0.15)
    leaf, hinge = _door()
    return parts.scene(
        "tray",
        [*carrier, tray, leaf],
        [*joints, *slides, hinge],
        [parts.robot("/World/carrier", carrier, [*joints, *slides]), parts.robot("/World/door", [leaf], [hinge])],
        [parts.ground(), *_surroundings()],
    )


def _door() -> tuple[Body, Joint]:
    """A low leaf that swings away from who comes, under the tray, and falls shut slowly."""
    half = HALF_WIDTH - 0.03
    panel = parts.box(f"{DOOR}/panel", (0.02, half, 0.17), color=(0.55, 0.35, 0.2, 1.0))
    leaf = parts.body(DOOR, (DOOR_X, 0.0, 0.22), 5.0, [panel], size=1.0)
    hinge = parts.joint(
        "/World/door/hinge",
        "revolute",
        None,
        leaf,
        (0.0, 0.0, 1.0),
        at=(DOOR_X, HALF_WIDTH, 0.22),
        limits=(0.0, 1.7),
        damping=1.0,
        stiffness=0.3,
    )
    return leaf, hinge


def _surroundings() -> list[Shape]:
    length = (DOOR_X - CORRIDOR_X) / 2
    middle = CORRIDOR_X + length
    walls = [
        parts.box(f"/World/wall_{name}", (length, 0.05, 0.5), (middle, side * (HALF_WIDTH + 0.05), 0.5))
        for name, side in (("left", 1.0), ("right", -1.0))
    ]
    # Shelves that hang, so that the base can pass under them.
    shelves = [
        parts.box(f"/World/shelf_{name}", (0.08, 0.08, 0.02), (x, y, PICK_HEIGHT - 0.02))
        for name, x, y in (("pick", 0.4, 0.0), ("place", *GOAL))
    ]
    return [*walls, *shelves]


class _Errand:
    """What the terms of the task read and keep; ``rest`` is the height of the tray on its shelf, m."""

    def __init__(self, scene: Scene) -> None:
        self._pose = scene.bodies[TRAY].pose_world_body.as_array()
        self.rest = float(self._pose[2])

    def tray(self, world: World) -> FloatArray:
        return world.body(TRAY).position

    def progress(self, world: World) -> FloatArray:
        """The stage reached [N]; one more at most in each step, and never less than before."""
        stage, tray = world.memory["stage"], self.tray(world)
        held = self._hand_to_tray(world, above=0.0) < 0.2
        lifted = (tray[:, 2] > self.rest + LIFTED) & held
        still = norm(world.body(TRAY).linear_velocity) < 0.05
        put_down = (norm(tray[:, :2] - np.array(GOAL)) < PLACED) & ~held & still
        reached = (
            lifted,
            lifted & (tray[:, 0] > CORRIDOR_X),
            lifted & (tray[:, 0] > DOOR_X + 0.3),
            put_down & (tray[:, 2] > self.rest - 0.02),
        )
        further = np.zeros(world.num_envs, dtype=np.bool_)
        for index, done in enumerate(reached):
            further |= (stage == index) & done
        return stage + further

    def to_next(self, world: World) -> FloatArray:
        """Distance [N] m to where the next stage is reached; while nothing is held, of the hand to the tray."""
        stage = self.progress(world).astype(np.int64)
        carry = norm(self.tray(world)[:, :2] - _WAY[stage])
        return np.where(stage == 0, self._hand_to_tray(world, above=0.08), carry)

    def _hand_to_tray(self, world: World, *, above: float) -> FloatArray:
        """Distance [N] m between a point ``above`` the fingertips and the tray."""
        tip = world.body(HAND).position - np.array([0.0, 0.0, gripper.FINGER_LENGTH - above])
        return norm(tip - self.tray(world))

    def done(self, world: World) -> BoolArray:
        return self.progress(world) >= len(STAGES) - 1

    def dropped(self, world: World) -> BoolArray:
        return self.tray(world)[:, 2] < self.rest - 0.15

    def begin(self, start: Start) -> None:
        count = len(start.envs)
        pose = np.tile(self._pose, (count, 1))
        pose[:, :2] += start.draws.uniform("tray", 2, low=-0.02, high=0.02)
        start.place(TRAY, pose)
        start.joint_positions[:, 0] += start.draws.uniform("base", 2, low=-0.1, high=0.0)[:, 0]
        start.remember("stage", np.zeros(count))

    def remember(self, world: World) -> None:
        world.memory["stage"] = self.progress(world)


def build(scene: Scene) -> Task:
    """The task for the scene of `make_scene`, or one with bodies of these paths.

    ``stage`` counts what is done: tray lifted, corridor entered, door passed, tray put down. Each gives +10 once, and a
    small reward for getting nearer to the next. Success: all four. A tray that falls ends the episode.

    Raises:
        UnsupportedError: one of the bodies is missing.
    """
    parts.check_bodies("tray", scene, (TRAY, HAND, DOOR))
    errand = _Errand(scene)
    return Task(
        name="tray",
        bodies=(TRAY, HAND),
        observations=(
            joint_positions(scene, batch_joints(scene)),
            joint_velocities(scene, batch_joints(scene)),
            ObservationTerm(name="tray_position", size=3, read=errand.tray),
            ObservationTerm(name="tray_orientation", size=4, read=lambda world: world.body(TRAY).orientation),
            ObservationTerm(name="hand_position", size=3, read=lambda world: world.body(HAND).position),
            ObservationTerm(
                name="stage", size=len(STAGES), read=lambda w: np.eye(len(STAGES))[w.memory["stage"].astype(np.int64)]
            ),
        ),
        rewards=(
            RewardTerm(name="stage", weight=10.0, read=lambda world: errand.progress(world) - world.memory["stage"]),
            RewardTerm(name="nearer", weight=-0.1, read=errand.to_next),
            action_cost(0.001),
        ),
        ends=(EndTerm(name="done", holds=errand.done), EndTerm(name="dropped", holds=errand.dropped)),
        start=(errand.begin,),
        actions=Actions(kind="joint_velocity", joints=scene.articulations["/World/carrier"].joints, max_velocity=0.6),
        step_hz=20.0,
        max_seconds=40.0,
        success=errand.done,
        metrics=(("stages_done", errand.progress),),
        remember=errand.remember,
    )


def batch_joints(scene: Scene) -> tuple[str, ...]:
    """All joints of all articulations, the door's too."""
    return tuple(path for articulation in scene.articulations.values() for path in articulation.joints)


TRAY_CARRY = Recipe(
    name="tray",
    summary="carry a tray along a corridor and through a door",
    scene=make_scene,
    build=build,
    config=EngineConfig(step_hz=500.0),
)
