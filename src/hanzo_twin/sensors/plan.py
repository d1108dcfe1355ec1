"""What the sensors of a scene are, worked out once for all its simulations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Camera, Scene, Sensor
from hanzo_twin.scene.sensors import SensorSettings, sensor_settings
from hanzo_twin.sensors.force_torque import carried_bodies, loop_through, mount
from hanzo_twin.sensors.mirror import Mirrors
from hanzo_twin.sensors.port import FORCE_KINDS
from hanzo_twin.spatial import IntArray, Pose

#: Kinds that feel what happened in the last engine step.
FELT = ("imu", *FORCE_KINDS)
_NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spec:
    """One sensor or camera of a scene.

    Args:
        pose: of the sensor on its body, in the world where it is on none.
        rows: in ``Scene.bodies`` of the bodies that it needs: its own, or all that hang on its joint.
        places: of these among the plan's ``watched`` rows.
        bodies / shapes: paths of these bodies, and of the shapes whose contacts count.
        refusal: why it cannot be simulated on any engine, "" where it can.
    """

    path: str
    kind: str
    settings: SensorSettings
    pose: Pose
    rows: IntArray = field(default_factory=lambda: _NO_ROWS)
    places: IntArray = field(default_factory=lambda: _NO_ROWS)
    bodies: tuple[str, ...] = ()
    shapes: frozenset[str] = frozenset()
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The sensors and cameras of a scene by path; ``watched`` rows of bodies whose motion before a step is needed."""

    specs: Mapping[str, Spec]
    watched: IntArray | None
    mirrors: Mirrors


def plan_sensors(scene: Scene) -> Plan:
    """Raises SceneError where a sensor's attributes make none."""
    devices: dict[str, Sensor | Camera] = {**scene.sensors, **scene.cameras}
    needed: set[int] = set()
    rows = {path: row for row, path in enumerate(scene.bodies)}
    drafts = []
    for path, device in devices.items():
        settings = sensor_settings(scene, path)
        bodies, pose, refusal = _held_by(scene, device, settings)
        own = [rows[body] for body in bodies]
        if settings.kind in ("imu", "force_torque") and not refusal:
            needed.update(own)
        drafts.append((path, settings, bodies, pose, refusal, own))
    watched = sorted(needed)
    specs = {
        path: Spec(
            path=path,
            kind=settings.kind,
            settings=settings,
            pose=pose,
            rows=np.array(own, dtype=np.int64),
            places=np.array([watched.index(row) for row in own if row in needed], dtype=np.int64),
            bodies=bodies,
            shapes=_shapes(scene, path, bodies) if settings.kind == "contact" else frozenset(),
            refusal=refusal,
        )
        for path, settings, bodies, pose, refusal, own in drafts
    }
    return Plan(specs=specs, watched=np.array(watched) if watched else None, mirrors=Mirrors(scene))


def _held_by(scene: Scene, device: Sensor | Camera, settings: SensorSettings) -> tuple[tuple[str, ...], Pose, str]:
    """Bodies that the sensor needs, its pose on the first of them, and why it cannot be simulated."""
    own = (device.body,) if device.body else ()
    if isinstance(device, Camera):
        return own, device.pose_body_camera, ""
    if settings.kind == "force_torque":
        joint = scene.joints[settings.joint]
        other = loop_through(scene, joint)
        refusal = (
            f"The force/torque sensor '{device.path}' is in joint '{joint.path}', which is part of the loop that "
            f"'{other.path}' closes, so that its forces do not follow from the motion. Put it outside of loops."
            if other
            else ""
        )
        return carried_bodies(scene, joint), mount(device, joint), refusal
    return own, device.pose_body_sensor, ""


def _shapes(scene: Scene, path: str, bodies: tuple[str, ...]) -> frozenset[str]:
    """Of the prim itself where it is a shape, else of its body."""
    if path in scene.static_shapes:
        return frozenset([path])
    shapes = frozenset(shape.path for body in bodies for shape in scene.bodies[body].shapes)
    return frozenset([path]) if path in shapes else shapes


def refuse(spec: Spec) -> None:
    """Raise UnsupportedError for a sensor that no engine can simulate."""
    if spec.refusal:
        raise UnsupportedError(spec.refusal)
