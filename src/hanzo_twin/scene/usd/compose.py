"""Composition by reference: a root layer in memory over the base scene, one reference for each part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.usd.stage import open_stage, trapped
from hanzo_twin.scene.usd.values import Units, make_pose
from hanzo_twin.spatial import Pose

if TYPE_CHECKING:
    from hanzo_twin.scene.load import Files, Reference

_PLACEMENT = "placement"
_STAGE_FIELDS = ("upAxis", "metersPerUnit", "kilogramsPerUnit", "defaultPrim")


def compose(
    base: Path, parts: Sequence[Reference], files: Files, findings: Findings, *, own_layer: bool = False
) -> Usd.Stage:
    """The stage of ``base`` with each of ``parts`` referenced at its prim path.

    With ``own_layer`` the root layer is always one in memory over ``base``, so that it can take further opinions.

    Files are read afresh, so that an edit of a part shows in every scene that refers to it.

    Raises:
        Refusal: the base cannot be opened. A part that cannot is an error in ``findings``.
    """
    stage = open_stage(base, findings)
    _reload(stage)
    if parts or own_layer:
        stage = _over(stage, base)
        for part in parts:
            with findings.refusals(part.path), trapped(findings, part.path):
                _add(stage, part, files, findings)
    with trapped(findings, str(base)):
        _check_units(stage, findings)
    return stage


def _reload(stage: Usd.Stage) -> None:
    """USD shares layers within a process; a file that was edited since must not show its old content."""
    for layer in stage.GetUsedLayers():
        if not layer.anonymous:
            layer.Reload()


def _over(stage: Usd.Stage, base: Path) -> Usd.Stage:
    """A stage whose root layer is in memory and holds ``base`` as its only sublayer."""
    root = Sdf.Layer.CreateAnonymous("composition.usda")
    root.subLayerPaths.append(str(base))
    composed = Usd.Stage.Open(root, Usd.Stage.LoadAll)
    for field in _STAGE_FIELDS:
        if stage.HasAuthoredMetadata(field):
            composed.SetMetadata(field, stage.GetMetadata(field))
    return composed


def _add(stage: Usd.Stage, part: Reference, files: Files, findings: Findings) -> None:
    path = Sdf.Path(part.path) if Sdf.Path.IsValidPathString(part.path) else Sdf.Path()
    if not (path.IsAbsolutePath() and path.IsPrimPath()):
        raise Refusal(
            "bad-prim-path", f"'{part.path}' is not a prim path that a part can stand at.", "Write it like /World/arm."
        )
    file, _, target = part.ref.removesuffix(">").partition("<")
    asset = files.usd_of(files.resolve(file), floating_base=part.floating_base)
    if asset is None:
        return
    opened = open_stage(asset, findings)
    _reload(opened)
    if not (opened.GetPrimAtPath(target) if target.startswith("/") else opened.GetDefaultPrim()):
        raise Refusal(
            "nothing-to-reference",
            f"'{file}' has no prim '{target}'." if target else f"'{file}' has no default prim.",
            "Author defaultPrim in the file's metadata, or name a prim of it: arm.usda</World/arm>.",
        )
    present = stage.GetPrimAtPath(path)
    if present and present.GetChildren():
        findings.warning(
            "path-occupied",
            part.path,
            f"The base scene has prims at '{part.path}' already; they are mixed with those of '{part.ref}'.",
            "Choose a path that is free.",
        )
    for above in path.GetPrefixes()[:-1]:
        if not stage.GetPrimAtPath(above):
            UsdGeom.Xform.Define(stage, above)
    prim = present or stage.DefinePrim(path)
    prim.GetReferences().AddReference(str(asset), target or Sdf.Path())
    _place(prim, part)


def _place(prim: Usd.Prim, part: Reference) -> None:
    """Put the part's pose before the transform that it has in its own file, so that it moves as one."""
    pose = make_pose(np.array(part.translate, dtype=np.float64), np.array(part.orient, dtype=np.float64))
    if pose == Pose.identity():
        return
    if not prim.IsA(UsdGeom.Xformable):
        raise Refusal(
            "cannot-be-placed",
            f"'{part.ref}' is a prim of type '{prim.GetTypeName()}', which has no place to be moved from.",
            "Make the part's default prim an Xform.",
        )
    units = Units.of(prim.GetStage())
    turned = units.local(pose)
    own = UsdGeom.Xformable(prim)
    before = list(own.GetOrderedXformOps())
    reset = own.GetResetXformStack()
    translate = own.AddTranslateOp(UsdGeom.XformOp.PrecisionDouble, _PLACEMENT)
    orient = own.AddOrientOp(UsdGeom.XformOp.PrecisionDouble, _PLACEMENT)
    translate.Set(Gf.Vec3d(*(turned.position / units.length).tolist()))
    orient.Set(Gf.Quatd(*turned.orientation.tolist()))
    own.SetXformOpOrder([translate, orient, *before], reset)


def _check_units(stage: Usd.Stage, findings: Findings) -> None:
    """USD converts no units across references: a part in other units would come out at the wrong size."""
    wanted = {
        "metersPerUnit": UsdGeom.GetStageMetersPerUnit(stage),
        "kilogramsPerUnit": UsdPhysics.GetStageKilogramsPerUnit(stage),
        "upAxis": UsdGeom.GetStageUpAxis(stage),
    }
    for layer in stage.GetUsedLayers():
        for field, value in wanted.items():
            if layer.pseudoRoot.HasInfo(field) and layer.pseudoRoot.GetInfo(field) != value:
                findings.error(
                    "units-differ",
                    layer.identifier,
                    f"Its {field} is {layer.pseudoRoot.GetInfo(field)}, that of the scene it is used in {value}; "
                    "USD does not convert it.",
                    "Export both with the same units and up axis.",
                )
