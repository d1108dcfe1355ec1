"""The prims of a stage that is being written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pxr import Gf, Sdf, Usd, UsdGeom, Vt

from hanzo_twin.spatial import FloatArray, Pose


class Prims:
    """Makes typed prims at given paths, each placed in the world whatever its parents are.

    Args:
        poses: world pose by path of every prim that has one; other prims stand where their parent stands.
    """

    def __init__(self, stage: Usd.Stage, poses: Mapping[str, Pose]) -> None:
        self.stage = stage
        self.default = ""
        self._poses = poses

    def bare(self, path: str) -> None:
        """Make sure that there is a prim at ``path``; one that stands above others is an Xform."""
        if self.stage.GetPrimAtPath(path):
            return
        for above in Sdf.Path(path).GetPrefixes()[:-1]:
            prim = self.stage.GetPrimAtPath(above)
            if not prim or not prim.GetTypeName():
                UsdGeom.Xform.Define(self.stage, above)
        self.stage.DefinePrim(path)

    def define(self, path: str, schema: Any) -> Any:
        """The prim at ``path`` as ``schema`` (such as ``UsdGeom.Cube``)."""
        self.bare(path)
        return schema.Define(self.stage, path)

    def at(self, path: str) -> Usd.Prim:
        """The prim at ``path``, made if it is not there."""
        self.bare(path)
        return self.stage.GetPrimAtPath(path)

    def set_default(self, path: str) -> None:
        """Let the root prim above ``path`` be what references to the file take."""
        self.default = str(Sdf.Path(path).GetPrefixes()[0])
        if not self.stage.GetPrimAtPath(self.default) and self.default != path:
            UsdGeom.Xform.Define(self.stage, self.default)
        self.stage.SetDefaultPrim(self.at(self.default))

    def world_pose(self, path: str) -> Pose:
        """Where the prim at ``path`` stands."""
        above = Sdf.Path(path)
        while above != Sdf.Path.absoluteRootPath:
            if str(above) in self._poses:
                return self._poses[str(above)]
            above = above.GetParentPath()
        return Pose.identity()

    def place(self, path: str, scale: FloatArray | None = None) -> None:
        """Author the transform of the prim at ``path`` (with ``scale`` [3] inside it)."""
        parent = self.world_pose(str(Sdf.Path(path).GetParentPath()))
        local = parent.inverse() @ self.world_pose(path)
        xform = UsdGeom.Xformable(self.stage.GetPrimAtPath(path))
        precision = UsdGeom.XformOp.PrecisionDouble
        xform.AddTranslateOp(precision).Set(vector(local.position))
        xform.AddOrientOp(precision).Set(Gf.Quatd(*local.orientation.tolist()))
        if scale is not None:
            xform.AddScaleOp(precision).Set(vector(scale))


def vector(values: Any) -> Gf.Vec3d:
    """Three numbers for USD."""
    return Gf.Vec3d(*(float(value) for value in values))


def single(values: Any) -> Gf.Vec3f:
    """Three numbers for USD, in the single precision that its physics attributes have."""
    return Gf.Vec3f(*(float(value) for value in values))


def quaternion(values: FloatArray) -> Gf.Quatf:
    """A quaternion for USD, in single precision."""
    return Gf.Quatf(*(float(value) for value in values))


def custom(prim: Usd.Prim, name: str, value: float | str | bool | tuple[float, ...], *, is_custom: bool = True) -> None:
    """Author an attribute that no schema knows (or not every reader has the schema of)."""
    kind = Sdf.ValueTypeNames
    names = {bool: kind.Bool, int: kind.Int, float: kind.Double, str: kind.Token, tuple: kind.DoubleArray}
    attribute = prim.CreateAttribute(name, names[type(value)], custom=is_custom)
    attribute.Set(Vt.DoubleArray(value) if isinstance(value, tuple) else value)
