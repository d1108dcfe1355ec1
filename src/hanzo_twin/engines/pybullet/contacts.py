"""Contacts of the last step, as Bullet solved them."""

from __future__ import annotations

import numpy as np
import pybullet

from hanzo_twin.engines.pybullet.world import World
from hanzo_twin.sensors.port import Contacts


def read_contacts(world: World) -> Contacts:
    """Bullet gives a normal that points from the second shape to the first, and what pushes the first along it.

    Contacts are in an order of Bullet's that differs between equal worlds; here they are in one.
    """
    rows = []
    for point in pybullet.getContactPoints(physicsClientId=world.client):
        _, uid_a, uid_b, link_a, link_b, on_a, on_b, normal, _, push, side, side_axis, along, along_axis = point
        first, second = world.shapes.get((uid_a, link_a)), world.shapes.get((uid_b, link_b))
        if first is None or second is None:
            continue
        force = push * np.array(normal) + side * np.array(side_axis) + along * np.array(along_axis)
        rows.append((first, second, (np.array(on_a) + np.array(on_b)) / 2, np.array(normal), force))
    rows.sort(key=lambda row: (row[0], row[1], *row[2].tolist()))
    return Contacts.of(rows)
