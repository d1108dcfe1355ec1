"""Rigid bodies and their mass, by the rules of UsdPhysics' MassAPI.

What is authored on the body wins. What is missing there is computed from its colliders, each by its own mass, its own
density, the body's density or its material's density, in this order; where nothing says, water (1000 kg/m³) is
assumed and reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pxr import Usd, UsdPhysics, Vt

from hanzo_twin.scene import mass as mass_of
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.mass import MassProperties
from hanzo_twin.scene.model import Body, Material, Shape
from hanzo_twin.scene.usd.values import (
    LARGEST,
    Placements,
    Units,
    make_pose,
    measurable,
    number,
    quaternion,
    triple,
    typed,
    vector,
)
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

WATER = 1000.0
GUESSED_MASS = 1e-3
_THIN = 1e-6
_SLACK = 1e-4
_ROUNDING = 1e-9
_AUTHOR_MASS = "Author physics:mass (and physics:diagonalInertia) with MassAPI on the body."

MassSource = Literal["authored", "density", "guessed"]


class BodyReader:
    """Reads rigid bodies into `Body` values."""

    def __init__(
        self, units: Units, placements: Placements, materials: Mapping[str, Material], findings: Findings
    ) -> None:
        self._units = units
        self._placements = placements
        self._materials = materials
        self._findings = findings

    def read(self, prim: Usd.Prim, description: Any, shapes: tuple[Shape, ...]) -> Body:
        """The body of ``prim``, which UsdPhysics describes as ``description``.

        Raises:
            Refusal: a number that makes no body.
        """
        path = str(prim.GetPath())
        frame = self._placements.of(prim)
        if not any(shape.collides for shape in shapes):
            self._findings.info("no-collider", path, "The body has no collider: nothing can touch it.")
        mass, source = self._mass(prim, path, shapes)
        moments, axes = mass_of.principal(mass.inertia)
        moments = self._possible(path, moments)
        turn = self._velocity_frame(prim)
        linear = self._units.direction(turn @ np.array(description.linearVelocity, dtype=np.float64))
        angular = self._units.direction(turn @ np.array(description.angularVelocity, dtype=np.float64))
        if not (measurable(linear) and measurable(angular)):
            raise Refusal("not-finite", "Its initial velocity is not finite.", "Author finite numbers.")
        return Body(
            path=path,
            pose_world_body=self._units.world(frame.pose),
            mass=mass.mass,
            center_of_mass=triple(mass.center),
            principal_axes=tuple(float(part) for part in make_pose(np.zeros(3), axes).orientation),  # type: ignore[arg-type]
            diagonal_inertia=triple(moments),
            shapes=shapes,
            linear_velocity=triple(linear * self._units.length),
            angular_velocity=triple(np.radians(angular)),
            kinematic=bool(description.kinematicBody),
            gravity_enabled=not typed(prim, "physxRigidBody:disableGravity", (bool, int), "true or false"),
            mass_source=source,
        )

    def _possible(self, path: str, moments: FloatArray) -> FloatArray:
        """Principal ``moments`` of which none exceeds the sum of the others, as those of every body; the smallest gives
        way, because engines refuse what no body can have."""
        small, middle, large = sorted(moments.tolist())
        excess = large - (small + middle)
        if small <= 0 or excess <= 0:
            return moments
        raised = np.where(moments == small, (large - middle) * (1 + _ROUNDING), moments)
        if excess > _SLACK * large:
            self._findings.warning(
                "inertia-triangle",
                path,
                f"No body has the principal moments {_listed(moments)} kg·m²: the largest exceeds the sum of the "
                f"others; the smallest was raised to {large - middle:.6g} kg·m².",
                "Check the inertia.",
            )
        return raised

    def _velocity_frame(self, prim: Usd.Prim) -> FloatArray:
        """Rotation of the space in which UsdPhysics gives velocities: that of the prim's own transform."""
        parent = prim.GetParent()
        if prim.GetPath().IsRootPrimPath() or not parent:
            return np.eye(3)
        return rotation_matrix(self._placements.of(parent).pose.orientation)

    def _mass(self, prim: Usd.Prim, path: str, shapes: tuple[Shape, ...]) -> tuple[MassProperties, MassSource]:
        authored = _weight(prim, "mass") * self._units.mass
        computed, source = self._of_shapes(prim, shapes)
        center, inertia = self._center(prim), self._inertia(prim)
        if not authored:
            if computed is None:
                return self._guess(path, center, inertia), "guessed"
            authored = computed.mass
            if source == "guessed":
                self._findings.warning(
                    "mass-guessed",
                    path,
                    f"No mass and no density is authored; the volume of its colliders filled with water gives "
                    f"{authored:.6g} kg.",
                    _AUTHOR_MASS,
                )
        else:
            source = "authored"
        if inertia is None:
            inertia = self._guess_inertia(path, authored, computed)
        if center is None:
            center = np.zeros(3) if computed is None else computed.center
        return MassProperties(mass=authored, center=center, inertia=inertia), source

    def _guess(self, path: str, center: FloatArray | None, inertia: FloatArray | None) -> MassProperties:
        self._findings.warning(
            "mass-guessed",
            path,
            f"No mass is authored and no collider gives one; {GUESSED_MASS} kg is taken.",
            _AUTHOR_MASS,
        )
        return MassProperties(
            mass=GUESSED_MASS,
            center=np.zeros(3) if center is None else center,
            inertia=_ball_of_water(GUESSED_MASS) if inertia is None else inertia,
        )

    def _guess_inertia(self, path: str, mass: float, computed: MassProperties | None) -> FloatArray:
        if computed is not None:
            return computed.inertia * (mass / computed.mass)
        self._findings.warning(
            "inertia-guessed",
            path,
            f"No inertia is authored and no collider gives one; that of a ball of water of {mass:.6g} kg is taken.",
            "Author physics:diagonalInertia with MassAPI on the body.",
        )
        return _ball_of_water(mass)

    def _of_shapes(self, prim: Usd.Prim, shapes: tuple[Shape, ...]) -> tuple[MassProperties | None, MassSource]:
        stage = prim.GetStage()
        body_density = _weight(prim, "density")
        parts: list[MassProperties] = []
        source: MassSource = "density"
        for shape in shapes:
            unit = mass_of.of_unit_density(shape.geometry) if shape.collides else None
            if unit is None:
                continue
            collider = stage.GetPrimAtPath(shape.path)
            own_mass, own_density = (_weight(collider, name) for name in ("mass", "density"))
            authored = own_density or body_density
            material = self._materials.get(shape.material)
            if own_mass > 0:
                parts.append(unit.scaled(own_mass * self._units.mass / unit.mass).moved(shape.pose))
                continue
            density = authored * self._units.mass / self._units.length**3
            if not density > 0:
                density = (material.density if material else None) or 0.0
            if not density > 0:
                density, source = WATER, "guessed"
            parts.append(unit.scaled(density).moved(shape.pose))
        return (mass_of.combined(parts) if parts else None), source

    def _center(self, prim: Usd.Prim) -> FloatArray | None:
        value = vector(prim, "physics:centerOfMass")
        if value is None or np.isneginf(value).any():
            return None
        if not measurable(value):
            raise Refusal("not-finite", f"Its centre of mass is {triple(value)}.", "Author finite numbers.")
        return value * self._placements.of(prim).scale * self._units.length

    def _inertia(self, prim: Usd.Prim) -> FloatArray | None:
        """Inertia [3, 3] in the body frame as authored, kg·m²; None where it is not."""
        unit = self._units.mass * self._units.length**2
        full = typed(prim, "newton:inertia", Vt.DoubleArray, "six numbers")
        if full is not None and len(full) == 6:
            xx, yy, zz, xy, xz, yz = (float(value) for value in full)
            inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
            if not inertia.any():
                return None
            if not measurable(inertia):
                raise _bad_moments(np.array([xx, yy, zz]))
            return self._raised(prim, *mass_of.principal(inertia), inertia) * unit
        moments = vector(prim, "physics:diagonalInertia")
        if moments is None or not moments.any():
            return None
        axes = quaternion(prim, "physics:principalAxes")
        turned = axes is not None and np.linalg.norm(axes) > 0.5
        frame = make_pose(np.zeros(3), axes) if axes is not None and turned else Pose.identity()
        return self._raised(prim, moments, frame.orientation, None) * unit

    def _raised(self, prim: Usd.Prim, moments: FloatArray, axes: FloatArray, inertia: FloatArray | None) -> FloatArray:
        """Inertia [3, 3] of principal ``moments`` about ``axes`` (``inertia`` if that is known to be it).

        A moment of zero, as authors give thin rods, is raised to a part of the largest: no engine takes it. Where
        two are zero, both are raised to half of the third, below which no body has them.
        """
        if not (np.isfinite(moments).all() and moments.max() <= LARGEST):
            raise _bad_moments(moments)
        least = _THIN * float(moments.max())
        if moments.min() < -least or moments.max() <= 0:
            raise _bad_moments(moments)
        if moments.min() >= least and inertia is not None:
            return inertia
        middle = float(np.sort(moments)[1])
        if middle < least:
            least = float(moments.max()) / 2
        if moments.min() < least:
            shown = np.where(np.abs(moments) < _THIN * moments.max(), 0.0, moments)
            self._findings.warning(
                "inertia-raised",
                str(prim.GetPath()),
                f"Of its principal moments of inertia {_listed(shown)} the zero ones were raised to {least:.6g}.",
                "Author three positive moments.",
            )
        rotation = rotation_matrix(axes)
        raised: FloatArray = rotation @ np.diag(np.maximum(moments, least)) @ rotation.T
        return raised


def rigid_bodies(parsed: dict[Any, Any], findings: Findings) -> dict[str, Any]:
    """UsdPhysics' descriptions of the enabled bodies, by path."""
    found: dict[str, Any] = {}
    for description in parsed.get(UsdPhysics.ObjectType.RigidBody, ([], []))[1]:
        path = str(description.primPath)
        if description.rigidBodyEnabled:
            found[path] = description
        else:
            findings.info("body-disabled", path, "The rigid body is disabled; its colliders stand still.")
    return found


def _bad_moments(moments: FloatArray) -> Refusal:
    return Refusal(
        "bad-inertia",
        f"Its principal moments of inertia are {_listed(moments)}.",
        "Author three positive numbers.",
    )


def _listed(values: FloatArray) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _weight(prim: Usd.Prim, name: str) -> float:
    """Mass or density of ``prim`` in the stage's units, 0 where none is authored."""
    value = number(prim, f"physics:{name}") or 0.0
    if not 0 <= value <= LARGEST:
        raise Refusal("bad-mass", f"The {name} of '{prim.GetPath()}' is {value}.", "Author a positive number.")
    return value


def _ball_of_water(mass: float) -> FloatArray:
    radius = (mass / WATER * 3 / (4 * math.pi)) ** (1 / 3)
    inertia: FloatArray = 0.4 * mass * radius**2 * np.eye(3)
    return inertia
