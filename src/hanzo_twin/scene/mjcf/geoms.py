"""Geoms as shapes, with a contact material for each set of friction coefficients."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.mjcf.draft import Draft, pose_of
from hanzo_twin.scene.mjcf.looks import Looks
from hanzo_twin.scene.model import Box, Capsule, Cylinder, EngineValue, Geometry, Material, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray, IntArray

_GEOM = mujoco.mjtGeom
_MESHES = (int(_GEOM.mjGEOM_MESH), int(_GEOM.mjGEOM_SDF))
_DEFAULTS: dict[str, EngineValue] = {
    "condim": 3,
    "priority": 0,
    "group": 0,
    "solmix": 1.0,
    "margin": 0.0,
    "gap": 0.0,
    "solref": (0.02, 1.0),
    "solimp": (0.9, 0.95, 0.001, 0.5, 2.0),
}
_ROUND_STEPS = 24
_HIDDEN_GROUP = 3  # MuJoCo's viewer shows geoms of this group and above only when it is told to.


def read(draft: Draft) -> None:
    """Add all geoms to ``draft``."""
    reader = _Reader(draft)
    for geom in range(draft.model.ngeom):
        reader.add(geom)
    reader.finish()


class _Reader:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._materials: dict[tuple[float, ...], str] = {}
        self._scope = ""
        self._looks = Looks(draft.model)

    def add(self, geom: int) -> None:
        draft, model = self._draft, self._draft.model
        place = draft.places[int(model.geom_bodyid[geom])]
        path = draft.claim(place.path, draft.name("GEOM", geom) or f"geom_{geom}")
        geometry = self._geometry(geom, path)
        if geometry is None:
            return
        collides = bool(model.geom_contype[geom] or model.geom_conaffinity[geom])
        if not collides and int(model.geom_group[geom]) >= _HIDDEN_GROUP:
            draft.findings.info("geom-hidden", path, "It neither collides nor is seen, and is left out.")
            return
        shape = Shape(
            path=path,
            geometry=geometry,
            pose=place.pose @ pose_of(model.geom_pos[geom], model.geom_quat[geom]),
            material=self._material(geom) if collides else "",
            collides=collides,
            color=self._looks.color(geom),
            visible=int(model.geom_group[geom]) < _HIDDEN_GROUP,
        )
        draft.prims.append(path)
        if place.body:
            draft.shapes.setdefault(place.body, []).append(shape)
        else:
            draft.static_shapes[path] = shape
        for name, default in _DEFAULTS.items():
            value = _plain(getattr(model, f"geom_{name}")[geom], default)
            if value != default and (collides or name == "group"):
                draft.engine_attributes[f"{path}.mjc:{name}"] = value

    def finish(self) -> None:
        self._draft.prims += [self._scope, *self._materials.values()] if self._materials else []
        self._looks.report(self._draft.root, self._draft.findings)

    def _geometry(self, geom: int, path: str) -> Geometry | None:
        model, findings = self._draft.model, self._draft.findings
        kind = int(model.geom_type[geom])
        x, y, z = (float(size) for size in model.geom_size[geom])
        if kind == int(_GEOM.mjGEOM_PLANE):
            return Plane()
        if kind == int(_GEOM.mjGEOM_SPHERE):
            return Sphere(radius=x)
        if kind == int(_GEOM.mjGEOM_CAPSULE):
            return Capsule(radius=x, half_height=y)
        if kind == int(_GEOM.mjGEOM_CYLINDER):
            return Cylinder(radius=x, half_height=y)
        if kind == int(_GEOM.mjGEOM_BOX):
            return Box(half_extents=(x, y, z))
        if kind == int(_GEOM.mjGEOM_ELLIPSOID):
            findings.warning(
                "shape-approximated",
                path,
                f"An ellipsoid of half axes {x:g}, {y:g}, {z:g} m becomes a mesh of {_ROUND_STEPS} sides.",
                "Use a sphere or a capsule where contacts must be smooth.",
            )
            return _ellipsoid(np.array([x, y, z]))
        if kind in _MESHES:
            return self._mesh(geom)
        if kind == int(_GEOM.mjGEOM_HFIELD):
            findings.warning(
                "height-field-changed",
                path,
                "A height field becomes a mesh of triangles.",
                "Engines that collide convex shapes only refuse it; use boxes there.",
            )
            return _height_field(model, int(model.geom_dataid[geom]))
        findings.warning("geom-lost", path, f"A geom of type {kind} is lost.", "Use a primitive or a mesh.")
        return None

    def _mesh(self, geom: int) -> Mesh:
        model = self._draft.model
        mesh = int(model.geom_dataid[geom])
        vertices = _rows(model.mesh_vert, model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]).astype(np.float64)
        triangles = _rows(model.mesh_face, model.mesh_faceadr[mesh], model.mesh_facenum[mesh]).astype(np.int64)
        solid = bool(model.geom_contype[geom] or model.geom_conaffinity[geom])
        return Mesh(vertices=vertices, triangles=triangles, approximation="convexHull" if solid else "none")

    def _material(self, geom: int) -> str:
        draft = self._draft
        friction = tuple(float(value) for value in draft.model.geom_friction[geom])
        if friction not in self._materials:
            if not self._scope:
                self._scope = draft.claim(draft.root, "materials")
            path = draft.claim(self._scope, f"friction_{friction[0]:g}".replace(".", "_").replace("-", "_"))
            self._materials[friction] = path
            slide, torsion, roll = friction
            draft.materials[path] = Material(
                path=path, static_friction=slide, dynamic_friction=slide, friction_combine="max"
            )
            draft.engine_attributes[f"{path}.mjc:torsionalfriction"] = torsion
            draft.engine_attributes[f"{path}.mjc:rollingfriction"] = roll
        return self._materials[friction]


def _rows(array: Any, first: Any, count: Any) -> Any:
    return array[int(first) : int(first) + int(count)]


def _plain(value: Any, like: EngineValue) -> EngineValue:
    if isinstance(like, tuple):
        return tuple(float(part) for part in value)
    return int(value) if isinstance(like, int) else float(value)


def _ellipsoid(half_axes: FloatArray) -> Mesh:
    """A mesh of the ellipsoid; its corners lie on it."""
    around = np.linspace(0.0, 2 * np.pi, _ROUND_STEPS, endpoint=False)
    rings = np.linspace(0.0, np.pi, _ROUND_STEPS // 2 + 1)[1:-1]
    corners = [(0.0, 0.0, 1.0)]
    corners += [(np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)) for t in rings for p in around]
    corners.append((0.0, 0.0, -1.0))
    n, last = _ROUND_STEPS, len(corners) - 1
    triangles: list[tuple[int, int, int]] = []
    for k in range(n):
        following = (k + 1) % n
        triangles.append((0, 1 + k, 1 + following))
        for ring in range(len(rings) - 1):
            a, b = 1 + ring * n + k, 1 + ring * n + following
            triangles += [(a, a + n, b), (b, a + n, b + n)]
        bottom = 1 + (len(rings) - 1) * n
        triangles.append((last, bottom + following, bottom + k))
    return Mesh(
        vertices=np.array(corners) * half_axes,
        triangles=np.array(triangles, dtype=np.int64),
        approximation="convexHull",
    )


def _height_field(model: Any, field: int) -> Mesh:
    """The surface of a height field (without its base), seen from above counter-clockwise."""
    rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
    width, depth, height, _ = (float(size) for size in model.hfield_size[field])
    data = _rows(model.hfield_data, model.hfield_adr[field], rows * columns).reshape(rows, columns)
    x, y = np.meshgrid(np.linspace(-width, width, columns), np.linspace(-depth, depth, rows))
    vertices = np.stack([x.ravel(), y.ravel(), (data * height).ravel()], axis=1).astype(np.float64)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None, :]).ravel()
    triangles: IntArray = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + columns], axis=1),
            np.stack([corner + 1, corner + columns + 1, corner + columns], axis=1),
        ]
    ).astype(np.int64)
    return Mesh(vertices=vertices, triangles=triangles, approximation="none")
