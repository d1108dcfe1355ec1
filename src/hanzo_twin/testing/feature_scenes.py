"""One small scene for each feature of `hanzo_twin.engines.features`: with it, an engine loads the scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from hanzo_twin.scene.model import (
    Axis,
    Body,
    Box,
    Drive,
    Geometry,
    Joint,
    Material,
    Mesh,
    Mimic,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.scene.starting import frames_held
from hanzo_twin.spatial import Pose
from hanzo_twin.testing import scenes

HINGE = "/World/pendulum/hinge"
BOB = "/World/pendulum/bob"
BOX = "/World/box"
SHAPE = "/World/box/shape"
_X, _Y, _Z = (Axis(name=name, rotation=True) for name in ("x", "y", "z"))


def loose_pendulum(**changes: Any) -> Scene:
    """`scenes.pendulum` with its hinge changed, in no articulation; it hangs down."""
    scene = scenes.pendulum()
    hinge = replace(scene.joints[HINGE], **changes)
    bob = replace(scene.bodies[BOB], diagonal_inertia=(0.01, 0.01, 0.01))
    return replace(scene, bodies={BOB: bob}, joints={HINGE: hinge}, articulations={})


def d6(*axes: Axis, **changes: Any) -> Scene:
    """`loose_pendulum` on a D6 joint with these free axes."""
    return loose_pendulum(kind="d6", free_axes=axes, **changes)


def coned(towards_x: float, towards_y: float) -> Scene:
    """`loose_pendulum` on a ball whose z axis may swing so far, rad, without gravity."""
    scene = loose_pendulum(kind="spherical", axis=(0.0, 0.0, 1.0), cone=(towards_x, towards_y))
    return replace(scene, gravity=(0.0, 0.0, 0.0))


def balls() -> Scene:
    """A double pendulum that swings sideways, too: its shoulder is a damped ball, its elbow has a drive."""
    scene = scenes.double_pendulum(initial_positions=(0.0, 0.6))
    path = "/World/double_pendulum"
    shoulder = replace(scene.joints[f"{path}/shoulder"], kind="spherical", damping=0.3)
    drive = Drive(stiffness=20.0, damping=2.0, target_position=1.2)
    elbow = replace(scene.joints[f"{path}/elbow"], axis=(0.6, 0.8, 0.0), drive=drive)
    (articulation,) = scene.articulations.values()
    return replace(
        scene,
        joints={shoulder.path: shoulder, elbow.path: elbow},
        articulations={path: replace(articulation, joints=(elbow.path,))},
    )


def turned(scene: Scene, *start: float) -> Scene:
    """``scene``, whose only joint has several freedoms, where that starts at ``start``; nothing pulls."""
    (joint,), (bob,) = scene.joints.values(), scene.bodies.values()
    pose = joint.pose_parent_joint @ frames_held(joint, np.array(start)) @ joint.pose_child_joint.inverse()
    return replace(scene, bodies={bob.path: replace(bob, pose_world_body=pose)}, gravity=(0.0, 0.0, 0.0))


def box_of(geometry: Geometry, **changes: Any) -> Scene:
    """A free body ``/World/box`` of 1 kg with this collider, its centre 0.3 m above a ground plane."""
    scene = scenes.falling_box(height=0.3)
    body = scene.bodies[BOX]
    shape = replace(body.shapes[0], geometry=geometry)
    return replace(scene, bodies={BOX: replace(body, shapes=(shape,), **changes)})


def standing(geometry: Geometry, *, height: float = 0.5) -> Scene:
    """A static ``/World/stand`` of this geometry at the origin and a ball of radius 0.03 m above it."""
    ball = scenes.falling_sphere(height=height)
    body = ball.bodies["/World/ball"]
    body = replace(body, shapes=(replace(body.shapes[0], geometry=Sphere(radius=0.03)),))
    stand = Shape(path="/World/stand", geometry=geometry, pose=Pose.identity(), material=scenes.MATERIAL)
    return replace(ball, bodies={body.path: body}, static_shapes={stand.path: stand})


def cup(approximation: str) -> Mesh:
    """A square cup, 0.2 m wide and high, walls and floor 0.04 m thick, open upwards; its centre is the origin."""
    outer, inner, floor = 0.1, 0.06, -0.06
    square = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    rings = [(outer, -outer), (outer, outer), (inner, outer), (inner, floor)]
    vertices = np.vstack([np.column_stack([half * square, np.full(4, height)]) for half, height in rings])
    triangles = [(0, 2, 1), (0, 3, 2), (12, 13, 14), (12, 14, 15)]
    for ring in range(3):
        for side in range(4):
            a, b = 4 * ring + side, 4 * ring + (side + 1) % 4
            triangles += [(a, b, b + 4), (a, b + 4, a + 4)]
    return Mesh(vertices=vertices, triangles=np.array(triangles), approximation=approximation)


def bowl() -> Scene:
    """A ball of 0.05 m at rest 0.2 m beside the middle of a bowl z = 1.5 (x² + y²) of triangles, which has no back."""
    count, radius, place = 20, 0.05, 0.2
    line = np.linspace(-0.3, 0.3, count + 1)
    x, y = np.meshgrid(line, line, indexing="ij")
    corner = np.arange((count + 1) ** 2).reshape(count + 1, count + 1)[:-1, :-1].ravel()
    halves = [corner, corner + count + 1, corner + count + 2], [corner, corner + count + 2, corner + 1]
    triangles = np.concatenate([np.stack(half, axis=1) for half in halves])
    vertices = np.stack([x, y, 1.5 * (x**2 + y**2)], axis=-1).reshape(-1, 3)
    scene = standing(Mesh(vertices=vertices, triangles=triangles, approximation="none"))
    (ball,) = scene.bodies.values()
    height = 1.5 * place**2 + radius * np.hypot(1.0, 3.0 * place)
    shape = replace(ball.shapes[0], geometry=Sphere(radius=radius))
    inertia = 0.4 * ball.mass * radius**2
    pose = Pose.of((place, 0.013, float(height) + 1e-3))
    ball = replace(ball, shapes=(shape,), pose_world_body=pose, diagonal_inertia=(inertia, inertia, inertia))
    return replace(scene, bodies={ball.path: ball})


def corner() -> Scene:
    """A cube of 0.04 m that is thrown, turning, into a corner of a `cup` of triangles."""
    scene = standing(cup("none"))
    (ball,) = scene.bodies.values()
    half, mass = 0.02, 0.1
    shape = replace(ball.shapes[0], geometry=Box(half_extents=(half, half, half)))
    inertia = mass * (2 * half) ** 2 / 6
    turned = Pose.of((0.03, 0.03, 0.02), (0.969, 0.07, 0.232, 0.046))
    cube = replace(
        ball,
        shapes=(shape,),
        pose_world_body=replace(turned, orientation=turned.orientation / np.linalg.norm(turned.orientation)),
        mass=mass,
        diagonal_inertia=(inertia, inertia, inertia),
        linear_velocity=(0.3, 0.3, 0.0),
    )
    return replace(scene, bodies={cube.path: cube})


def bouncing(restitution: float, *, height: float = 1.0) -> Scene:
    """`scenes.falling_sphere` where both materials give back ``restitution`` of the speed."""
    material = Material(path=scenes.MATERIAL, restitution=restitution)
    return replace(scenes.falling_sphere(height=height), materials={material.path: material})


def kinematic(**changes: Any) -> Scene:
    """`scenes.falling_box` where the box is kinematic."""
    scene = scenes.falling_box(height=0.3)
    return replace(scene, bodies={BOX: replace(scene.bodies[BOX], kinematic=True, **changes)})


def held_kinematic() -> Scene:
    """A kinematic box welded to the world."""
    scene = kinematic()
    weld = Joint(
        path="/World/weld",
        kind="fixed",
        parent="",
        child=BOX,
        pose_parent_joint=Pose.of((0.0, 0.0, 0.3)),
        pose_child_joint=Pose.identity(),
    )
    return replace(scene, joints={weld.path: weld})


def loop(**changes: Any) -> Scene:
    """A double pendulum hanging down, its end held to the world by a joint ``/World/closing``."""
    scene = scenes.double_pendulum(initial_positions=(0.0, 0.0))
    closing = Joint(
        path="/World/closing",
        kind="revolute",
        parent="",
        child="/World/double_pendulum/lower",
        pose_parent_joint=Pose.of((0.0, 0.0, -2.0)),
        pose_child_joint=Pose.of((0.0, 0.0, -1.0)),
        axis=(0.0, 1.0, 0.0),
        closes_loop=True,
    )
    return replace(scene, joints={**scene.joints, closing.path: replace(closing, **changes)})


def mimic() -> Scene:
    """A double pendulum whose elbow is to be −2 times its shoulder + 0.1 rad."""
    scene = scenes.double_pendulum(initial_positions=(0.4, -0.7))
    elbow = "/World/double_pendulum/elbow"
    follows = Mimic(joint="/World/double_pendulum/shoulder", multiplier=-2.0, offset=0.1)
    return replace(scene, joints={**scene.joints, elbow: replace(scene.joints[elbow], mimic=follows)})


def accelerated_pendulum() -> Scene:
    """A double pendulum bent to a right angle without gravity; an acceleration drive of 100/s² on its shoulder."""
    scene = scenes.double_pendulum(initial_positions=(0.0, np.pi / 2))
    shoulder = "/World/double_pendulum/shoulder"
    drive = Drive(stiffness=100.0, mode="acceleration")
    joints = {**scene.joints, shoulder: replace(scene.joints[shoulder], drive=drive)}
    return replace(scene, joints=joints, gravity=(0.0, 0.0, 0.0))


def speed_limited() -> Scene:
    """`scenes.cart` whose slide may move with 0.5 m/s."""
    scene = scenes.cart()
    (slide,) = scene.joints.values()
    return replace(scene, joints={slide.path: replace(slide, max_velocity=0.5)})


def two_shapes(*, filtered: bool) -> Scene:
    """A free body of a box and, 0.2 m below it, a ball that, where ``filtered``, passes through the ground."""
    scene = scenes.falling_box(height=0.5)
    body = scene.bodies[BOX]
    ball = Shape(
        path="/World/box/ball", geometry=Sphere(radius=0.05), pose=Pose.of((0.0, 0.0, -0.2)), material=scenes.MATERIAL
    )
    pairs = ((ball.path, "/World/ground"),) if filtered else ()
    return replace(scene, bodies={BOX: replace(body, shapes=(*body.shapes, ball))}, filtered_pairs=pairs)


def two_frictions(*, tilt: float = 0.0) -> Scene:
    """`scenes.incline` at angle ``tilt`` whose static friction is 0.6, the dynamic one 0.3."""
    scene = scenes.incline(angle=tilt, friction=0.3)
    material = replace(scene.materials[scenes.MATERIAL], static_friction=0.6)
    return replace(scene, materials={material.path: material})


def moving_plane() -> Scene:
    """A free body with an infinite plane."""
    return box_of(Plane())


def body(scene: Scene) -> Body:
    """The only body of ``scene``."""
    (only,) = scene.bodies.values()
    return only


TURNED: Mapping[str, Scene] = MappingProxyType(
    {
        "ball": turned(
            loose_pendulum(kind="spherical", pose_child_joint=Pose.of((0.0, 0.0, 1.0), (0.8, 0.0, 0.6, 0.0))),
            *(0.5, 0.5, -0.1, 0.7),
        ),
        "three rotations": turned(d6(_X, _Y, _Z), 0.5, 0.3, -0.4),
        "one rotation": turned(d6(_Y), 2.5),
        "slides and a rotation": turned(
            d6(Axis(name="x", rotation=False), Axis(name="z", rotation=False), _Y), 0.2, 0.1, 1.5
        ),
    }
)
"""Joints of several freedoms that start somewhere, all of what engines that have them can hold."""

FEATURE_SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "spherical_joints": loose_pendulum(kind="spherical"),
        "spherical_cones": coned(0.5, 0.5),
        "elliptic_cones": coned(0.3, 0.6),
        "spherical_turns": loose_pendulum(kind="spherical", upper=1.0),
        "spherical_armature": loose_pendulum(kind="spherical", armature=0.1),
        "spherical_springs": loose_pendulum(kind="spherical", stiffness=1.0),
        "spherical_drives": loose_pendulum(kind="spherical", drive=Drive(stiffness=1.0)),
        "d6_joints": d6(_Y),
        "d6_rotations": d6(_X, _Y, _Z),
        "d6_drives": d6(replace(_Y, drive=Drive(stiffness=100.0, damping=10.0, target_position=0.3))),
        "d6_springs": d6(_X, _Y, stiffness=1.0),
        "acceleration_drives": loose_pendulum(drive=Drive(stiffness=100.0, damping=20.0, mode="acceleration")),
        "mimic_joints": mimic(),
        "loops": loop(),
        "sliding_loops": loop(kind="prismatic"),
        "loop_efforts": loop(damping=1.0),
        "velocity_limits": speed_limited(),
        "kinematic_bodies": kinematic(),
        "kinematic_velocities": kinematic(linear_velocity=(0.1, 0.0, 0.0)),
        "kinematic_links": held_kinematic(),
        "restitution": bouncing(0.5),
        "static_friction": two_frictions(),
        "moving_planes": moving_plane(),
        "mesh_decomposition": box_of(cup("convexDecomposition")),
        "static_triangles": standing(cup("none")),
        "moving_triangles": box_of(cup("none")),
        "shape_filters": two_shapes(filtered=True),
    }
)
