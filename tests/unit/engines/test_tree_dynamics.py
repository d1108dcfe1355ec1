"""Mass matrices and biases from where bodies are, against MuJoCo's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mujoco
import numpy as np
import pytest
from scipy.linalg import block_diag

from hanzo_twin.engines.port import EngineConfig, load_engine
from hanzo_twin.engines.tree_dynamics import Placed, TreeDynamics
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix
from hanzo_twin.testing import scenes


def arm(**kinds: str) -> Scene:
    """The six-joint arm with other kinds of joints, in no articulation."""
    scene = scenes.arm6()
    joints = dict(scene.joints)
    for name, kind in kinds.items():
        path = f"{scenes.ARM}/{name}"
        joints[path] = _loose(joints[path], kind)
    return replace(scene, joints=joints, articulations={})


def chain(**kinds: str) -> Scene:
    """A floating chain likewise."""
    scene = scenes.floating_chain(links=4)
    joints = dict(scene.joints)
    for name, kind in kinds.items():
        joints[f"/World/chain/{name}"] = _loose(joints[f"/World/chain/{name}"], kind)
    return replace(scene, joints=joints, articulations={})


def _loose(joint: Joint, kind: str) -> Joint:
    return replace(joint, kind=kind, lower=-np.inf, upper=np.inf, drive=None)  # type: ignore[arg-type]


def twisted(scene: Scene) -> Scene:
    """``scene`` with centres of mass, principal axes and frames of joints of every kind."""
    random = np.random.default_rng(3)
    bodies = {}
    for path, body in scene.bodies.items():
        (x, y, z), axes = 0.1 * random.normal(size=3), random.normal(size=4)
        a, b, c, d = (axes / np.linalg.norm(axes)).tolist()
        bodies[path] = replace(body, center_of_mass=(x, y, z), principal_axes=(a, b, c, d))
    joints = {
        path: replace(joint, pose_child_joint=Pose.of(0.1 * random.normal(size=3), random.normal(size=4)))
        for path, joint in scene.joints.items()
    }
    return replace(scene, bodies=bodies, joints=joints)


def stirred(scene: Scene) -> tuple[Any, Any]:
    """MuJoCo's model and data, everything somewhere and moving."""
    model, data = load_engine("mujoco").load_scene(scene, EngineConfig()).native
    random = np.random.default_rng(5)
    data.qpos[:], data.qvel[:] = 0.7 * random.normal(size=model.nq), random.normal(size=model.nv)
    mujoco.mj_normalizeQuat(model, data.qpos)
    mujoco.mj_forward(model, data)
    return model, data


def placed(scene: Scene, model: Any, data: Any) -> list[Placed]:
    found = []
    for path in scene.bodies:
        body, velocity = model.body(path).id, np.zeros(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, body, velocity, 0)
        turn = data.xmat[body].reshape(3, 3).copy()
        found.append(Placed(center=data.xipos[body].copy(), turn=turn, angular=velocity[:3]))
    return found


def reduced(matrix: FloatArray, bias: FloatArray, base: list[int], joints: list[int]) -> tuple[FloatArray, FloatArray]:
    """M and b of the joints where the base follows freely; these do not depend on what its rates are."""
    across = np.linalg.solve(matrix[np.ix_(base, base)], np.c_[matrix[np.ix_(base, joints)], bias[base]])
    coupling = matrix[np.ix_(joints, base)] @ across
    return matrix[np.ix_(joints, joints)] - coupling[:, :-1], bias[joints] - coupling[:, -1]


@pytest.mark.parametrize(
    "scene",
    [
        arm(),
        arm(joint_1="spherical"),
        arm(joint_3="spherical", joint_5="prismatic"),
        chain(),
        chain(joint_2="spherical"),
    ],
    ids=["hinges", "ball at the base", "ball and slide", "floating", "floating with a ball"],
)
def test_they_are_those_of_mujoco(scene: Scene) -> None:
    scene = twisted(scene)
    model, data = stirred(scene)
    order = [joint.path for joint in scene.joints.values() if joint.kind != "fixed"]
    columns: list[int] = []
    turns: list[FloatArray] = []
    for path in order:
        joint, first = scene.joints[path], int(model.joint(path).dofadr[0])
        columns += range(first, first + (3 if joint.kind == "spherical" else 1))
        # MuJoCo has the rates of a ball in the frame of the body, here they are in that of the joint.
        own = rotation_matrix(joint.pose_child_joint.orientation)
        turns.append(own if joint.kind == "spherical" else np.eye(1))
    floats = model.nv > len(columns)
    base = list(range(6)) if floats else []
    turn = block_diag(np.eye(len(base)), *turns) if floats else block_diag(*turns)
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, full)
    full -= np.diag(model.dof_armature)
    rates = turn.T @ np.concatenate([np.zeros(len(base)), data.qvel[columns]])
    dynamics = TreeDynamics(scene, list(scene.bodies), order, floats=floats)
    matrix, bias = dynamics.solve(placed(scene, model, data), rates, {})
    ours = reduced(turn @ matrix @ turn.T, turn @ bias, base, list(range(len(base), len(bias))))
    theirs = reduced(full, data.qfrc_bias, base, columns)
    assert ours[0] == pytest.approx(theirs[0], abs=1e-12)
    assert ours[1] == pytest.approx(theirs[1], abs=1e-12)


def test_wrenches_are_taken_off() -> None:
    scene = arm()
    model, data = stirred(scene)
    order = [joint.path for joint in scene.joints.values() if joint.kind != "fixed"]
    dynamics = TreeDynamics(scene, list(scene.bodies), order, floats=False)
    bodies = placed(scene, model, data)
    wrench, row = np.array([1.0, -2.0, 3.0, 0.4, 0.5, -0.6]), len(bodies) - 1
    still = np.zeros(model.nv)
    difference = dynamics.solve(bodies, still, {})[1] - dynamics.solve(bodies, still, {row: wrench})[1]
    expected = np.zeros(model.nv)
    body = model.body(list(scene.bodies)[row]).id
    mujoco.mj_applyFT(model, data, wrench[:3], wrench[3:], data.xipos[body], body, expected)
    assert difference == pytest.approx(expected, abs=1e-12)
