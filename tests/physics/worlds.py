"""Scenes with a closed form, built in Python. Z up, gravity −9.81 m/s² along Z unless said otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hanzo_twin.scene.model import (
    Articulation,
    Body,
    Box,
    Joint,
    Material,
    Mimic,
    Plane,
    Scene,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle

G = 9.81
BALL = "/World/ball"
OTHER_BALL = "/World/other_ball"
RADIUS = 0.1
TOP = "/World/top"
GIMBAL = 1e-6
ATWOOD = "/World/atwood"
FOUR_BAR = "/World/four_bar"
MATERIAL = "/World/material"
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def ball(
    *,
    height: float = RADIUS,
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0),
    slope: float | None = 0.0,
    friction: float = 0.5,
    restitution: float = 0.0,
    mass: float = 1.0,
) -> Scene:
    """A solid sphere, its centre ``height`` m above a plane that is tilted by ``slope`` rad about Y; None: no plane."""
    static = {}
    tilt = Pose.of((0.0, 0.0, 0.0), quaternion_from_axis_angle(_Y, slope or 0.0))
    if slope is not None:
        plane = Shape(path="/World/plane", geometry=Plane(), pose=tilt, material=MATERIAL)
        static = {plane.path: plane}
    position = tilt.apply(np.array([0.0, 0.0, height]))
    one = _sphere(BALL, mass=mass, position=tuple(position.tolist()), velocity=velocity)
    return _scene([one], static=static, friction=friction, restitution=restitution)


def two_balls(*, offset: float, mass: float, other_mass: float, speed: float) -> Scene:
    """Two spheres in no gravity; the first flies along X at the other, ``offset`` m beside its centre."""
    return _scene(
        [
            _sphere(BALL, mass=mass, position=(-0.3, 0.0, 0.0), velocity=(speed, 0.0, 0.0)),
            _sphere(OTHER_BALL, mass=other_mass, position=(0.0, offset, 0.0)),
        ],
        gravity=0.0,
        friction=0.5,
    )


def top(*, spin: float, precession: float, axial: float, across: float, arm: float, mass: float) -> Scene:
    """A gyroscope in a gimbal: joints ``yaw`` (Z), ``pitch`` (Y) and ``spin`` (X, the axle), the rotor ``arm`` m out.

    ``axial`` and ``across`` are the rotor's moments about its centre, kg·m²; the gimbal's are `GIMBAL`.
    """
    bodies = [
        _body(f"{TOP}/ring", mass=1e-3, inertia=(GIMBAL, GIMBAL, GIMBAL)),
        _body(f"{TOP}/cradle", mass=1e-3, inertia=(GIMBAL, GIMBAL, GIMBAL)),
        _body(f"{TOP}/rotor", mass=mass, inertia=(axial, across, across), center_of_mass=(arm, 0.0, 0.0)),
    ]
    joints = [
        _joint(f"{TOP}/yaw", "", bodies[0].path, axis=_Z, velocity=precession),
        _joint(f"{TOP}/pitch", bodies[0].path, bodies[1].path, axis=_Y),
        _joint(f"{TOP}/spin", bodies[1].path, bodies[2].path, axis=_X, velocity=spin),
    ]
    return _scene(bodies, joints=joints, articulation=TOP)


def atwood(*, mass: float, other_mass: float) -> Scene:
    """Two weights on vertical slides ``left`` and ``right``; the right one mimics the left with −1, as on a pulley."""
    bodies = [
        _body(f"{ATWOOD}/frame", mass=1.0, inertia=(0.1, 0.1, 0.1)),
        _body(f"{ATWOOD}/left_weight", mass=mass, inertia=(0.01, 0.01, 0.01), position=(-0.5, 0.0, 0.0)),
        _body(f"{ATWOOD}/right_weight", mass=other_mass, inertia=(0.01, 0.01, 0.01), position=(0.5, 0.0, 0.0)),
    ]
    left, right = f"{ATWOOD}/left", f"{ATWOOD}/right"
    joints = [
        _joint(f"{ATWOOD}/weld", "", bodies[0].path, kind="fixed"),
        _joint(left, bodies[0].path, bodies[1].path, kind="prismatic", anchor=(-0.5, 0.0, 0.0)),
        _joint(
            right,
            bodies[0].path,
            bodies[2].path,
            kind="prismatic",
            anchor=(0.5, 0.0, 0.0),
            mimic=Mimic(joint=left, multiplier=-1.0),
        ),
    ]
    return _scene(bodies, joints=joints, articulation=ATWOOD)


def four_bar(*, crank: float, crank_mass: float, bar_mass: float, angle: float) -> Scene:
    """A parallelogram: equal cranks ``left`` and ``right`` hang from the world and carry a bar; ``close`` closes it.

    The cranks are thin rods; ``angle`` rad is where both start. It moves as one pendulum.
    """
    span = 0.5
    across = crank_mass * crank**2 / 12
    turned = quaternion_from_axis_angle(_Y, angle)
    end = Pose.of((0.0, 0.0, 0.0), turned).apply(np.array([0.0, 0.0, -crank]))

    def rod(name: str, x: float) -> Body:
        return _body(
            f"{FOUR_BAR}/{name}",
            mass=crank_mass,
            inertia=(across, across, 1e-3 * across),
            center_of_mass=(0.0, 0.0, -crank / 2),
            pose=Pose.of((x, 0.0, 0.0), turned),
        )

    bar = _body(
        f"{FOUR_BAR}/bar",
        mass=bar_mass,
        inertia=(0.01, 0.01, 0.01),
        center_of_mass=(span / 2, 0.0, 0.0),
        pose=Pose.of(end),
    )
    bodies = [rod("left_crank", 0.0), rod("right_crank", span), bar]
    joints = [
        _joint(f"{FOUR_BAR}/left", "", bodies[0].path, axis=_Y, position=angle),
        _joint(f"{FOUR_BAR}/elbow", bodies[0].path, bar.path, axis=_Y, anchor=(0.0, 0.0, -crank), position=-angle),
        _joint(f"{FOUR_BAR}/right", "", bodies[1].path, axis=_Y, anchor=(span, 0.0, 0.0), position=angle),
        _joint(
            f"{FOUR_BAR}/close",
            bodies[1].path,
            bar.path,
            kind="spherical",
            anchor=(0.0, 0.0, -crank),
            child_anchor=(span, 0.0, 0.0),
            closes_loop=True,
        ),
    ]
    return _scene(
        bodies,
        joints=joints,
        articulations=[
            (f"{FOUR_BAR}/chain", [joints[0], joints[1]], [bodies[0], bar]),
            (f"{FOUR_BAR}/support", [joints[2]], [bodies[1]]),
        ],
    )


def spinning_body(*, inertia: tuple[float, float, float], spin: tuple[float, float, float]) -> Scene:
    """A free body in no gravity that turns at ``spin`` rad/s about its principal axes."""
    return _scene([_body("/World/spinner", mass=1.0, inertia=inertia, spin=spin)], gravity=0.0)


def block(*, slope: float, friction: float, speed: float = 0.0) -> Scene:
    """A flat box on a plane that is tilted by ``slope`` rad about Y, sliding down with ``speed`` m/s."""
    tilt = Pose.of((0.0, 0.0, 0.0), quaternion_from_axis_angle(_Y, slope))
    plane = Shape(path="/World/slope", geometry=Plane(), pose=tilt, material=MATERIAL)
    half = (0.2, 0.2, 0.02)
    moments = tuple((a * a + b * b) / 3 for a, b in ((half[1], half[2]), (half[0], half[2]), (half[0], half[1])))
    shape = Shape(path="/World/block/shape", geometry=Box(half_extents=half), pose=Pose.identity(), material=MATERIAL)
    one = Body(
        path="/World/block",
        pose_world_body=tilt @ Pose.of((0.0, 0.0, half[2])),
        mass=1.0,
        diagonal_inertia=(moments[0], moments[1], moments[2]),
        shapes=(shape,),
        linear_velocity=tuple((tilt.apply(np.array([speed, 0.0, 0.0]))).tolist()),
    )
    return _scene([one], static={plane.path: plane}, friction=friction)


def _sphere(
    path: str,
    *,
    mass: float,
    position: tuple[float, float, float],
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Body:
    moment = 0.4 * mass * RADIUS**2
    shape = Shape(path=f"{path}/shape", geometry=Sphere(radius=RADIUS), pose=Pose.identity(), material=MATERIAL)
    return Body(
        path=path,
        pose_world_body=Pose.of(position),
        mass=mass,
        diagonal_inertia=(moment, moment, moment),
        shapes=(shape,),
        linear_velocity=velocity,
    )


def _body(
    path: str,
    *,
    mass: float,
    inertia: tuple[float, float, float],
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
    pose: Pose | None = None,
    center_of_mass: tuple[float, float, float] = (0.0, 0.0, 0.0),
    spin: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Body:
    """One without shapes."""
    return Body(
        path=path,
        pose_world_body=pose or Pose.of(position),
        mass=mass,
        center_of_mass=center_of_mass,
        diagonal_inertia=inertia,
        angular_velocity=spin,
    )


def _joint(
    path: str,
    parent: str,
    child: str,
    *,
    kind: str = "revolute",
    axis: tuple[float, float, float] = _Z,
    anchor: tuple[float, float, float] = (0.0, 0.0, 0.0),
    child_anchor: tuple[float, float, float] = (0.0, 0.0, 0.0),
    position: float = 0.0,
    velocity: float = 0.0,
    mimic: Mimic | None = None,
    closes_loop: bool = False,
) -> Joint:
    return Joint(
        path=path,
        kind=kind,  # type: ignore[arg-type]
        parent=parent,
        child=child,
        pose_parent_joint=Pose.of(anchor),
        pose_child_joint=Pose.of(child_anchor),
        axis=axis,
        initial_position=position,
        initial_velocity=velocity,
        mimic=mimic,
        closes_loop=closes_loop,
    )


def _scene(
    bodies: Sequence[Body],
    *,
    joints: Sequence[Joint] = (),
    articulation: str = "",
    articulations: Sequence[tuple[str, Sequence[Joint], Sequence[Body]]] = (),
    static: dict[str, Shape] | None = None,
    gravity: float = G,
    friction: float = 0.5,
    restitution: float = 0.0,
) -> Scene:
    parts = [(articulation, joints, bodies), *articulations] if articulation else articulations
    material = Material(path=MATERIAL, static_friction=friction, dynamic_friction=friction, restitution=restitution)
    return Scene(
        gravity=(0.0, 0.0, -gravity),
        gravity_path="/World/physics",
        bodies={body.path: body for body in bodies},
        joints={joint.path: joint for joint in joints},
        articulations={
            path: Articulation(
                path=path,
                root_body=members[0].path,
                fixed_base=True,
                joints=tuple(joint.path for joint in held if joint.kind in ("revolute", "prismatic")),
                bodies=tuple(body.path for body in members),
            )
            for path, held, members in parts
        },
        static_shapes=static or {},
        materials={MATERIAL: material},
    )
