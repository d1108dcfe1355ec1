"""Parameters as numbers in a MuJoCo model.

What is written depends only on the scene and on the values in force, never on what was set before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.materials import DEFAULT, friction_between
from hanzo_twin.engines.mujoco.joint_elements import UNLIMITED
from hanzo_twin.engines.mujoco.layout import Layout
from hanzo_twin.engines.parameters import ParameterValues
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Material, Scene

# MuJoCo derives other constants of the model from these (mj_setConst).
STRUCTURAL = frozenset({"mass", "inertiaScale", "centerOfMass", "armature"})


class ModelParameters:
    """The parameters of one world and the model they are written in.

    The model may be shared with other worlds; it is copied before the first change.
    """

    def __init__(self, scene: Scene, layout: Layout, model: Any, values: ParameterValues) -> None:
        self.model = model
        self.values = values
        self._scene = scene
        self._layout = layout
        self._owned = False

    def set(self, address: str, value: float, data: Any) -> None:
        """Change one parameter; ``data`` is scratch. Errors as `Simulation.set_parameter`."""
        resolved = self.values.resolve(address)
        self.values.check(resolved, value)
        self.values.set(resolved, value)
        self._write([resolved], data)

    def replace(self, values: ParameterValues, data: Any) -> None:
        """Take ``values`` in place of all that is in force; ``data`` is scratch."""
        if values.changed() != self.values.changed():
            touched = sorted({*self.values, *values})
            self.values = values
            self._write([Address.parse(text) for text in touched], data)

    def _write(self, addresses: Iterable[Address], data: Any) -> None:
        if not self._owned:
            self.model, self._owned = copy.copy(self.model), True
        structural = False
        for address in addresses:
            write_parameter(self.model, self._scene, self._layout, self.values, address)
            structural |= address.attribute in STRUCTURAL
        if structural:
            derive_constants(self.model, data)

    def share(self) -> tuple[Any, ParameterValues]:
        """The model, for another world to use, and a copy of the values; the next change here is made on a copy."""
        self._owned = False
        return self.model, self.values.copy()


def write_parameter(model: Any, scene: Scene, layout: Layout, values: ParameterValues, address: Address) -> None:
    """Write the value in force of ``address`` into ``model``; derived constants are left to the caller."""
    value = values.get(address)
    if address.path in scene.bodies:
        _write_body(model, scene, layout, values, address)
    elif address.path in scene.joints:
        _write_joint(model, layout, address, value)
    elif address.path in scene.materials:
        _write_friction(model, scene, layout, values, address)
    else:
        model.opt.gravity["xyz".index(address.component)] = value


def _write_body(model: Any, scene: Scene, layout: Layout, values: ParameterValues, address: Address) -> None:
    body = scene.bodies[address.path]
    row = layout.bodies[layout.body_rows[address.path]]
    if address.attribute == "centerOfMass":
        model.body_ipos[row, "xyz".index(address.component)] = values.get(address)
        return
    mass = values.get(Address(path=address.path, attribute="mass"))
    scale = values.get(Address(path=address.path, attribute="inertiaScale"))
    model.body_mass[row] = mass
    for axis in range(3):
        model.body_inertia[row, axis] = body.diagonal_inertia[axis] * (mass / body.mass) * scale


def _write_friction(model: Any, scene: Scene, layout: Layout, values: ParameterValues, address: Address) -> None:
    value = values.get(address)
    model.geom_friction[layout.geoms[address.path], 0] = value
    own = replace(scene.materials[address.path], dynamic_friction=value)
    for pair, path in layout.pairs[address.path]:
        model.pair_friction[pair, :2] = friction_between(own, _other(scene, values, path))
    for geoms, path in layout.plates[address.path]:
        model.geom_friction[geoms, 0] = friction_between(own, own if path == own.path else _other(scene, values, path))


def _other(scene: Scene, values: ParameterValues, path: str) -> Material:
    """The material at ``path`` with the friction in force; "" is the default."""
    if not path:
        return DEFAULT
    friction = values.get(Address(path=path, attribute="dynamicFriction"))
    return replace(scene.materials[path], dynamic_friction=friction)


def _write_joint(model: Any, layout: Layout, address: Address, value: float) -> None:
    dof, actuator = layout.dofs[address.path], layout.actuators[address.path]
    match address.attribute:
        case "damping":
            model.dof_damping[dof] = value
        case "friction":
            model.dof_frictionloss[dof] = value
        case "armature":
            model.dof_armature[dof] = value
        case "driveStiffness":
            model.actuator_biasprm[actuator, 1] = -value
        case "driveDamping":
            model.actuator_biasprm[actuator, 2] = -value
        case "maxEffort":
            limit = min(value, UNLIMITED)
            model.actuator_forcerange[actuator] = (-limit, limit)


def derive_constants(model: Any, data: Any) -> None:
    """Bring up to date what MuJoCo derives from masses and armatures; ``data`` is scratch and comes back unchanged."""
    signature = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    before = np.empty(mujoco.mj_stateSize(model, signature))
    mujoco.mj_getState(model, data, before, signature)
    mujoco.mj_setConst(model, data)
    mujoco.mj_setState(model, data, before, signature)
