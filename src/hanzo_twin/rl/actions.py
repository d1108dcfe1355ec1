"""From actions in −1 … 1 to commands of joints."""

from __future__ import annotations

import math

import numpy as np

from hanzo_twin.engines.parameters import drive_limit
from hanzo_twin.engines.port import Batch
from hanzo_twin.errors import InvalidInputError, UnsupportedError, nearest
from hanzo_twin.rl.task import ACTION_TYPES, Actions, ActionType
from hanzo_twin.rl.world import World, joint_columns
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray, IntArray, rotation_matrix

Commands = dict[str, FloatArray]
_FREE_RANGE = math.pi
_DEFAULT_VELOCITY = _DEFAULT_EFFORT = 1.0


class JointActions:
    """Commands of joints, each by position, velocity or effort.

    A joint whose drive has stiffness is moved at a velocity by moving its position target along. Effort commands
    replace the drives of their joints, whose gains are set to zero.
    """

    def __init__(self, scene: Scene, spec: Actions, kind: ActionType, batch: Batch) -> None:
        names = spec.joints or _leading_joints(scene)
        if not names:
            raise UnsupportedError(f"The scene '{scene.source}' has no joints to command.")
        columns = joint_columns(scene, names)
        joints = [scene.joints[name] for name in names]
        self.names = tuple(names)
        self.size = len(names)
        kinds = [_kind(joint, kind) for joint in joints]
        self._targets = batch.get_state([0])[0].command_positions
        self._seconds = batch.config.step_seconds
        self._position = _Channel.of(columns, kinds, "joint_position", [_position_range(j, spec) for j in joints])
        self._velocity = _Channel.of(columns, kinds, "joint_velocity", [_velocity_range(j, spec) for j in joints])
        self._effort = _Channel.of(columns, kinds, "effort", [_effort_range(j, spec) for j in joints])
        self._joints = len(batch.joint_names)
        gains = [
            f"{joint.path}.{gain}"
            for joint, used in zip(joints, kinds, strict=True)
            if used == "effort" and joint.drive is not None
            for gain in ("driveStiffness", "driveDamping")
        ]
        if gains:
            batch.set_parameters(gains, np.zeros((batch.num_envs, len(gains))))
        self._limits = _limits(scene, batch)
        self._held = np.tile(self._targets, (batch.num_envs, 1))

    def reset(self, envs: IntArray, world: World) -> None:
        """Begin episodes in ``envs`` from where their joints are."""
        if self._velocity.columns.size:
            self._held[envs] = world.joint_positions[envs]

    def commands(self, actions: FloatArray, world: World) -> Commands:
        """Commands [N, n_joints] by field of `JointCommand`."""
        count = len(actions)
        commands: Commands = {}
        if self._effort.columns.size:
            commands["efforts"] = self._effort.write(np.zeros((count, self._joints)), actions)
        if self._velocity.columns.size:
            velocities = self._velocity.write(np.zeros((count, self._joints)), actions)
            commands["velocities"] = velocities
            lower, upper = self._limits
            self._held = np.minimum(np.maximum(self._held + world.step_seconds * velocities, lower), upper)
            commands["positions"] = self._held.copy()
        if self._position.columns.size:
            base = commands.get("positions")
            base = np.tile(self._targets, (count, 1)) if base is None else base
            commands["positions"] = self._position.write(base, actions)
        return commands


class TwistActions:
    """Velocities forward, to the left and about the vertical of a base on two slides and a turning joint.

    ``velocity targets = R(yaw) · (v_x, v_y), ω``: the base's own frame is turned into the world's.
    """

    names = ("forward", "left", "turn")
    size = 3

    def __init__(self, scene: Scene, spec: Actions, batch: Batch) -> None:
        self.joints = planar_base(scene)
        self._columns = joint_columns(scene, self.joints)
        self._scale = np.array(spec.max_twist)
        self._joints = len(batch.joint_names)
        for path in self.joints:
            drive = scene.joints[path].drive
            if drive is None or drive.damping <= 0.0 or drive.stiffness > 0.0:
                raise UnsupportedError(
                    f"Joint '{path}' of the base cannot follow a twist: its drive must have damping and no stiffness.",
                    hint="Author a velocity drive (drive:damping > 0, drive:stiffness = 0).",
                )

    def reset(self, envs: IntArray, world: World) -> None:
        """A twist leaves nothing behind."""

    def commands(self, actions: FloatArray, world: World) -> Commands:
        """As `JointActions.commands`."""
        forward, left, turn = (actions * self._scale).T
        yaw = world.joint_positions[:, self._columns[2]]
        cosine, sine = np.cos(yaw), np.sin(yaw)
        velocities = np.zeros((len(actions), self._joints))
        velocities[:, self._columns[0]] = cosine * forward - sine * left
        velocities[:, self._columns[1]] = sine * forward + cosine * left
        velocities[:, self._columns[2]] = turn
        return {"velocities": velocities}


ActionMap = JointActions | TwistActions


def action_map(scene: Scene, spec: Actions, kind: str | None, batch: Batch) -> ActionMap:
    """What turns actions of this kind (None: the task's) into commands.

    Raises:
        InvalidInputError: no such kind. UnsupportedError: the scene cannot take it; names the joint.
    """
    wanted = kind or spec.kind
    if wanted not in ACTION_TYPES:
        raise InvalidInputError(f"There is no action_type '{wanted}'.", hint=nearest(wanted, ACTION_TYPES))
    if wanted == "twist":
        return TwistActions(scene, spec, batch)
    return JointActions(scene, spec, wanted, batch)


def planar_base(scene: Scene) -> tuple[str, str, str]:
    """Paths of the joints that carry a base over the plane: along world x, along y, about z, from the world up.

    Raises:
        UnsupportedError: the scene has no such base.
    """
    by_parent = {joint.parent: joint for joint in scene.joints.values() if joint.kind == "prismatic"}
    for joint in scene.joints.values():
        second = by_parent.get(joint.child)
        third = next((j for j in scene.joints.values() if second is not None and j.parent == second.child), None)
        kinds = [each.kind for each in (joint, second, third) if each is not None]
        if kinds == ["prismatic", "prismatic", "revolute"] and second is not None and third is not None:
            axes = [rotation_matrix(each.pose_parent_joint.orientation) @ each.axis for each in (joint, second, third)]
            if np.allclose(axes, np.eye(3), atol=1e-6):
                return joint.path, second.path, third.path
    raise UnsupportedError(
        f"The scene '{scene.source}' has no base that a twist can move.",
        hint="A base is carried by a prismatic joint along x, one along y and a revolute joint about z. "
        "Or choose another action_type: joint, joint_position, joint_velocity, effort.",
    )


class _Channel:
    """The actions that go into one field of the commands."""

    def __init__(self, actions: IntArray, columns: IntArray, middle: FloatArray, half: FloatArray) -> None:
        self.columns = columns
        self._actions, self._places = _compact(actions), _compact(columns)
        self._middle, self._half = middle, half

    @classmethod
    def of(
        cls, columns: IntArray, kinds: list[ActionType], kind: ActionType, ranges: list[tuple[float, float]]
    ) -> _Channel:
        chosen = np.array([index for index, used in enumerate(kinds) if used == kind], dtype=np.int64)
        bounds = np.array(ranges, dtype=np.float64)[chosen].reshape(-1, 2)
        return cls(chosen, columns[chosen], bounds.mean(axis=1), (bounds[:, 1] - bounds[:, 0]) / 2)

    def write(self, commands: FloatArray, actions: FloatArray) -> FloatArray:
        commands[:, self._places] = self._middle + self._half * actions[:, self._actions]
        return commands


def _compact(indices: IntArray) -> slice | IntArray:
    """A slice where the indices are consecutive, which is quicker to write with."""
    first, count = (int(indices[0]), len(indices)) if len(indices) else (0, 0)
    return slice(first, first + count) if np.array_equal(indices, np.arange(first, first + count)) else indices


def _leading_joints(scene: Scene) -> tuple[str, ...]:
    names = [path for articulation in scene.articulations.values() for path in articulation.joints]
    return tuple(path for path in names if scene.joints[path].mimic is None)


def _kind(joint: Joint, kind: ActionType) -> ActionType:
    drive = joint.drive
    stiff, damped = (drive is not None and drive.stiffness > 0.0), (drive is not None and drive.damping > 0.0)
    if kind == "joint":
        return "joint_position" if stiff else "joint_velocity" if damped else "effort"
    if (kind == "joint_position" and not stiff) or (kind == "joint_velocity" and not stiff and not damped):
        lacking = "stiffness" if kind == "joint_position" else "stiffness or damping"
        raise UnsupportedError(
            f"Joint '{joint.path}' cannot be commanded by {kind}: its drive has no {lacking}.",
            hint="Use action_type='effort' or 'joint', or author a drive in the scene.",
        )
    return kind


def _position_range(joint: Joint, spec: Actions) -> tuple[float, float]:
    bounded = math.isfinite(joint.lower) and math.isfinite(joint.upper)
    middle = (joint.lower + joint.upper) / 2 if bounded else joint.initial_position
    if spec.position_range is not None:
        return joint.initial_position - spec.position_range, joint.initial_position + spec.position_range
    return (joint.lower, joint.upper) if bounded else (middle - _FREE_RANGE, middle + _FREE_RANGE)


def _velocity_range(joint: Joint, spec: Actions) -> tuple[float, float]:
    limit = joint.max_velocity if spec.max_velocity is None else spec.max_velocity
    limit = limit if math.isfinite(limit) else _DEFAULT_VELOCITY
    return -limit, limit


def _effort_range(joint: Joint, spec: Actions) -> tuple[float, float]:
    limit = drive_limit(joint) if spec.max_effort is None else spec.max_effort
    limit = limit if math.isfinite(limit) else _DEFAULT_EFFORT
    return -limit, limit


def _limits(scene: Scene, batch: Batch) -> tuple[FloatArray, FloatArray]:
    joints = [scene.joints[path] for path in batch.joint_names]
    return np.array([joint.lower for joint in joints]), np.array([joint.upper for joint in joints])
