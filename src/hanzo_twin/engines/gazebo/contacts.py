"""Contacts of the last step, as DART solved them."""

from __future__ import annotations

from hanzo_twin.engines.gazebo.world import World
from hanzo_twin.engines.hulls import shape_of
from hanzo_twin.sensors.port import Contacts


def read_contacts(world: World) -> Contacts:
    """DART gives the force on the first shape, and a normal that points from the second to the first."""
    rows = []
    for contact in world.dart.getLastCollisionResult().getContacts():
        frames = (contact.collisionObject1, contact.collisionObject2)
        first, second = (shape_of(frame.getShapeFrame().getName()) for frame in frames)
        rows.append((first, second, contact.point.copy(), contact.normal.copy(), contact.force.copy()))
    return Contacts.of(rows)
