"""The order in which bodies hang on each other: trees, what closes loops, articulations, starting poses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hanzo_twin.errors import counted
from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.model import Articulation, Axis, Body, Joint
from hanzo_twin.scene.starting import frames_apart, frames_held, start_at
from hanzo_twin.scene.velocities import report_lost
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle

_TINY = 1e-6
_MISALIGNED = 1e-3


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Bodies that are connected: ``root`` first, each joint's parent before its child.

    Args:
        root: path of the first body.
        hold: the joint that ties the root to the world, None for a floating tree.
        joints: joints between bodies of the tree, parents first.
        bodies: paths, parents first.
    """

    root: str
    hold: Joint | None
    joints: tuple[Joint, ...]
    bodies: tuple[str, ...]

    @property
    def all_joints(self) -> tuple[Joint, ...]:
        """``hold`` and ``joints``."""
        return self.joints if self.hold is None else (self.hold, *self.joints)


@dataclass(frozen=True, kw_only=True)
class Forest:
    """All trees, and the joints that are in none because they close a loop."""

    trees: tuple[Tree, ...]
    loops: tuple[Joint, ...]

    @property
    def bodies(self) -> tuple[str, ...]:
        return tuple(body for tree in self.trees for body in tree.bodies)

    @property
    def joints(self) -> tuple[Joint, ...]:
        """Tree joints, parents before children, then loops."""
        held = [joint for tree in self.trees for joint in tree.all_joints]
        return (*held, *self.loops)


def grow(bodies: Sequence[str], joints: Sequence[Joint], preferred: frozenset[str], findings: Findings) -> Forest:
    """Sort ``joints`` (in the stage's order) into trees over ``bodies``.

    A tree starts at a body tied to the world (welds before other joints); of the others, at one of ``preferred`` (the
    articulation roots), else at one that is nobody's child. A joint that would give a body a second parent closes a
    loop.
    """
    return _Grower(bodies, joints, preferred, findings).grow()


class _Grower:
    def __init__(
        self, bodies: Sequence[str], joints: Sequence[Joint], preferred: frozenset[str], findings: Findings
    ) -> None:
        self._bodies = bodies
        self._open = [joint for joint in joints if not joint.closes_loop]
        self._loops = [joint for joint in joints if joint.closes_loop]
        self._preferred = preferred
        self._findings = findings
        self._placed: set[str] = set()
        self._used: set[str] = set()
        self._at: dict[str, list[Joint]] = {}
        for joint in self._open:
            for end in {joint.parent, joint.child}:
                self._at.setdefault(end, []).append(joint)

    def grow(self) -> Forest:
        trees = [self._tree(root, hold) for root, hold in self._roots()]
        for joint in self._open:
            if joint.path not in self._used:
                self._findings.info("loop-joint", joint.path, "It closes a loop of joints.")
                self._loops.append(replace(joint, closes_loop=True))
        return Forest(trees=tuple(trees), loops=tuple(self._loops))

    def _roots(self) -> Iterator[tuple[str, Joint | None]]:
        held = sorted(self._at.get("", []), key=lambda joint: joint.kind != "fixed")
        for joint in held:
            if joint.child not in self._placed:
                yield joint.child, joint
        children = {joint.child for joint in self._open}
        for body in sorted(self._bodies, key=lambda body: (body not in self._preferred, body in children)):
            if body not in self._placed:
                yield body, None

    def _tree(self, root: str, hold: Joint | None) -> Tree:
        if hold is not None:
            self._used.add(hold.path)
        self._placed.add(root)
        bodies, joints = [root], list[Joint]()
        stack = [iter(self._at.get(root, []))]
        here = [root]
        while stack:
            joint = next(stack[-1], None)
            if joint is None:
                stack.pop()
                here.pop()
                continue
            child = self._step(joint, here[-1])
            if child is None:
                continue
            joints.append(joint if joint.child == child else self._turn(joint))
            bodies.append(child)
            here.append(child)
            stack.append(iter(self._at.get(child, [])))
        return Tree(root=root, hold=hold, joints=tuple(joints), bodies=tuple(bodies))

    def _step(self, joint: Joint, here: str) -> str | None:
        """The body that ``joint`` leads to from ``here``, None if there is none left."""
        other = joint.child if joint.parent == here else joint.parent
        if joint.path in self._used or other == "" or other in self._placed:
            return None
        self._used.add(joint.path)
        self._placed.add(other)
        return other

    def _turn(self, joint: Joint) -> Joint:
        self._findings.info(
            "joint-reversed", joint.path, "Its bodies were exchanged so that the parent is nearer to the base."
        )
        if len(joint.free_axes) > 1:
            self._findings.warning(
                "free-axes-reversed",
                joint.path,
                "Its free axes are taken in the same order from the other body; where it moves about several at once, "
                "its angles and limits are those of that order.",
                "Let physics:body0 be the body that is nearer to the base.",
            )
        return reversed_joint(joint)


def reversed_joint(joint: Joint) -> Joint:
    """The same joint with parent and child exchanged; its position keeps its sign because the axis turns round."""
    x, y, z = joint.axis
    return replace(
        joint,
        parent=joint.child,
        child=joint.parent,
        pose_parent_joint=joint.pose_child_joint,
        pose_child_joint=joint.pose_parent_joint,
        axis=(-x + 0.0, -y + 0.0, -z + 0.0) if joint.kind in ("revolute", "prismatic") else joint.axis,
        free_axes=tuple(_reversed_axis(axis) for axis in joint.free_axes),
    )


def _reversed_axis(axis: Axis) -> Axis:
    """A free axis of a D6 joint as seen from its other body: everything is the other way."""
    drive = axis.drive
    if drive is not None:
        drive = replace(drive, target_position=-drive.target_position, target_velocity=-drive.target_velocity)
    return replace(axis, lower=-axis.upper, upper=-axis.lower, drive=drive)


def articulations(forest: Forest, roots: Sequence[str], findings: Findings) -> dict[str, Articulation]:
    """One articulation for each tree that has a joint that moves.

    Args:
        roots: prims with ArticulationRootAPI, on a body, on a joint, or above them.
    """
    found: dict[str, Articulation] = {}
    for tree in sorted(forest.trees, key=lambda tree: -len(tree.joints)):
        joints = tree.all_joints
        moving = tuple(joint.path for joint in joints if joint.kind in ("revolute", "prismatic"))
        if all(joint.kind == "fixed" for joint in joints):
            continue
        path = _root_above(tree, joints, [root for root in roots if root not in found])
        if path is None:
            path = _common_parent(tree) if _common_parent(tree) not in ("/", *found) else tree.root
            findings.info(
                "articulation-inferred",
                path,
                f"No ArticulationRootAPI is authored; the tree of {counted(len(moving), 'joint')} from '{tree.root}' "
                f"is commanded as '{path}'.",
                "Apply PhysicsArticulationRootAPI to name it yourself.",
            )
        found[path] = Articulation(
            path=path, root_body=tree.root, fixed_base=tree.hold is not None, joints=moving, bodies=tree.bodies
        )
    order = {body: index for index, body in enumerate(forest.bodies)}
    return dict(sorted(found.items(), key=lambda item: order[item[1].root_body]))


def _root_above(tree: Tree, joints: Sequence[Joint], roots: Sequence[str]) -> str | None:
    """The authored root that is nearest to the tree's first body."""
    members = {*tree.bodies, *(joint.path for joint in joints)}
    for root in roots:
        if root in members:
            return root
    above = [root for root in roots if (tree.root + "/").startswith(root.rstrip("/") + "/")]
    return max(above, key=len, default=None)


def _common_parent(tree: Tree) -> str:
    parts = [body.split("/")[1:-1] for body in tree.bodies]
    common: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/" + "/".join(common)


def settle(
    forest: Forest, bodies: Mapping[str, Body], roots: Sequence[str], findings: Findings
) -> tuple[dict[str, Body], dict[str, Joint]]:
    """Bodies and joints in tree order, with starting positions and poses that agree and respect the limits.

    A joint without an authored state starts where the authored poses of its bodies put it.

    Args:
        roots: prims with ArticulationRootAPI, on a body, on a joint, or above them.
    """
    settled = dict(bodies)
    joints: dict[str, Joint] = {}
    bases = {tree.hold.path for tree in forest.trees if tree.hold and _root_above(tree, tree.all_joints, roots)}
    for joint in forest.joints:
        if joint.path in bases and joint.kind == "fixed":
            joint = _held_where_it_stands(joint, bodies[joint.child], findings)
        if not joint.closes_loop:
            joint = _start(joint, bodies, findings)
            wanted = _child_pose(joint, settled, bodies)
            if max(_distance(wanted, settled[joint.child].pose_world_body)) > _TINY:
                settled[joint.child] = replace(settled[joint.child], pose_world_body=wanted)
        elif math.isnan(joint.initial_position):
            joint = replace(joint, initial_position=0.0)
        joints[joint.path] = joint
    ordered = {path: settled[path] for path in forest.bodies}
    report_lost(ordered, joints.values(), findings)
    return ordered, joints


def _held_where_it_stands(joint: Joint, base: Body, findings: Findings) -> Joint:
    """The weld of an articulation's base to the world, as PhysX has it: where the base stands, whatever its frame says.

    So a robot whose file welds it to the origin stays where a scene that refers to it puts it.
    """
    held = base.pose_world_body @ joint.pose_child_joint
    off = _distance(held, joint.pose_parent_joint)
    if max(off) <= _MISALIGNED:
        return joint
    findings.info(
        "base-frame-moved",
        joint.path,
        f"Its frame on the world is {_apart(off)} from that on '{base.path}', the base of an articulation; the "
        "base is held where it stands, as PhysX does.",
    )
    return replace(joint, pose_parent_joint=held)


def _start(joint: Joint, bodies: Mapping[str, Body], findings: Findings) -> Joint:
    if joint.kind in ("spherical", "d6"):
        _check_aligned(joint, _distance(_held_by_several(joint, bodies), frames_apart(joint, bodies)), findings)
        return joint
    authored = not math.isnan(joint.initial_position)
    if not authored or joint.kind == "fixed":
        position, off = _measured(joint, bodies)
        _check_aligned(joint, off, findings)
        joint = replace(joint, initial_position=0.0 if abs(position) < _TINY else position)
    inside = min(max(joint.initial_position, joint.lower), joint.upper)
    if abs(inside - joint.initial_position) > _TINY:
        findings.warning(
            "start-outside-limits",
            joint.path,
            f"It would start at {joint.initial_position:.6g} {joint.unit}, outside {joint.lower:.6g} … "
            f"{joint.upper:.6g} {joint.unit}; it starts at {inside:.6g} {joint.unit}.",
            "Author a starting position (PhysicsJointStateAPI) within the limits.",
        )
    return replace(joint, initial_position=inside)


def _check_aligned(joint: Joint, off: tuple[float, float], findings: Findings) -> None:
    """Tell where the authored poses leave the frames ``off`` (m, rad) from where the joint can hold them."""
    if max(off) > _MISALIGNED:
        findings.warning(
            "joint-misaligned",
            joint.path,
            f"The authored poses of its bodies leave its frames {_apart(off)} apart; the child was moved onto the "
            "joint.",
            "Author the bodies where the joint holds them.",
        )


def _held_by_several(joint: Joint, bodies: Mapping[str, Body]) -> Pose:
    """How a joint of several freedoms holds its frames apart where ``bodies`` stand, within its limits."""
    start = start_at(joint, frames_apart(joint, bodies))
    if joint.kind == "d6":
        start = np.array([min(max(q, axis.lower), axis.upper) for q, axis in zip(start, joint.free_axes, strict=True)])
    return frames_held(joint, start)


def _measured(joint: Joint, bodies: Mapping[str, Body]) -> tuple[float, tuple[float, float]]:
    """The joint's position in the authored poses, and how far the frames are apart beyond it, m and rad."""
    between = frames_apart(joint, bodies)
    axis = np.array(joint.axis)
    if joint.kind == "revolute":
        w, turn = float(between.orientation[0]), float(between.orientation[1:] @ axis)
        position = 2 * math.atan2(turn, w)
        position = math.remainder(position, 2 * math.pi)
    elif joint.kind == "prismatic":
        position = float(between.position @ axis)
    else:
        position = 0.0
    return position, _distance(motion(joint, position), between)


def motion(joint: Joint, position: float) -> Pose:
    """Pose of the child's joint frame in the parent's at ``position``, for joints of at most one degree of freedom."""
    if joint.kind == "revolute":
        return Pose(position=np.zeros(3), orientation=quaternion_from_axis_angle(joint.axis, position))
    if joint.kind == "prismatic":
        return Pose.of(position * np.array(joint.axis))
    return Pose.identity()


def _child_pose(joint: Joint, bodies: Mapping[str, Body], authored: Mapping[str, Body]) -> Pose:
    """Where the joint holds its child, world frame, on a parent that stands as in ``bodies``."""
    several = joint.kind in ("spherical", "d6")
    moved = _held_by_several(joint, authored) if several else motion(joint, joint.initial_position)
    parent = bodies[joint.parent].pose_world_body if joint.parent else Pose.identity()
    return parent @ joint.pose_parent_joint @ moved @ joint.pose_child_joint.inverse()


def _apart(off: tuple[float, float]) -> str:
    """A distance [m] and an angle [rad] for people, without one that is next to nothing."""
    parts = [f"{value:.3g} {unit}" for value, unit in zip(off, ("m", "rad"), strict=True) if value > _TINY]
    return " and ".join(parts)


def _distance(a: Pose, b: Pose) -> tuple[float, float]:
    """The distance [m] and the angle [rad] between two poses."""
    between = a.inverse() @ b
    angle = 2 * math.atan2(float(np.linalg.norm(between.orientation[1:])), abs(float(between.orientation[0])))
    return float(np.linalg.norm(between.position)), angle
