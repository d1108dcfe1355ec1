"""The cause of a divergence is found where engines differ by one known thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hanzo_twin.comparison.causes import find_cause
from hanzo_twin.comparison.differences import Parting, Tolerance, differences, first_parting
from hanzo_twin.comparison.evidence import contacts
from hanzo_twin.comparison.laboratory import Laboratory
from hanzo_twin.comparison.report import Cause
from hanzo_twin.comparison.run import Run, run
from hanzo_twin.engines.port import Engine, EngineCapabilities, EngineConfig, JointCommand, Simulation, load_engine
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Joint, Scene
from hanzo_twin.testing import scenes

REFERENCE = load_engine("mujoco")


@dataclass(frozen=True)
class Other:
    """The reference, with one thing done differently."""

    change: Callable[[Scene], Scene]

    def capabilities(self) -> EngineCapabilities:
        return replace(REFERENCE.capabilities(), name="other")

    def load_scene(self, scene: Scene, config: EngineConfig) -> Simulation:
        return REFERENCE.load_scene(self.change(scene), config)


def cause(
    scene: Scene,
    other: Engine,
    *,
    seconds: float = 1.0,
    tolerance: float = 1e-3,
    controller: Callable[[Simulation], None] | None = None,
) -> Cause:
    config = EngineConfig(step_hz=500.0)
    steps = round(seconds * config.step_hz)
    first, second = (run(engine, scene, config, steps, controller) for engine in (REFERENCE, other))
    parting = first_parting(scene, differences(first, second), Tolerance.of(tolerance))
    assert parting is not None
    return find_cause(
        Laboratory(
            scene=scene,
            config=config,
            controller=controller,
            reference=REFERENCE,
            other=other,
            runs=(first, second),
            parting=parting,
            progress=lambda stage, fraction: None,
        )
    )


def each_joint(change: Callable[[Joint], Joint]) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, joints={path: change(joint) for path, joint in scene.joints.items()})


def test_a_limit() -> None:
    hinge = each_joint(lambda joint: replace(joint, upper=0.3))
    scene = hinge(scenes.pendulum(initial_position=-1.0))

    def farther(scene: Scene) -> Scene:
        return each_joint(lambda joint: replace(joint, upper=joint.upper + 0.05))(scene)

    found = cause(scene, Other(farther), seconds=2.0)
    assert found.kind == "limit"
    assert "'/World/pendulum/hinge' came to its limit from" in found.text
    assert found.experiments[0].change == "no joint limits"
    assert found.experiments[0].remaining < 0.01


def test_a_saturated_effort() -> None:
    scene = scenes.cart(stiffness=500.0, damping=20.0, max_effort=10.0)

    def weaker(joint: Joint) -> Joint:
        assert joint.drive is not None
        return replace(joint, drive=replace(joint.drive, max_effort=0.9 * joint.drive.max_effort))

    def command(simulation: Simulation) -> None:
        simulation.set_joint_command("/World/cart", JointCommand(positions=np.array([1.0])))

    found = cause(scene, Other(each_joint(weaker)), controller=command)
    assert found.kind == "saturation"
    assert "gave its greatest effort from 0" in found.text


def friction(value: float) -> Callable[[Scene], Scene]:
    return lambda scene: replace(
        scene, materials={path: replace(one, dynamic_friction=value) for path, one in scene.materials.items()}
    )


def test_a_contact() -> None:
    found = cause(scenes.incline(angle=0.6, friction=0.5), Other(friction(0.3)))
    assert found.kind == "contact"
    assert "'/World/slope' and '/World/block' touch from 0 s in mujoco, from 0 s in other." in found.text


def test_the_rule_for_combining_frictions() -> None:
    scene = scenes.incline(angle=0.6, friction=0.8)
    ice = replace(scene.materials[scenes.MATERIAL], path="/World/ice", dynamic_friction=0.1)
    block = scene.bodies["/World/block"]
    block = replace(block, shapes=tuple(replace(shape, material=ice.path) for shape in block.shapes))
    # A second block of ice: no numbers have both minima, 0.1 between the blocks and 0.45 on the slope.
    other = replace(
        block,
        path="/World/other",
        shapes=tuple(replace(shape, path="/World/other/shape") for shape in block.shapes),
        pose_world_body=replace(block.pose_world_body, position=block.pose_world_body.position + np.array([0, 2, 0])),
    )
    bodies = {block.path: block, other.path: other}
    scene = replace(scene, materials={**scene.materials, ice.path: ice}, bodies=bodies)
    found = cause(scene, load_engine("gazebo"), tolerance=5e-3)
    assert found.kind == "friction_rule"
    assert "('/World/material' 0.8, '/World/ice' 0.1)" in found.text
    assert "mujoco average = 0.45, gazebo minimum = 0.1" in found.text


def test_dry_friction_in_joints() -> None:
    scene = scenes.pendulum(initial_position=1.0, friction=1.0)
    found = cause(scene, Other(each_joint(lambda joint: replace(joint, friction=0.8 * joint.friction))))
    assert found.kind == "joint_friction"


def test_the_step() -> None:
    def strong(joint: Joint) -> Joint:
        drive = replace(joint.drive, max_effort=float("inf")) if joint.drive else None
        return replace(joint, friction=0.0, max_effort=float("inf"), drive=drive)

    scene = each_joint(strong)(scenes.arm6())
    targets = np.array([0.4, -0.3, 0.8, 0.2, -0.5, 0.1])

    def command(simulation: Simulation) -> None:
        simulation.set_joint_command(scenes.ARM, JointCommand(positions=targets))

    found = cause(scene, load_engine("gazebo"), controller=command)
    assert found.kind == "integrator"
    assert "first order in the step of 0.002 s" in found.text


def test_chaos() -> None:
    scene = scenes.double_pendulum(initial_positions=(2.5, 1.0))

    def a_hair_off(scene: Scene) -> Scene:
        return each_joint(lambda joint: replace(joint, initial_position=joint.initial_position + 1e-7))(scene)

    found = cause(scene, Other(a_hair_off), seconds=8.0)
    assert found.kind == "chaos"
    assert "times as much. Rounding decides" in found.text


def test_another_start_and_no_dynamics() -> None:
    scene = scenes.pendulum(initial_position=1.0)
    moved = each_joint(lambda joint: replace(joint, initial_position=1.1))
    assert cause(scene, Other(moved)).kind == "start"
    found = cause(scene, load_engine("kinematic"))
    assert found.kind == "no_dynamics"
    assert found.text.startswith("Engine 'kinematic' has no dynamics")


def test_what_no_experiment_explains_is_not_explained() -> None:
    heavier = Other(lambda scene: replace(scene, gravity=(0.0, 0.0, -10.0)))
    found = cause(scenes.pendulum(initial_position=1.0), heavier)
    assert found.kind == "unknown"
    assert found.text.startswith(
        "None of the experiments takes it away (nothing collides: 100% is left; half the step: "
    )


def test_what_touches_a_link_touches_the_whole_articulation() -> None:
    scene = load_scene("library:humanoid")
    head, poses = "/humanoid/head", np.array([[body.pose_world_body.as_array() for body in scene.bodies.values()]])
    still = Run(
        times=np.zeros(1),
        joint_positions=np.zeros((1, 0)),
        joint_velocities=np.zeros((1, 0)),
        joint_efforts=np.zeros((1, 0)),
        body_poses=poses,
    )
    parting = Parting(index=0, measure="body_position", column=0, path=head, size=1.0)
    touching = contacts(scene, (still, still), parting)
    feet = {"/humanoid/foot_left", "/humanoid/foot_right"}
    assert {each.touch.body or each.touch.other for each in touching} | feet == feet
    assert touching
