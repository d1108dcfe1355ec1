"""Shapes and their materials, as UsdGeom and UsdPhysics have them."""

from __future__ import annotations

import numpy as np
from pxr import Gf, Sdf, UsdGeom, UsdPhysics, UsdShade, Vt

from hanzo_twin.scene.convert.usd_prims import Prims
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Material, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import FloatArray

_PLANE_SIZE = 100.0
_ROUND = {Capsule: UsdGeom.Capsule, Cylinder: UsdGeom.Cylinder, Cone: UsdGeom.Cone}


def write_material(prims: Prims, material: Material) -> None:
    """A contact material."""
    prim = prims.define(material.path, UsdShade.Material).GetPrim()
    physics = UsdPhysics.MaterialAPI.Apply(prim)
    physics.CreateStaticFrictionAttr(material.static_friction)
    physics.CreateDynamicFrictionAttr(material.dynamic_friction)
    physics.CreateRestitutionAttr(material.restitution)
    if material.density is not None:
        physics.CreateDensityAttr(material.density)
    for name, rule in (("friction", material.friction_combine), ("restitution", material.restitution_combine)):
        if rule != "average":
            prim.CreateAttribute(f"physxMaterial:{name}CombineMode", Sdf.ValueTypeNames.Token, custom=False).Set(rule)


def write_shape(prims: Prims, shape: Shape) -> None:
    """A geometry: seen, and a collider where it collides."""
    gprim = _write_geometry(prims, shape)
    prim = gprim.GetPrim()
    if shape.color is not None:
        gprim.CreateDisplayColorAttr(Vt.Vec3fArray([Gf.Vec3f(*shape.color[:3])]))
        gprim.CreateDisplayOpacityAttr(Vt.FloatArray([shape.color[3]]))
    if not shape.visible:
        gprim.CreatePurposeAttr(UsdGeom.Tokens.guide)
    if shape.semantic_label:
        prim.AddAppliedSchema("SemanticsLabelsAPI:class")
        label = prim.CreateAttribute("semantics:labels:class", Sdf.ValueTypeNames.TokenArray, custom=False)
        label.Set(Vt.TokenArray([shape.semantic_label]))
    if not shape.collides:
        return
    UsdPhysics.CollisionAPI.Apply(prim)
    if isinstance(shape.geometry, Mesh):
        UsdPhysics.MeshCollisionAPI.Apply(prim).CreateApproximationAttr(shape.geometry.approximation)
    if shape.material:
        binding = UsdShade.MaterialBindingAPI.Apply(prim)
        material = UsdShade.Material(prims.at(shape.material))
        binding.Bind(material, UsdShade.Tokens.weakerThanDescendants, "physics")


def _write_geometry(prims: Prims, shape: Shape) -> UsdGeom.Gprim:
    scale: FloatArray | None = None
    gprim: UsdGeom.Gprim
    match shape.geometry:
        case Box(half_extents=half):
            gprim = prims.define(shape.path, UsdGeom.Cube)
            gprim.CreateSizeAttr(1.0)
            gprim.CreateExtentAttr(_extent(np.full(3, 0.5)))
            scale = 2 * np.array(half)
        case Sphere(radius=radius):
            gprim = prims.define(shape.path, UsdGeom.Sphere)
            gprim.CreateRadiusAttr(radius)
            gprim.CreateExtentAttr(_extent(np.full(3, radius)))
        case Plane():
            gprim = prims.define(shape.path, UsdGeom.Plane)
            gprim.CreateWidthAttr(_PLANE_SIZE)
            gprim.CreateLengthAttr(_PLANE_SIZE)
            gprim.CreateAxisAttr("Z")
            gprim.CreateExtentAttr(_extent(np.array([_PLANE_SIZE / 2, _PLANE_SIZE / 2, 0.0])))
        case Mesh():
            gprim = _write_mesh(prims, shape.path, shape.geometry)
        case (
            Capsule(radius=radius, half_height=half)
            | Cylinder(radius=radius, half_height=half)
            | Cone(radius=radius, half_height=half)
        ):
            gprim = prims.define(shape.path, _ROUND[type(shape.geometry)])
            gprim.CreateRadiusAttr(radius)
            gprim.CreateHeightAttr(2 * half)
            gprim.CreateAxisAttr("Z")
            ends = radius if isinstance(shape.geometry, Capsule) else 0.0
            gprim.CreateExtentAttr(_extent(np.array([radius, radius, half + ends])))
    prims.place(shape.path, scale)
    return UsdGeom.Gprim(gprim)


def _write_mesh(prims: Prims, path: str, mesh: Mesh) -> UsdGeom.Mesh:
    gprim = prims.define(path, UsdGeom.Mesh)
    points = np.asarray(mesh.vertices, dtype=np.float32)
    gprim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    gprim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.triangles), 3, dtype=np.int32)))
    gprim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.asarray(mesh.triangles, dtype=np.int32).ravel()))
    gprim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    if len(points):
        low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        gprim.CreateExtentAttr(Vt.Vec3fArray([Gf.Vec3f(*low), Gf.Vec3f(*high)]))
    return gprim


def _extent(half: FloatArray) -> Vt.Vec3fArray:
    return Vt.Vec3fArray([Gf.Vec3f(*(-half).tolist()), Gf.Vec3f(*half.tolist())])
