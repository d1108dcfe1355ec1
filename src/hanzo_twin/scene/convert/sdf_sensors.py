"""Rates, ranges, pictures and noise of sensors in SDFormat, as `hanzo_twin.scene.sdf.sensors` reads them.

What SDFormat has no element for is returned, to be reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.xml_text import text

Settings = Mapping[str, bool | int | float | str]

PICTURES = {
    "rgb": "camera",
    "depth": "depth_camera",
    "rgb depth": "rgbd_camera",
    "rgb semantic instance": "segmentation_camera",
}
"""SDF's type of a camera by what it takes."""
_VECTORS = {"imu": ("angular_velocity", "linear_acceleration"), "force_torque": ("force", "torque")}
_NOISE = {"stddev": "stddev", "bias": "mean", "bias_stddev": "bias_stddev"}
_COLOURS = 255.0


def write_settings(sensor: Element, kind: str, settings: Settings) -> list[str]:
    """Write ``settings`` (attributes by name) of a sensor of that kind; returns the names of those SDF cannot hold."""
    left = dict(settings)
    left.pop("hanzo:sensor", None)
    rate = left.pop("hanzo:sensor:rate_hz", None)
    if rate is not None:
        text(sensor, "update_rate", rate)
    if kind == "lidar":
        _lidar(SubElement(sensor, "lidar"), left)
    for field in _VECTORS.get(kind, ()):
        noises = _taken(left, field)
        if noises:
            of_kind = sensor.find(kind)
            vector = SubElement(SubElement(sensor, kind) if of_kind is None else of_kind, field)
            for letter in "xyz":
                _noise(SubElement(vector, letter), noises, 1.0)
    return sorted(left)


def write_pictures(camera: Element, settings: Settings) -> list[str]:
    """Write the noise of a camera's pictures; returns as `write_settings`, less size, kinds and rate."""
    left = dict(settings)
    for name in ("sensor", "sensor:rate_hz", "camera:width", "camera:height", "camera:kinds"):
        left.pop(f"hanzo:{name}", None)
    _noise(camera, _taken(left, "rgb"), 1.0 / _COLOURS)
    return sorted(left)


def _lidar(lidar: Element, left: dict[str, bool | int | float | str]) -> None:
    scan = SubElement(lidar, "scan")
    for name, samples in (("horizontal", "horizontal_samples"), ("vertical", "channels")):
        element = SubElement(scan, name)
        count = left.pop(f"hanzo:lidar:{samples}", None)
        if count is not None:
            text(element, "samples", count)
        for end, angle in (("min_angle", "lower_deg"), ("max_angle", "upper_deg")):
            degrees = left.pop(f"hanzo:lidar:{name}_{angle}", None)
            if degrees is not None:
                text(element, end, math.radians(float(degrees)))
    limits = SubElement(lidar, "range")
    for end in ("min", "max"):
        limit = left.pop(f"hanzo:lidar:{end}_range", None)
        if limit is not None:
            text(limits, end, float(limit))
    _noise(lidar, _taken(left, "ranges"), 1.0)


def _taken(left: dict[str, bool | int | float | str], field: str) -> dict[str, float]:
    """Noise of ``field``, by SDF's names, out of ``left``."""
    there = {name: left.pop(f"hanzo:noise:{field}:{name}", None) for name in _NOISE}
    return {_NOISE[name]: float(value) for name, value in there.items() if value is not None}


def _noise(parent: Element, values: Mapping[str, float], unit: float) -> None:
    if values:
        noise = SubElement(parent, "noise", {"type": "gaussian"})
        for name, value in values.items():
            text(noise, name, value * unit)
