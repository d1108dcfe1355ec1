"""Small steps of writing USD: names that USD allows, placed prims, attributes in their owners' namespaces."""

from __future__ import annotations

from typing import Any

from pxr import Gf, Sdf, Tf, Usd, UsdGeom

from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray, Pose

_TOLD = ("model", "link", "joint", "sensor", "light")


class Author:
    """Defines prims on a stage; each gets a valid name that is unique below its parent."""

    def __init__(self, stage: Usd.Stage) -> None:
        self.stage = stage
        self._used: set[str] = set()
        self.renamed: dict[str, str] = {}
        """Name in the file of each prim that has another, by path."""

    def path(self, parent: Usd.Prim, name: str) -> Sdf.Path:
        """A free path below ``parent`` for what the file calls ``name``."""
        valid = Tf.MakeValidIdentifier(name or "unnamed")
        path = parent.GetPath().AppendChild(valid)
        count = 2
        while str(path) in self._used:
            path = parent.GetPath().AppendChild(f"{valid}_{count}")
            count += 1
        self._used.add(str(path))
        return path

    def define(self, schema: Any, parent: Usd.Prim, element: Element) -> Usd.Prim:
        """A prim of ``schema`` named as ``element``; a name that USD does not allow is kept as display name."""
        prim: Usd.Prim = schema.Define(self.stage, self.path(parent, element.name)).GetPrim()
        if element.name and prim.GetName() != element.name:
            prim.SetDisplayName(element.name)
            if element.tag in _TOLD:
                self.renamed[str(prim.GetPath())] = element.name
        return prim


def place(prim: Usd.Prim, pose: Pose, scale: FloatArray | None = None) -> None:
    """Give ``prim`` its pose in its parent, in double precision."""
    form = UsdGeom.Xformable(prim)
    if pose.position.any():
        form.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*pose.position.tolist()))
    if abs(pose.orientation[0]) != 1.0:
        form.AddOrientOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Quatd(*pose.orientation.tolist()))
    if scale is not None:
        form.AddScaleOp(UsdGeom.XformOp.PrecisionDouble).Set(Gf.Vec3d(*scale.tolist()))


def author(prim: Usd.Prim, name: str, kind: Sdf.ValueTypeName, value: object) -> None:
    """Set an attribute that may be of no schema."""
    prim.CreateAttribute(name, kind, custom=not prim.HasAttribute(name)).Set(value)


def quatf(pose: Pose) -> Gf.Quatf:
    """The orientation of ``pose`` as USD's joints keep it."""
    return Gf.Quatf(*pose.orientation.tolist())


def vec3f(values: FloatArray) -> Gf.Vec3f:
    """Three numbers in single precision."""
    return Gf.Vec3f(*[float(value) for value in values])
