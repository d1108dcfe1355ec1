"""The quantities that sync carries, one column each: what mappings name, resolved against a scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hanzo_twin.definition.target import UNITS, Target
from hanzo_twin.errors import AddressError
from hanzo_twin.scene.addresses import COMPONENTS, Address, Quantity, describe
from hanzo_twin.scene.model import Scene


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One number over time.

    Args:
        address: what it is in the scene.
        quantity: kind, unit and dimension of that address.
        role: ``measurement`` is compared with the prediction, ``input`` drives the simulation.
        unit: SI unit, or what the mapping says where the scene cannot know.
    """

    address: str
    quantity: Quantity
    role: str
    unit: str


class SignalTable:
    """All signals of a twin; a signal's column is its place in ``signals``."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.signals: list[Signal] = []
        self._columns: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self.signals)

    def resolve(self, target: Target) -> tuple[int, ...]:
        """Columns of what ``target`` names, added if new: one, or several for a vector such as ``/World/arm/joints``.

        Raises:
            AddressError: the scene has no such prim or attribute, or it cannot play the role that the mapping gives.
        """
        return tuple(self._column(address, target) for address in expand(self.scene, target.to))

    def columns(self, role: str, kinds: Iterable[str]) -> list[int]:
        """Columns of the signals with that role whose kind is one of ``kinds``."""
        wanted = set(kinds)
        return [i for i, s in enumerate(self.signals) if s.role == role and s.quantity.kind in wanted]

    def _column(self, address: str, target: Target) -> int:
        # Every mapping is checked, also the second one of an address: it may have a unit of its own.
        quantity = describe(self.scene, address)
        if quantity.kind == "parameter":
            raise AddressError(
                f"'{address}' is a parameter; it is calibrated or set, and no reading can be mapped to it.",
                hint="Map readings to states (position, velocity …), inputs (effort, targetPosition …) or attributes.",
            )
        if target.role == "input" and quantity.kind == "state":
            raise AddressError(
                f"'{address}' is a state; it follows from the physics and cannot be an input.",
                hint="Leave out 'role: input', or map to effort, targetPosition or targetVelocity.",
            )
        if target.role == "measurement" and address.rpartition(".")[2] in ("targetPosition", "targetVelocity"):
            raise AddressError(
                f"'{address}' is a command; it is not predicted, so it cannot be a measurement.",
                hint="Map it with role: input.",
            )
        if quantity.unit and target.si_unit not in (None, quantity.unit):
            allowed = ", ".join(name for name, (si, _) in UNITS.items() if si == quantity.unit)
            raise AddressError(
                f"'{address}' is measured in {quantity.unit}, and '{target.unit}' is not a unit of that.",
                hint=f"Allowed: {allowed or quantity.unit}.",
            )
        known = self._columns.get((address, target.role))
        if known is not None:
            return known
        unit = quantity.unit or target.si_unit or ""
        self._columns[address, target.role] = len(self.signals)
        self.signals.append(Signal(address=address, quantity=quantity, role=target.role, unit=unit))
        return len(self.signals) - 1


def expand(scene: Scene, target: str) -> Sequence[str]:
    """Scalar addresses of a mapping's target.

    ``/World/arm/joints`` stands for the positions of all joints of the articulation at or below ``/World/arm``, in the
    articulation's order; a vector attribute without a component stands for its components.

    Raises:
        AddressError: the target names nothing, or an articulation that is not unique.
    """
    if "." not in target:
        return _joint_positions(scene, target)
    address = Address.parse(target)
    letters = COMPONENTS.get(address.attribute, "")
    if letters and not address.component and (address.path in scene.bodies):
        return [f"{address}.{letter}" for letter in letters]
    return [target]


def _joint_positions(scene: Scene, target: str) -> Sequence[str]:
    parent, _, name = target.rpartition("/")
    if name == "joints":
        found = [a for path, a in scene.articulations.items() if path == parent or path.startswith(f"{parent}/")]
        if len(found) == 1:
            return [f"{joint}.position" for joint in found[0].joints]
    if target in scene.articulations:
        return [f"{joint}.position" for joint in scene.articulations[target].joints]
    raise AddressError(
        f"'{target}' names no articulation's joints.",
        hint="Write an address with an attribute, such as /World/arm/joint_1.position, or one of: "
        + (", ".join(f"{path}/joints" for path in scene.articulations) or "(the scene has no articulation)")
        + ".",
    )
