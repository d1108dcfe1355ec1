"""Sensors on sites, cameras and lights."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from hanzo_twin.errors import counted
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
_FIELDS = {
    int(_SENS.mjSENS_ACCELEROMETER): "linear_acceleration",
    int(_SENS.mjSENS_GYRO): "angular_velocity",
    int(_SENS.mjSENS_FORCE): "force",
    int(_SENS.mjSENS_TORQUE): "torque",
    int(_SENS.mjSENS_TOUCH): "force",
}
_FRAMES = tuple(
    int(getattr(_SENS, f"mjSENS_FRAME{name}"))
    for name in ("POS", "QUAT", "LINVEL", "ANGVEL", "XAXIS", "YAXIS", "ZAXIS")
)
_READ_ANYWAY = tuple(
    int(getattr(_SENS, f"mjSENS_{name}"))
    for name in ("JOINTPOS", "JOINTVEL", "JOINTACTFRC", "ACTUATORFRC", "BALLQUAT", "BALLANGVEL", "CLOCK")
)
_SITE = int(mujoco.mjtObj.mjOBJ_SITE)
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


def _read_sensors(draft: Draft) -> None:
    model = draft.model
    felt: dict[tuple[SensorKind, int], list[int]] = {}
    implied: list[str] = []
    for index in range(model.nsensor):
        kind, of = int(model.sensor_type[index]), int(model.sensor_objtype[index])
        called = draft.called("SENSOR", index)
        if kind in _KINDS:
            felt.setdefault((_KINDS[kind], int(model.sensor_objid[index])), []).append(index)
        elif kind in _FRAMES and of == _SITE:
            felt.setdefault(("body_state", int(model.sensor_objid[index])), []).append(index)
        elif kind in _FRAMES or kind in _READ_ANYWAY:
            implied.append(called)
        else:
            word = str(_SENS(kind)).rpartition("mjSENS_")[2].lower()
            draft.findings.warning(
                "sensor-lost",
                draft.root,
                f"The {called} ({word}) is lost.",
                "A scene knows imu, force_torque, contact, lidar, camera, joint_state and body_state.",
            )
    for (kind_word, site), sensors in felt.items():
        _add_sensor(draft, kind_word, site, sensors)
    if implied:
        draft.findings.info(
            "sensor-implied",
            draft.root,
            f"{counted(len(implied), 'sensor')} left out, because joints and bodies tell the same anyway: "
            f"{', '.join(implied[:3])}{' …' if len(implied) > 3 else ''}.",
        )
    _add_frames(draft, {site for _, site in felt})


def _add_sensor(draft: Draft, kind: SensorKind, site: int, sensors: list[int]) -> None:
    model = draft.model
    place = draft.places[int(model.site_bodyid[site])]
    name = draft.name("SITE", site) or f"site_{site}"
    path = draft.claim(place.path, name)
    pose = place.pose @ pose_of(model.site_pos[site], model.site_quat[site])
    attributes: list[tuple[str, float | str | bool]] = []
    for index in sensors:
        field = _FIELDS.get(int(model.sensor_type[index]))
        for what, value in (("stddev", model.sensor_noise[index]), ("limit", model.sensor_cutoff[index])):
            if field and value > 0:
                attributes.append((f"hanzo:noise:{field}:{what}", float(value)))
    draft.sensors[path] = Sensor(
        path=path, kind=kind, body=place.body, pose_body_sensor=pose, attributes=tuple(sorted(attributes))
    )
    draft.prims.append(path)


def _add_frames(draft: Draft, used: set[int]) -> None:
    """Named sites that carry no sensor are frames: sensors that read where they are. Those of tendons are not."""
    model = draft.model
    wrapped = {
        int(model.wrap_objid[wrap])
        for wrap in range(model.nwrap)
        if int(model.wrap_type[wrap]) == int(mujoco.mjtWrap.mjWRAP_SITE)
    }
    for site in range(model.nsite):
        if site not in used | wrapped and draft.name("SITE", site):
            _add_sensor(draft, "generic", site, [])


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
