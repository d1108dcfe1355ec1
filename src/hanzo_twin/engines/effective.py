"""A scene with the parameter values in force in place of its own, for engines that build from a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hanzo_twin.engines.parameters import ParameterValues, drive_limit
from hanzo_twin.scene.addresses import Address
from hanzo_twin.scene.model import Body, Drive, Joint, Scene

_DRIVE_FIELDS = {"driveStiffness": "stiffness", "driveDamping": "damping"}
_AXES = "xyz"


def effective_scene(scene: Scene, values: ParameterValues) -> Scene:
    """``scene`` as if it said what ``values`` say; the same object where nothing is changed.

    The inertia follows mass and ``inertiaScale`` as `hanzo_twin.engines.parameters` says.
    """
    changed: dict[str, list[tuple[Address, float]]] = {}
    for text, value in values.changed():
        address = Address.parse(text)
        changed.setdefault(address.path, []).append((address, value))
    if not changed:
        return scene
    gravity = list(scene.gravity)
    for address, value in changed.get(scene.gravity_path, ()):
        gravity[_AXES.index(address.component)] = value
    materials = {
        path: replace(material, dynamic_friction=changed[path][0][1]) if path in changed else material
        for path, material in scene.materials.items()
    }
    return replace(
        scene,
        bodies={path: _body(body, changed) for path, body in scene.bodies.items()},
        joints={path: _joint(joint, changed) for path, joint in scene.joints.items()},
        materials=materials,
        gravity=(gravity[0], gravity[1], gravity[2]),
    )


def _body(body: Body, changed: Mapping[str, list[tuple[Address, float]]]) -> Body:
    if body.path not in changed:
        return body
    center, mass, scale = list(body.center_of_mass), body.mass, 1.0
    for address, value in changed[body.path]:
        if address.attribute == "centerOfMass":
            center[_AXES.index(address.component)] = value
        elif address.attribute == "mass":
            mass = value
        else:
            scale = value
    x, y, z = (moment * (mass / body.mass) * scale for moment in body.diagonal_inertia)
    return replace(body, mass=mass, center_of_mass=(center[0], center[1], center[2]), diagonal_inertia=(x, y, z))


def _joint(joint: Joint, changed: Mapping[str, list[tuple[Address, float]]]) -> Joint:
    if joint.path not in changed:
        return joint
    drive = joint.drive or Drive()
    limit = drive_limit(joint)
    fields: dict[str, Any] = {}
    gains: dict[str, Any] = {}
    for address, value in changed[joint.path]:
        if address.attribute in _DRIVE_FIELDS:
            gains[_DRIVE_FIELDS[address.attribute]] = value
        elif address.attribute == "maxEffort":
            limit = value
        else:
            fields[address.attribute] = value
    return replace(joint, drive=replace(drive, max_effort=limit, **gains), max_effort=limit, **fields)
