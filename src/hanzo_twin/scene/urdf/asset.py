"""URDF to USD: checked, converted by urdf-usd-converter, then put right where its output would mislead an engine."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import urdf_usd_converter
from pxr import Tf, Usd, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.urdf import check, meshes, tidy
from hanzo_twin.scene.urdf.check import JointEnds
from hanzo_twin.scene.xml_document import Element, parse

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions

_ROOT_APIS = ("NewtonArticulationRootAPI", "PhysicsArticulationRootAPI")
_WORLD_NAMES = ("world", "map", "odom")
_OF_THE_CONVERTER = "was deprecated"
_ABOUT_MESHES = re.compile(r"mesh|\.stl|\.obj|\.dae", re.IGNORECASE)


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path | None:
    """The USD file in ``folder`` that stands for the URDF file ``path``, None if that has errors (in ``findings``).

    Raises:
        Refusal: it is no XML, or the converter cannot convert it.
    """
    robot = parse(path)
    errors = findings.error_count
    joints = check.check(robot, path.name, findings)
    if findings.error_count > errors:
        return None
    known = meshes.packages(robot, path)
    asset, complaints = _convert(path, folder / "first", known)
    tidied = tidy.without_loose_points(robot, path, known, complaints, folder / "tidied")
    if tidied is not None:
        asset, complaints = _convert(tidied, folder / "second", known)
    stage = Usd.Stage.Open(str(asset))
    prims = _prims_by_name(stage)
    for mesh in meshes.lost(robot, path, known, "\n".join(complaints)):
        findings.warning(
            "mesh-lost",
            prims.get(mesh.link, mesh.link),
            f"The {mesh.use} mesh of link '{mesh.link}' ({path.name}:{mesh.line}) is lost: {mesh.reason}.",
            "Put the file there, or name the package's directory in ROS_PACKAGE_PATH.",
        )
    for complaint in complaints:
        if meshes.is_partial(complaint) or not (_ABOUT_MESHES.search(complaint) or _OF_THE_CONVERTER in complaint):
            findings.warning("urdf-warning", str(stage.GetDefaultPrim().GetPath()), complaint)
    _report_renamed(prims, robot, findings, str(stage.GetDefaultPrim().GetPath()))
    _report_absent(stage, robot, joints, prims, findings)
    _settle_base(stage, robot, joints, options.floating_base, findings)
    _move_articulation_root(stage)
    _keep_apart(stage)
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


def _prims_by_name(stage: Usd.Stage) -> dict[str, str]:
    """Prim path of each link and joint by its name in the URDF, which USD may not allow as a prim's name."""
    found: dict[str, str] = {}
    for prim in stage.Traverse():
        found.setdefault(prim.GetDisplayName() or prim.GetName(), str(prim.GetPath()))
    return found


def _report_renamed(prims: dict[str, str], robot: Element, findings: Findings, root: str) -> None:
    named = [*robot.all("link"), *robot.all("joint")]
    changed = [(each.name, prims[each.name].rpartition("/")[2]) for each in named if each.name in prims]
    listed = [f"'{name}' is {prim}" for name, prim in changed if name != prim]
    if listed:
        findings.info(
            "renamed",
            root,
            f"USD's names have letters, digits and underscores only: {', '.join(listed)}.",
            "Use the names of the prims in addresses and commands.",
        )


def _report_absent(
    stage: Usd.Stage, robot: Element, joints: tuple[JointEnds, ...], prims: dict[str, str], findings: Findings
) -> None:
    root = str(stage.GetDefaultPrim().GetPath())
    bodies = {
        prim.GetDisplayName() or prim.GetName() for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.RigidBodyAPI)
    }
    for link in robot.all("link"):
        if link.name in bodies:
            continue
        merged = link.first("inertial") is not None and link.name not in prims
        findings.info(
            "link-merged" if merged else "link-without-body",
            prims.get(link.name, root),
            f"The inertia of link '{link.name}' was given to its parent, which has none."
            if merged
            else f"The link '{link.name}' has no mass and no geometry; it is a frame, not a body.",
        )
    for ends in joints:
        _report_kind(ends, prims.get(ends.element.name, prims.get(ends.child, root)), findings)
        mimic = ends.element.first("mimic")
        prim = stage.GetPrimAtPath(prims.get(ends.element.name, root))
        if mimic is not None and not prim.GetRelationship("newton:mimicJoint"):
            findings.warning(
                "mimic-lost",
                str(prim.GetPath()),
                f"That '{ends.element.name}' mimics '{mimic.attributes.get('joint')}' is lost: one of them is fixed or "
                "has no body.",
                "Let it mimic a joint that moves.",
            )


def _report_kind(ends: JointEnds, path: str, findings: Findings) -> None:
    """What becomes of the two kinds of joints that are no revolute, prismatic or fixed one."""
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


def _settle_base(
    stage: Usd.Stage, robot: Element, joints: tuple[JointEnds, ...], wanted: bool | None, findings: Findings
) -> None:
    """Keep or remove the weld to the world that the converter gives every robot."""
    path = str(stage.GetDefaultPrim().GetPath())
    floats, why = (wanted, "as asked for") if wanted is not None else _floats(robot, joints)
    if not floats:
        freeing = "Load it with floating_base=True to free it."
        findings.info("base-welded", path, f"The robot is welded to the world: {why}.", freeing)
        return
    for prim in stage.Traverse():
        if prim.IsA(UsdPhysics.FixedJoint) and not _is_body(stage, UsdPhysics.Joint(prim).GetBody0Rel().GetTargets()):
            prim.SetActive(False)
    if wanted:
        findings.info("base-floating", path, f"The robot floats: {why}.")
    else:
        findings.warning(
            "base-guessed",
            path,
            f"The robot is taken to float: {why}.",
            "Load it with floating_base=True or False to decide it yourself.",
        )


def _keep_apart(stage: Usd.Stage) -> None:
    """Filter the pairs of links that a base without mass, which is no body, leaves in trees of their own.

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


def _is_body(stage: Usd.Stage, targets: list[object]) -> bool:
    return bool(targets) and stage.GetPrimAtPath(targets[0]).HasAPI(UsdPhysics.RigidBodyAPI)


def _floats(robot: Element, joints: tuple[JointEnds, ...]) -> tuple[bool, str]:
    """Whether a robot floats, and why: legs or wheels are two or more moving branches that can touch something."""
    below: dict[str, list[JointEnds]] = defaultdict(list)
    for ends in joints:
        below[ends.parent].append(ends)
    children = {ends.child for ends in joints}
    links = {link.name: link for link in robot.all("link")}
    root = next(name for name in links if name not in children)
    if root in _WORLD_NAMES:
        return False, f"its root link is named '{root}'"
    base = _reach([root], below, fixed_only=True)
    if not any(links[name].first("inertial") for name in base):
        return False, f"its root link '{root}' has no mass"
    branches = [ends.child for name in base for ends in below[name] if ends.element.attributes["type"] != "fixed"]
    touching = [
        child
        for child in branches
        if any(links[name].first("collision") for name in _reach([child], below, fixed_only=False))
    ]
    if len(touching) >= 2:
        return True, f"{len(touching)} moving branches with colliders leave its base '{root}', like legs or wheels"
    return False, f"fewer than two moving branches with colliders leave its base '{root}', so it has no legs or wheels"


def _reach(start: list[str], below: dict[str, list[JointEnds]], *, fixed_only: bool) -> list[str]:
    """Links below ``start``, itself included."""
    found, open_links = list[str](), list(start)
    while open_links:
        name = open_links.pop()
        found.append(name)
        open_links += [
            ends.child for ends in below[name] if not fixed_only or ends.element.attributes["type"] == "fixed"
        ]
    return found


def _move_articulation_root(stage: Usd.Stage) -> None:
    """From the base body to the robot's prim: on a welded body it means a floating articulation to PhysX."""
    applied = [prim for prim in stage.Traverse() if prim.HasAPI(UsdPhysics.ArticulationRootAPI)]
    for prim in applied:
        for name in _ROOT_APIS:
            prim.RemoveAppliedSchema(name)
    if applied:
        UsdPhysics.ArticulationRootAPI.Apply(stage.GetDefaultPrim())
