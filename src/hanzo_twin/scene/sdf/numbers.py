"""Numbers, flags and poses as SDFormat writes them: text in elements."""

from __future__ import annotations

import math

import numpy as np

from hanzo_twin.scene.findings import Refusal
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray, Pose, quaternion_from_axis_angle, quaternion_multiply

UNLIMITED = 1e16
"""SDFormat's number for "no limit"; newer files write ``inf`` or the largest double."""

MOST = 1_000_000
"""Pixels along an edge of a picture, or rays of a scan."""


def number(element: Element, path: str, default: float, *, infinite: bool = False) -> float:
    """The number at ``path`` below ``element``.

    Raises:
        Refusal: it is not a finite number. With ``infinite``, anything beyond `UNLIMITED` is read as infinite instead.
    """
    found = element.at(path)
    if found is None:
        return default
    (value,) = _numbers(found.content, 1, found, infinite=infinite)
    return math.copysign(math.inf, value) if infinite and abs(value) >= UNLIMITED else value


def vector(element: Element, path: str, default: tuple[float, ...]) -> FloatArray:
    """As many numbers at ``path`` as ``default`` has."""
    found = element.at(path)
    return np.array(default if found is None else _numbers(found.content, len(default), found))


def positive(element: Element, path: str, default: float) -> float:
    """A length at ``path`` that is above zero."""
    value = number(element, path, default)
    if value <= 0:
        raise Refusal("bad-dimension", f"<{path}> ({_place(element, path)}) is {value:g}.", "Write a positive number.")
    return value


def count(element: Element, path: str, default: int) -> int:
    """How many of something there are at ``path``: 1 to `MOST`."""
    value = number(element, path, default)
    if not 1 <= value <= MOST:
        raise Refusal(
            "bad-dimension", f"<{path}> ({_place(element, path)}) is {value:g}.", f"Write a number from 1 to {MOST}."
        )
    return int(value)


def flag(element: Element, path: str, *, default: bool) -> bool:
    """A truth value at ``path``: true, false, 1 or 0.

    Raises:
        Refusal: it is none of these.
    """
    text = element.value(path).lower()
    if text in ("", "true", "1", "false", "0"):
        return default if text == "" else text in ("true", "1")
    raise Refusal("bad-number", f"<{path}> ({_place(element, path)}) is '{text}'.", "Write true or false.")


def pose(element: Element | None) -> Pose:
    """The raw pose in a ``<pose>`` element: ``x y z roll pitch yaw`` (fixed axes), or ``x y z qx qy qz qw``.

    Raises:
        Refusal: the numbers are not six (seven for a quaternion), or make no rotation.
    """
    if element is None or not element.content.strip():
        return Pose.identity()
    form = element.attributes.get("rotation_format", "euler_rpy")
    if form == "quat_xyzw":
        x, y, z, *quaternion = _numbers(element.content, 7, element)
        if np.linalg.norm(quaternion) < 1e-9:
            raise Refusal("bad-quaternion", f"The pose at {element.where} has a zero quaternion.", "Write a unit one.")
        return Pose.of((x, y, z), (quaternion[3], *quaternion[:3]))
    if form != "euler_rpy":
        raise Refusal(
            "bad-number", f"rotation_format at {element.where} is '{form}'.", "Allowed: euler_rpy, quat_xyzw."
        )
    x, y, z, *angles = _numbers(element.content, 6, element)
    if element.attributes.get("degrees", "").lower() in ("true", "1"):
        angles = [math.radians(angle) for angle in angles]
    return Pose.of((x, y, z), from_euler(*angles))


def from_euler(roll: float, pitch: float, yaw: float) -> FloatArray:
    """Quaternion [4] of turns about the fixed axes x, y, z, in this order, in rad."""
    x, y, z = (
        quaternion_from_axis_angle(axis, angle)
        for axis, angle in (((1, 0, 0), roll), ((0, 1, 0), pitch), ((0, 0, 1), yaw))
    )
    return quaternion_multiply(z, quaternion_multiply(y, x))


def _numbers(text: str, count: int, element: Element, *, infinite: bool = False) -> list[float]:
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) != count:
        wanted = "one number" if count == 1 else f"{count} numbers"
        raise Refusal(
            "bad-number", f"<{element.tag}> ({element.where}) is '{' '.join(text.split())}'.", f"Write {wanted}."
        )
    if any(math.isnan(value) or (math.isinf(value) and not infinite) for value in values):
        raise Refusal("not-finite", f"<{element.tag}> ({element.where}) is not finite.", "Write finite numbers.")
    return values


def _place(element: Element, path: str) -> str:
    return (element.at(path) or element).where
