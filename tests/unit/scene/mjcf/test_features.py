"""What each thing of MJCF becomes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.load import Reference, load_scene
from hanzo_twin.scene.model import Mesh

from .conftest import Inspect


def arm(rest: str = "", joint: str = "") -> str:
    """One body on a hinge about Y, with more attributes of the joint and more elements."""
    hinge = f'<joint name="hinge" axis="0 1 0" {joint}/>'
    body = f'<body name="link">{hinge}<geom size="0.1"/></body>'
    return f'<compiler angle="radian"/><worldbody>{body}</worldbody>{rest}'


def test_a_stack_of_joints_moves_like_the_one_body_does(inspect_mjcf: Inspect) -> None:
    stack = '<joint name="x" type="slide" axis="1 0 0"/><joint name="turn" axis="0 1 0" pos="0 0 0.2"/>'
    scene, found = inspect_mjcf(
        f'<worldbody><body name="base" pos="0 0 1">{stack}<geom size="0.1"/></body></worldbody>'
    )

    assert list(scene.bodies) == ["/robot/base_x_link", "/robot/base"]
    assert scene.bodies["/robot/base_x_link"].mass <= 1e-9 * scene.bodies["/robot/base"].mass
    assert [joint.kind for joint in scene.joints.values()] == ["prismatic", "revolute"]
    assert found["joint-stack"][0].path == "/robot/base"
    np.testing.assert_allclose(scene.joints["/robot/joints/turn"].pose_child_joint.position, [0, 0, 0.2])


def test_a_reference_position_is_where_the_file_draws_the_body(inspect_mjcf: Inspect) -> None:
    slide = '<joint name="z" type="slide" axis="0 0 1" ref="1.25"/>'
    scene, _ = inspect_mjcf(f'<worldbody><body pos="0 0 1.25">{slide}<geom size="0.1"/></body></worldbody>')
    (joint,) = scene.joints.values()

    assert joint.initial_position == pytest.approx(1.25)
    # At zero the body would stand on the ground.
    np.testing.assert_allclose(joint.pose_parent_joint.position, [0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(next(iter(scene.bodies.values())).pose_world_body.position, [0, 0, 1.25])


def test_ball_joints_are_spherical(inspect_mjcf: Inspect) -> None:
    ball = '<joint name="ball" type="ball" damping="0.5" stiffness="3" armature="0.1" range="0 1" limited="true"/>'
    scene, found = inspect_mjcf(f"<worldbody><body>{ball}<geom size='0.1'/></body></worldbody>")
    joint = scene.joints["/robot/joints/ball"]

    assert (joint.kind, joint.armature, joint.stiffness) == ("spherical", 0.1, 3.0)
    assert joint.damping == pytest.approx(0.5)
    assert joint.upper == pytest.approx(np.radians(1.0))
    assert not any(code.endswith("lost") for code in found)


def test_free_bodies_are_bodies_without_a_joint(inspect_mjcf: Inspect) -> None:
    free = '<joint type="free" damping="1"/>'
    scene, found = inspect_mjcf(
        f"<worldbody><body name='box'>{free}<geom type='box' size='.1 .2 .3'/></body></worldbody>"
    )

    assert not scene.joints
    assert "damping of its free joint is lost" in found["free-joint-lost"][0].message
    assert scene.bodies["/robot/box"].mass == pytest.approx(1000 * 8 * 0.1 * 0.2 * 0.3)


def test_bodies_that_stand_still_are_shapes_of_the_world(inspect_mjcf: Inspect) -> None:
    table = "<body name='table' pos='1 0 0'><geom name='top' type='box' size='1 1 .1' pos='0 0 .5'/></body>"
    scene, _ = inspect_mjcf(f"<worldbody><geom type='plane' size='1 1 1'/>{table}</worldbody>")

    assert not scene.bodies
    assert set(scene.static_shapes) == {"/robot/geom_0", "/robot/table/top"}
    np.testing.assert_allclose(scene.static_shapes["/robot/table/top"].pose.position, [1, 0, 0.5])


def test_a_body_without_mass_is_part_of_the_one_above(inspect_mjcf: Inspect) -> None:
    tip = "<body name='tip' pos='0 0 .3'><geom name='cover' size='.05' mass='0' contype='0' conaffinity='0'/></body>"
    text = f"<worldbody><body name='link'><joint axis='0 1 0'/><geom size='.1'/>{tip}</body></worldbody>"
    scene, _ = inspect_mjcf(text)

    assert list(scene.bodies) == ["/robot/link"]
    shapes = {shape.path: shape for shape in scene.bodies["/robot/link"].shapes}
    assert set(shapes) == {"/robot/link/geom_0", "/robot/link/tip/cover"}
    np.testing.assert_allclose(shapes["/robot/link/tip/cover"].pose.position, [0, 0, 0.3])


def test_mocap_bodies_are_kinematic(inspect_mjcf: Inspect) -> None:
    scene, found = inspect_mjcf("<worldbody><body name='hand' mocap='true'/></worldbody>")

    assert scene.bodies["/robot/hand"].kinematic
    assert found["mass-guessed"][0].path == "/robot/hand"


@pytest.mark.parametrize(
    ("actuator", "stiffness", "damping", "limit"),
    [
        ('<position joint="hinge" kp="100" kv="5" forcerange="-20 20"/>', 100.0, 5.0, 20.0),
        ('<position joint="hinge" kp="100" kv="5" gear="2" forcerange="-20 20"/>', 400.0, 20.0, 40.0),
        ('<velocity joint="hinge" kv="7"/>', 0.0, 7.0, math.inf),
        ('<general joint="hinge" gainprm="2" biastype="affine" biasprm="0 -8 -1"/>', 8.0, 1.0, math.inf),
    ],
)
def test_servos_are_drives(
    inspect_mjcf: Inspect, actuator: str, stiffness: float, damping: float, limit: float
) -> None:
    scene, _ = inspect_mjcf(arm(f"<actuator>{actuator}</actuator>"))
    drive = scene.joints["/robot/joints/hinge"].drive

    assert drive is not None
    assert drive.stiffness == pytest.approx(stiffness)
    assert drive.damping == pytest.approx(damping)
    assert drive.max_effort == pytest.approx(limit)


def test_motors_are_effort_limits(inspect_mjcf: Inspect) -> None:
    scene, _ = inspect_mjcf(arm('<actuator><motor joint="hinge" gear="150" ctrlrange="-0.4 0.4"/></actuator>'))
    joint = scene.joints["/robot/joints/hinge"]

    assert joint.drive is None
    assert joint.max_effort == pytest.approx(60.0)
    assert scene.engine_attributes[f"{joint.path}.mjc:ctrlRange:max"] == 0.4


def test_a_joint_limits_what_its_actuators_give(inspect_mjcf: Inspect) -> None:
    rest = '<actuator><position joint="hinge" kp="10" forcerange="-9 9"/></actuator>'
    scene, _ = inspect_mjcf(arm(rest, 'actuatorfrcrange="-3 3" actuatorfrclimited="true"'))
    drive = scene.joints["/robot/joints/hinge"].drive

    assert drive is not None
    assert drive.max_effort == 3.0


@pytest.mark.parametrize(
    ("actuator", "why"),
    [
        ('<intvelocity name="a" joint="hinge" kp="1" actrange="-1 1"/>', "it has an activation state of its own"),
        ('<damper name="a" joint="hinge" kv="1" ctrlrange="0 1"/>', "its gain is not constant"),
        ('<muscle name="a" joint="hinge" lengthrange="0 1"/>', "it has an activation state of its own"),
        ('<adhesion name="a" body="link" ctrlrange="0 1"/>', "it acts on no single joint of one degree of freedom"),
        (
            '<general name="a" joint="hinge" biastype="affine" biasprm="1 0 0"/>',
            "it pushes without a command, or away from its target",
        ),
    ],
)
def test_actuators_that_a_scene_has_no_word_for_are_named(inspect_mjcf: Inspect, actuator: str, why: str) -> None:
    scene, found = inspect_mjcf(arm(f"<actuator>{actuator}</actuator>"))

    assert found["actuator-lost"][0].message == f"The actuator 'a' is lost: {why}."
    assert scene.joints["/robot/joints/hinge"].drive is None


def test_passive_values_and_their_softness_are_kept(inspect_mjcf: Inspect) -> None:
    values = 'damping="2" armature="0.3" frictionloss="0.4" stiffness="5" springref="0.6" limited="true" range="-1 2"'
    scene, _ = inspect_mjcf(arm(joint=f'{values} solreflimit="0.01 0.9" margin="0.02"'))
    joint = scene.joints["/robot/joints/hinge"]

    assert joint.damping == pytest.approx(2.0)
    assert (joint.armature, joint.friction) == (0.3, 0.4)
    assert (joint.stiffness, joint.rest_position) == (5.0, 0.6)
    assert [joint.lower, joint.upper] == pytest.approx([-1.0, 2.0])
    assert scene.engine_attributes[f"{joint.path}.mjc:solreflimit"] == (0.01, 0.9)
    assert scene.engine_attributes[f"{joint.path}.mjc:margin"] == 0.02


def test_welds_and_connects_close_loops_where_the_bodies_are(inspect_mjcf: Inspect) -> None:
    inside = "<freejoint/><geom size='.1'/>"
    bodies = f"<body name='a'>{inside}</body><body name='b' pos='0 0 1'>{inside}</body>"
    weld, connect = "<weld name='w' body1='a' body2='b'/>", "<connect name='c' body1='a' body2='b' anchor='0 .1 .5'/>"
    rest = f"<equality>{weld}{connect}</equality>"
    scene, _ = inspect_mjcf(f"<worldbody>{bodies}</worldbody>{rest}")
    for name, kind in (("w", "fixed"), ("c", "spherical")):
        joint = scene.joints[f"/robot/joints/{name}"]
        ends = [
            scene.bodies[body].pose_world_body @ frame
            for body, frame in ((joint.parent, joint.pose_parent_joint), (joint.child, joint.pose_child_joint))
        ]
        assert (joint.kind, joint.closes_loop) == (kind, True)
        np.testing.assert_allclose(ends[0].position, ends[1].position, atol=1e-6)
        np.testing.assert_allclose(np.abs(ends[0].orientation @ ends[1].orientation), 1.0, atol=1e-6)


def test_couplings_are_mimicry_about_the_reference(inspect_mjcf: Inspect) -> None:
    second = "<body><joint name='b' axis='0 1 0'/><geom size='.1'/></body>"
    joints = f"<body><joint name='a' axis='0 1 0' ref='0.5'/><geom size='.1'/>{second}</body>"
    rest = "<equality><joint joint1='b' joint2='a' polycoef='0.1 2 0 0 0'/></equality>"
    scene, _ = inspect_mjcf(f"<compiler angle='radian'/><worldbody>{joints}</worldbody>{rest}")
    mimic = scene.joints["/robot/joints/b"].mimic

    assert mimic is not None
    assert (mimic.joint, mimic.multiplier) == ("/robot/joints/a", 2.0)
    assert mimic.offset == pytest.approx(0.1 - 2 * 0.5)


def test_contact_bits_and_excludes_are_filtered_pairs(inspect_mjcf: Inspect) -> None:
    bodies = "".join(
        f"<body name='{name}' pos='{x} 0 0'><freejoint/><geom size='.1' contype='{bits}' conaffinity='{bits}'/></body>"
        for x, (name, bits) in enumerate({"a": 1, "b": 1, "c": 2, "d": 1}.items())
    )
    rest = "<contact><exclude body1='a' body2='b'/></contact>"
    scene, _ = inspect_mjcf(f"<worldbody><geom name='floor' type='plane' size='1 1 1'/>{bodies}</worldbody>{rest}")
    pairs = {tuple(path.rpartition("/")[2] for path in pair) for pair in scene.filtered_pairs}

    assert pairs == {("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("c", "floor")}


def test_neighbours_at_a_joint_do_not_collide_but_others_do(inspect_mjcf: Inspect) -> None:
    chain = "<body name='c'><joint/><geom size='.1'/></body>"
    chain = f"<body name='b'><joint/><geom size='.1'/>{chain}</body>"
    chain = f"<body name='a'><freejoint/><geom size='.1'/>{chain}</body>"
    scene, _ = inspect_mjcf(f"<worldbody>{chain}</worldbody>")
    pairs = {tuple(path.rpartition("/")[2] for path in pair) for pair in scene.filtered_pairs}

    assert pairs == {("a", "b"), ("b", "c")}


def test_materials_have_mujocos_rule_and_frictions(inspect_mjcf: Inspect) -> None:
    scene, _ = inspect_mjcf("<worldbody><geom type='plane' size='1 1 1' friction='0.7 0.02 0.003'/></worldbody>")
    (material,) = scene.materials.values()

    assert (material.dynamic_friction, material.friction_combine) == (0.7, "max")
    assert scene.engine_attributes[f"{material.path}.mjc:torsionalfriction"] == 0.02
    assert scene.engine_attributes[f"{material.path}.mjc:rollingfriction"] == 0.003


def test_ellipsoids_are_meshes_of_their_size(inspect_mjcf: Inspect) -> None:
    scene, found = inspect_mjcf("<worldbody><geom type='ellipsoid' size='.1 .2 .3'/></worldbody>")
    (shape,) = scene.static_shapes.values()

    assert isinstance(shape.geometry, Mesh)
    assert shape.geometry.approximation == "convexHull"
    np.testing.assert_allclose(shape.geometry.vertices.max(axis=0), [0.1, 0.2, 0.3], rtol=0.01)
    corners = shape.geometry.vertices[shape.geometry.triangles]
    volume = np.linalg.det(corners).sum() / 6
    assert volume == pytest.approx(4 / 3 * math.pi * 0.1 * 0.2 * 0.3, rel=0.05)
    assert found["shape-approximated"][0].path == shape.path


def test_sensors_stand_on_their_sites(inspect_mjcf: Inspect) -> None:
    site = "<site name='imu' pos='0 0 .1'/><site name='wrist'/><site name='tip'/><site name='frame'/><site/>"
    body = f"<body name='link'><joint name='hinge'/><geom size='.1'/>{site}</body>"
    sensors = (
        "<sensor><accelerometer site='imu' noise='0.01' cutoff='50'/><gyro site='imu'/><force site='wrist'/>"
        "<torque site='wrist'/><jointpos joint='hinge'/><magnetometer name='north' site='imu'/>"
        "<framepos objtype='site' objname='tip'/></sensor>"
    )
    scene, found = inspect_mjcf(f"<worldbody>{body}</worldbody>{sensors}")

    assert {path.rpartition("/")[2]: sensor.kind for path, sensor in scene.sensors.items()} == {
        "imu": "imu",
        "wrist": "force_torque",
        "tip": "body_state",
        "frame": "generic",
    }
    imu = scene.sensors["/robot/link/imu"]
    assert imu.body == "/robot/link"
    np.testing.assert_allclose(imu.pose_body_sensor.position, [0, 0, 0.1])
    assert dict(imu.attributes)["hanzo:noise:linear_acceleration:stddev"] == 0.01
    assert dict(imu.attributes)["hanzo:noise:linear_acceleration:limit"] == 50.0
    assert "sensor 'north' (magnetometer)" in found["sensor-lost"][0].message
    assert "1 sensor left out" in found["sensor-implied"][0].message


def test_sensors_come_back_through_mjcf(inspect_mjcf: Inspect, tmp_path: Path) -> None:
    site = "<site name='imu' pos='0 0 .1'/><site name='tip'/><site name='frame'/>"
    body = f"<body name='link'><joint name='hinge'/><geom size='.1' group='3'/>{site}</body>"
    sensors = "<sensor><gyro site='imu' noise='0.01'/><framepos objtype='site' objname='tip'/></sensor>"
    before, _ = inspect_mjcf(f"<worldbody>{body}</worldbody>{sensors}")
    convert(tmp_path / "robot.xml", tmp_path / "out.xml")
    after = load_scene(tmp_path / "out.xml")

    assert {path: (one.kind, dict(one.attributes)) for path, one in after.sensors.items()} == {
        path: (one.kind, dict(one.attributes)) for path, one in before.sensors.items()
    }
    assert [shape.visible for shape in after.bodies["/robot/link"].shapes] == [False]


def test_a_robot_is_placed_by_reference_with_its_base_and_its_attributes(inspect_mjcf: Inspect, tmp_path: Path) -> None:
    inspect_mjcf(
        "<worldbody><body name='base' pos='0 0 1'><joint name='hinge' axis='0 1 0'/>"
        "<geom name='ball' size='.1' margin='.02'/></body></worldbody>"
    )
    cell = tmp_path / "cell.usda"
    cell.write_text('#usda 1.0\n(\nmetersPerUnit = 1\nupAxis = "Z"\n)\ndef Xform "World" {\n}\n')
    part = Reference(ref="robot.xml", path="/World/left", translate=(2.0, 0.0, 0.0))
    scene = load_scene(cell, composition=[part])

    assert set(scene.articulations) == {"/World/left"}
    assert scene.articulations["/World/left"].fixed_base
    np.testing.assert_allclose(scene.bodies["/World/left/base"].pose_world_body.position, [2, 0, 1])
    assert scene.joints["/World/left/joints/hinge"].initial_position == 0.0
    assert scene.engine_attributes["/World/left/base/ball.mjc:margin"] == 0.02


def test_cameras_and_lights_are_where_they_were(inspect_mjcf: Inspect) -> None:
    eye = "<camera name='eye' pos='0 -1 1' xyaxes='1 0 0 0 0 1' fovy='60'/>"
    sun = "<light name='sun' dir='0 1 -1' directional='true'/>"
    scene, _ = inspect_mjcf(f"<worldbody>{eye}{sun}</worldbody>")
    camera, light = scene.cameras["/robot/eye"], scene.lights["/robot/sun"]

    assert math.degrees(camera.vertical_fov) == pytest.approx(60)
    np.testing.assert_allclose(camera.pose_body_camera.apply(np.array([0.0, 0, -1])), [0, 0, 1], atol=1e-6)
    assert light.kind == "distant"
    shining = light.pose_world_light.apply(np.array([0.0, 0, -1])) - light.pose_world_light.position
    np.testing.assert_allclose(shining, np.array([0, 1, -1]) / math.sqrt(2), atol=1e-6)


def test_the_keyframe_home_is_the_start(inspect_mjcf: Inspect) -> None:
    rest = (
        '<actuator><position joint="hinge" kp="10"/></actuator>'
        '<keyframe><key name="home" qpos="0.5" qvel="0.1" ctrl="0.7"/><key name="other" qpos="1"/></keyframe>'
    )
    scene, found = inspect_mjcf(arm(rest))
    joint = scene.joints["/robot/joints/hinge"]

    assert joint.initial_position == pytest.approx(0.5)
    assert joint.initial_velocity == pytest.approx(0.1)
    assert joint.drive is not None
    assert joint.drive.target_position == pytest.approx(0.7)
    assert "'other'" in found["keyframe-lost"][0].message


def test_options_are_kept_for_engines_that_know_them(inspect_mjcf: Inspect) -> None:
    values = 'timestep="0.003" gravity="0 0 -1.6" integrator="RK4" cone="elliptic" impratio="5"'
    option = f'<option {values}><flag warmstart="disable"/></option>'
    scene, _ = inspect_mjcf(f"{option}<worldbody><geom size='1'/></worldbody>")

    assert scene.step_hint == 0.003
    assert scene.gravity == pytest.approx((0, 0, -1.6))
    kept = {name.partition(".")[2]: value for name, value in scene.engine_attributes.items()}
    assert kept["mjc:option:integrator"] == "rk4"
    assert kept["mjc:option:impratio"] == 5.0
    assert kept["mjc:flag:warmstart"] is False


def test_odd_names_become_valid_paths(inspect_mjcf: Inspect) -> None:
    body = "<body name='left-hand.1'><joint name='left-hand.1'/><geom name='2nd' size='.1'/></body>"
    scene, _ = inspect_mjcf(f"<mujoco model='my robot!'><worldbody>{body}</worldbody></mujoco>")

    assert list(scene.bodies) == ["/my_robot_/left_hand_1"]
    assert list(scene.joints) == ["/my_robot_/joints/left_hand_1"]
    assert scene.bodies["/my_robot_/left_hand_1"].shapes[0].path == "/my_robot_/left_hand_1/_2nd"


def test_names_that_usd_does_not_allow_are_told(inspect_mjcf: Inspect) -> None:
    scene, found = inspect_mjcf(
        '<worldbody><body name="left leg"><joint name="hip-1"/><geom size="0.1"/></body></worldbody>'
    )
    assert "/robot/left_leg" in scene.bodies
    [told] = found["renamed"]
    assert "'left leg' is /robot/left_leg, 'hip-1' is /robot/joints/hip_1." in told.message
