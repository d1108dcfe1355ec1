from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.model import Drive, Joint, Mimic, Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix

Inspect = Callable[..., tuple[Scene, dict[str, list[Any]]]]

LINKS = "".join(
    f'<link name="{name}"><pose degrees="true">0 0 {height} 0 0 {height * 30}</pose>'
    "<inertial><mass>1</mass></inertial></link>"
    for height, name in enumerate("abc")
)


def joint(kind: str, more: str = "", *, name: str = "j", parent: str = "a", child: str = "b") -> str:
    return f'<joint name="{name}" type="{kind}"><parent>{parent}</parent><child>{child}</child>{more}</joint>'


def axis(xyz: str = "0 0 1", more: str = "", attributes: str = "") -> str:
    return f"<axis><xyz{attributes}>{xyz}</xyz>{more}</axis>"


def world_axis(scene: Scene, joint: Joint) -> FloatArray:
    frame = scene.bodies[joint.child].pose_world_body @ joint.pose_child_joint
    direction: FloatArray = rotation_matrix(frame.orientation) @ np.array(joint.axis)
    return direction


@pytest.mark.parametrize("xyz", ["1 0 0", "0 1 0", "0 0 1", "0 0 -2", "0 -1 0", "1 2 -3"])
def test_axis_is_given_in_the_joint_frame(inspect_sdf: Inspect, xyz: str) -> None:
    scene, _ = inspect_sdf(LINKS + joint("revolute", '<pose degrees="true">0 0 0 0 90 0</pose>' + axis(xyz)))
    direction = np.array([float(word) for word in xyz.split()])
    turn = rotation_matrix(scene.bodies["/m/b"].pose_world_body.orientation)
    about_y = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    expected = turn @ about_y @ direction / np.linalg.norm(direction)
    assert world_axis(scene, scene.joints["/m/j"]) == pytest.approx(expected, abs=2e-7)


def test_axis_in_another_frame(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(LINKS + joint("prismatic", axis("1 0 0", attributes=' expressed_in="__model__"')))
    assert world_axis(scene, scene.joints["/m/j"]) == pytest.approx([1, 0, 0], abs=2e-7)


@pytest.mark.parametrize(("version", "expected"), [("1.4", [1, 0, 0]), ("1.6", [math.sqrt(0.75), 0.5, 0])])
def test_axis_of_old_files_is_in_the_model_frame(inspect_sdf: Inspect, version: str, expected: list[float]) -> None:
    text = f'<sdf version="{version}"><model name="m">{LINKS}{joint("revolute", axis("1 0 0"))}</model></sdf>'
    scene, _ = inspect_sdf(text.replace(' degrees="true"', "").replace("0 0 30<", f"0 0 {math.pi / 6}<"))
    assert world_axis(scene, scene.joints["/m/j"]) == pytest.approx(expected, abs=2e-7)


def test_limits_and_dynamics(inspect_sdf: Inspect) -> None:
    more = (
        "<limit><lower>-1</lower><upper>2</upper><effort>30</effort><velocity>4</velocity></limit>"
        "<dynamics><damping>.5</damping><friction>.2</friction><spring_stiffness>7</spring_stiffness>"
        "<spring_reference>.1</spring_reference></dynamics>"
    )
    scene, _ = inspect_sdf(LINKS + joint("revolute", axis(more=more)))
    found = scene.joints["/m/j"]
    assert (found.lower, found.upper) == pytest.approx((-1, 2), rel=1e-6)
    assert (found.max_effort, found.friction, found.stiffness, found.rest_position) == (30, 0.2, 7, 0.1)
    assert (found.max_velocity, found.damping) == pytest.approx((4, 0.5), rel=1e-6)


def test_numbers_that_stand_for_no_limit(inspect_sdf: Inspect) -> None:
    more = "<limit><lower>-1e16</lower><upper>inf</upper><effort>-1</effort><velocity>-1</velocity></limit>"
    found = inspect_sdf(LINKS + joint("prismatic", axis(more=more)))[0].joints["/m/j"]
    assert (found.lower, found.upper, found.max_effort, found.max_velocity) == (-math.inf, *[math.inf] * 3)


def test_revolute_joint_with_both_limits_at_zero_is_fixed(inspect_sdf: Inspect) -> None:
    more = "<limit><lower>0</lower><upper>0</upper></limit>"
    scene, found = inspect_sdf(LINKS + joint("revolute", axis(more=more)))
    assert scene.joints["/m/j"].kind == "fixed"
    assert "became a fixed joint" in found["joint-fixed"][0].message


def test_ball_and_universal(inspect_sdf: Inspect) -> None:
    universal = axis("0 1 0") + "<axis2><xyz>1 0 0</xyz><limit><lower>-.5</lower><upper>.5</upper></limit></axis2>"
    scene, _ = inspect_sdf(LINKS + joint("ball") + joint("universal", universal, name="u", parent="b", child="c"))
    assert scene.joints["/m/j"].kind == "spherical"
    found = scene.joints["/m/u"]
    assert [(free.name, free.rotation) for free in found.free_axes] == [("x", True), ("y", True)]
    assert found.free_axes[1].upper == pytest.approx(0.5)
    frame = rotation_matrix((scene.bodies["/m/c"].pose_world_body @ found.pose_child_joint).orientation)
    own = rotation_matrix(scene.bodies["/m/c"].pose_world_body.orientation)
    assert own.T @ frame[:, 0] == pytest.approx([0, 1, 0], abs=2e-7)
    assert own.T @ frame[:, 1] == pytest.approx([1, 0, 0], abs=2e-7)


def test_weld_to_the_world_and_articulation(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        LINKS
        + joint("fixed", name="w", parent="world", child="a")
        + joint("revolute")
        + joint("continuous", name="k", parent="b", child="c")
    )
    (found,) = scene.articulations.values()
    assert (found.path, found.fixed_base, found.joints) == ("/m", True, ("/m/j", "/m/k"))
    assert scene.filtered_pairs == (("/m/a", "/m/b"), ("/m/a", "/m/c"), ("/m/b", "/m/c"))


def test_mimic(inspect_sdf: Inspect) -> None:
    mimic = (
        '<mimic joint="j" axis="axis"><multiplier>2</multiplier><offset>.5</offset><reference>.1</reference></mimic>'
    )
    follower = joint("revolute", axis(more=mimic), name="k", parent="b", child="c")
    found = inspect_sdf(LINKS + joint("revolute") + follower)[0].joints["/m/k"].mimic
    assert found is not None
    assert found.joint == "/m/j"
    assert (found.multiplier, found.offset) == pytest.approx((2, 0.5 - 0.2), rel=1e-6)


def test_gearbox_is_mimicry_with_signs(inspect_sdf: Inspect) -> None:
    gear = (
        '<joint name="g" type="gearbox"><parent>b</parent><child>c</child><gearbox_ratio>3</gearbox_ratio>'
        "<gearbox_reference_body>a</gearbox_reference_body>"
        '<axis><xyz expressed_in="__model__">0 0 1</xyz></axis>'
        '<axis2><xyz expressed_in="__model__">0 0 1</xyz></axis2></joint>'
    )
    joints = joint("revolute") + joint("revolute", axis("0 0 -1"), name="k", parent="a", child="c")
    scene, found = inspect_sdf(LINKS + joints + gear)
    # The angle of c about +z is −3 times that of b; joint k counts about −z.
    assert scene.joints["/m/k"].mimic == Mimic(joint="/m/j", multiplier=3.0)
    assert "became mimicry of '/m/j'" in found["gearbox-mimic"][0].message


def test_position_controller_becomes_a_drive_and_other_plugins_are_lost(inspect_sdf: Inspect) -> None:
    plugins = (
        '<plugin filename="gz-sim-joint-position-controller-system" name="gz::sim::systems::JointPositionController">'
        "<joint_name>j</joint_name><p_gain>100</p_gain><i_gain>2</i_gain><d_gain>5</d_gain><cmd_max>40</cmd_max></plugin>"
        '<plugin filename="libmy_robot.so" name="x"/>'
    )
    scene, found = inspect_sdf(LINKS + joint("revolute") + plugins)
    drive = scene.joints["/m/j"].drive
    assert drive is not None
    assert drive.stiffness == pytest.approx(100, rel=1e-6)
    assert drive.damping == pytest.approx(5, rel=1e-6)
    assert drive.max_effort == 40
    assert drive == Drive(stiffness=drive.stiffness, damping=drive.damping, max_effort=40)
    assert "The plugin 'libmy_robot.so' is not run." in found["plugin-lost"][0].message
    assert "integral gain 2" in found["sdf-lost"][0].message
