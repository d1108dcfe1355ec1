"""The scenes in examples/ load cleanly and are what they say they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Box, Plane

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize("name", ["arm/arm.usda", "arm_table/scene.usda", "pendulum/pendulum.usda"])
def test_nothing_is_lost_or_guessed(name: str) -> None:
    assert load_scene(EXAMPLES / name).diagnoses == ()


def test_the_arm() -> None:
    scene = load_scene(EXAMPLES / "arm/arm.usda")
    arm = scene.articulations["/World/arm"]
    assert arm.joints == tuple(f"/World/arm/joint_{index}" for index in range(1, 7))
    assert (arm.root_body, arm.fixed_base) == ("/World/arm/base", True)
    assert [scene.joints[path].axis for path in arm.joints] == [
        {"Y": (0, 1, 0), "Z": (0, 0, 1)}[axis] for axis in "ZYYZYZ"
    ]
    for path in arm.joints:
        joint = scene.joints[path]
        assert joint.drive is not None
        assert min(joint.drive.stiffness, joint.armature, joint.damping, joint.friction, joint.drive.max_effort) > 0
        assert joint.lower < 0 < joint.upper
    payload = scene.bodies["/World/arm/payload"]
    assert payload.mass == 0.5
    assert scene.joints["/World/arm/payload_mount"].parent == "/World/arm/link_6"
    assert scene.attributes == {"/World/TempSensor_01.temperature": 21.5}
    assert isinstance(scene.static_shapes["/World/ground/plane"].geometry, Plane)
    assert len(scene.cameras) == len(scene.lights) == len(scene.sensors) == 1


def test_the_camera_sees_the_arm() -> None:
    camera = load_scene(EXAMPLES / "arm/arm.usda").cameras["/World/camera"]
    seen = camera.pose_body_camera.inverse().apply(np.array([0.0, 0.0, 0.65]))
    assert seen[2] < -2
    assert seen[:2] == pytest.approx([0, 0], abs=1e-6)


def test_the_drives_can_hold_the_arm() -> None:
    """The worst moment of gravity on each joint stays below what its drive may give."""
    scene = load_scene(EXAMPLES / "arm/arm.usda")
    arm = scene.articulations["/World/arm"]
    for path in arm.joints:
        joint = scene.joints[path]
        start = scene.bodies[joint.child].pose_world_body.position[2]
        beyond = arm.bodies[arm.bodies.index(joint.child) :]
        reach = sum(
            scene.bodies[body].mass * (scene.bodies[body].pose_world_body.position[2] - start + 0.2) for body in beyond
        )
        assert joint.drive is not None
        assert joint.axis[2] == 1.0 or reach * 9.81 < joint.drive.max_effort


def test_the_table_holds_five_boxes_beside_the_same_arm() -> None:
    scene, alone = load_scene(EXAMPLES / "arm_table/scene.usda"), load_scene(EXAMPLES / "arm/arm.usda")
    assert scene.articulations == alone.articulations
    assert scene.joints == alone.joints
    assert {path: scene.bodies[path] for path in alone.bodies} == alone.bodies
    table = scene.static_shapes["/World/table/top"]
    assert isinstance(table.geometry, Box)
    top = table.pose.position[2] + table.geometry.half_extents[2]
    boxes = [body for path, body in scene.bodies.items() if path.startswith("/World/box_")]
    assert len(boxes) == 5
    for body in boxes:
        assert body.path not in scene.child_joint
        assert isinstance(body.shapes[0].geometry, Box)
        assert body.pose_world_body.position[2] - body.shapes[0].geometry.half_extents[2] == pytest.approx(top)


def test_the_pendulum() -> None:
    scene = load_scene(EXAMPLES / "pendulum/pendulum.usda")
    bob, hinge = scene.bodies["/World/pendulum/bob"], scene.joints["/World/pendulum/hinge"]
    assert (bob.mass, bob.center_of_mass, bob.diagonal_inertia) == (1.0, (0.0, 0.0, -0.5), (0.001,) * 3)
    assert hinge.axis == (0.0, 1.0, 0.0)
    assert (hinge.damping, hinge.friction, hinge.armature, hinge.drive) == (0.0, 0.0, 0.0, None)
    assert scene.articulations["/World/pendulum"].fixed_base
