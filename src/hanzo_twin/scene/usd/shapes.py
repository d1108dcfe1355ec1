"""Shapes: what collides, as UsdPhysics finds it, and what is only seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, Vt

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Shape, Sphere
from hanzo_twin.scene.usd.looks import Looks
from hanzo_twin.scene.usd.values import (
    FARTHEST,
    Placement,
    Placements,
    Units,
    axis_of,
    make_pose,
    measurable,
    typed,
)
from hanzo_twin.spatial import (
    BoolArray,
    FloatArray,
    IntArray,
    Pose,
    quaternion_from_axis_angle,
    quaternion_multiply,
    rotation_matrix,
)

_TO_AXIS = {
    "Z": np.array([1.0, 0.0, 0.0, 0.0]),
    "X": quaternion_from_axis_angle([0, 1, 0], math.pi / 2),
    "Y": quaternion_from_axis_angle([1, 0, 0], -math.pi / 2),
}
_ROUND: tuple[tuple[Any, type[Capsule] | type[Cylinder] | type[Cone]], ...] = (
    (UsdGeom.Capsule, Capsule),
    (UsdGeom.Cylinder, Cylinder),
    (UsdGeom.Cone, Cone),
    (UsdGeom.Capsule_1, Capsule),
    (UsdGeom.Cylinder_1, Cylinder),
)
_THINNEST = 1e-12
_AXIS_INDEX = {"X": 0, "Y": 1, "Z": 2}
_UNREADABLE = (UsdPhysics.ObjectType.CustomShape, UsdPhysics.ObjectType.SpherePointsShape)
_SHAPES = (
    UsdPhysics.ObjectType.SphereShape,
    UsdPhysics.ObjectType.CubeShape,
    UsdPhysics.ObjectType.CapsuleShape,
    UsdPhysics.ObjectType.Capsule1Shape,
    UsdPhysics.ObjectType.CylinderShape,
    UsdPhysics.ObjectType.Cylinder1Shape,
    UsdPhysics.ObjectType.ConeShape,
    UsdPhysics.ObjectType.PlaneShape,
    UsdPhysics.ObjectType.MeshShape,
    *_UNREADABLE,
)


def colliders(parsed: dict[Any, Any], findings: Findings) -> Iterator[Any]:
    """UsdPhysics' descriptions of the colliders that can be read; the others are reported."""
    for kind in _SHAPES:
        for description in parsed.get(kind, ([], []))[1]:
            path = str(description.primPath)
            if kind in _UNREADABLE:
                findings.error(
                    "shape-unsupported",
                    path,
                    f"A collider of kind {str(kind).rpartition('.')[2]} is unknown.",
                    "Use a cube, sphere, capsule, cylinder, cone, plane or mesh.",
                )
            elif description.collisionEnabled:
                yield description
            else:
                findings.info("collider-disabled", path, "Its collision is disabled; it is only seen.")


class ShapeReader:
    """Reads gprims into `Shape` values."""

    def __init__(self, units: Units, placements: Placements, findings: Findings) -> None:
        self._units = units
        self._placements = placements
        self._findings = findings
        self._looks = Looks(findings)

    def read(
        self, prim: Usd.Prim, frame: Pose | None, *, material: str = "", groups: tuple[str, ...] = (), collides: bool
    ) -> Shape:
        """The gprim ``prim`` in ``frame`` (pose in the stage's world), or in our world when that is None.

        Raises:
            Refusal: its numbers make no geometry.
        """
        placement = self._placements.of(prim)
        geometry, turn = self._geometry(prim, placement)
        own = placement.pose
        pose = make_pose(own.position, quaternion_multiply(own.orientation, turn))
        local = self._units.world(pose) if frame is None else frame.inverse() @ pose
        return Shape(
            path=str(prim.GetPath()),
            geometry=geometry,
            pose=make_pose(local.position, local.orientation),
            material=material,
            collides=collides,
            visible=is_visible_gprim(prim),
            collision_groups=groups,
            color=self._looks.color(prim),
            semantic_label=_semantic_label(prim),
        )

    def parts(self, prim: Usd.Prim, shape: Shape) -> list[Shape]:
        """``shape``, read from ``prim``, in a part for each colour; what collides stays one, coloured as most of it."""
        counts = (
            typed(prim, "faceVertexCounts", Vt.IntArray, "an array of integers") if prim.IsA(UsdGeom.Mesh) else None
        )
        if not isinstance(shape.geometry, Mesh) or not counts:
            return [shape]
        parts = list(self._looks.parts(prim, len(counts)))
        if shape.collides or len(parts) == 1:
            return [replace(shape, color=max(parts, key=lambda part: len(part[2]))[1])]
        face_of = _faces(np.array(counts, dtype=np.int64))
        return [
            replace(shape, path=path, color=color, geometry=_part(shape.geometry, np.isin(face_of, faces)))
            for path, color, faces in parts
        ]

    def _geometry(self, prim: Usd.Prim, placement: Placement) -> tuple[Geometry, FloatArray]:
        """The geometry, and the orientation [4] of its Z axis in the prim's frame."""
        scale = placement.scale * self._units.length
        upright = _TO_AXIS["Z"]
        if prim.IsA(UsdGeom.Cube):
            half = _positive(prim, "size") / 2 * scale
            return Box(half_extents=(float(half[0]), float(half[1]), float(half[2]))), upright
        if prim.IsA(UsdGeom.Sphere):
            self._even(prim, scale, (0, 1, 2))
            radius = _positive(prim, "radius")
            return Sphere(radius=radius * float(scale.max())), upright
        if prim.IsA(UsdGeom.Mesh):
            return self._mesh(prim, placement), upright
        if prim.IsA(UsdGeom.Plane):
            return Plane(), _TO_AXIS[axis_of(prim)]
        return self._round(prim, scale)

    def _round(self, prim: Usd.Prim, scale: FloatArray) -> tuple[Geometry, FloatArray]:
        kind = next((kind for schema, kind in _ROUND if prim.IsA(schema)), None)
        if kind is None:
            raise Refusal(
                "shape-unsupported",
                f"A shape on a prim of type '{prim.GetTypeName()}' is unknown.",
                "Use a cube, sphere, capsule, cylinder, cone, plane or mesh.",
            )
        axis = axis_of(prim)
        along = _AXIS_INDEX[axis]
        across = tuple(index for index in range(3) if index != along)
        self._even(prim, scale, across)
        widest = float(max(scale[index] for index in across))
        radius = self._radius(prim) * widest
        half = _positive(prim, "height", zero=kind is Capsule) / 2
        return kind(radius=radius, half_height=half * float(scale[along])), _TO_AXIS[axis]

    def _radius(self, prim: Usd.Prim) -> float:
        if prim.GetAttribute("radius"):
            return _positive(prim, "radius")
        radii = [_positive(prim, name, zero=True) for name in ("radiusBottom", "radiusTop")]
        if radii[0] != radii[1]:
            self._findings.warning(
                "shape-approximated",
                str(prim.GetPath()),
                f"Its end radii {radii[0]} and {radii[1]} differ; the larger one is used along all of it.",
                "Use a mesh for a tapered shape.",
            )
        return max(radii)

    def _even(self, prim: Usd.Prim, scale: FloatArray, axes: tuple[int, ...]) -> None:
        factors = [float(scale[index]) for index in axes]
        if max(factors) - min(factors) > 1e-6 * max(factors):
            self._findings.warning(
                "uneven-scale",
                str(prim.GetPath()),
                f"A round shape is scaled unevenly ({', '.join(f'{factor:g}' for factor in factors)}); "
                "it stays round, with the largest factor.",
                "Use a mesh for an ellipsoid.",
            )

    def _mesh(self, prim: Usd.Prim, placement: Placement) -> Mesh:
        points = typed(prim, "points", (Vt.Vec3fArray, Vt.Vec3dArray), "an array of points")
        counts = typed(prim, "faceVertexCounts", Vt.IntArray, "an array of integers")
        indices = typed(prim, "faceVertexIndices", Vt.IntArray, "an array of integers")
        if not points or not counts or not indices:
            raise Refusal("mesh-empty", "The mesh has no points or no faces.", "Author them, or remove the prim.")
        vertices = np.array(points, dtype=np.float64)
        if not measurable(vertices @ placement.matrix.T):
            raise Refusal("not-finite", "The mesh has points that are not finite.", "Author finite numbers.")
        triangles = _triangles(np.array(counts, dtype=np.int64), np.array(indices, dtype=np.int64), len(vertices))
        local = (vertices @ placement.matrix.T) @ rotation_matrix(placement.pose.orientation)
        if np.linalg.det(placement.matrix) < 0:
            triangles = triangles[:, ::-1]
        approximation = "none"
        if prim.HasAPI(UsdPhysics.MeshCollisionAPI):
            approximation = typed(prim, "physics:approximation", str, "a token") or "none"
        return Mesh(vertices=local, triangles=triangles, approximation=approximation)


def is_visible_gprim(prim: Usd.Prim) -> bool:
    """True for what a camera would see."""
    if not prim.IsA(UsdGeom.Gprim):
        return False
    imageable = UsdGeom.Imageable(prim)
    return bool(
        imageable.ComputeVisibility() != UsdGeom.Tokens.invisible
        and imageable.ComputePurpose() in (UsdGeom.Tokens.default_, UsdGeom.Tokens.render)
    )


def _triangles(counts: IntArray, indices: IntArray, points: int) -> IntArray:
    if counts.min() < 3 or counts.sum() != len(indices) or indices.min() < 0 or indices.max() >= points:
        raise Refusal(
            "mesh-broken",
            f"Its faces do not fit: {len(counts)} faces of {int(counts.sum())} corners, "
            f"{len(indices)} indices from {int(indices.min())} to {int(indices.max())}, {points} points.",
            "Export the mesh again.",
        )
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    parts = [
        np.stack([indices[starts[wide]], indices[starts[wide] + k], indices[starts[wide] + k + 1]], axis=1)
        for k in range(1, int(counts.max()) - 1)
        if (wide := counts > k + 1).any()
    ]
    return np.concatenate(parts)


def _faces(counts: IntArray) -> IntArray:
    """The face of each triangle that `_triangles` makes."""
    return np.concatenate([np.flatnonzero(counts > k + 1) for k in range(1, int(counts.max()) - 1)])


def _part(mesh: Mesh, chosen: BoolArray) -> Mesh:
    """The ``chosen`` triangles of ``mesh``, with the vertices that they use."""
    used, indices = np.unique(mesh.triangles[chosen], return_inverse=True)
    return replace(mesh, vertices=mesh.vertices[used], triangles=indices.reshape(-1, 3).astype(np.int64))


def _positive(prim: Usd.Prim, name: str, *, zero: bool = False) -> float:
    value = typed(prim, name, (int, float), "a number")
    if value is None or not (_THINNEST <= value <= FARTHEST or (value == 0 and zero)):
        raise Refusal(
            "bad-dimension", f"The {name} of its {prim.GetTypeName()} is {value}.", "Author a positive number."
        )
    return float(value)


def _semantic_label(prim: Usd.Prim) -> str:
    while prim and not prim.IsPseudoRoot():
        for attribute in prim.GetAuthoredAttributes():
            name, value = attribute.GetName(), None
            if name.startswith("semantics:labels:") or name.endswith(":params:semanticData"):
                value = attribute.Get()
            if isinstance(value, Vt.TokenArray) and value:
                return str(value[0])
            if isinstance(value, str) and value:
                return value
        prim = prim.GetParent()
    return ""
