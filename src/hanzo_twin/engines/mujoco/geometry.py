"""Colliders as MuJoCo geoms."""

from __future__ import annotations

from typing import Any

import mujoco

from hanzo_twin.engines.materials import DEFAULT
from hanzo_twin.scene.model import Box, Capsule, Cylinder, Geometry, Material, Mesh, Plane, Shape, Sphere

_GEOM = mujoco.mjtGeom


def add_geom(spec: Any, body: Any, collider: Shape, material: Material | None, collision_bits: tuple[int, int]) -> Any:
    """Add ``collider``, one of `hanzo_twin.engines.hulls.colliders`, to ``body`` of ``spec``; returns the geom."""
    contype, conaffinity = collision_bits
    return body.add_geom(
        name=collider.path,
        pos=collider.pose.position,
        quat=collider.pose.orientation,
        friction=[(material or DEFAULT).dynamic_friction, 0.005, 0.0001],
        contype=contype,
        conaffinity=conaffinity,
        **_options(spec, collider),
    )


def _options(spec: Any, collider: Shape) -> dict[str, Any]:
    geometry = collider.geometry
    if isinstance(geometry, Mesh):
        mesh = spec.add_mesh(name=collider.path)
        mesh.uservert = geometry.vertices.ravel()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
        return {"type": _GEOM.mjGEOM_MESH, "meshname": collider.path}
    return primitive_options(geometry)


def primitive_options(geometry: Geometry) -> dict[str, Any]:
    """Options of the geom of a geometry that MuJoCo has; its frame is that of the shape."""
    match geometry:
        case Box():
            return {"type": _GEOM.mjGEOM_BOX, "size": list(geometry.half_extents)}
        case Sphere():
            return {"type": _GEOM.mjGEOM_SPHERE, "size": [geometry.radius, 0, 0]}
        case Capsule():
            return {"type": _GEOM.mjGEOM_CAPSULE, "size": [geometry.radius, geometry.half_height, 0]}
        case Cylinder():
            return {"type": _GEOM.mjGEOM_CYLINDER, "size": [geometry.radius, geometry.half_height, 0]}
        case Plane():
            return {"type": _GEOM.mjGEOM_PLANE, "size": [0, 0, 1]}
    raise AssertionError(f"MuJoCo has no {type(geometry).__name__}")
