"""Contacts of the last step, as PhysX solved them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hanzo_twin.engines.omniverse.physx import Touch
from hanzo_twin.sensors.port import Contacts
from hanzo_twin.spatial import FloatArray

_Row = tuple[str, str, FloatArray, FloatArray, FloatArray]


def contacts_of(touches: Sequence[Touch], shapes: Mapping[str, str], seconds: float) -> Contacts:
    """Contacts of a step of ``seconds``.

    PhysX pushes at the points where surfaces meet, and holds by friction at anchors of its own, usually two a patch.
    An anchor's force goes to the points of its pair by their distance from it: exactly where it acts if that is at or
    between two points, and with the right sum always.

    Args:
        shapes: path in the scene, by prim.
    """
    rows: list[_Row] = []
    for touch in touches:
        first, second = shapes[touch.first], shapes[touch.second]
        if first == second or not len(touch.points):
            continue
        impulses = touch.impulses.copy()
        for anchor, impulse in zip(touch.anchors, touch.friction_impulses, strict=True):
            impulses += _shares(touch.points, anchor)[:, None] * impulse
        for point, normal, impulse in zip(touch.points, touch.normals, impulses, strict=True):
            rows.append((first, second, point, normal, impulse / seconds))
    return Contacts.of(rows)


def _shares(points: FloatArray, anchor: FloatArray) -> FloatArray:
    """Parts [n] of a force at ``anchor`` for each of ``points`` [n, 3]: least squares of the same force and place."""
    nearest = np.argsort(np.linalg.norm(points - anchor, axis=1), kind="stable")[:2]
    shares = np.zeros(len(points))
    if len(nearest) == 1:
        shares[nearest] = 1.0
        return shares
    one, other = points[nearest]
    along = other - one
    length = float(along @ along)
    part = float(np.clip((anchor - one) @ along / length, 0.0, 1.0)) if length > 0.0 else 0.0
    shares[nearest] = 1.0 - part, part
    return shares
