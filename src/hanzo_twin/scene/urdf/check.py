"""What a URDF must satisfy before it is converted: names, numbers, and that its joints form a tree."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hanzo_twin.errors import nearest
from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.xml_document import Element

JOINT_TYPES = ("revolute", "continuous", "prismatic", "fixed", "floating", "planar")
DEEPEST = 200
_FILE_NAME = re.compile(r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,119}$")
_VECTORS = {"xyz": 3, "rpy": 3, "rgba": 4, "size": 3, "scale": 3}
_NUMBERS = {
    "mass": ("value",),
    "inertia": ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"),
    "limit": ("lower", "upper", "effort", "velocity"),
    "dynamics": ("damping", "friction"),
    "mimic": ("multiplier", "offset"),
    "sphere": ("radius",),
    "cylinder": ("radius", "length"),
    "calibration": ("rising", "falling", "reference_position"),
    "safety_controller": ("soft_lower_limit", "soft_upper_limit", "k_position", "k_velocity"),
}
_NOT_NEGATIVE = {
    ("mass", "value"),
    ("limit", "effort"),
    ("limit", "velocity"),
    ("dynamics", "damping"),
    ("dynamics", "friction"),
}
_SIZES = {("sphere", "radius"), ("cylinder", "radius"), ("cylinder", "length"), ("box", "size")}
_UNBOUNDED = {("limit", "effort"), ("limit", "velocity"), ("limit", "lower"), ("limit", "upper")}


@dataclass(frozen=True, kw_only=True)
class JointEnds:
    """One joint of the tree: its element and the names of its links."""

    element: Element
    parent: str
    child: str


def check(robot: Element, source: str, findings: Findings) -> tuple[JointEnds, ...]:
    """Report all that is wrong with ``robot`` as errors; the joints whose ends are known."""
    checker = _Checker(source, findings)
    if robot.tag != "robot":
        checker.error("not-urdf", robot, f"the root element is <{robot.tag}>, not <robot>", "Is this a URDF file?")
        return ()
    if not _FILE_NAME.match(robot.name):
        checker.error(
            "bad-name",
            robot,
            f"the robot's name is '{robot.name}'",
            "Name it with letters, digits and underscores: the name becomes a file and a prim.",
        )
    links = checker.names(list(robot.all("link")), "link")
    checker.names(list(robot.all("joint")), "joint")
    if not links:
        checker.error("no-links", robot, "the robot has no link", "Add a <link>.")
    checker.numbers(robot)
    joints = tuple(ends for joint in robot.all("joint") if (ends := checker.joint(joint, links)))
    checker.tree(robot, links, joints)
    checker.mimics(joints)
    return joints


class _Checker:
    def __init__(self, source: str, findings: Findings) -> None:
        self._source = source
        self._findings = findings

    def error(self, code: str, element: Element, message: str, remedy: str) -> None:
        where = f"{self._source}:{element.line}"
        self._findings.error(code, where, message[0].upper() + message[1:] + ".", remedy)

    def names(self, elements: Sequence[Element], kind: str) -> dict[str, Element]:
        found: dict[str, Element] = {}
        for element in elements:
            if not element.name:
                self.error("bad-name", element, f"this {kind} has no name", 'Add name="…".')
            elif element.name in found:
                first = found[element.name].line
                self.error(
                    "duplicate-name",
                    element,
                    f"the {kind} '{element.name}' is there already, at line {first}",
                    "Rename one of them.",
                )
            else:
                found[element.name] = element
        return found

    def numbers(self, robot: Element) -> None:
        for part in (*robot.all("link"), *robot.all("joint"), *robot.all("material")):
            for element in part.every():
                for name, count in _VECTORS.items():
                    if name in element.attributes:
                        self._check_numbers(element, name, count)
                for name in _NUMBERS.get(element.tag, ()):
                    if name in element.attributes:
                        self._check_numbers(element, name, 1)

    def _check_numbers(self, element: Element, name: str, count: int) -> None:
        text = element.attributes[name]
        try:
            values = [float(word) for word in text.split()]
        except ValueError:
            values = []
        where = f'the attribute {name}="{text}" of <{element.tag}>'
        if len(values) != count:
            wanted = "one number" if count == 1 else f"{count} numbers"
            self.error("bad-number", element, f"{where} is not {wanted}", f"Write {wanted}.")
            return
        unbounded = (element.tag, name) in _UNBOUNDED
        if any(math.isnan(value) or (math.isinf(value) and not unbounded) for value in values):
            self.error("not-finite", element, f"{where} is not finite", "Write finite numbers.")
        elif (element.tag, name) in _NOT_NEGATIVE and min(values) < 0:
            code = "bad-mass" if element.tag == "mass" else "bad-joint-value"
            self.error(code, element, f"{where} is negative", "Write zero or more.")
        elif (element.tag, name) in _SIZES and min(values) < 0:
            self.error("bad-dimension", element, f"{where} is negative", "Write positive numbers.")
        elif name == "scale" and not all(values):
            self.error("degenerate-scale", element, f"{where} is zero", "Write a scale that is not zero.")

    def joint(self, joint: Element, links: dict[str, Element]) -> JointEnds | None:
        kind = joint.attributes.get("type", "")
        if kind not in JOINT_TYPES:
            self.error(
                "joint-unsupported", joint, f"the joint '{joint.name}' is of type '{kind}'", nearest(kind, JOINT_TYPES)
            )
        if kind != "fixed" and joint.text("axis", "xyz").split() and not any(_floats(joint.text("axis", "xyz"))):
            self.error("bad-axis", joint, f"the axis of joint '{joint.name}' is zero", 'Write xyz="0 0 1", say.')
        lower, upper = (_floats(joint.text("limit", name)) for name in ("lower", "upper"))
        if lower and upper and lower[0] > upper[0]:
            unit = "m" if kind == "prismatic" else "rad"
            self.error(
                "limits-crossed",
                joint,
                f"the lower limit {lower[0]:g} {unit} of joint '{joint.name}' is above its upper limit "
                f"{upper[0]:g} {unit}",
                "Swap them.",
            )
        ends: list[str] = []
        for end in ("parent", "child"):
            name = joint.text(end, "link")
            if name not in links:
                self.error(
                    "joint-missing-body",
                    joint,
                    f"the {end} of joint '{joint.name}' is the link '{name}', which does not exist",
                    nearest(name, links),
                )
            else:
                ends.append(name)
        return JointEnds(element=joint, parent=ends[0], child=ends[1]) if len(ends) == 2 else None

    def tree(self, robot: Element, links: dict[str, Element], joints: Sequence[JointEnds]) -> None:
        above: dict[str, JointEnds] = {}
        for ends in joints:
            if ends.child in above:
                other = above[ends.child].element
                self.error(
                    "two-parents",
                    ends.element,
                    f"the link '{ends.child}' is the child of '{ends.element.name}' and of '{other.name}' "
                    f"(line {other.line})",
                    "A URDF is a tree: remove one joint, or describe the loop in USD.",
                )
            above.setdefault(ends.child, ends)
        depths = {name: _depth(name, above) for name in links}
        circling = sorted(name for name, depth in depths.items() if depth is None)
        if circling:
            ends = above[circling[0]]
            self.error(
                "joint-cycle",
                ends.element,
                f"the links {', '.join(circling)} hang on each other in a circle",
                "A URDF is a tree: remove one joint of the circle.",
            )
        roots = [name for name in links if name not in above]
        if len(roots) > 1 and not circling:
            self.error(
                "several-roots",
                robot,
                f"the links {', '.join(roots)} have no parent, but a URDF has one root",
                "Connect them with joints; a fixed joint will do.",
            )
        if max((depth or 0 for depth in depths.values()), default=0) > DEEPEST:
            self.error("too-deep", robot, f"a chain has more than {DEEPEST} links", "Split the robot.")

    def mimics(self, joints: Sequence[JointEnds]) -> None:
        names = {ends.element.name for ends in joints}
        for ends in joints:
            mimic = ends.element.first("mimic")
            if mimic is not None and mimic.attributes.get("joint", "") not in names - {ends.element.name}:
                wanted = mimic.attributes.get("joint", "")
                self.error(
                    "mimic-missing-joint",
                    mimic,
                    f"the joint '{ends.element.name}' mimics '{wanted}', which is not another joint",
                    nearest(wanted, names - {ends.element.name}),
                )


def _depth(name: str, above: dict[str, JointEnds]) -> int | None:
    """Number of joints between a link and the root, None if there is no end to them."""
    seen: set[str] = set()
    while name in above:
        if name in seen:
            return None
        seen.add(name)
        name = above[name].parent
    return len(seen)


def _floats(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []
