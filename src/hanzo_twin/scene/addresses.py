"""Addresses: one name for everything that can be read or written, ``prim path.attribute[.component]``.

===============  ==========================================  =========  =====================
on               attribute                                   kind       unit
===============  ==========================================  =========  =====================
body             mass                                        parameter  kg
body             inertiaScale                                parameter  1
body             centerOfMass.x|y|z                          parameter  m (body frame)
joint            damping                                     parameter  N·m·s/rad or N·s/m
joint            friction                                    parameter  N·m or N
joint            armature                                    parameter  kg·m² or kg
joint            driveStiffness, driveDamping                parameter  N·m/rad, N·m·s/rad …
joint            maxEffort                                   parameter  N·m or N
joint            actuatorDelay                               parameter  s
material         dynamicFriction                             parameter  1
physics scene    gravity.x|y|z                               parameter  m/s² (world frame)
joint            position, velocity                          state      rad or m, rad/s or m/s
body             xformOp:translate.x|y|z                     state      m (world frame)
body             xformOp:orient.w|x|y|z                      state      1
body             linearVelocity.x|y|z                        state      m/s (world frame)
body             angularVelocity.x|y|z                       state      rad/s (world frame)
joint            effort, targetPosition, targetVelocity      input      N·m or N, rad or m, …
any prim         any other attribute                         reading    as the mapping says
===============  ==========================================  =========  =====================

A parameter, state, input or reading is always one number; a vector is addressed by component. ``mass`` changes the
density and keeps the shape, so the inertia follows in proportion; ``inertiaScale`` multiplies that inertia once more.
``maxEffort`` limits what a joint's drive gives, not commanded efforts. ``actuatorDelay`` is kept by the twin, which
delays commands; engines know nothing of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hanzo_twin.errors import AddressError, nearest
from hanzo_twin.scene.model import Joint, Scene

QuantityKind = Literal["parameter", "state", "input", "reading"]

_ADDRESS = re.compile(
    r"^(?P<path>(?:/[A-Za-z_][A-Za-z0-9_]*)+)\.(?P<attribute>[A-Za-z_][A-Za-z0-9_:]*)(?:\.(?P<component>[wxyz]))?$"
)

BODY_PARAMETERS = ("mass", "inertiaScale", "centerOfMass")
JOINT_PARAMETERS = ("damping", "friction", "armature", "driveStiffness", "driveDamping", "maxEffort", "actuatorDelay")
MATERIAL_PARAMETERS = ("dynamicFriction",)
JOINT_STATES = ("position", "velocity")
BODY_STATES = ("xformOp:translate", "xformOp:orient", "linearVelocity", "angularVelocity")
JOINT_INPUTS = ("effort", "targetPosition", "targetVelocity")
COMPONENTS = {
    "centerOfMass": "xyz",
    "gravity": "xyz",
    "xformOp:translate": "xyz",
    "xformOp:orient": "wxyz",
    "linearVelocity": "xyz",
    "angularVelocity": "xyz",
}


@dataclass(frozen=True, kw_only=True)
class Address:
    """A parsed address. ``str(address)`` gives the text back."""

    path: str
    attribute: str
    component: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``/World/arm/joint_3.damping``.

        Raises:
            AddressError: the text does not have that form.
        """
        match = _ADDRESS.match(text)
        if match is None:
            raise AddressError(
                f"'{text}' is not an address.",
                hint="An address is a prim path, a dot and an attribute, such as /World/arm/joint_3.damping "
                "or /World/box.centerOfMass.x.",
            )
        return cls(path=match["path"], attribute=match["attribute"], component=match["component"] or "")

    def __str__(self) -> str:
        return f"{self.path}.{self.attribute}" + (f".{self.component}" if self.component else "")


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What one address stands for in one scene.

    Args:
        unit: SI unit as text, such as ``N·m·s/rad``; "" where the scene cannot know it.
        dimension: name used by drift thresholds and metrics: ``position``, ``velocity``, ``temperature`` …
    """

    address: Address
    kind: QuantityKind
    unit: str
    dimension: str


def describe(scene: Scene, address: str | Address) -> Quantity:
    """What ``address`` stands for in ``scene``.

    Raises:
        AddressError: malformed, the prim does not exist, the prim has no such attribute, or a component is missing
            or too many.
    """
    parsed = Address.parse(address) if isinstance(address, str) else address
    quantity = _describe(scene, parsed)
    wanted = COMPONENTS.get(parsed.attribute, "") if quantity.kind != "reading" else parsed.component
    if bool(parsed.component) != bool(wanted) or parsed.component not in wanted:
        allowed = ", ".join(f"{parsed.path}.{parsed.attribute}.{letter}" for letter in wanted)
        raise AddressError(
            f"'{parsed}' needs a component." if wanted else f"'{parsed.attribute}' is one number and has no component.",
            hint=f"Allowed: {allowed or f'{parsed.path}.{parsed.attribute}'}.",
        )
    return quantity


def _describe(scene: Scene, address: Address) -> Quantity:
    path, attribute = address.path, address.attribute
    if path in scene.joints:
        return _describe_joint(scene.joints[path], address)
    if path in scene.bodies:
        if attribute in BODY_PARAMETERS:
            unit = {"mass": "kg", "inertiaScale": "1", "centerOfMass": "m"}[attribute]
            return Quantity(address=address, kind="parameter", unit=unit, dimension=attribute)
        if attribute in BODY_STATES:
            unit, dimension = {
                "xformOp:translate": ("m", "position"),
                "xformOp:orient": ("1", "orientation"),
                "linearVelocity": ("m/s", "velocity"),
                "angularVelocity": ("rad/s", "velocity"),
            }[attribute]
            return Quantity(address=address, kind="state", unit=unit, dimension=dimension)
    if path in scene.materials and attribute in MATERIAL_PARAMETERS:
        return Quantity(address=address, kind="parameter", unit="1", dimension="friction")
    if path == scene.gravity_path and attribute == "gravity":
        return Quantity(address=address, kind="parameter", unit="m/s²", dimension="acceleration")
    known = set(scene.prim_paths) | set(scene.bodies) | set(scene.materials) | {scene.gravity_path}
    if path not in known:
        raise AddressError(
            f"'{address}': the scene has no prim '{path}'.", hint=nearest(path, known | set(scene.joints))
        )
    return Quantity(address=address, kind="reading", unit="", dimension=attribute)


def _describe_joint(joint: Joint, address: Address) -> Quantity:
    attribute = address.attribute
    angular = joint.kind == "revolute"
    length, effort = ("rad", "N·m") if angular else ("m", "N")
    units = {
        "damping": f"{effort}·s/{length}",
        "friction": effort,
        "armature": "kg·m²" if angular else "kg",
        "driveStiffness": f"{effort}/{length}",
        "driveDamping": f"{effort}·s/{length}",
        "maxEffort": effort,
        "actuatorDelay": "s",
        "position": length,
        "velocity": f"{length}/s",
        "effort": effort,
        "targetPosition": length,
        "targetVelocity": f"{length}/s",
    }
    if joint.kind in ("revolute", "prismatic") and attribute in units:
        kind: QuantityKind = (
            "parameter" if attribute in JOINT_PARAMETERS else "state" if attribute in JOINT_STATES else "input"
        )
        dimension = {"targetPosition": "position", "targetVelocity": "velocity"}.get(attribute, attribute)
        return Quantity(address=address, kind=kind, unit=units[attribute], dimension=dimension)
    if joint.kind in ("revolute", "prismatic"):
        raise AddressError(f"Joint '{joint.path}' has no attribute '{attribute}'.", hint=nearest(attribute, units))
    raise AddressError(
        f"'{address}': joint '{joint.path}' is {joint.kind}; only revolute and prismatic joints have attributes."
    )


def parameter_addresses(scene: Scene) -> tuple[str, ...]:
    """All parameter addresses of ``scene``, in the scene's order (an engine may not support them all)."""
    addresses: list[str] = []
    for body in scene.bodies:
        addresses += [f"{body}.mass", f"{body}.inertiaScale", *(f"{body}.centerOfMass.{c}" for c in "xyz")]
    for joint in scene.joints.values():
        if joint.kind in ("revolute", "prismatic"):
            addresses += [f"{joint.path}.{name}" for name in JOINT_PARAMETERS]
    addresses += [f"{material}.{name}" for material in scene.materials for name in MATERIAL_PARAMETERS]
    addresses += [f"{scene.gravity_path}.gravity.{c}" for c in "xyz"]
    return tuple(addresses)


def quantities(scene: Scene) -> tuple[Quantity, ...]:
    """Everything in ``scene`` that has an address: parameters, states, inputs, and readings that the scene names."""
    bodies = [(path, BODY_STATES) for path in scene.bodies]
    joints = [
        (joint.path, (*JOINT_STATES, *JOINT_INPUTS))
        for joint in scene.joints.values()
        if joint.kind in ("revolute", "prismatic")
    ]
    listed = [*parameter_addresses(scene)]
    for path, names in (*bodies, *joints):
        for name in names:
            listed += [f"{path}.{name}{'.' + letter if letter else ''}" for letter in COMPONENTS.get(name, ("",))]
    found = [describe(scene, address) for address in (*listed, *scene.attributes)]
    order = {"parameter": 0, "state": 1, "input": 2, "reading": 3}
    return tuple(sorted(found, key=lambda quantity: order[quantity.kind]))
