"""How poses, frames and attributes of PhysX's schemas are written into USD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pxr import Gf, UsdGeom

from hanzo_twin.spatial import FloatArray, Pose


def quatf(q: FloatArray) -> Any:
    """Of a quaternion (w, x, y, z) [4]."""
    w, x, y, z = (float(value) for value in q)
    return Gf.Quatf(w, x, y, z)


def place(xformable: Any, pose: Pose) -> None:
    """Give a prim its pose in its parent."""
    xformable.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*pose.position.tolist()))
    w, x, y, z = pose.orientation.tolist()
    xformable.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(w, x, y, z))


def set_frame(joint: Any, side: int, pose: Pose) -> None:
    """Where a joint is on its first (0) or second (1) body."""
    position, turn = Gf.Vec3f(*pose.position.tolist()), quatf(pose.orientation)
    if side == 0:
        joint.CreateLocalPos0Attr(position)
        joint.CreateLocalRot0Attr(turn)
    else:
        joint.CreateLocalPos1Attr(position)
        joint.CreateLocalRot1Attr(turn)


def apply_schema(prim: Any, schema: str, values: Mapping[str, tuple[Any, Any]]) -> None:
    """Apply a schema that this USD does not know and author ``values``: name → type, value."""
    prim.AddAppliedSchema(schema)
    for name, (kind, value) in values.items():
        author(prim, name, kind, value)


def author(prim: Any, name: str, kind: Any, value: Any) -> None:
    """An attribute of a schema that this USD does not know."""
    prim.CreateAttribute(name, kind).Set(value)
