"""Parameters of a scene by address: what the scene says, and the values that a simulation has in their place.

``mass`` changes density and keeps the shape: the inertia follows in proportion. ``inertiaScale`` multiplies that
inertia once more, about the centre of mass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from numpy.typing import ArrayLike

from hanzo_twin.engines.vectors import as_numbers, is_number
from hanzo_twin.errors import AddressError, CommandError, ParameterError, UnsupportedError, nearest
from hanzo_twin.scene.addresses import Address, describe, parameter_addresses
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray

DYNAMIC = (
    "mass",
    "inertiaScale",
    "centerOfMass",
    "damping",
    "friction",
    "armature",
    "driveStiffness",
    "driveDamping",
    "maxEffort",
    "dynamicFriction",
    "gravity",
)
"""Parameters that every engine with dynamics can change while it runs."""

_AXES = "xyz"
_ANY_SIGN = ("centerOfMass", "gravity")


def authored_value(scene: Scene, address: Address) -> float:
    """The value of a parameter as ``scene`` says it; a joint without drive has gains of zero."""
    path, attribute = address.path, address.attribute
    if path in scene.joints:
        return _authored_joint_value(scene.joints[path], attribute)
    if path in scene.bodies:
        body = scene.bodies[path]
        if attribute == "centerOfMass":
            return float(body.center_of_mass[_AXES.index(address.component)])
        return float(body.mass) if attribute == "mass" else 1.0
    if path in scene.materials:
        return float(scene.materials[path].dynamic_friction)
    return float(scene.gravity[_AXES.index(address.component)])


def drive_limit(joint: Joint) -> float:
    """Greatest effort of a joint's drive: the drive's own limit or that of the actuator, whichever is less."""
    return min(joint.drive.max_effort if joint.drive else float("inf"), joint.max_effort)


def _authored_joint_value(joint: Joint, attribute: str) -> float:
    drive = joint.drive
    match attribute:
        case "driveStiffness":
            return float(drive.stiffness) if drive else 0.0
        case "driveDamping":
            return float(drive.damping) if drive else 0.0
        case "maxEffort":
            return float(drive_limit(joint))
        case "actuatorDelay":
            return 0.0
        case _:
            return float(getattr(joint, attribute))


class ParameterValues:
    """Parameters of ``scene`` in one simulation of ``engine``, which can change those named in ``supported``."""

    def __init__(self, scene: Scene, *, engine: str, supported: Sequence[str]) -> None:
        self._scene = scene
        self._engine = engine
        self._supported = tuple(supported)
        self._changed: dict[str, float] = {}

    def resolve(self, address: str) -> Address:
        """Parse ``address``.

        Raises:
            AddressError: malformed, names nothing, or names no parameter.
            UnsupportedError: the engine cannot change it.
        """
        quantity = describe(self._scene, address)
        if quantity.kind != "parameter":
            path, attribute = quantity.address.path, quantity.address.attribute
            known = parameter_addresses(self._scene)
            raise AddressError(
                f"'{path}' has no parameter '{attribute}'."
                if quantity.kind == "reading"
                else f"'{address}' is a {quantity.kind}, not a parameter.",
                hint=nearest(address, [each for each in known if each.startswith(f"{path}.")] or known),
            )
        attribute = quantity.address.attribute
        if attribute == "actuatorDelay":
            raise UnsupportedError(
                f"'{address}' is not a parameter of engine '{self._engine}': no engine delays commands.",
                hint="Set it on the twin, which delays commands on their way to the engine.",
            )
        if attribute not in self._supported:
            raise UnsupportedError(
                f"Engine '{self._engine}' cannot change '{address}'.",
                hint=f"It can change: {', '.join(self._supported)}.",
            )
        return quantity.address

    def check(self, address: Address, value: float) -> None:
        """Raise ParameterError unless ``value`` is a number, finite and physical."""
        if not is_number(value):
            raise ParameterError(f"'{address}' cannot be {value!r}.", hint="Allowed: numbers.")
        if not math.isfinite(value):
            raise ParameterError(f"'{address}' cannot be {value}.", hint="Allowed: finite numbers.")
        if address.attribute in ("mass", "inertiaScale") and value <= 0.0:
            raise ParameterError(f"'{address}' cannot be {value:g}.", hint="Allowed: numbers greater than 0.")
        if address.attribute not in _ANY_SIGN and value < 0.0:
            raise ParameterError(f"'{address}' cannot be {value:g}.", hint="Allowed: 0 or more.")

    def get(self, address: Address) -> float:
        """The value in force."""
        changed = self._changed.get(str(address))
        return authored_value(self._scene, address) if changed is None else changed

    def set(self, address: Address, value: float) -> None:
        """Note ``value``; one equal to the scene's is no change."""
        if value == authored_value(self._scene, address):
            self._changed.pop(str(address), None)
        else:
            self._changed[str(address)] = float(value)

    def changed(self) -> tuple[tuple[str, float], ...]:
        """Addresses and values of what differs from the scene, sorted by address."""
        return tuple(sorted(self._changed.items()))

    def unchanged(self) -> ParameterValues:
        """The same parameters with the scene's values."""
        return ParameterValues(self._scene, engine=self._engine, supported=self._supported)

    def copy(self) -> ParameterValues:
        """An independent copy."""
        twin = self.unchanged()
        twin._changed = dict(self._changed)
        return twin

    def __iter__(self) -> Iterator[str]:
        return iter(self._changed)


def checked_parameters(
    known: ParameterValues, addresses: str | Sequence[str], values: ArrayLike, rows: int
) -> tuple[list[Address], FloatArray]:
    """What ``Batch.set_parameters`` was given, as addresses and values [rows, len(addresses)].

    Raises:
        AddressError, UnsupportedError: as `ParameterValues.resolve`. CommandError: wrong shape.
        ParameterError: a value is not physical.
    """
    wanted = as_numbers("values", values)
    names = [addresses] if isinstance(addresses, str) else list(addresses)
    shape = (rows,) if isinstance(addresses, str) else (rows, len(names))
    if wanted.shape != shape:
        raise CommandError(f"values has shape {list(wanted.shape)}, expected {list(shape)}.")
    wanted = wanted.reshape(rows, len(names))
    resolved = [known.resolve(name) for name in names]
    for column, address in enumerate(resolved):
        for value in wanted[:, column].tolist():
            known.check(address, value)
    return resolved, wanted


def gravity_addresses(scene: Scene) -> tuple[Address, Address, Address]:
    """Addresses of the three components of gravity."""
    x, y, z = (Address(path=scene.gravity_path, attribute="gravity", component=axis) for axis in _AXES)
    return x, y, z
