"""A parameter that is set gives what a scene built with that value gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.mujoco.batch import MujocoBatch
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.scene.model import Body, Joint, Material, Scene
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=500.0)
SCENE = scenes.arm6_with_boxes()
JOINT = f"{scenes.ARM}/joint_3"
LINK = f"{scenes.ARM}/link_3"
BOX = "/World/box_1"


def with_body(path: str, change: Callable[[Body], Body]) -> Scene:
    return replace(SCENE, bodies={**SCENE.bodies, path: change(SCENE.bodies[path])})


def with_joint(change: Callable[[Joint], Joint]) -> Scene:
    return replace(SCENE, joints={**SCENE.joints, JOINT: change(SCENE.joints[JOINT])})


def scaled(body: Body, mass: float, inertia: float) -> Body:
    x, y, z = (moment * inertia for moment in body.diagonal_inertia)
    return replace(body, mass=body.mass * mass, diagonal_inertia=(x, y, z))


def drive(**changes: float) -> Callable[[Joint], Joint]:
    def change(joint: Joint) -> Joint:
        assert joint.drive is not None
        return replace(joint, drive=replace(joint.drive, **changes))  # type: ignore[arg-type]

    return change


CASES: dict[str, tuple[float, Scene]] = {
    f"{scenes.PAYLOAD}.mass": (2.0, with_body(scenes.PAYLOAD, lambda b: scaled(b, 4.0, 4.0))),
    f"{BOX}.mass": (1.0, with_body(BOX, lambda b: scaled(b, 2.0, 2.0))),
    f"{LINK}.inertiaScale": (3.0, with_body(LINK, lambda b: scaled(b, 1.0, 3.0))),
    f"{scenes.PAYLOAD}.centerOfMass.y": (
        0.05,
        with_body(scenes.PAYLOAD, lambda b: replace(b, center_of_mass=(0, 0.05, 0))),
    ),
    f"{LINK}.centerOfMass.x": (0.1, with_body(LINK, lambda b: replace(b, center_of_mass=(0.1, 0.0, 0.175)))),
    f"{BOX}.centerOfMass.x": (0.01, with_body(BOX, lambda b: replace(b, center_of_mass=(0.01, 0.0, 0.0)))),
    f"{JOINT}.damping": (9.0, with_joint(lambda j: replace(j, damping=9.0))),
    f"{JOINT}.friction": (0.0, with_joint(lambda j: replace(j, friction=0.0))),
    f"{JOINT}.armature": (0.5, with_joint(lambda j: replace(j, armature=0.5))),
    f"{JOINT}.driveStiffness": (300.0, with_joint(drive(stiffness=300.0))),
    f"{JOINT}.driveDamping": (10.0, with_joint(drive(damping=10.0))),
    f"{JOINT}.maxEffort": (20.0, with_joint(drive(max_effort=20.0))),
    f"{scenes.MATERIAL}.dynamicFriction": (
        0.1,
        replace(SCENE, materials={scenes.MATERIAL: Material(path=scenes.MATERIAL, dynamic_friction=0.1)}),
    ),
    "/World/physics.gravity.x": (3.0, replace(SCENE, gravity=(3.0, 0.0, -9.81))),
}


@pytest.mark.parametrize("address", CASES)
def test_a_set_parameter_is_a_built_one(address: str) -> None:
    value, scene = CASES[address]
    changed = MujocoEngine().load_scene(SCENE, CONFIG)
    changed.set_parameter(address, value)
    built = MujocoEngine().load_scene(scene, CONFIG)
    untouched = MujocoEngine().load_scene(SCENE, CONFIG)
    assert derived_numbers(changed.native[0]) == pytest.approx(derived_numbers(built.native[0]), rel=1e-12, abs=1e-14)
    for simulation in (changed, built, untouched):
        simulation.set_joint_command(scenes.ARM, JointCommand(positions=np.linspace(-0.5, 0.5, 6)))
        # The boxes slide and are pushed, so that contact friction and masses matter.
        for index in range(scenes.BOX_COUNT):
            box = simulation.get_observation(f"/World/box_{index}")
            velocity = np.array([0.5, 0.0, 0.0])
            simulation.set_body_state(box.path, box["position"], box["orientation"], velocity, np.zeros(3))
            simulation.set_applied_wrench(box.path, np.array([1.0, 0.0, 0.0]), np.zeros(3))
        simulation.step(100)
    assert numbers(changed) == pytest.approx(numbers(built), abs=1e-12)
    assert np.abs(numbers(untouched) - numbers(built)).max() > 1e-6


def numbers(simulation: Any) -> Any:
    state = simulation.get_state()
    return np.concatenate([state.joint_positions, state.joint_velocities, state.body_poses.ravel()])


def derived_numbers(model: Any) -> Any:
    """What MuJoCo computes from masses, and uses to scale contacts and limits."""
    names: tuple[str, ...] = ("body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0", "body_inertia")
    names += ("body_ipos", "actuator_acc0", "body_sameframe", "geom_sameframe", "body_simple", "geom_friction")
    return np.concatenate([np.ravel(getattr(model, name)) for name in names] + [[model.stat.meaninertia]])


def test_mass_keeps_the_shape_and_inertia_scale_comes_on_top() -> None:
    simulation = MujocoEngine().load_scene(SCENE, CONFIG)
    simulation.set_parameter(f"{LINK}.inertiaScale", 3.0)
    simulation.set_parameter(f"{LINK}.mass", 4.6)
    model, _ = simulation.native
    expected = np.array(SCENE.bodies[LINK].diagonal_inertia) * 2.0 * 3.0
    assert model.body(LINK).inertia == pytest.approx(expected, rel=1e-12)
    assert model.body(LINK).mass[0] == 4.6


def test_gravity_of_the_configuration_is_a_parameter() -> None:
    simulation = MujocoEngine().load_scene(SCENE, replace(CONFIG, gravity=(0.0, 0.0, -1.62)))
    assert simulation.get_parameter("/World/physics.gravity.z") == -1.62
    assert simulation.get_state().parameters == (("/World/physics.gravity.z", -1.62),)
    plain = MujocoEngine().load_scene(SCENE, CONFIG)
    plain.set_state(simulation.get_state())
    assert plain.get_parameter("/World/physics.gravity.z") == -1.62
    assert plain.native[0].opt.gravity.tolist() == [0.0, 0.0, -1.62]


def test_models_are_shared_until_they_differ() -> None:
    batch = MujocoEngine().load_batch(SCENE, CONFIG, 6, threads=1)
    assert isinstance(batch, MujocoBatch)
    assert len({id(model) for model in batch.models}) == 1
    batch.set_parameters(f"{JOINT}.damping", np.array([1.0, 2.0, 2.0, 3.0, 3.0, 3.0]))
    assert len({id(model) for model in batch.models}) == 3
    batch.set_parameters(f"{JOINT}.friction", np.full(6, 0.7))
    assert len({id(model) for model in batch.models}) == 3


def test_a_fork_shares_its_model_until_it_differs() -> None:
    simulation = MujocoEngine().load_scene(SCENE, CONFIG)
    fork = simulation.fork()
    assert fork.native[0] is simulation.native[0]
    fork.set_parameter(f"{JOINT}.damping", 2.0)
    assert fork.native[0] is not simulation.native[0]
