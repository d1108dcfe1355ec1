"""What sensors take in of the world at an instant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.contact import read_contact
from hanzo_twin.sensors.force_torque import read_force_torque
from hanzo_twin.sensors.imu import read_imu
from hanzo_twin.sensors.plan import Spec
from hanzo_twin.sensors.port import AnyArray, Contacts, FeelsContacts, Motion, MotionSource
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix


class Taker:
    """Takes in what sensors need of ``source``, a simulation of ``scene`` with engine steps of ``seconds``."""

    def __init__(self, scene: Scene, source: MotionSource, seconds: float) -> None:
        self._scene = scene
        self._source = source
        self._seconds = seconds

    def take(self, spec: Spec, before: Motion | None, *, stepped: bool) -> Mapping[str, AnyArray]:
        """Fields of the reading; of cameras and lidars the poses of all bodies.

        Args:
            before: motion of the sensor's bodies before the last engine step, None when no step was made.
            stepped: an engine step was made since the world was loaded or restored.
        """
        match spec.kind:
            case "camera" | "lidar":
                return {"poses": self._source.body_motion().poses}
            case "imu":
                return self._imu(spec, before)
            case "contact":
                return self._contact(spec, stepped)
            case "force_torque":
                return self._force_torque(spec, before)
            case "joint_state":
                position, velocity, effort = self._source.joint_reading(spec.settings.joint)
                return {"position": np.array(position), "velocity": np.array(velocity), "effort": np.array(effort)}
            case _:
                return self._body_state(spec)

    def _gravity(self) -> FloatArray:
        return np.array(self._source.effective_scene().gravity)

    def _imu(self, spec: Spec, before: Motion | None) -> dict[str, AnyArray]:
        if not len(spec.rows):
            still = Motion(poses=Pose.identity().as_array()[None], velocities=np.zeros((1, 6)))
            return read_imu(spec.pose, None, still, self._gravity(), self._seconds)
        return read_imu(spec.pose, before, self._source.body_motion(spec.rows), self._gravity(), self._seconds)

    def _touching(self) -> Contacts:
        assert isinstance(self._source, FeelsContacts)
        return self._source.contacts()

    def _contact(self, spec: Spec, stepped: bool) -> dict[str, AnyArray]:
        rotation = rotation_matrix(spec.pose.orientation)
        if len(spec.rows):
            rotation = rotation_matrix(self._source.body_motion(spec.rows).poses[0, 3:]) @ rotation
        contacts = self._touching() if stepped else Contacts.of([])
        return read_contact(contacts, spec.shapes, rotation, spec.settings.threshold)

    def _force_torque(self, spec: Spec, before: Motion | None) -> dict[str, AnyArray]:
        if before is None:
            return {"force": np.zeros(3), "torque": np.zeros(3)}
        bodies = self._source.effective_scene().bodies
        return read_force_torque(
            [bodies[path] for path in spec.bodies],
            spec.pose,
            before,
            self._source.body_motion(spec.rows),
            gravity=self._gravity(),
            seconds=self._seconds,
            contacts=self._touching(),
            applied=self._source.applied_wrenches()[spec.rows],
        )

    def _body_state(self, spec: Spec) -> dict[str, AnyArray]:
        pose, linear, angular = spec.pose, np.zeros(3), np.zeros(3)
        if len(spec.rows):
            motion = self._source.body_motion(spec.rows)
            body = Pose.of(motion.poses[0, :3], motion.poses[0, 3:])
            pose, angular = body @ spec.pose, motion.velocities[0, 3:].copy()
            linear = motion.velocities[0, :3] + np.cross(angular, pose.position - body.position)
        return {
            "position": pose.position,
            "orientation": pose.orientation,
            "linear_velocity": linear,
            "angular_velocity": angular,
        }
