"""Sensors of all worlds of a batch at once, of any engine that has batches.

Inertial units, joint and body states are read without a loop over worlds; rays and pixels world by world. Readings are
of the present and without noise: rates and noise belong to single simulations, and forces to those alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from hanzo_twin.engines.port import Batch
from hanzo_twin.errors import NotFoundError, UnsupportedError, nearest
from hanzo_twin.sensors.plan import Spec, plan_sensors
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.sensors.samples import Sample
from hanzo_twin.sensors.showing import show
from hanzo_twin.spatial import FloatArray, Pose, quaternion_multiply, rotation_matrix


class BatchSensors:
    """Reads the sensors of ``batch``.

    An IMU needs to know how bodies moved before::

        sensors = BatchSensors(batch)
        sensors.remember()
        batch.step(positions=targets)
        sensors.read("/World/robot/imu")["linear_acceleration"]  # [num_envs, 3], mean since then

    Raises:
        SceneError: the attributes of a sensor make none.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._plan = plan_sensors(batch.scene)
        self._gravity = np.array(batch.config.gravity or batch.scene.gravity)
        imus = {spec.path: spec.bodies[0] for spec in self._plan.specs.values() if spec.kind == "imu" and spec.bodies}
        self._imus = tuple(dict.fromkeys(imus.values()))
        self._before: tuple[FloatArray, FloatArray, FloatArray] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all sensors and cameras."""
        return tuple(self._plan.specs)

    def remember(self) -> None:
        """Keep how the bodies with IMUs move now; their next readings are the mean from here on."""
        if self._imus:
            self._before = (self._batch.time, *self._batch.body_states(self._imus))

    def read(self, path: str) -> Mapping[str, AnyArray]:
        """Fields as `Simulation.get_observation` gives them, each with an axis of envs in front.

        A ``joint_state`` has no ``effort``. Without `remember` nothing accelerates. Gravity is the scene's (or the
        configuration's) in all worlds.

        Raises:
            NotFoundError: no such sensor. UnsupportedError: it feels forces, or nothing can draw here.
        """
        spec = self._plan.specs.get(path)
        if spec is None:
            raise NotFoundError(f"There is no sensor at '{path}'.", hint=nearest(path, self._plan.specs))
        match spec.kind:
            case "imu":
                fields = self._imu(spec)
            case "joint_state":
                column = self._batch.joint_names.index(spec.settings.joint)
                fields = {
                    "position": self._batch.joint_positions[:, column],
                    "velocity": self._batch.joint_velocities[:, column],
                }
            case "body_state" | "generic":
                fields = self._body_state(spec)
            case "camera" | "lidar":
                fields = self._look(spec)
            case _:
                raise UnsupportedError(
                    f"A batch does not tell forces, so '{path}' ({spec.kind}) feels nothing.",
                    hint="Read it of a single simulation.",
                )
        return MappingProxyType(fields)

    def _imu(self, spec: Spec) -> dict[str, AnyArray]:
        count = self._batch.num_envs
        poses, velocities = self._mounted(spec, *self._carrier(spec))
        acceleration = np.zeros((count, 3))
        if self._before is not None and spec.bodies:
            time, old_poses, old_velocities = self._before
            row = self._imus.index(spec.bodies[0])
            _, old = self._mounted(spec, old_poses[:, row], old_velocities[:, row])
            seconds = (self._batch.time - time)[:, None]
            change = velocities[:, :3] - old[:, :3]
            acceleration = np.divide(change, seconds, out=np.zeros_like(change), where=seconds > 0)
        into_sensor = rotation_matrix(poses[:, 3:].T)
        return {
            "linear_acceleration": _turned_back(into_sensor, acceleration - self._gravity),
            "angular_velocity": _turned_back(into_sensor, velocities[:, 3:]),
        }

    def _body_state(self, spec: Spec) -> dict[str, AnyArray]:
        poses, velocities = self._mounted(spec, *self._carrier(spec))
        return {
            "position": poses[:, :3],
            "orientation": poses[:, 3:],
            "linear_velocity": velocities[:, :3],
            "angular_velocity": velocities[:, 3:],
        }

    def _carrier(self, spec: Spec) -> tuple[FloatArray, FloatArray]:
        """Poses [num_envs, 7] and velocities [num_envs, 6] of the sensor's body, or of the world."""
        count = self._batch.num_envs
        if not spec.bodies:
            return np.tile(Pose.identity().as_array(), (count, 1)), np.zeros((count, 6))
        poses, velocities = self._batch.body_states(spec.bodies[:1])
        return poses[:, 0], velocities[:, 0]

    def _mounted(self, spec: Spec, poses: FloatArray, velocities: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Those of the sensor's frame, of those of its body."""
        rotation = rotation_matrix(poses[:, 3:].T)
        arm = np.einsum("ijn,j->ni", rotation, spec.pose.position)
        turn = quaternion_multiply(poses[:, 3:].T, spec.pose.orientation[:, None]).T
        linear = velocities[:, :3] + np.cross(velocities[:, 3:], arm)
        return np.hstack([poses[:, :3] + arm, turn]), np.hstack([linear, velocities[:, 3:]])

    def _look(self, spec: Spec) -> dict[str, AnyArray]:
        scene, mirrors = self._batch.scene, self._plan.mirrors
        readings = [
            show(scene, mirrors, spec, Sample(time=0.0, index=0, data={"poses": poses}), None).data
            for poses in self._batch.body_poses
        ]
        return {name: np.stack([reading[name] for reading in readings]) for name in readings[0]}


def _turned_back(rotation: FloatArray, vectors: FloatArray) -> FloatArray:
    """Vectors [num_envs, 3] in the frames whose axes are the columns of ``rotation`` [3, 3, num_envs]."""
    turned: FloatArray = np.einsum("jin,nj->ni", rotation, vectors)
    return turned
