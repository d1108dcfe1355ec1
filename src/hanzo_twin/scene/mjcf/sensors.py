"""Sensors on sites, cameras and lights."""

from __future__ import annotations

import math
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.mjcf.draft import Draft, pose_of, triple
from hanzo_twin.scene.model import Camera, Light, Sensor, SensorKind
from hanzo_twin.spatial import FloatArray, Pose

_SENS = mujoco.mjtSensor
_KINDS: dict[int, SensorKind] = {
    int(_SENS.mjSENS_ACCELEROMETER): "imu",
    int(_SENS.mjSENS_GYRO): "imu",
    int(_SENS.mjSENS_FORCE): "force_torque",
    int(_SENS.mjSENS_TORQUE): "force_torque",
    int(_SENS.mjSENS_TOUCH): "contact",
}
_READ_ANYWAY = tuple(
    int(getattr(_SENS, f"mjSENS_{name}"))
    for name in (
        "JOINTPOS", "JOINTVEL", "JOINTACTFRC", "ACTUATORFRC", "FRAMEPOS", "FRAMEQUAT", "FRAMELINVEL", "FRAMEANGVEL",
        "CLOCK",
    )
)  # fmt: skip
_DIRECTIONAL = int(mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
_FIXED = int(mujoco.mjtCamLight.mjCAMLIGHT_FIXED)
_DISTANT_INTENSITY, _SPHERE_INTENSITY = 1000.0, 10000.0


def read(draft: Draft) -> None:
    """Add sensors, cameras and lights to ``draft``."""
    _read_sensors(draft)
    for index in range(draft.model.ncam):
        _read_camera(draft, index)
    for index in range(draft.model.nlight):
        _read_light(draft, index)
    _report_sites(draft)


def _read_sensors(draft: Draft) -> None:
    model = draft.model
    made: set[tuple[SensorKind, int]] = set()
    for index in range(model.nsensor):
        kind = int(model.sensor_type[index])
        called = draft.called("SENSOR", index)
        if kind in _KINDS:
            site = int(model.sensor_objid[index])
            if (_KINDS[kind], site) not in made:
                made.add((_KINDS[kind], site))
                _add_sensor(draft, _KINDS[kind], site)
        elif kind in _READ_ANYWAY:
            draft.findings.info(
                "sensor-implied", draft.root, f"The {called} reads what joints and bodies tell anyway; it is left out."
            )
        else:
            word = str(_SENS(kind)).rpartition("mjSENS_")[2].lower()
            draft.findings.warning(
                "sensor-lost",
                draft.root,
                f"The {called} ({word}) is lost.",
                "A scene knows imu, force_torque, contact, lidar and camera.",
            )


def _add_sensor(draft: Draft, kind: SensorKind, site: int) -> None:
    model = draft.model
    place = draft.places[int(model.site_bodyid[site])]
    name = draft.name("SITE", site) or f"site_{site}"
    path = draft.claim(place.path, name)
    pose = place.pose @ pose_of(model.site_pos[site], model.site_quat[site])
    draft.sensors[path] = Sensor(path=path, kind=kind, body=place.body, pose_body_sensor=pose)
    draft.prims.append(path)


def _read_camera(draft: Draft, index: int) -> None:
    model = draft.model
    place = draft.places[int(model.cam_bodyid[index])]
    path = draft.claim(place.path, draft.name("CAMERA", index) or f"camera_{index}")
    if int(model.cam_mode[index]) != _FIXED:
        draft.findings.warning(
            "camera-changed",
            path,
            "It follows or looks at a body in a way of its own; here it is fixed to its body as at the start.",
            "Use a fixed camera.",
        )
    near, far = (float(getattr(model.vis.map, name)) * float(model.stat.extent) for name in ("znear", "zfar"))
    fov = math.radians(float(model.cam_fovy[index]))
    if not 0 < fov < math.pi or int(model.cam_projection[index]):
        draft.findings.warning("camera-lost", path, "An orthographic camera is lost.", "Use one with perspective.")
        return
    draft.cameras[path] = Camera(
        path=path,
        body=place.body,
        pose_body_camera=place.pose @ pose_of(model.cam_pos[index], model.cam_quat[index]),
        vertical_fov=fov,
        clipping_range=(near, far),
    )
    draft.prims.append(path)


def _read_light(draft: Draft, index: int) -> None:
    model = draft.model
    place = draft.places[int(model.light_bodyid[index])]
    path = draft.claim(draft.root, draft.name("LIGHT", index) or f"light_{index}")
    if not model.light_active[index]:
        draft.findings.info("light-inactive", path, "The light is off and left out.")
        return
    directional = int(model.light_type[index]) == _DIRECTIONAL
    carrier = draft.bodies[place.body].pose_world_body if place.body else Pose.identity()
    if place.body:
        draft.findings.warning(
            "light-detached",
            path,
            f"It moves with '{place.body}'; here it stays where it starts.",
            "Use a fixed light.",
        )
    local = Pose(position=np.array(model.light_pos[index]), orientation=_looking(np.array(model.light_dir[index])))
    draft.lights[path] = Light(
        path=path,
        kind="distant" if directional else "sphere",
        pose_world_light=carrier @ place.pose @ local,
        intensity=_DISTANT_INTENSITY if directional else _SPHERE_INTENSITY,
        color=triple(model.light_diffuse[index]),
    )
    draft.prims.append(path)
    draft.findings.info(
        "light-changed", path, "MJCF has no unit of brightness; its diffuse colour and a usual intensity are taken."
    )


def _looking(direction: FloatArray) -> FloatArray:
    """Quaternion [4] that turns −Z, along which lights shine, to ``direction`` [3]."""
    x, y, z = direction / np.linalg.norm(direction)
    w = 1.0 - z
    if w < 1e-9:
        return np.array([0.0, 1.0, 0.0, 0.0])
    # Half-way between −Z and the direction: (1 + a·b, a × b) for a = (0, 0, −1).
    turn: FloatArray = np.array([w, y, -x, 0.0])
    return turn / np.linalg.norm(turn)


def _report_sites(draft: Draft) -> None:
    model: Any = draft.model
    used = {path.rpartition("/")[2] for path in draft.sensors}
    names = [draft.name("SITE", site) for site in range(model.nsite)]
    lost = [name for name in names if name and name not in used]
    if lost:
        draft.findings.info(
            "site-lost",
            draft.root,
            f"{len(lost)} sites ({', '.join(lost[:5])}{' …' if len(lost) > 5 else ''}) are lost; a scene has no frames "
            "besides bodies, joints and sensors.",
        )
