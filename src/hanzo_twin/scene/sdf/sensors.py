"""Sensors: the prim with ``hanzo:sensor`` and its rates, ranges and noise, as docs/sensors.md names them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pxr import Gf, Sdf, Usd, UsdGeom

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.sdf.author import Author, author, place
from hanzo_twin.scene.sdf.numbers import count, from_euler, number
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

Value = int | float | str


class SensorWriter:
    """Writes the sensors of links and joints."""

    def __init__(self, author: Author, findings: Findings) -> None:
        self._author = author
        self._findings = findings

    def write(self, owner: Usd.Prim, sensor: Element, pose: Pose, joint: Usd.Prim | None = None) -> None:
        """The prim of ``sensor`` (on ``joint``) below ``owner``, at ``pose`` in it; unknown kinds are reported."""
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
            of = types.Int if isinstance(value, int) else types.String if isinstance(value, str) else types.Double
            author(prim, f"hanzo:{name}", of, value)
        if joint is not None:
            prim.CreateRelationship("hanzo:joint").SetTargets([joint.GetPath()])
        if kind == "camera":
            self._optics(UsdGeom.Camera(prim), sensor)
        for plugin in sensor.all("plugin"):
            name = plugin.attributes.get("filename", "")
            self._findings.warning("plugin-lost", plugin.where, f"The plugin '{name}' of a sensor is not run.", "")

    def _optics(self, camera: UsdGeom.Camera, sensor: Element) -> None:
        width, height = (count(sensor, f"camera/image/{name}", default) for name, default in _IMAGE)
        field = number(sensor, "camera/horizontal_fov", 1.047)
        camera.CreateHorizontalApertureAttr(_APERTURE)
        camera.CreateVerticalApertureAttr(_APERTURE * height / width)
        camera.CreateFocalLengthAttr(_APERTURE / (2 * math.tan(field / 2)))
        near, far = (number(sensor, f"camera/clip/{name}", default) for name, default in (("near", 0.1), ("far", 100)))
        camera.CreateClippingRangeAttr(Gf.Vec2f(near, far))


_IMAGE = (("width", 320), ("height", 240))
_PICTURES = {
    "depth": "depth",
    "depth_camera": "depth",
    "rgbd": "rgb depth",
    "rgbd_camera": "rgb depth",
    "segmentation": "rgb semantic instance",
    "segmentation_camera": "rgb semantic instance",
}


def _camera(sensor: Element) -> Iterator[tuple[str, Value]]:
    for name, default in _IMAGE:
        yield f"camera:{name}", count(sensor, f"camera/image/{name}", default)
    yield "camera:kinds", _PICTURES.get(sensor.attributes.get("type", ""), "rgb")
    # SDF gives noise of pixels from 0 to 1.
    yield from _noise([sensor.at("camera/noise")], "rgb", 255.0)


def _lidar(sensor: Element) -> Iterator[tuple[str, Value]]:
    above = "lidar" if sensor.first("lidar") is not None else "ray"
    yield "lidar:horizontal_samples", count(sensor, f"{above}/scan/horizontal/samples", 640)
    yield "lidar:channels", count(sensor, f"{above}/scan/vertical/samples", 1)
    for scan in ("horizontal", "vertical"):
        for end, name in (("min_angle", "lower_deg"), ("max_angle", "upper_deg")):
            yield f"lidar:{scan}_{name}", math.degrees(number(sensor, f"{above}/scan/{scan}/{end}", 0.0))
    for end in ("min", "max"):
        limit = number(sensor, f"{above}/range/{end}", 0.0 if end == "min" else math.inf, infinite=True)
        if math.isfinite(limit):
            yield f"lidar:{end}_range", limit
    yield from _noise([sensor.at(f"{above}/noise")], "ranges")


def _imu(sensor: Element) -> Iterator[tuple[str, Value]]:
    for field in ("angular_velocity", "linear_acceleration"):
        yield from _noise([sensor.at(f"imu/{field}/{letter}/noise") for letter in "xyz"], field)


def _force_torque(sensor: Element) -> Iterator[tuple[str, Value]]:
    for field in ("force", "torque"):
        yield from _noise([sensor.at(f"force_torque/{field}/{letter}/noise") for letter in "xyz"], field)


def _contact(sensor: Element) -> Iterator[tuple[str, Value]]:
    yield from ()


def _noise(parts: list[Element | None], field: str, unit: float = 1.0) -> Iterator[tuple[str, Value]]:
    """Noise of ``field``, the strongest of its components'; ``unit`` is ours in SDF's."""
    there = [part for part in parts if part is not None and part.attributes.get("type", "gaussian") != "none"]
    for what, names in (("stddev", ("stddev",)), ("bias", ("mean", "bias_mean")), ("bias_stddev", ("bias_stddev",))):
        values = [sum(number(part, name, 0.0) for name in names) * unit for part in there]
        strongest = max(values, key=abs, default=0.0)
        if strongest:
            yield f"noise:{field}:{what}", strongest


_ATTRIBUTES = {
    "camera": _camera,
    "lidar": _lidar,
    "imu": _imu,
    "contact": _contact,
    "force_torque": _force_torque,
}
