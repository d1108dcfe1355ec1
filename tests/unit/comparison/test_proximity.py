"""Distances of convex shapes, and since when they touch."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.comparison.proximity import Proximity, began, distance
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Shape, Sphere
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle
from hanzo_twin.testing import scenes

BALL = Sphere(radius=0.5)
BRICK = Box(half_extents=(1.0, 0.5, 0.25))
CUBE = Mesh(
    vertices=np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]),
    triangles=np.array([[0, 1, 2]]),
)
TILTED = quaternion_from_axis_angle((0.0, 1.0, 0.0), np.pi / 4)


def gap(one: Geometry, pose: Pose, other: Geometry, other_pose: Pose | None = None, within: float = 10.0) -> float:
    first = Shape(path="/one", geometry=one, pose=Pose.identity())
    second = Shape(path="/other", geometry=other, pose=Pose.identity())
    return distance(first, pose, second, other_pose or Pose.identity(), within=within)


@pytest.mark.parametrize(
    ("one", "pose", "other", "expected"),
    [
        (BALL, Pose.of((3.0, 0.0, 4.0)), BALL, 4.0),
        (BRICK, Pose.of((3.0, 0.0, 0.0)), BALL, 1.5),
        (BRICK, Pose.of((3.0, 3.0, 0.0)), BRICK, np.hypot(1.0, 2.0)),
        (
            BRICK,
            Pose.of((3.0, 0.0, 0.0), TILTED),
            BRICK,
            np.hypot(2.0 - 1.25 / np.sqrt(2.0), 0.75 / np.sqrt(2.0) - 0.25),
        ),
        (Capsule(radius=0.1, half_height=1.0), Pose.of((0.0, 0.0, 3.0)), BALL, 3.0 - 1.1 - 0.5),
        (Capsule(radius=0.1, half_height=1.0), Pose.of((2.0, 0.0, 0.5)), BALL, 2.0 - 0.1 - 0.5),
        (Cylinder(radius=0.3, half_height=1.0), Pose.of((2.0, 0.0, 0.0)), BRICK, 0.7),
        (Cone(radius=0.3, half_height=1.0), Pose.of((0.0, 0.0, -2.25)), BRICK, 1.0),
        (Cone(radius=0.3, half_height=1.0), Pose.of((2.0, 0.0, 1.0)), BRICK, 0.7),
        (CUBE, Pose.of((0.0, 3.0, 0.0)), BRICK, 1.5),
        (BRICK, Pose.of((0.3, 0.2, 0.1), TILTED), CUBE, 0.0),
        (BALL, Pose.of((0.0, 0.0, 2.0)), Plane(), 1.5),
        (BRICK, Pose.of((0.0, 0.0, 2.0), TILTED), Plane(), 2.0 - 1.25 / np.sqrt(2.0)),
    ],
)
def test_distance(one: Geometry, pose: Pose, other: Geometry, expected: float) -> None:
    assert gap(one, pose, other) == pytest.approx(expected, abs=1e-4)
    assert gap(other, Pose.identity(), one, pose) == pytest.approx(expected, abs=1e-4)


def test_far_apart_is_not_measured() -> None:
    assert gap(BALL, Pose.of((3.0, 0.0, 0.0)), BALL, within=1.0) == np.inf


def test_joined_bodies_and_shapes_of_one_body_do_not_count() -> None:
    scene = scenes.arm6_with_boxes()
    proximity = Proximity(scene)
    poses = np.array([body.pose_world_body.as_array() for body in scene.bodies.values()])
    touching = proximity.touching(poses, bodies=frozenset({"/World/box_0"}), within=1e-3)
    assert [(touch.body, touch.other_shape) for touch in touching] == [("", "/World/box_0/shape")]
    assert not list(proximity.touching(poses, bodies=frozenset({f"{scenes.ARM}/link_3"}), within=1e-3))


def test_a_contact_is_found_where_it_began() -> None:
    scene = scenes.falling_box()
    heights = np.concatenate([np.linspace(1.0, 0.1, 700), np.full(300, 0.1)])
    poses = np.zeros((1000, 1, 7))
    poses[:, 0, 2], poses[:, 0, 3] = heights, 1.0
    proximity = Proximity(scene)
    touch = next(proximity.touching(poses[-1], bodies=frozenset({"/World/box"}), within=1e-3))
    first = began(proximity, touch, poses, 999, within=1e-3)
    assert heights[first - 1] - 0.1 > 1e-3 >= heights[first] - 0.1 - 1e-12
    assert began(proximity, touch, poses[800:], 150, within=1e-3) == 0
