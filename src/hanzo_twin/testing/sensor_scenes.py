"""A laboratory with one of everything that sensors measure, each for itself. Z up, gravity −9.81 m/s² along Z.

A room with walls at x = ±3 m and y = ±2 m around the origin and a plane at z = 0; in it, each far from the others:

* ``/World/disc`` turns about Z at `SPIN` rad/s, with an IMU at `IMU_ARM` m from its axis;
* ``/World/ball`` falls from 50 m, with an IMU and a noisy one;
* ``/World/box`` of `BOX_MASS` kg rests on the plane, with contact sensor, IMU and a lidar in its middle;
* ``/World/beam`` is held level by the drive of ``/World/beam/hinge`` (about Y), in which a force/torque sensor is, and
  carries a weight on a weld with a second one; together they weigh `BEAM_MASS` + `WEIGHT_MASS` kg;
* a lidar at (0, 0, `LIDAR_HEIGHT`), a camera at (0, 0, 2) that looks down, and a camera on the beam.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hanzo_twin.scene.model import (
    Articulation,
    AttributeValues,
    Body,
    Box,
    Camera,
    Drive,
    Joint,
    Material,
    Plane,
    Scene,
    Sensor,
    SensorKind,
    Shape,
    Sphere,
)
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle

SPIN, IMU_ARM = 8.0, 0.2
BOX_MASS, BOX_SIZE = 3.0, 0.2
BEAM_MASS, BEAM_ARM = 1.0, 0.3
WEIGHT_MASS, WEIGHT_ARM = 0.5, 0.6
LIDAR_HEIGHT = 0.3
WALLS = {"east": (3.0, 0.0), "west": (-3.0, 0.0), "north": (0.0, 2.0), "south": (0.0, -2.0)}
LIDAR, CAMERA, HELD_CAMERA = "/World/lidar", "/World/camera", "/World/slow_camera"
_MATERIAL = "/World/material"
_LIDAR_ATTRIBUTES: AttributeValues = (
    ("hanzo:lidar:channels", 16),
    ("hanzo:lidar:horizontal_samples", 64),
    ("hanzo:lidar:vertical_lower_deg", -15.0),
    ("hanzo:lidar:vertical_upper_deg", 15.0),
    ("hanzo:lidar:max_range", 3.5),
)


def laboratory() -> Scene:
    """The scene of this module."""
    bodies = {body.path: body for body in (_disc(), _ball(), _box(), _beam(), _weight())}
    joints = {joint.path: joint for joint in _joints()}
    return Scene(
        gravity=(0.0, 0.0, -9.81),
        gravity_path="/World/physics",
        bodies=bodies,
        joints=joints,
        articulations={
            "/World/disc": _articulation("/World/disc", "/World/disc/plate", ("/World/disc/axle",)),
            "/World/beam": _articulation(
                "/World/beam", "/World/beam/rod", ("/World/beam/hinge",), "/World/beam/weight"
            ),
        },
        static_shapes=_room(),
        materials={_MATERIAL: Material(path=_MATERIAL)},
        sensors={sensor.path: sensor for sensor in _sensors()},
        cameras={camera.path: camera for camera in _cameras()},
    )


def _articulation(path: str, root: str, joints: tuple[str, ...], *others: str) -> Articulation:
    return Articulation(path=path, root_body=root, fixed_base=True, joints=joints, bodies=(root, *others))


def _room() -> Mapping[str, Shape]:
    shapes = [Shape(path="/World/floor", geometry=Plane(), pose=Pose.identity(), material=_MATERIAL)]
    for name, (x, y) in WALLS.items():
        half = (0.05, 3.0, 1.0) if y == 0.0 else (3.0, 0.05, 1.0)
        outwards = 0.05 * np.sign([x, y])
        shapes.append(
            Shape(
                path=f"/World/wall_{name}",
                geometry=Box(half_extents=half),
                pose=Pose.of((x + outwards[0], y + outwards[1], 1.0)),
                material=_MATERIAL,
                semantic_label="wall",
            )
        )
    return {shape.path: shape for shape in shapes}


def _disc() -> Body:
    return _body("/World/disc/plate", (20.0, 0.0, 1.0), mass=2.0, inertia=(0.05, 0.05, 0.1), half=(0.2, 0.2, 0.02))


def _ball() -> Body:
    ball = Sphere(radius=0.1)
    return Body(
        path="/World/ball",
        pose_world_body=Pose.of((30.0, 0.0, 50.0)),
        mass=1.0,
        diagonal_inertia=(0.004, 0.004, 0.004),
        shapes=(Shape(path="/World/ball/shape", geometry=ball, pose=Pose.identity(), material=_MATERIAL),),
    )


def _box() -> Body:
    half = BOX_SIZE / 2
    inertia = BOX_MASS * BOX_SIZE**2 / 6
    return _body("/World/box", (1.0, 0.0, half), mass=BOX_MASS, inertia=(inertia,) * 3, half=(half,) * 3)


def _beam() -> Body:
    return _body(
        "/World/beam/rod",
        (40.0, 0.0, 2.0),
        mass=BEAM_MASS,
        inertia=(0.001, 0.03, 0.03),
        half=(0.28, 0.02, 0.02),
        center=(BEAM_ARM, 0.0, 0.0),
    )


def _weight() -> Body:
    place = (40.0 + WEIGHT_ARM, 0.0, 2.0)
    return _body("/World/beam/weight", place, mass=WEIGHT_MASS, inertia=(0.001,) * 3, half=(0.02,) * 3)


def _body(
    path: str,
    place: tuple[float, float, float],
    *,
    mass: float,
    inertia: tuple[float, ...],
    half: tuple[float, ...],
    center: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Body:
    box = Box(half_extents=(half[0], half[1], half[2]))
    return Body(
        path=path,
        pose_world_body=Pose.of(place),
        mass=mass,
        center_of_mass=center,
        diagonal_inertia=(inertia[0], inertia[1], inertia[2]),
        shapes=(
            Shape(
                path=f"{path}/shape",
                geometry=box,
                pose=Pose.of(center),
                material=_MATERIAL,
                color=(0.8, 0.2, 0.1, 1.0),
                semantic_label="thing",
            ),
        ),
    )


def _joints() -> list[Joint]:
    axle = Joint(
        path="/World/disc/axle",
        kind="revolute",
        parent="",
        child="/World/disc/plate",
        pose_parent_joint=Pose.of((20.0, 0.0, 1.0)),
        pose_child_joint=Pose.identity(),
        initial_velocity=SPIN,
    )
    hinge = Joint(
        path="/World/beam/hinge",
        kind="revolute",
        parent="",
        child="/World/beam/rod",
        pose_parent_joint=Pose.of((40.0, 0.0, 2.0)),
        pose_child_joint=Pose.identity(),
        axis=(0.0, 1.0, 0.0),
        drive=Drive(stiffness=2000.0, damping=60.0),
    )
    weld = Joint(
        path="/World/beam/weld",
        kind="fixed",
        parent="/World/beam/rod",
        child="/World/beam/weight",
        pose_parent_joint=Pose.of((WEIGHT_ARM, 0.0, 0.0)),
        pose_child_joint=Pose.identity(),
    )
    return [axle, hinge, weld]


def _sensors() -> list[Sensor]:
    # Lying on its side, so that its axes are not the body's.
    side = quaternion_from_axis_angle((1, 0, 0), np.pi / 2)
    noisy: AttributeValues = (
        ("hanzo:noise:angular_velocity:bias", 0.1),
        ("hanzo:noise:linear_acceleration:stddev", 0.5),
        ("hanzo:noise:linear_acceleration:walk_stddev", 0.1),
    )
    return [
        _sensor("/World/disc/plate/imu", "imu", "/World/disc/plate", Pose.of((IMU_ARM, 0.0, 0.0))),
        _sensor("/World/ball/imu", "imu", "/World/ball"),
        _sensor("/World/ball/noisy_imu", "imu", "/World/ball", attributes=noisy),
        _sensor("/World/ball/where", "body_state", "/World/ball", attributes=(("hanzo:sensor:rate_hz", 30.0),)),
        _sensor("/World/box/imu", "imu", "/World/box", Pose.of((0.05, 0.0, 0.0), side)),
        _sensor("/World/box/slow_imu", "imu", "/World/box", attributes=(("hanzo:sensor:rate_hz", 100.0),)),
        _sensor("/World/box/feet", "contact", "/World/box"),
        _sensor("/World/box/eyes", "lidar", "/World/box", attributes=(("hanzo:lidar:horizontal_samples", 4),)),
        _sensor("/World/beam/hinge", "force_torque", ""),
        _sensor("/World/beam/weight/wrist", "force_torque", "/World/beam/weight", Pose.of((0.0, 0.0, 0.0), side)),
        _sensor("/World/beam/rod/angle", "joint_state", "/World/beam/rod"),
        _sensor(LIDAR, "lidar", "", Pose.of((0.0, 0.0, LIDAR_HEIGHT)), _LIDAR_ATTRIBUTES),
    ]


def _sensor(
    path: str,
    kind: SensorKind,
    body: str,
    pose: Pose | None = None,
    attributes: AttributeValues = (),
) -> Sensor:
    return Sensor(path=path, kind=kind, body=body, pose_body_sensor=pose or Pose.identity(), attributes=attributes)


def _cameras() -> list[Camera]:
    size: AttributeValues = (
        ("hanzo:camera:width", 48),
        ("hanzo:camera:height", 32),
        ("hanzo:camera:kinds", "rgb depth semantic instance"),
    )
    above = Pose.of((1.0, 0.0, 2.0))
    return [
        Camera(path=CAMERA, body="", pose_body_camera=above, vertical_fov=np.pi / 4, attributes=size),
        Camera(
            path=HELD_CAMERA,
            body="/World/ball",
            pose_body_camera=Pose.identity(),
            vertical_fov=1.0,
            attributes=(*size, ("hanzo:sensor:rate_hz", 20.0)),
        ),
    ]
