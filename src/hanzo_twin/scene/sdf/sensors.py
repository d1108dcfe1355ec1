"""Sensors: the prim with ``hanzo:sensor`` and its rates, ranges and noise, as docs/sensors.md names them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pxr import Gf, Sdf, Usd, UsdGeom

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.sdf.author import Author, author, place
from hanzo_twin.scene.sdf.numbers import from_euler, number
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import Pose

KINDS = {
    "camera": "camera",
    "depth": "camera",
    "depth_camera": "camera",
    "rgbd": "camera",
    "rgbd_camera": "camera",
    "segmentation": "camera",
    "segmentation_camera": "camera",
    "ray": "lidar",
    "gpu_ray": "lidar",
    "lidar": "lidar",
    "gpu_lidar": "lidar",
    "imu": "imu",
    "contact": "contact",
    "force_torque": "force_torque",
}
_APERTURE = 20.955
_LOOK = Pose.of((0, 0, 0), from_euler(math.pi / 2, 0.0, -math.pi / 2))
"""SDF cameras look along +X with +Z up; USD's along −Z with +Y up."""

Value = float | str | bool


class SensorWriter:
    """Writes the sensors of links and joints."""

    def __init__(self, author: Author, findings: Findings) -> None:
        self._author = author
        self._findings = findings

    def write(self, owner: Usd.Prim, sensor: Element, pose: Pose) -> None:
        """The prim of ``sensor`` below ``owner``, at ``pose`` in it; of unknown kinds it is reported as lost."""
        text = sensor.attributes.get("type", "")
        kind = KINDS.get(text)
        if kind is None:
            self._findings.warning(
                "sensor-lost",
                str(owner.GetPath()),
                f"The sensor '{sensor.name}' ({sensor.where}) of type '{text}' is not kept.",
                f"Known types: {', '.join(sorted(KINDS))}.",
            )
            return
        schema = UsdGeom.Camera if kind == "camera" else UsdGeom.Xform
        prim = self._author.define(schema, owner, sensor)
        place(prim, pose @ _LOOK if kind == "camera" else pose)
        author(prim, "hanzo:sensor", Sdf.ValueTypeNames.Token, kind)
        if rate := number(sensor, "update_rate", 0.0):
            author(prim, "hanzo:rate", Sdf.ValueTypeNames.Double, rate)
        for name, value in _ATTRIBUTES[kind](sensor):
            types = Sdf.ValueTypeNames
            of = types.Bool if isinstance(value, bool) else types.String if isinstance(value, str) else types.Double
            author(prim, f"hanzo:{name}", of, value)
        if kind == "camera":
            self._optics(UsdGeom.Camera(prim), sensor)
        for plugin in sensor.all("plugin"):
            name = plugin.attributes.get("filename", "")
            self._findings.warning("plugin-lost", plugin.where, f"The plugin '{name}' of a sensor is not run.", "")

    def _optics(self, camera: UsdGeom.Camera, sensor: Element) -> None:
        width, height = (number(sensor, f"camera/image/{name}", default) for name, default in _IMAGE)
        field = number(sensor, "camera/horizontal_fov", 1.047)
        camera.CreateHorizontalApertureAttr(_APERTURE)
        camera.CreateVerticalApertureAttr(_APERTURE * height / width)
        camera.CreateFocalLengthAttr(_APERTURE / (2 * math.tan(field / 2)))
        near, far = (number(sensor, f"camera/clip/{name}", default) for name, default in (("near", 0.1), ("far", 100)))
        camera.CreateClippingRangeAttr(Gf.Vec2f(near, far))


_IMAGE = (("width", 320.0), ("height", 240.0))


def _camera(sensor: Element) -> Iterator[tuple[str, Value]]:
    for name, default in _IMAGE:
        yield name, number(sensor, f"camera/image/{name}", default)
    yield from _noise(sensor, "camera/noise", "noise")


def _lidar(sensor: Element) -> Iterator[tuple[str, Value]]:
    above = "lidar" if sensor.first("lidar") is not None else "ray"
    for scan, samples in (("horizontal", 640.0), ("vertical", 1.0)):
        path = f"{above}/scan/{scan}"
        yield f"{scan}:samples", number(sensor, f"{path}/samples", samples)
        yield f"{scan}:minAngle", number(sensor, f"{path}/min_angle", 0.0)
        yield f"{scan}:maxAngle", number(sensor, f"{path}/max_angle", 0.0)
    yield "minRange", number(sensor, f"{above}/range/min", 0.0)
    yield "maxRange", number(sensor, f"{above}/range/max", math.inf, infinite=True)
    yield from _noise(sensor, f"{above}/noise", "noise")


def _imu(sensor: Element) -> Iterator[tuple[str, Value]]:
    for group, name in (("angular_velocity", "gyroscope"), ("linear_acceleration", "accelerometer")):
        for letter in "xyz":
            yield from _noise(sensor, f"imu/{group}/{letter}/noise", f"{name}:{letter}:noise")


def _force_torque(sensor: Element) -> Iterator[tuple[str, Value]]:
    for group in ("force", "torque"):
        for letter in "xyz":
            yield from _noise(sensor, f"force_torque/{group}/{letter}/noise", f"{group}:{letter}:noise")


def _contact(sensor: Element) -> Iterator[tuple[str, Value]]:
    yield from ()


def _noise(sensor: Element, path: str, name: str) -> Iterator[tuple[str, Value]]:
    if sensor.at(path) is not None:
        for part in ("mean", "stddev", "bias_mean", "bias_stddev"):
            value = number(sensor, f"{path}/{part}", 0.0)
            if value:
                yield f"{name}:{part}", value


_ATTRIBUTES = {
    "camera": _camera,
    "lidar": _lidar,
    "imu": _imu,
    "contact": _contact,
    "force_torque": _force_torque,
}
