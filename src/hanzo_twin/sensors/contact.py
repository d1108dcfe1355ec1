"""Contact sensor: what a body (or one of its shapes, where the prim is a collider) was pushed with in the last step."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from hanzo_twin.sensors.port import AnyArray, Contacts
from hanzo_twin.spatial import FloatArray


def read_contact(
    contacts: Contacts | None, shapes: Collection[str], rotation_world_sensor: FloatArray, threshold: float
) -> dict[str, AnyArray]:
    """The contacts of ``shapes`` with others.

    ``force`` [3] N is the net force on the body, sensor frame; ``positions_world`` [k, 3] m, ``normals_world`` [k, 3]
    (towards the body), ``forces_world`` [k, 3] N and ``others`` [k] (paths of the shapes that touch) are the single
    contacts, of which those below ``threshold`` N are left out; ``in_contact`` says whether one is left.

    Args:
        contacts: None when no step was made: nothing touches.
        rotation_world_sensor: [3, 3].
    """
    rows: list[int] = []
    signs: list[float] = []
    others: list[str] = []
    for index, (first, second) in enumerate(contacts.shapes if contacts is not None else ()):
        if (first in shapes) == (second in shapes):
            continue
        rows.append(index)
        signs.append(1.0 if first in shapes else -1.0)
        others.append(second if first in shapes else first)
    none = np.empty((0, 3))
    sign = np.array(signs)[:, None]
    positions = contacts.positions[rows] if contacts is not None else none
    normals = sign * contacts.normals[rows] if contacts is not None else none
    forces = sign * contacts.forces[rows] if contacts is not None else none
    strong = np.linalg.norm(forces, axis=1) >= threshold
    return {
        "force": rotation_world_sensor.T @ forces[strong].sum(axis=0),
        "in_contact": np.array(bool(strong.any())),
        "positions_world": positions[strong],
        "normals_world": normals[strong],
        "forces_world": forces[strong],
        "others": np.array([name for name, kept in zip(others, strong, strict=True) if kept], dtype=np.str_),
    }
