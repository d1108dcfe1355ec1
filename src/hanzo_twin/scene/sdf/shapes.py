"""Collisions and visuals of a link as gprims."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdPhysics, Vt

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.mass import quaternion_of
from hanzo_twin.scene.sdf import looks, meshes
from hanzo_twin.scene.sdf.author import Author, place
from hanzo_twin.scene.sdf.numbers import flag, positive, vector
from hanzo_twin.scene.sdf.resources import find
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray, IntArray, Pose, quaternion_multiply

_LOST = ("heightmap", "polyline", "image")
_HULLS = {"convex_hull": "convexHull", "convex_decomposition": "convexDecomposition"}
_CIRCLE, _RINGS = 24, 12


class ShapeWriter:
    """Defines gprims for ``<geometry>`` elements.

    ``origin`` gives the file that an element comes from: meshes are looked for beside it.
    """

    def __init__(self, author: Author, origin: Callable[[Element], Path], findings: Findings) -> None:
        self._author = author
        self.origin = origin
        self._findings = findings

    def write(self, owner: Usd.Prim, element: Element, pose: Pose, *, moves: bool) -> Usd.Prim | None:
        """The gprim for the ``<collision>`` or ``<visual>`` ``element``, None for what is empty or lost (reported).

        Args:
            pose: in ``owner``.
            moves: whether the link moves: a moving mesh collides as its convex hull.

        Raises:
            Refusal: its numbers make no geometry.
        """
        geometry = element.first("geometry")
        kind = next(iter(geometry.children), None) if geometry is not None else None
        if kind is None or kind.tag == "empty":
            return None
        define = getattr(self, f"_{kind.tag}", None) if kind.tag in _KNOWN else None
        if define is None:
            self._lost(owner, element, f"<{kind.tag}> ({kind.where}) is not read", "Give it a mesh or a primitive.")
            return None
        try:
            prim: Usd.Prim = define(owner, element, kind, pose)
        except Refusal as refusal:
            if refusal.code not in ("mesh-lost", "include-missing"):
                raise
            self._lost(owner, element, refusal.message.rstrip("."), refusal.remedy)
            return None
        if element.tag == "collision":
            UsdPhysics.CollisionAPI.Apply(prim)
            UsdGeom.Imageable(prim).CreatePurposeAttr(UsdGeom.Tokens.guide)
            if prim.IsA(UsdGeom.Mesh):
                self._approximate(prim, kind, moves)
        return prim

    def _lost(self, owner: Usd.Prim, element: Element, reason: str, remedy: str) -> None:
        self._findings.warning(
            "mesh-lost",
            str(owner.GetPath()),
            f"The {element.tag} '{element.name}' ({element.where}) is lost: {reason}.",
            remedy,
        )

    def _approximate(self, prim: Usd.Prim, kind: Element, moves: bool) -> None:
        wanted = _HULLS.get(kind.attributes.get("optimization", ""), "")
        token = wanted or ("convexHull" if moves else "none")
        UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(token)
        if not wanted and moves and kind.tag == "mesh":
            self._findings.info(
                "mesh-hull",
                str(prim.GetPath()),
                f"The mesh moves and asks for no approximation ({kind.where}); it collides as its convex hull.",
                'Write <mesh optimization="convex_decomposition"> for a mesh with hollows.',
            )

    def _box(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        size = vector(kind, "size", (1.0, 1.0, 1.0))
        if size.min() <= 0:
            raise Refusal("bad-dimension", f"The box at {kind.where} has the size {size}.", "Write positive numbers.")
        prim = self._author.define(UsdGeom.Cube, owner, element)
        UsdGeom.Cube(prim).CreateSizeAttr(1.0)
        place(prim, pose, size)
        return prim

    def _sphere(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        prim = self._author.define(UsdGeom.Sphere, owner, element)
        UsdGeom.Sphere(prim).CreateRadiusAttr(positive(kind, "radius", 1.0))
        place(prim, pose)
        return prim

    def _round(self, schema: Any, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        radius, length = positive(kind, "radius", 0.5), positive(kind, "length", 1.0)
        prim = self._author.define(schema, owner, element)
        gprim = schema(prim)
        gprim.CreateRadiusAttr(radius)
        gprim.CreateHeightAttr(length)
        gprim.CreateAxisAttr(UsdGeom.Tokens.z)
        place(prim, pose)
        return prim

    def _cylinder(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        return self._round(UsdGeom.Cylinder, owner, element, kind, pose)

    def _capsule(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        return self._round(UsdGeom.Capsule, owner, element, kind, pose)

    def _cone(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        return self._round(UsdGeom.Cone, owner, element, kind, pose)

    def _plane(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        normal = vector(kind, "normal", (0.0, 0.0, 1.0))
        if not normal.any():
            raise Refusal("bad-axis", f"The normal of the plane at {kind.where} is zero.", "Write 0 0 1, say.")
        size = vector(kind, "size", (1.0, 1.0))
        prim = self._author.define(UsdGeom.Plane, owner, element)
        plane = UsdGeom.Plane(prim)
        plane.CreateAxisAttr(UsdGeom.Tokens.z)
        plane.CreateWidthAttr(float(size[0]))
        plane.CreateLengthAttr(float(size[1]))
        place(prim, Pose(position=pose.position, orientation=quaternion_multiply(pose.orientation, from_z(normal))))
        return prim

    def _ellipsoid(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        radii = vector(kind, "radii", (1.0, 1.0, 1.0))
        if radii.min() <= 0:
            raise Refusal("bad-dimension", f"The ellipsoid at {kind.where} has a radius of {radii.min():g}.", "")
        vertices, triangles = _ball()
        prim = self._triangles(owner, element, vertices * radii, triangles, pose)
        self._findings.info(
            "ellipsoid-meshed",
            str(prim.GetPath()),
            f"The ellipsoid ({kind.where}) became a mesh of {len(triangles)} triangles.",
        )
        return prim

    def _mesh(self, owner: Usd.Prim, element: Element, kind: Element, pose: Pose) -> Usd.Prim:
        uri = kind.value("uri")
        if not uri:
            raise Refusal("mesh-lost", f"the mesh at {kind.where} names no <uri>", "Name its file.")
        surfaces = meshes.read(find(uri, self.origin(kind)))
        wanted = kind.value("submesh/name")
        if wanted:
            names = ", ".join(surface.name for surface in surfaces)
            surfaces = [surface for surface in surfaces if surface.name == wanted]
            if not surfaces:
                raise Refusal("mesh-lost", f"'{uri}' has no submesh '{wanted}'", f"It has: {names}.")
        surface = meshes.joined(surfaces)
        vertices = surface.vertices
        submesh = kind.first("submesh")
        if submesh is not None and flag(submesh, "center", default=False):
            vertices = vertices - (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        scale = vector(kind, "scale", (1.0, 1.0, 1.0))
        if not scale.all():
            raise Refusal("degenerate-scale", f"The scale of the mesh at {kind.where} has a zero.", "Write 1 1 1.")
        triangles = surface.triangles[:, ::-1] if np.prod(scale) < 0 else surface.triangles
        prim = self._triangles(owner, element, vertices * scale, triangles, pose)
        if element.tag == "visual":
            looks.paint_faces(prim, surface.colors, element)
        return prim

    def _triangles(
        self, owner: Usd.Prim, element: Element, vertices: FloatArray, triangles: IntArray, pose: Pose
    ) -> Usd.Prim:
        prim = self._author.define(UsdGeom.Mesh, owner, element)
        mesh = UsdGeom.Mesh(prim)
        mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(vertices, dtype=np.float32)))
        mesh.CreateFaceVertexCountsAttr(Vt.IntArray([3] * len(triangles)))
        mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(triangles, np.int32).ravel()))
        mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
        place(prim, pose)
        return prim


_KNOWN = ("box", "sphere", "cylinder", "capsule", "cone", "plane", "ellipsoid", "mesh")


def semantics(prim: Usd.Prim, label: str) -> None:
    """Label ``prim`` for segmentation."""
    prim.CreateAttribute("semantics:labels:class", Sdf.ValueTypeNames.TokenArray).Set([label])


def from_z(direction: FloatArray) -> FloatArray:
    """Quaternion [4] of the least turn that brings z to ``direction`` [3]."""
    # In two steps, so that neither tiny nor huge numbers are lost.
    z = direction / np.abs(direction).max()
    z = z / np.linalg.norm(z)
    if z[2] <= -1 + 1e-12:
        return np.array([0.0, 1.0, 0.0, 0.0])
    turn = np.array([1 + z[2], -z[1], z[0], 0.0])
    quaternion: FloatArray = turn / np.linalg.norm(turn)
    return quaternion


def frame_of(x: FloatArray, y: FloatArray) -> FloatArray:
    """Quaternion [4] of the frame with this x axis, and y as near to the given one as can be."""
    first = x / np.linalg.norm(x)
    second = y - (y @ first) * first
    second = second / np.linalg.norm(second)
    return quaternion_of(np.stack([first, second, np.cross(first, second)], axis=1))


def _ball() -> tuple[FloatArray, IntArray]:
    """Vertices [n, 3] and triangles [m, 3] of a unit sphere."""
    rings = np.linspace(0, math.pi, _RINGS + 1)[1:-1]
    turns = np.linspace(0, 2 * math.pi, _CIRCLE, endpoint=False)
    points = [[math.sin(a) * math.cos(b), math.sin(a) * math.sin(b), math.cos(a)] for a in rings for b in turns]
    vertices = np.array([[0.0, 0.0, 1.0], *points, [0.0, 0.0, -1.0]])
    last = len(vertices) - 1
    triangles: list[tuple[int, int, int]] = []
    for step in range(_CIRCLE):
        after = (step + 1) % _CIRCLE
        triangles.append((0, 1 + step, 1 + after))
        for ring in range(_RINGS - 2):
            low, high = 1 + ring * _CIRCLE, 1 + (ring + 1) * _CIRCLE
            triangles += [(low + step, high + step, high + after), (low + step, high + after, low + after)]
        bottom = 1 + (_RINGS - 2) * _CIRCLE
        triangles.append((last, bottom + after, bottom + step))
    return vertices, np.array(triangles, dtype=np.int64)
