"""URDF to USD: checked, converted by urdf-usd-converter, then put right where its output would mislead an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import urdf_usd_converter
import usdex.core
from pxr import Gf, Tf, Usd, UsdPhysics, UsdShade

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.urdf import check, meshes, tidy
from hanzo_twin.scene.urdf.base import Base
from hanzo_twin.scene.urdf.check import JointEnds
from hanzo_twin.scene.urdf.prims import Prims
from hanzo_twin.scene.xml_document import Element, parse

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions

_ROOT_APIS = ("NewtonArticulationRootAPI", "PhysicsArticulationRootAPI")
_COLOR_DIGITS = 6
_OF_THE_CONVERTER = "was deprecated"
_ABOUT_MESHES = re.compile(r"mesh|\.stl|\.obj|\.dae", re.IGNORECASE)


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path | None:
    """The USD file in ``folder`` that stands for the URDF file ``path``, None if that has errors (in ``findings``).

    Raises:
        Refusal: it is not XML, or the converter cannot convert it.
    """
    robot = parse(path)
    errors = findings.error_count
    joints = check.check(robot, path.name, findings)
    if findings.error_count > errors:
        return None
    known = meshes.packages(robot, path)
    asset, complaints = _convert(path, folder / "first", known)
    tidied = tidy.with_plain_meshes(robot, path, known, complaints, folder / "tidied")
    if tidied is not None:
        asset, complaints = _convert(tidied, folder / "second", known)
    stage = Usd.Stage.Open(str(asset))
    prims = Prims.of(stage, robot, joints)
    for mesh in meshes.lost(robot, path, known, "\n".join(complaints)):
        findings.warning(
            "mesh-lost",
            prims.links.get(mesh.link, mesh.link),
            f"The {mesh.use} mesh of link '{mesh.link}' ({path.name}:{mesh.line}) is lost: {mesh.reason}.",
            mesh.remedy,
        )
    for complaint in complaints:
        if meshes.is_partial(complaint) or not (_ABOUT_MESHES.search(complaint) or _OF_THE_CONVERTER in complaint):
            findings.warning("urdf-warning", prims.root, complaint)
    prims.report_renamed(robot, findings)
    _report_absent(stage, robot, joints, prims, findings)
    Base(robot, joints).settle(stage, prims.links, options.floating_base, findings)
    _move_articulation_root(stage)
    _keep_apart(stage)
    _keep_colors(stage)
    stage.Save()
    return asset


def _convert(path: Path, folder: Path, known: dict[str, Path]) -> tuple[Path, list[str]]:
    """The converted file, and what the converter complained of."""
    packages = [{"name": name, "path": str(directory)} for name, directory in known.items()]
    converter = urdf_usd_converter.Converter(scene=False, ros_packages=packages)
    with Tf.DiagnosticTrap() as trap:
        try:
            asset = converter.convert(str(path), str(folder))
        except Exception as failure:  # noqa: BLE001 - another project's code; whatever it raises is about this file
            text = " ".join(str(failure).split()) or type(failure).__name__
            raise Refusal("urdf-not-converted", f"The converter failed: {text}", "Check the URDF there.") from None
        finally:
            complaints = [" ".join(str(entry.commentary).split()) for entry in (*trap.GetErrors(), *trap.GetWarnings())]
            trap.Clear()
    return Path(asset.path), complaints


def _report_absent(
    stage: Usd.Stage, robot: Element, joints: tuple[JointEnds, ...], prims: Prims, findings: Findings
) -> None:
    for link in robot.all("link"):
        path = prims.links.get(link.name, prims.root)
        if stage.GetPrimAtPath(path).HasAPI(UsdPhysics.RigidBodyAPI):
            continue
        merged = link.first("inertial") is not None and link.name not in prims.links
        findings.info(
            "link-merged" if merged else "link-without-body",
            path,
            f"The inertia of link '{link.name}' was given to its parent, which has none."
            if merged
            else f"The link '{link.name}' has no mass and no geometry; it is a frame, not a body.",
        )
    for ends in joints:
        path = prims.joints.get(ends.element.name, prims.root)
        _report_kind(ends, prims.joints.get(ends.element.name, prims.links.get(ends.child, prims.root)), findings)
        mimic = ends.element.first("mimic")
        prim = stage.GetPrimAtPath(path)
        if mimic is not None and not prim.GetRelationship("newton:mimicJoint"):
            findings.warning(
                "mimic-lost",
                str(prim.GetPath()),
                f"That '{ends.element.name}' mimics '{mimic.attributes.get('joint')}' is lost: one of them is fixed or "
                "has no body.",
                "Let it mimic a joint that moves.",
            )


def _report_kind(ends: JointEnds, path: str, findings: Findings) -> None:
    """What becomes of the two kinds of joints that are neither revolute, prismatic nor fixed."""
    name, kind = ends.element.name, ends.element.attributes["type"]
    if kind == "planar":
        findings.info(
            "planar-joint",
            path,
            f"The planar joint '{name}' became a generic (D6) joint, which slides along two axes and turns about the "
            "third.",
            "Commands do not reach it, and not every engine has it; three joints of one axis each do the same.",
        )
    elif kind == "floating":
        findings.info(
            "floating-joint",
            path,
            f"The floating joint '{name}' became none: the link '{ends.child}' and what hangs on it are free.",
        )


def _keep_apart(stage: Usd.Stage) -> None:
    """Filter the pairs of links that a base without mass, which is not a body, leaves in trees of their own.

    Links of one URDF do not touch each other, as in Gazebo and in Bullet; an articulation says so for its own only.
    """
    links = [prim.GetPath() for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)]
    tree = {link: link for link in links}
    for prim in stage.Traverse():
        joint = UsdPhysics.Joint(prim)
        ends = [*joint.GetBody0Rel().GetTargets(), *joint.GetBody1Rel().GetTargets()] if joint else []
        if len(ends) == 2 and tree.keys() >= set(ends):
            kept, gone = tree[ends[0]], tree[ends[1]]
            tree |= {link: kept for link in links if tree[link] == gone}
    for link in links:
        others = [other for other in links if tree[other] != tree[link] and other > link]
        if others:
            UsdPhysics.FilteredPairsAPI.Apply(stage.GetPrimAtPath(link)).CreateFilteredPairsRel().SetTargets(others)


def _keep_colors(stage: Usd.Stage) -> None:
    """Undo what the converter does to colours: others of a scene are as their files have them, not made linear."""
    for prim in stage.TraverseAll():
        color = prim.GetAttribute("inputs:diffuseColor")
        if prim.IsA(UsdShade.Material) and color and color.Get() is not None:
            shown = usdex.core.linearToSrgb(color.Get())
            color.Set(Gf.Vec3f(*(round(min(max(part, 0.0), 1.0), _COLOR_DIGITS) for part in shown)))


def _move_articulation_root(stage: Usd.Stage) -> None:
    """From the base body to the robot's prim: on a welded body it means a floating articulation to PhysX."""
    applied = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
    for prim in applied:
        for name in _ROOT_APIS:
            prim.RemoveAppliedSchema(name)
    if applied:
        UsdPhysics.ArticulationRootAPI.Apply(stage.GetDefaultPrim())
