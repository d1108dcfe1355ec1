"""Which prim stands for which link and joint: USD does not allow every name, and none twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pxr import Sdf, Usd, UsdGeom

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.urdf.check import JointEnds
from hanzo_twin.scene.xml_document import Element


@dataclass(frozen=True, kw_only=True)
class Prims:
    """Prim paths by the names of the URDF; what became no prim is missing.

    Args:
        root: the robot's own prim.
    """

    root: str
    links: Mapping[str, str]
    joints: Mapping[str, str]

    @classmethod
    def of(cls, stage: Usd.Stage, robot: Element, joints: Sequence[JointEnds]) -> Prims:
        """Find them on the ``stage`` that the converter wrote: links stand in each other as the joints say."""
        root = stage.GetDefaultPrim().GetPath()
        below: dict[str, list[str]] = defaultdict(list)
        for ends in joints:
            below[ends.parent].append(ends.child)
        children = {ends.child for ends in joints}
        links: dict[str, str] = {}
        open_links = [
            (link.name, root.AppendChild("Geometry")) for link in robot.all("link") if link.name not in children
        ]
        while open_links:
            name, parent = open_links.pop()
            path = _called(stage, parent, name)
            if path is not None:
                links[name] = str(path)
                open_links += [(child, path) for child in below[name]]
        found = {ends.element.name: _called(stage, root.AppendChild("Physics"), ends.element.name) for ends in joints}
        return cls(root=str(root), links=links, joints={name: str(path) for name, path in found.items() if path})

    def report_renamed(self, robot: Element, findings: Findings) -> None:
        """Tell the names that are others in USD."""
        named = [(robot, self.root)]
        named += [(link, self.links.get(link.name, "")) for link in robot.all("link")]
        named += [(joint, self.joints.get(joint.name, "")) for joint in robot.all("joint")]
        prims = [(element.name, path.rpartition("/")[2]) for element, path in named if path]
        findings.renamed(self.root, [(name, prim) for name, prim in prims if name != prim])


def _called(stage: Usd.Stage, parent: Sdf.Path, name: str) -> Sdf.Path | None:
    """The prim below ``parent`` that stands for the link or joint ``name``; shapes may have the same name."""
    prim = stage.GetPrimAtPath(parent)
    called = [
        child
        for child in (prim.GetChildren() if prim else ())
        if (child.GetDisplayName() or child.GetName()) == name and not child.IsA(UsdGeom.Gprim)
    ]
    # A shape made of several meshes is an Xform, too, but one without joints, and written before the links.
    return called[-1].GetPath() if called else None
