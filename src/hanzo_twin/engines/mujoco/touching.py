"""Contacts of the last step, as MuJoCo solved them."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.hulls import shape_of
from hanzo_twin.sensors.port import Contacts


def read_contacts(model: Any, data: Any) -> Contacts:
    """MuJoCo gives the force on the second geom, in a frame whose first axis points from the first geom to it."""
    rows = []
    force = np.zeros(6)
    for index in range(data.ncon):
        contact = data.contact[index]
        if contact.efc_address < 0:
            continue
        mujoco.mj_contactForce(model, data, index, force)
        frame = contact.frame.reshape(3, 3)
        first, second = (shape_of(model.geom(int(geom)).name) for geom in contact.geom)
        rows.append((first, second, contact.pos.copy(), -frame[0], -(frame.T @ force[:3])))
    return Contacts.of(rows)
