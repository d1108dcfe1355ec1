"""The trees of bodies that PhysX simulates in reduced coordinates, and their joints in the simplest form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.scene.starting import start_of

_DIRECTIONS = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Bodies that joints hold together.

    Args:
        anchor: the joint that holds the first body to the world, None where the tree floats.
        bodies: paths, parents before children.
        joints: paths of the joints between them and of the anchor, in the order of the bodies they hold.
        kinematic: the first body is kinematic: it stands where it is put.
    """

    anchor: Joint | None
    kinematic: bool
    bodies: tuple[str, ...]
    joints: tuple[str, ...]

    @property
    def root(self) -> str:
        """The first body."""
        return self.bodies[0]

    @property
    def floats(self) -> bool:
        """True where nothing holds the first body."""
        return self.anchor is None and not self.kinematic

    @property
    def has_base(self) -> bool:
        """True where the first body moves against the world, so that a fixed base must stand in for the world."""
        return self.anchor is not None and self.anchor.kind != "fixed"


def simplified(scene: Scene) -> Scene:
    """``scene`` with D6 joints of one free axis as the revolute and prismatic joints that they are.

    PhysX turns other D6 joints, and spherical ones, by quaternions, which stand still at rates that are less than a
    millionth of a radian in an iteration of its solver.
    """
    plain = {path: _plain(joint, scene) for path, joint in scene.joints.items()}
    return (
        replace(scene, joints=plain) if any(plain[path] is not joint for path, joint in scene.joints.items()) else scene
    )


def _plain(joint: Joint, scene: Scene) -> Joint:
    if joint.kind != "d6" or len(joint.free_axes) != 1:
        return joint
    (axis,) = joint.free_axes
    return replace(
        joint,
        kind="revolute" if axis.rotation else "prismatic",
        axis=_DIRECTIONS[axis.name],
        lower=axis.lower,
        upper=axis.upper,
        drive=axis.drive,
        initial_position=0.0 if joint.closes_loop else float(start_of(scene, joint)[0]),
        free_axes=(),
    )


def reduced(joint: Joint) -> bool:
    """True for a joint that is part of a tree: it closes no loop, and turns or slides, but not both.

    Nor is it kept within a cone: in a tree PhysX bounds both parts of a rotation vector instead.
    """
    slides = any(not axis.rotation for axis in joint.free_axes)
    return not (joint.closes_loop or (joint.kind == "d6" and slides) or _in_cone(joint))


def _in_cone(joint: Joint) -> bool:
    return any(math.isfinite(angle) for angle in joint.cone)


def trees_of(scene: Scene) -> tuple[Tree, ...]:
    """All trees of ``scene`` in the order of their first bodies; a body without joints is none."""
    held = {joint.child: joint for joint in scene.joints.values() if reduced(joint)}
    members: dict[str, list[str]] = {}
    root_of: dict[str, str] = {}
    for path in scene.bodies:
        joint = held.get(path)
        root = root_of[joint.parent] if joint is not None and joint.parent else path
        root_of[path] = root
        members.setdefault(root, []).append(path)
    return tuple(
        Tree(
            anchor=held.get(root),
            kinematic=scene.bodies[root].kinematic,
            bodies=tuple(bodies),
            joints=tuple(held[body].path for body in bodies if body in held),
        )
        for root, bodies in members.items()
        if len(bodies) > 1 or root in held
    )
