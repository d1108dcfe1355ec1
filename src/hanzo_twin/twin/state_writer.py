"""Writing many state addresses of a simulation at once: the counterpart of `Probe`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.engines.port import Simulation
from hanzo_twin.scene.addresses import COMPONENTS, JOINT_STATES, Address
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray

_JOINT_FIELDS = {"position": "positions", "velocity": "velocities"}
_BODY_FIELDS = {
    "xformOp:translate": "position",
    "xformOp:orient": "orientation",
    "linearVelocity": "linear_velocity",
    "angularVelocity": "angular_velocity",
}
_Writes = dict[str, dict[str, tuple[IntArray, IntArray]]]


class StateWriter:
    """State addresses of one scene, compiled to writes of articulations and free bodies.

    Other addresses are allowed and left alone: the pose of a body that joints hold is derived, and so is an effort.
    """

    def __init__(self, scene: Scene, addresses: Sequence[str]) -> None:
        owner = {joint: art for art in scene.articulations.values() for joint in art.joints}
        joints: dict[str, dict[str, list[tuple[int, int]]]] = {}
        bodies: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for column, text in enumerate(addresses):
            address = Address.parse(text)
            path, attribute = address.path, address.attribute
            if path in owner and attribute in JOINT_STATES and attribute in _JOINT_FIELDS:
                place = owner[path].joints.index(path)
                fields = joints.setdefault(owner[path].path, {})
                fields.setdefault(_JOINT_FIELDS[attribute], []).append((place, column))
            elif path in scene.bodies and path not in scene.child_joint and attribute in _BODY_FIELDS:
                place = COMPONENTS[attribute].index(address.component)
                bodies.setdefault(path, {}).setdefault(_BODY_FIELDS[attribute], []).append((place, column))
        self._joints, self._bodies = _compile(joints), _compile(bodies)

    def write(self, simulation: Simulation, values: FloatArray, *, gain: float = 1.0) -> None:
        """Move each state towards its value [n, in the order of the addresses]: x ← x + gain·(value − x).

        NaN leaves a state as it is.
        """
        given = np.isfinite(values)
        for path, fields in self._joints.items():
            moved = _moved(simulation, path, fields, values, given, gain, tuple(_JOINT_FIELDS.values()))
            if moved is not None:
                simulation.set_joint_state(path, moved["positions"], moved["velocities"])
        for path, fields in self._bodies.items():
            moved = _moved(simulation, path, fields, values, given, gain, tuple(_BODY_FIELDS.values()))
            if moved is not None:
                orientation = moved["orientation"] / np.linalg.norm(moved["orientation"])
                simulation.set_body_state(
                    path, moved["position"], orientation, moved["linear_velocity"], moved["angular_velocity"]
                )


def _compile(entries: dict[str, dict[str, list[tuple[int, int]]]]) -> _Writes:
    return {
        path: {
            field: (np.array([place for place, _ in pairs]), np.array([column for _, column in pairs]))
            for field, pairs in fields.items()
        }
        for path, fields in entries.items()
    }


def _moved(
    simulation: Simulation,
    path: str,
    fields: dict[str, tuple[IntArray, IntArray]],
    values: FloatArray,
    given: np.ndarray,
    gain: float,
    wanted: tuple[str, ...],
) -> dict[str, FloatArray] | None:
    """What `path` shows, with the given values moved; None if there is none for it."""
    if not any(given[columns].any() for _, columns in fields.values()):
        return None
    seen = simulation.get_observation(path)
    arrays = {field: np.array(seen[field]) for field in wanted}
    for field, (places, columns) in fields.items():
        here = given[columns]
        present = arrays[field][places[here]]
        arrays[field][places[here]] = present + gain * (values[columns[here]] - present)
    return arrays
