"""Small scenes built in Python, for tests of engines and of whatever runs on one. Z up, gravity −9.81 m/s² along Z."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from hanzo_twin.engines.forward_kinematics import ForwardKinematics, starting_roots
from hanzo_twin.scene.model import (
    Articulation,
    Body,
    Box,
    Capsule,
    Drive,
    Joint,
    Material,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle

MATERIAL = "/World/material"
ARM = "/World/arm"
PAYLOAD = "/World/arm/payload"
BOX_COUNT = 5
_X = (1.0, 0.0, 0.0)
_Y = (0.0, 1.0, 0.0)
_Z = (0.0, 0.0, 1.0)


def pendulum(
    *,
    length: float = 1.0,
    mass: float = 1.0,
    initial_position: float = 0.0,
    damping: float = 0.0,
    friction: float = 0.0,
) -> Scene:
    """A point-like bob (1e-6 kg·m²) on a hinge ``/World/pendulum/hinge`` about Y, hanging down at position 0."""
    bob = _ball_body("/World/pendulum/bob", mass=mass, radius=0.05, inertia=1e-6, position=(0.0, 0.0, -length))
    hinge = Joint(
        path="/World/pendulum/hinge",
        kind="revolute",
        parent="",
        child=bob.path,
        pose_parent_joint=Pose.identity(),
        pose_child_joint=Pose.of((0.0, 0.0, length)),
        axis=_Y,
        damping=damping,
        friction=friction,
        initial_position=initial_position,
    )
    return _articulated("/World/pendulum", [bob], [hinge])


def double_pendulum(*, initial_positions: tuple[float, float] = (1.0, 0.5)) -> Scene:
    """Two rods of 1 kg and 1 m on hinges ``shoulder`` and ``elbow`` about Y; no loss anywhere."""
    path = "/World/double_pendulum"
    bodies = [
        _rod(f"{path}/upper", length=1.0, mass=1.0, top=(0.0, 0.0, 0.0)),
        _rod(f"{path}/lower", length=1.0, mass=1.0, top=(0.0, 0.0, -1.0)),
    ]
    joints = [
        _hinge(f"{path}/shoulder", "", bodies[0].path, 0.0, initial=initial_positions[0]),
        _hinge(f"{path}/elbow", bodies[0].path, bodies[1].path, 1.0, initial=initial_positions[1]),
    ]
    return _articulated(path, bodies, joints)


def cart(*, mass: float = 2.0, stiffness: float = 0.0, damping: float = 0.0, max_effort: float = float("inf")) -> Scene:
    """A body on a slide ``/World/cart/slide`` along X (so gravity does no work) with a drive of these gains."""
    body = _box_body("/World/cart/block", mass=mass, half=0.1, position=(0.0, 0.0, 0.0))
    slide = Joint(
        path="/World/cart/slide",
        kind="prismatic",
        parent="",
        child=body.path,
        pose_parent_joint=Pose.identity(),
        pose_child_joint=Pose.identity(),
        axis=_X,
        drive=Drive(stiffness=stiffness, damping=damping, max_effort=max_effort),
    )
    return _articulated("/World/cart", [body], [slide])


def arm6(*, payload: float = 0.5) -> Scene:
    """A six-joint arm ``/World/arm`` with drives, armature, damping, friction; ``payload`` kg welded to its flange."""
    bodies, joints = _arm(payload)
    return _articulated(ARM, bodies, joints)


def arm6_with_boxes(*, payload: float = 0.5) -> Scene:
    """`arm6` with five free boxes ``/World/box_0`` … that start at rest on a table, above a ground plane."""
    bodies, joints = _arm(payload)
    table = Shape(
        path="/World/table",
        geometry=Box(half_extents=(0.3, 0.5, 0.2)),
        pose=Pose.of((0.8, 0.0, 0.2)),
        material=MATERIAL,
    )
    for index in range(BOX_COUNT):
        position = (0.8, -0.3 + 0.15 * index, 0.45)
        bodies.append(_box_body(f"/World/box_{index}", mass=0.5, half=0.05, position=position))
    return _articulated(ARM, bodies, joints, static={table.path: table, **_ground()})


def falling_box(*, height: float = 1.0) -> Scene:
    """A free box ``/World/box`` of 1 kg and 0.2 m above a ground plane, its centre at ``height`` m."""
    return _free([_box_body("/World/box", mass=1.0, half=0.1, position=(0.0, 0.0, height))], static=_ground())


def falling_sphere(*, height: float = 1.0) -> Scene:
    """A free sphere ``/World/ball`` of 1 kg and radius 0.1 m above a ground plane, its centre at ``height`` m."""
    ball = _ball_body("/World/ball", mass=1.0, radius=0.1, inertia=0.004, position=(0.0, 0.0, height))
    return _free([ball], static=_ground())


def floating_body(*, spin: tuple[float, float, float] = (0.1, 3.0, 0.2), gravity: bool = False) -> Scene:
    """A free brick ``/World/brick`` with three moments of inertia, turning at ``spin`` rad/s, nothing near."""
    brick = Body(
        path="/World/brick",
        pose_world_body=Pose.identity(),
        mass=2.0,
        diagonal_inertia=(0.02, 0.05, 0.06),
        shapes=(_shape("/World/brick/shape", Box(half_extents=(0.2, 0.1, 0.05))),),
        linear_velocity=(0.5, 0.0, 0.0),
        angular_velocity=spin,
    )
    return _free([brick], gravity=(0.0, 0.0, -9.81) if gravity else (0.0, 0.0, 0.0))


def incline(*, angle: float, friction: float, speed: float = 0.0) -> Scene:
    """A free block ``/World/block`` at rest on a plane tilted by ``angle`` rad about Y; it would slide towards +X.

    ``speed`` m/s is its velocity down the slope at the start.
    """
    tilt = Pose.of((0.0, 0.0, 0.0), quaternion_from_axis_angle(_Y, angle))
    slope = Shape(path="/World/slope", geometry=Plane(), pose=tilt, material=MATERIAL)
    downhill = tilt.apply(np.array([speed, 0.0, 0.0]))
    block = Body(
        path="/World/block",
        pose_world_body=tilt @ Pose.of((0.0, 0.0, 0.05)),
        mass=1.0,
        diagonal_inertia=_box_inertia(1.0, (0.2, 0.2, 0.05)),
        shapes=(_shape("/World/block/shape", Box(half_extents=(0.2, 0.2, 0.05))),),
        linear_velocity=(float(downhill[0]), float(downhill[1]), float(downhill[2])),
    )
    return _free([block], static={slope.path: slope}, friction=friction)


def floating_chain(*, links: int = 4) -> Scene:
    """A chain ``/World/chain`` of capsules with a free root, in no gravity: its momentum is conserved."""
    path = "/World/chain"
    bodies = [_rod(f"{path}/link_{i}", length=0.5, mass=1.0, top=(0.0, 0.0, -0.5 * i)) for i in range(links)]
    joints = [
        _hinge(
            f"{path}/joint_{i}",
            bodies[i - 1].path,
            bodies[i].path,
            0.5,
            axis=_Y if i % 2 else _X,
            velocity=1.0,
        )
        for i in range(1, links)
    ]
    return _articulated(path, bodies, joints, fixed_base=False, gravity=(0.0, 0.0, 0.0))


def _arm(payload: float) -> tuple[list[Body], list[Joint]]:
    """Bodies and joints; the axes, lengths and masses are those of a small industrial arm, rounded."""
    lengths = (0.15, 0.4, 0.35, 0.1, 0.1, 0.08)
    masses = (3.7, 8.4, 2.3, 1.2, 1.2, 0.25)
    axes = (_Z, _Y, _Y, _Y, _Z, _Y)
    efforts = (150.0, 150.0, 150.0, 28.0, 28.0, 28.0)
    start = (0.0, -0.6, 1.0, 0.4, 0.0, 0.3)
    bodies: list[Body] = []
    joints: list[Joint] = []
    height, parent, offset = 0.0, "", 0.0
    for index, (length, mass) in enumerate(zip(lengths, masses, strict=True)):
        path = f"{ARM}/link_{index + 1}"
        radius = 0.05 if index < 3 else 0.03
        bodies.append(_link(path, length=length, mass=mass, radius=radius, height=height))
        joints.append(
            Joint(
                path=f"{ARM}/joint_{index + 1}",
                kind="revolute",
                parent=parent,
                child=path,
                pose_parent_joint=Pose.of((0.0, 0.0, offset)),
                pose_child_joint=Pose.identity(),
                axis=axes[index],
                lower=-3.0,
                upper=3.0,
                armature=0.1 if index < 3 else 0.02,
                damping=1.0 if index < 3 else 0.2,
                friction=0.5 if index < 3 else 0.1,
                max_effort=efforts[index],
                initial_position=start[index],
                drive=Drive(
                    stiffness=800.0 if index < 3 else 150.0,
                    damping=60.0 if index < 3 else 8.0,
                    max_effort=efforts[index],
                    target_position=start[index],
                ),
            )
        )
        height, parent, offset = height + length, path, length
    bodies.append(_box_body(PAYLOAD, mass=payload, half=0.03, position=(0.0, 0.0, height + 0.03)))
    joints.append(
        Joint(
            path=f"{ARM}/payload_weld",
            kind="fixed",
            parent=parent,
            child=PAYLOAD,
            pose_parent_joint=Pose.of((0.0, 0.0, offset + 0.03)),
            pose_child_joint=Pose.identity(),
        )
    )
    return bodies, joints


def _articulated(
    path: str,
    bodies: list[Body],
    joints: list[Joint],
    *,
    static: Mapping[str, Shape] | None = None,
    fixed_base: bool = True,
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81),
) -> Scene:
    """A scene whose bodies under ``path`` are one articulation."""
    articulation = Articulation(
        path=path,
        root_body=bodies[0].path,
        fixed_base=fixed_base,
        joints=tuple(joint.path for joint in joints if joint.kind in ("revolute", "prismatic")),
        bodies=tuple(body.path for body in bodies if body.path.startswith(f"{path}/")),
    )
    bodies = _placed(bodies, joints)
    return _scene(bodies, joints, static or {}, articulation=articulation, gravity=gravity)


def _placed(bodies: list[Body], joints: list[Joint]) -> list[Body]:
    """``bodies`` where the initial positions of ``joints`` put them."""
    scene = Scene(bodies={body.path: body for body in bodies}, joints={joint.path: joint for joint in joints})
    moving = [joint for joint in joints if joint.kind != "fixed"]
    positions = np.array([[joint.initial_position for joint in moving]])
    roots, twists = starting_roots(scene)
    kinematics = ForwardKinematics(scene, [joint.path for joint in moving])
    poses, _ = kinematics.place(positions, np.zeros_like(positions), roots[None], twists[None])
    return [
        replace(body, pose_world_body=Pose.of(pose[:3], pose[3:])) for body, pose in zip(bodies, poses[0], strict=True)
    ]


def _free(
    bodies: list[Body],
    *,
    static: Mapping[str, Shape] | None = None,
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81),
    friction: float = 0.5,
) -> Scene:
    return _scene(bodies, [], static or {}, gravity=gravity, friction=friction)


def _scene(
    bodies: Iterable[Body],
    joints: Iterable[Joint],
    static: Mapping[str, Shape],
    *,
    articulation: Articulation | None = None,
    gravity: tuple[float, float, float],
    friction: float = 0.5,
) -> Scene:
    return Scene(
        gravity=gravity,
        gravity_path="/World/physics",
        bodies={body.path: body for body in bodies},
        joints={joint.path: joint for joint in joints},
        articulations={articulation.path: articulation} if articulation else {},
        filtered_pairs=articulation.body_pairs if articulation else (),
        static_shapes=dict(static),
        materials={MATERIAL: Material(path=MATERIAL, static_friction=friction, dynamic_friction=friction)},
    )


def _ground() -> dict[str, Shape]:
    return {"/World/ground": Shape(path="/World/ground", geometry=Plane(), pose=Pose.identity(), material=MATERIAL)}


def _shape(path: str, geometry: Box | Sphere | Capsule, *, z: float = 0.0, collides: bool = True) -> Shape:
    return Shape(path=path, geometry=geometry, pose=Pose.of((0.0, 0.0, z)), material=MATERIAL, collides=collides)


def _box_inertia(mass: float, half: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = (2 * h for h in half)
    return (mass * (y * y + z * z) / 12, mass * (x * x + z * z) / 12, mass * (x * x + y * y) / 12)


def _box_body(path: str, *, mass: float, half: float, position: tuple[float, float, float]) -> Body:
    return Body(
        path=path,
        pose_world_body=Pose.of(position),
        mass=mass,
        diagonal_inertia=_box_inertia(mass, (half, half, half)),
        shapes=(_shape(f"{path}/shape", Box(half_extents=(half, half, half))),),
    )


def _ball_body(path: str, *, mass: float, radius: float, inertia: float, position: tuple[float, float, float]) -> Body:
    return Body(
        path=path,
        pose_world_body=Pose.of(position),
        mass=mass,
        diagonal_inertia=(inertia, inertia, inertia),
        shapes=(_shape(f"{path}/shape", Sphere(radius=radius)),),
    )


def _link(path: str, *, length: float, mass: float, radius: float, height: float) -> Body:
    """A capsule from the body's origin upwards."""
    across = mass * length**2 / 12 + mass * radius**2 / 4
    return Body(
        path=path,
        pose_world_body=Pose.of((0.0, 0.0, height)),
        mass=mass,
        center_of_mass=(0.0, 0.0, length / 2),
        diagonal_inertia=(across, across, mass * radius**2 / 2),
        shapes=(_shape(f"{path}/shape", Capsule(radius=radius, half_height=length / 2), z=length / 2),),
    )


def _rod(path: str, *, length: float, mass: float, top: tuple[float, float, float]) -> Body:
    """A thin rod hanging from ``top``; its frame is at its upper end."""
    across = mass * length**2 / 12
    return Body(
        path=path,
        pose_world_body=Pose.of(top),
        mass=mass,
        center_of_mass=(0.0, 0.0, -length / 2),
        diagonal_inertia=(across, across, 1e-3 * across),
        shapes=(_shape(f"{path}/shape", Capsule(radius=0.02, half_height=length / 2), z=-length / 2, collides=False),),
    )


def _hinge(
    path: str,
    parent: str,
    child: str,
    offset: float,
    *,
    axis: tuple[float, float, float] = _Y,
    initial: float = 0.0,
    velocity: float = 0.0,
) -> Joint:
    """A hinge at the child's origin, ``offset`` m below the parent's."""
    return Joint(
        path=path,
        kind="revolute",
        parent=parent,
        child=child,
        pose_parent_joint=Pose.of((0.0, 0.0, -offset)),
        pose_child_joint=Pose.identity(),
        axis=axis,
        initial_position=initial,
        initial_velocity=velocity,
    )
