"""Pieces of the scenes that tasks build in Python. At position zero of all joints, all frames are parallel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import (
    Articulation,
    Body,
    Box,
    Cylinder,
    Drive,
    Geometry,
    Joint,
    JointKind,
    Material,
    Plane,
    Scene,
    Shape,
)
from hanzo_twin.spatial import Pose

MATERIAL = "/World/material"
GRAVITY_PATH = "/World/physics"
Vector = tuple[float, float, float]
Color = tuple[float, float, float, float]
GREY: Color = (0.55, 0.57, 0.6, 1.0)


def check_bodies(task: str, scene: Scene, bodies: Iterable[str]) -> None:
    """Raise UnsupportedError where ``scene`` lacks one of the ``bodies`` that ``task`` is about."""
    for needed in bodies:
        if needed not in scene.bodies:
            raise UnsupportedError(
                f"The task '{task}' needs the body '{needed}'; the scene '{scene.source}' has none.",
                hint="Rename yours, or build a task of your own from hanzo_twin.rl.terms.",
            )


def shape(path: str, geometry: Geometry, at: Vector = (0.0, 0.0, 0.0), *, color: Color = GREY) -> Shape:
    """A colliding shape of the scene's one material."""
    return Shape(path=path, geometry=geometry, pose=Pose.of(at), material=MATERIAL, color=color)


def box(path: str, half: Vector, at: Vector = (0.0, 0.0, 0.0), *, color: Color = GREY) -> Shape:
    """A box of these half extents."""
    return shape(path, Box(half_extents=half), at, color=color)


def body(
    path: str, at: Vector, mass: float, shapes: Iterable[Shape] = (), *, size: float = 0.2, kinematic: bool = False
) -> Body:
    """A body with the inertia of a solid cube of this ``size``."""
    inertia = mass * size**2 / 6.0
    return Body(
        path=path,
        pose_world_body=Pose.of(at),
        mass=mass,
        diagonal_inertia=(inertia, inertia, inertia),
        shapes=tuple(shapes),
        kinematic=kinematic,
    )


def joint(
    path: str,
    kind: JointKind,
    parent: Body | None,
    child: Body,
    axis: Vector,
    *,
    at: Vector | None = None,
    limits: tuple[float, float] = (float("-inf"), float("inf")),
    drive: Drive | None = None,
    damping: float = 0.0,
    stiffness: float = 0.0,
) -> Joint:
    """A joint between bodies as they stand; its frame is at the world position ``at``, by default the child's."""
    place = np.array(child.pose_world_body.position if at is None else at)
    origin = np.zeros(3) if parent is None else parent.pose_world_body.position
    return Joint(
        path=path,
        kind=kind,
        parent="" if parent is None else parent.path,
        child=child.path,
        pose_parent_joint=Pose.of(place - origin),
        pose_child_joint=Pose.of(place - child.pose_world_body.position),
        axis=axis,
        lower=limits[0],
        upper=limits[1],
        drive=drive,
        damping=damping,
        stiffness=stiffness,
    )


def ground() -> Shape:
    """The plane z = 0."""
    return shape("/World/ground", Plane(), color=(0.85, 0.85, 0.83, 1.0))


def cylinder(path: str, radius: float, height: float, *, color: Color) -> Shape:
    """An upright cylinder around the origin."""
    return shape(path, Cylinder(radius=radius, half_height=height / 2), color=color)


def robot(path: str, bodies: Iterable[Body], joints: Iterable[Joint]) -> Articulation:
    """An articulation tied to the world."""
    paths = tuple(each.path for each in bodies)
    return Articulation(
        path=path, root_body=paths[0], fixed_base=True, joints=tuple(each.path for each in joints), bodies=paths
    )


def scene(
    source: str,
    bodies: Iterable[Body],
    joints: Iterable[Joint],
    articulations: Iterable[Articulation],
    static: Iterable[Shape],
    *,
    friction: float = 1.0,
) -> Scene:
    """The scene of these pieces, of one material; articulations do not touch themselves."""
    articulations = tuple(articulations)
    material = Material(path=MATERIAL, static_friction=friction, dynamic_friction=friction)
    return Scene(
        source=source,
        gravity_path=GRAVITY_PATH,
        bodies={each.path: each for each in bodies},
        joints={each.path: each for each in joints},
        articulations={each.path: each for each in articulations},
        static_shapes={each.path: each for each in static},
        filtered_pairs=tuple(pair for each in articulations for pair in each.body_pairs),
        materials={material.path: material},
    )
