"""Sensors: the prim with ``hanzo:sensor`` and its rates, ranges and noise, as docs/sensors.md names them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pxr import Gf, Sdf, Usd, UsdGeom

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.sdf.author import Author, author, place
from hanzo_twin.scene.sdf.numbers import from_euler, number
from hanzo_twin.scene.sensors import MAX_RANGE
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
_PICTURES = {
    "depth": "depth",
    "depth_camera": "depth",
    "rgbd": "rgb depth",
    "rgbd_camera": "rgb depth",
    "segmentation": "semantic instance",
    "segmentation_camera": "semantic instance",
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
            author(prim, "hanzo:sensor:rate_hz", Sdf.ValueTypeNames.Double, rate)
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
        yield f"camera:{name}", number(sensor, f"camera/image/{name}", default)
    kinds = _PICTURES.get(sensor.attributes.get("type", ""))
    if kinds is not None:
        yield "camera:kinds", kinds
    # SDF's noise of a picture is of full brightness 1.
    yield from _noise(sensor, ("camera/noise",), "rgb", scale=255.0)


def _lidar(sensor: Element) -> Iterator[tuple[str, Value]]:
    above = "lidar" if sensor.first("lidar") is not None else "ray"
    yield "lidar:horizontal_samples", number(sensor, f"{above}/scan/horizontal/samples", 640.0)
    yield "lidar:channels", number(sensor, f"{above}/scan/vertical/samples", 1.0)
    for scan in ("horizontal", "vertical"):
        for end, name in (("lower", "min_angle"), ("upper", "max_angle")):
            yield f"lidar:{scan}_{end}_deg", math.degrees(number(sensor, f"{above}/scan/{scan}/{name}", 0.0))
    yield "lidar:min_range", number(sensor, f"{above}/range/min", 0.0)
    farthest = number(sensor, f"{above}/range/max", math.inf, infinite=True)
    yield "lidar:max_range", min(farthest, MAX_RANGE)
    yield from _noise(sensor, (f"{above}/noise",), "ranges")
    resolution = number(sensor, f"{above}/range/resolution", 0.0)
    if resolution:
        yield "noise:ranges:resolution", resolution


def _imu(sensor: Element) -> Iterator[tuple[str, Value]]:
    for name in ("angular_velocity", "linear_acceleration"):
        yield from _noise(sensor, [f"imu/{name}/{letter}/noise" for letter in "xyz"], name)


def _force_torque(sensor: Element) -> Iterator[tuple[str, Value]]:
    for name in ("force", "torque"):
        yield from _noise(sensor, [f"force_torque/{name}/{letter}/noise" for letter in "xyz"], name)


def _contact(sensor: Element) -> Iterator[tuple[str, Value]]:
    yield from ()


def _noise(sensor: Element, paths: Sequence[str], name: str, *, scale: float = 1.0) -> Iterator[tuple[str, Value]]:
    """Of a field of the reading; where SDF has one of each axis, their mean."""
    present = [path for path in paths if sensor.at(path) is not None]
    if not present:
        return

    def mean(part: str) -> float:
        return scale * sum(number(sensor, f"{path}/{part}", 0.0) for path in present) / len(present)

    values = {"stddev": mean("stddev"), "bias": mean("mean") + mean("bias_mean"), "bias_stddev": mean("bias_stddev")}
    for part, value in values.items():
        if value:
            yield f"noise:{name}:{part}", value


_ATTRIBUTES = {
    "camera": _camera,
    "lidar": _lidar,
    "imu": _imu,
    "contact": _contact,
    "force_torque": _force_torque,
}
