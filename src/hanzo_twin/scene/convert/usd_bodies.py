"""Rigid bodies and their mass, as UsdPhysics has them."""

from __future__ import annotations

import numpy as np
from pxr import Sdf, UsdGeom, UsdPhysics, Vt

from hanzo_twin.scene.convert.report import Entry, changed
from hanzo_twin.scene.convert.usd_prims import Prims, custom, quaternion, single
from hanzo_twin.scene.model import Body
from hanzo_twin.spatial import rotation_matrix


def write_body(prims: Prims, body: Body, entries: list[Entry]) -> None:
    """``body`` without its shapes."""
    prim = prims.define(body.path, UsdGeom.Xform).GetPrim()
    prims.place(body.path)
    rigid = UsdPhysics.RigidBodyAPI.Apply(prim)
    if body.kinematic:
        rigid.CreateKinematicEnabledAttr(True)
    if not body.gravity_enabled:
        custom(prim, "physxRigidBody:disableGravity", True)
    _write_velocity(prims, body, rigid)
    mass = UsdPhysics.MassAPI.Apply(prim)
    mass.CreateMassAttr(body.mass)
    mass.CreateCenterOfMassAttr(single(body.center_of_mass))
    mass.CreateDiagonalInertiaAttr(single(body.diagonal_inertia))
    mass.CreatePrincipalAxesAttr(quaternion(np.array(body.principal_axes)))
    _write_inertia(prims, body)
    if body.mass_source != "authored":
        entries.append(
            changed("mass-authored", body.path, f"Its mass of {body.mass:.6g} kg ({body.mass_source}) is authored now.")
        )


def _write_inertia(prims: Prims, body: Body) -> None:
    """The whole tensor once more, in double precision."""
    prim = prims.at(body.path)
    prim.ApplyAPI("NewtonMassAPI")
    rows, columns = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    attribute = prim.CreateAttribute("newton:inertia", Sdf.ValueTypeNames.DoubleArray, custom=False)
    attribute.Set(Vt.DoubleArray(body.inertia[rows, columns].tolist()))


def _write_velocity(prims: Prims, body: Body, rigid: UsdPhysics.RigidBodyAPI) -> None:
    """UsdPhysics gives velocities in the space of the prim's parent, angular ones in degrees."""
    parent = prims.world_pose(str(Sdf.Path(body.path).GetParentPath()))
    turn = rotation_matrix(parent.orientation).T
    if any(body.linear_velocity):
        rigid.CreateVelocityAttr(single(turn @ np.array(body.linear_velocity)))
    if any(body.angular_velocity):
        rigid.CreateAngularVelocityAttr(single(turn @ np.degrees(body.angular_velocity)))
