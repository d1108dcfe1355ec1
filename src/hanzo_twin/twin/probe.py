"""Reading many state addresses of a simulation at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.engines.port import Simulation
from hanzo_twin.errors import AddressError
from hanzo_twin.scene.addresses import COMPONENTS, Address, describe
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

_FIELDS = {
    "position": "positions",
    "velocity": "velocities",
    "effort": "efforts",
    "xformOp:translate": "position",
    "xformOp:orient": "orientation",
    "linearVelocity": "linear_velocity",
    "angularVelocity": "angular_velocity",
}


class Probe:
    """State addresses of one scene, compiled to reads of articulations and bodies.

    Raises:
        AddressError: an address is not a state that an engine computes.
    """

    def __init__(self, scene: Scene, addresses: Sequence[str]) -> None:
        self.addresses = tuple(addresses)
        owner = {joint: art for art in scene.articulations.values() for joint in art.joints}
        reads: dict[str, list[tuple[str, int, int]]] = {}
        for column, text in enumerate(self.addresses):
            address = Address.parse(text)
            describe(scene, address)
            if address.path in owner and address.attribute in ("position", "velocity", "effort"):
                articulation = owner[address.path]
                entry = (_FIELDS[address.attribute], articulation.joints.index(address.path), column)
                reads.setdefault(articulation.path, []).append(entry)
            elif address.path in scene.bodies and address.attribute in _FIELDS:
                index = COMPONENTS[address.attribute].index(address.component)
                reads.setdefault(address.path, []).append((_FIELDS[address.attribute], index, column))
            else:
                raise AddressError(f"'{text}' is not computed by an engine, so it cannot be probed.")
        self._reads = [
            (
                path,
                field,
                np.array([i for f, i, _ in entries if f == field]),
                np.array([c for f, _, c in entries if f == field]),
            )
            for path, entries in reads.items()
            for field in dict.fromkeys(f for f, _, _ in entries)
        ]

    def read(self, simulation: Simulation) -> FloatArray:
        """Values [n] in the order of the addresses."""
        values = np.empty(len(self.addresses))
        seen = {}
        for path, field, indices, columns in self._reads:
            if path not in seen:
                seen[path] = simulation.get_observation(path)
            values[columns] = seen[path][field][indices]
        return values
