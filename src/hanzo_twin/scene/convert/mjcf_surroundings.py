"""Options, cameras, lights and sensors; what MJCF has no place for."""

from __future__ import annotations

import math
from collections import Counter
from xml.etree.ElementTree import SubElement

import numpy as np

from hanzo_twin.errors import counted
from hanzo_twin.scene.convert.mjcf_document import Document, number, numbers, placed
from hanzo_twin.scene.model import Light, Sensor, Shape
from hanzo_twin.spatial import rotation_matrix

_SENSORS = {
    "imu": {"accelerometer": "linear_acceleration", "gyro": "angular_velocity"},
    "force_torque": {"force": "force", "torque": "torque"},
    "contact": {"touch": "force"},
    "body_state": {"framepos": "", "framequat": "", "framelinvel": "", "frameangvel": ""},
    "generic": {},
}
_INTEGRATORS = {"euler": "Euler", "rk4": "RK4", "implicit": "implicit", "implicitfast": "implicitfast"}
_NUMBERS = (
    "impratio", "tolerance", "ls_tolerance", "noslip_tolerance", "ccd_tolerance", "density", "viscosity",
    "iterations", "ls_iterations", "noslip_iterations", "ccd_iterations",
)  # fmt: skip
_SOLVERS = {"pgs": "PGS", "cg": "CG", "newton": "Newton"}
_WRITTEN = (
    "mjc:option:", "mjc:flag:", "mjc:sol", "mjc:condim", "mjc:priority", "mjc:group", "mjc:margin", "mjc:gap",
    "mjc:gear", "mjc:ctrlRange:", "mjc:actuator:index", "mjc:torsionalfriction", "mjc:rollingfriction",
)  # fmt: skip


def write_options(document: Document) -> None:
    """Gravity, time step, and MuJoCo's own options where the scene remembers them."""
    scene, option = document.scene, document.section("option")
    option.set("gravity", numbers(scene.gravity))
    if scene.step_hint is not None:
        option.set("timestep", number(scene.step_hint))
    # Without other words: what the platform's own engine of that name computes with.
    option.attrib |= {"integrator": "implicitfast", "cone": "elliptic"}
    prefix = f"{scene.gravity_path}.mjc:"
    flags: dict[str, str] = {}
    for address, value in scene.engine_attributes.items():
        kind, _, name = address.removeprefix(prefix).partition(":")
        if not address.startswith(prefix) or kind not in ("option", "flag"):
            continue
        if kind == "flag" and isinstance(value, bool):
            flags[name] = "enable" if value else "disable"
        elif isinstance(value, str):
            option.set(name, _INTEGRATORS.get(value, _SOLVERS.get(value, value)))
        elif isinstance(value, tuple):
            option.set(name, numbers(value))
        elif name in _NUMBERS:
            option.set(name, str(value) if isinstance(value, int) else number(value))
    flags.pop("gravity", None)
    if flags:
        SubElement(option, "flag", flags)


def write_surroundings(document: Document) -> None:
    """Cameras, lights and sensors into their bodies; what is lost into the report."""
    scene = document.scene
    for camera in scene.cameras.values():
        values = {
            "name": camera.path.rpartition("/")[2],
            "fovy": number(math.degrees(camera.vertical_fov)),
            **placed(camera.pose_body_camera),
        }
        SubElement(document.elements[camera.body], "camera", _unique(document, "camera", values))
        near, far = camera.clipping_range
        document.changed(
            "camera-range",
            camera.path,
            f"It shows what is from {near:g} m to {far:g} m away; all cameras of MJCF share a range that goes by the "
            "model's size.",
        )
    for light in scene.lights.values():
        _write_light(document, light)
    for sensor in scene.sensors.values():
        _write_sensor(document, sensor)
    for address in scene.attributes:
        path, _, name = address.partition(".")
        document.lost("attribute-lost", path, f"The attribute '{name}' has no place in MJCF.")
    others = Counter(
        address.partition(".")[0]
        for address in scene.engine_attributes
        if not address.partition(".")[2].startswith(_WRITTEN)
    )
    for path, count in others.items():
        document.lost("engine-attribute-lost", path, f"{counted(count, 'attribute')} of other engines lost.")


def _unique(document: Document, tag: str, values: dict[str, str]) -> dict[str, str]:
    taken = {element.get("name") for element in document.root.iter(tag)}
    name, count = values["name"], 1
    while values["name"] in taken:
        values["name"], count = f"{name}_{count}", count + 1
    return values


def _write_light(document: Document, light: Light) -> None:
    if light.kind == "dome":
        document.lost("light-lost", light.path, "MJCF has no dome lights.")
        return
    direction = rotation_matrix(light.pose_world_light.orientation) @ np.array([0.0, 0.0, -1.0])
    values = {
        "name": light.path.rpartition("/")[2],
        "pos": numbers(light.pose_world_light.position),
        "dir": numbers(direction),
        "diffuse": numbers(min(max(part, 0.0), 1.0) for part in light.color),
        "type": "directional" if light.kind == "distant" else "point",
    }
    SubElement(document.section("worldbody"), "light", _unique(document, "light", values))
    document.changed(
        "light-changed", light.path, f"Its intensity {light.intensity:g} has no unit in MJCF; the colour is kept."
    )


def _write_sensor(document: Document, sensor: Sensor) -> None:
    if sensor.kind not in _SENSORS:
        document.lost("sensor-lost", sensor.path, f"A sensor of kind '{sensor.kind}' has no place in MJCF.")
        return
    values = {"name": sensor.path.rpartition("/")[2], "group": "4", **placed(sensor.pose_body_sensor)}
    if sensor.kind == "contact":
        values["size"] = number(_reach(document, sensor))
    values = _unique(document, "site", values)
    SubElement(document.elements[sensor.body], "site", values)
    settings = dict(sensor.attributes)
    for kind, field in _SENSORS[sensor.kind].items():
        names = {"noise": f"hanzo:noise:{field}:stddev", "cutoff": f"hanzo:noise:{field}:limit"}
        numbers_of = {name: settings.pop(attribute, 0.0) for name, attribute in names.items()}
        target = {"site": values["name"]}
        if kind.startswith("frame"):
            target = {"objtype": "site", "objname": values["name"]}
        extra = {name: number(float(value)) for name, value in numbers_of.items() if value}
        SubElement(document.section("sensor"), kind, {"name": f"{values['name']}_{kind}", **target, **extra})
    if settings:
        document.changed(
            "sensor-settings", sensor.path, f"Its attributes ({', '.join(settings)}) are lost; its place is kept."
        )


def _reach(document: Document, sensor: Sensor) -> float:
    """Radius about the sensor that holds all of its body, as a touch sensor must."""
    body = document.scene.bodies.get(sensor.body)
    shapes: tuple[Shape, ...] = body.shapes if body is not None else ()
    far = [float(np.linalg.norm(shape.pose.position - sensor.pose_body_sensor.position)) for shape in shapes]
    return max(far, default=0.0) + max((_size(shape) for shape in shapes), default=0.1)


def _size(shape: Shape) -> float:
    geometry = shape.geometry
    if hasattr(geometry, "half_extents"):
        return float(np.linalg.norm(geometry.half_extents))
    if hasattr(geometry, "vertices"):
        return float(np.linalg.norm(geometry.vertices, axis=1).max())
    return float(getattr(geometry, "radius", 1.0)) + float(getattr(geometry, "half_height", 0.0))
