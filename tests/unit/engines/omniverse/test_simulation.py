"""What is particular to PhysX: bases and replay, floating trees, efforts beyond a drive's limit, springs, refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

pytest.importorskip("ovphysx")

from hanzo_twin.engines.omniverse import OmniverseEngine, physx
from hanzo_twin.engines.omniverse.native_state import BASE_STEPS
from hanzo_twin.engines.omniverse.simulation import OmniverseSimulation
from hanzo_twin.engines.port import EngineConfig, JointCommand
from hanzo_twin.errors import SimulationError, StateError, UnsupportedError
from hanzo_twin.scene.model import Axis, Drive, Mimic, Scene
from hanzo_twin.spatial import rotation_matrix
from hanzo_twin.testing import feature_scenes, scenes

CONFIG = EngineConfig(step_hz=500.0)
CART = "/World/cart"
Load = Callable[..., OmniverseSimulation]


@pytest.fixture
def load() -> Iterator[Load]:
    opened: list[OmniverseSimulation] = []

    def load(scene: Scene, config: EngineConfig = CONFIG) -> OmniverseSimulation:
        opened.append(OmniverseEngine().load_scene(scene, config))
        return opened[-1]

    yield load
    for simulation in opened:
        simulation.close()


def slide(scene: Scene, **changes: object) -> Scene:
    """A cart whose slide is otherwise."""
    (joint,) = scene.joints.values()
    return replace(scene, joints={joint.path: replace(joint, **changes)})  # type: ignore[arg-type]


# --- states


def test_a_state_taken_after_many_bases_continues_to_the_bit(load: Load) -> None:
    simulation, other = load(scenes.falling_box(height=0.3)), load(scenes.falling_box(height=0.3))
    simulation.step(2 * BASE_STEPS + 7)
    other.set_state(simulation.get_state())
    simulation.step(BASE_STEPS)
    other.step(BASE_STEPS)
    assert other.get_state() == simulation.get_state()
    assert simulation.time == pytest.approx((3 * BASE_STEPS + 7) * 0.002, abs=1e-9)


def test_a_new_base_moves_what_rests_by_less_than_a_micrometre(load: Load) -> None:
    simulation = load(scenes.arm6_with_boxes())
    simulation.step(BASE_STEPS)
    before = simulation.get_state().body_poses
    simulation.step(2)
    assert np.abs(simulation.get_state().body_poses[:, :3] - before[:, :3]).max() < 1e-6


def test_where_steps_are_cut_does_not_matter(load: Load) -> None:
    whole, cut = load(scenes.falling_box(height=0.2)), load(scenes.falling_box(height=0.2))
    whole.step(BASE_STEPS + 40)
    for steps in (1, BASE_STEPS - 2, 3, 38):
        cut.step(steps)
    assert cut.get_state() == whole.get_state()


def test_commands_that_say_the_same_leave_no_trace(load: Load) -> None:
    plain, told = load(scenes.cart(stiffness=10.0)), load(scenes.cart(stiffness=10.0))
    for simulation in (plain, told):
        simulation.set_joint_command(CART, JointCommand(positions=np.array([0.5])))
        simulation.step(10)
    for _ in range(20):
        told.set_joint_command(CART, JointCommand(positions=np.array([0.5]), efforts=np.array([0.0])))
        told.step()
    plain.step(20)
    assert told.get_state() == plain.get_state()


def test_a_state_with_other_parameters_starts_from_its_values(load: Load) -> None:
    simulation, other = load(scenes.cart()), load(scenes.cart())
    simulation.set_joint_command(CART, JointCommand(efforts=np.array([1.0])))
    simulation.step(100)
    state = replace(simulation.get_state(), parameters=((f"{CART}/block.mass", 4.0),))
    other.set_state(state)
    taken = other.get_state()
    assert taken.parameters == state.parameters
    assert taken.joint_positions.tolist() == state.joint_positions.tolist()
    assert taken.time == state.time
    other.step(100)
    # Half the acceleration, for twice the mass: 0.5 then 0.25 m/s².
    assert other.get_observation(CART)["velocities"][0] == pytest.approx(0.1 + 0.05, rel=1e-5)


def test_a_state_grows_with_its_commands_only(load: Load) -> None:
    simulation = load(scenes.arm6())
    simulation.step(500)
    quiet = len(simulation.get_state().native)
    simulation.step(500)
    assert len(simulation.get_state().native) == quiet
    targets = np.zeros(6)
    for index in range(100):
        targets[0] = 0.001 * index
        simulation.set_joint_command(scenes.ARM, JointCommand(positions=targets))
        simulation.step()
    assert quiet < len(simulation.get_state().native) < quiet + 100 * 8 * 10


def test_damaged_commands_are_refused(load: Load) -> None:
    simulation = load(scenes.cart())
    simulation.step(5)
    state = simulation.get_state()
    broken = bytearray(state.native)
    broken[-3] ^= 255
    with pytest.raises(StateError, match="commands in the native part of the state cannot be read"):
        simulation.set_state(replace(state, native=bytes(broken)))
    with pytest.raises(StateError, match="has 10 bytes, expected more than"):
        simulation.set_state(replace(state, native=state.native[:10]))
    assert simulation.get_state() == state


# --- trees


def test_a_floating_tree_is_placed_by_its_first_body(load: Load) -> None:
    simulation = load(scenes.floating_chain())
    root, tip = "/World/chain/link_0", "/World/chain/link_3"
    quarter = np.array([np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0])
    simulation.set_joint_state("/World/chain", np.zeros(3), np.zeros(3))
    simulation.set_body_state(root, np.array([1.0, 2.0, 3.0]), quarter, np.array([0.1, 0.0, 0.0]), np.zeros(3))
    assert simulation.get_observation(root)["position"].tolist() == [1.0, 2.0, 3.0]
    # Half a metre a link below the root's −Z, which is −X now.
    assert simulation.get_observation(tip)["position"] == pytest.approx([1.0 - 1.5, 2.0, 3.0], abs=1e-6)
    assert simulation.get_observation(tip)["linear_velocity"] == pytest.approx([0.1, 0.0, 0.0], abs=1e-6)
    simulation.step(50)
    assert simulation.get_observation(root)["position"] == pytest.approx([1.01, 2.0, 3.0], abs=1e-5)


def test_velocities_of_links_are_those_of_their_joints(load: Load) -> None:
    simulation = load(scenes.arm6())
    simulation.set_joint_state(scenes.ARM, np.array([0.3, -0.2, 0.5, 0.1, 0.4, -0.3]), np.linspace(1.0, -1.0, 6))
    simulation.step(25)
    before = simulation.get_observation(scenes.PAYLOAD)
    step = 1e-4
    fine = load(scenes.arm6(), EngineConfig(step_hz=1 / step))
    seen = simulation.get_observation(scenes.ARM)
    fine.set_joint_state(scenes.ARM, seen["positions"], seen["velocities"])
    fine.step()
    moved = (fine.get_observation(scenes.PAYLOAD)["position"] - before["position"]) / step
    # 32 bits of a position of a metre over 0.1 ms are a millimetre a second; accelerations change as much.
    assert moved == pytest.approx(before["linear_velocity"], abs=5e-3)
    assert np.linalg.norm(before["linear_velocity"]) > 0.1


def test_a_joint_outside_articulations_moves_and_is_not_commanded(load: Load) -> None:
    scene = replace(scenes.pendulum(initial_position=0.5), articulations={})
    alone, commanded = load(scene), load(scenes.pendulum(initial_position=0.5))
    for simulation in (alone, commanded):
        simulation.step(200)
    bob = "/World/pendulum/bob"
    assert alone.get_observation(bob)["position"].tolist() == commanded.get_observation(bob)["position"].tolist()
    with pytest.raises(StateError, match="does not say where joint '/World/pendulum/hinge' is"):
        alone.set_state(replace(alone.get_state(), engine="another"))


def two_arms() -> Scene:
    """Two chains of two hinges on one free body, each joint after its parent: PhysX numbers them level by level."""
    scene = scenes.floating_chain(links=3)
    root, upper, lower = scene.bodies.values()
    first, second = scene.joints.values()
    (whole,) = scene.articulations.values()
    drive = Drive(stiffness=50.0, damping=10.0)
    bodies, joints = {root.path: root}, {}
    for side in ("left", "right"):
        links = [replace(body, path=f"/World/chain/{side}_{index}") for index, body in enumerate((upper, lower))]
        bodies.update({link.path: link for link in links})
        hinges = [
            replace(first, path=f"/World/chain/{side}_a", child=links[0].path, drive=drive, initial_velocity=0.0),
            replace(
                second,
                path=f"/World/chain/{side}_b",
                parent=links[0].path,
                child=links[1].path,
                drive=drive,
                initial_velocity=0.0,
            ),
        ]
        joints.update({joint.path: joint for joint in hinges})
    articulation = replace(whole, joints=tuple(joints), bodies=tuple(bodies))
    pairs = tuple(combinations(sorted(bodies), 2))
    return replace(scene, bodies=bodies, joints=joints, articulations={whole.path: articulation}, filtered_pairs=pairs)


def test_joints_keep_their_order_where_physx_has_another(load: Load) -> None:
    simulation = load(two_arms())
    assert simulation._world.freedom_of.tolist() == [0, 2, 1, 3]
    targets = np.array([0.1, 0.2, 0.3, 0.4])
    efforts = np.array([1.0, 2.0, 3.0, 4.0])
    simulation.set_joint_state("/World/chain", targets / 2, np.zeros(4))
    simulation.set_joint_command("/World/chain", JointCommand(positions=targets, efforts=efforts))
    assert simulation.get_observation("/World/chain")["efforts"] == pytest.approx(50.0 * targets / 2 + efforts)
    simulation.set_joint_command("/World/chain", JointCommand(efforts=np.zeros(4)))
    simulation.step(2000)
    assert simulation.get_observation("/World/chain")["positions"] == pytest.approx(targets, abs=1e-3)
    assert simulation.get_state().joint_positions == pytest.approx(targets, abs=1e-3)


def test_efforts_that_are_observed_follow_parameters_at_once(load: Load) -> None:
    simulation = load(scenes.cart(stiffness=10.0))
    simulation.set_joint_command(CART, JointCommand(positions=np.array([1.0])))
    simulation.step(1)
    simulation.set_joint_state(CART, np.zeros(1), np.zeros(1))
    before = simulation.get_observation(CART)
    simulation.set_parameter(f"{CART}/slide.driveStiffness", 20.0)
    assert simulation.get_observation(CART)["efforts"].tolist() == [20.0]
    assert before["efforts"].tolist() == [10.0]


def test_a_fixed_base_stands(load: Load) -> None:
    simulation = load(scenes.arm6())
    simulation.set_joint_command(scenes.ARM, JointCommand(efforts=np.full(6, 50.0)))
    simulation.step(500)
    assert simulation.get_observation(f"{scenes.ARM}/link_1")["position"] == pytest.approx(np.zeros(3), abs=1e-7)


def test_a_tree_hangs_on_a_kinematic_body_and_goes_where_that_is_put(load: Load) -> None:
    scene = scenes.floating_chain(links=2)
    root, tip = scene.bodies.values()
    simulation = load(replace(scene, bodies={root.path: replace(root, kinematic=True), tip.path: tip}))
    simulation.step(50)
    assert simulation.get_observation(root.path)["position"].tolist() == [0.0, 0.0, 0.0]
    assert simulation.get_observation("/World/chain")["positions"][0] > 0.05
    identity = np.array([1.0, 0.0, 0.0, 0.0])
    simulation.set_body_state(root.path, np.array([2.0, 0.0, 0.0]), identity, np.zeros(3), np.zeros(3))
    simulation.step(50)
    assert simulation.get_observation(root.path)["position"].tolist() == [2.0, 0.0, 0.0]
    assert simulation.get_observation(tip.path)["position"] == pytest.approx([2.0, 0.0, -0.5], abs=1e-6)


@pytest.mark.parametrize("steps", [400, 3 * BASE_STEPS])
def test_a_hinge_without_limits_counts_its_turns(load: Load, steps: int) -> None:
    scene = replace(scenes.pendulum(), gravity=(0.0, 0.0, 0.0))
    simulation = load(scene)
    simulation.set_joint_state("/World/pendulum", np.array([1000.0]), np.array([30.0]))
    simulation.step(steps)
    seen = simulation.get_observation("/World/pendulum")
    assert seen["positions"][0] == pytest.approx(1000.0 + 30.0 * steps * 0.002, abs=1e-2)
    driven = load(slide(scene, drive=Drive(stiffness=100.0, damping=20.0)))
    driven.set_joint_state("/World/pendulum", np.array([1000.0]), np.array([0.0]))
    driven.set_joint_command("/World/pendulum", JointCommand(positions=np.array([1010.0])))
    driven.step(2000)
    assert driven.get_observation("/World/pendulum")["positions"][0] == pytest.approx(1010.0, abs=1e-3)


# --- forces


@pytest.mark.parametrize("kind", ["revolute", "prismatic"])
def test_efforts_add_to_a_drive_at_its_limit(load: Load, kind: str) -> None:
    simulation = load(
        slide(scenes.cart(stiffness=1e4, max_effort=2.0))
        if kind == "prismatic"
        else slide(replace(scenes.pendulum(), gravity=(0.0, 0.0, 0.0)), drive=Drive(stiffness=1e4, max_effort=2.0))
    )
    (articulation,) = simulation.scene.articulations
    simulation.set_joint_command(articulation, JointCommand(positions=np.array([50.0]), efforts=np.array([5.0])))
    simulation.step(50)
    # 7 N on 2 kg, or 7 N·m on 1 kg·m², for a tenth of a second.
    expected = 0.35 if kind == "prismatic" else 0.7
    assert simulation.get_observation(articulation)["velocities"][0] == pytest.approx(expected, rel=1e-4)


def test_efforts_beyond_a_limit_push_back_on_the_parent(load: Load) -> None:
    scene = scenes.floating_chain(links=2)
    (joint,) = scene.joints.values()
    still = replace(joint, initial_velocity=0.0, drive=Drive(damping=1e-9, max_effort=1.0))
    simulation = load(replace(scene, joints={joint.path: still}))
    simulation.set_joint_command("/World/chain", JointCommand(efforts=np.array([3.0])))
    simulation.step(20)
    state = simulation.get_state()
    spins = state.body_velocities[:, 3:]
    assert np.abs(spins).max() > 0.1
    moments = [
        rotation_matrix(pose[3:]) @ (np.asarray(body.diagonal_inertia) * (rotation_matrix(pose[3:]).T @ spin))
        for body, pose, spin in zip(simulation.scene.bodies.values(), state.body_poses, spins, strict=True)
    ]
    orbital = [
        np.cross(
            pose[:3] + rotation_matrix(pose[3:]) @ np.asarray(body.center_of_mass),
            twist[:3] + np.cross(twist[3:], rotation_matrix(pose[3:]) @ np.asarray(body.center_of_mass)),
        )
        for body, pose, twist in zip(
            simulation.scene.bodies.values(), state.body_poses, state.body_velocities, strict=True
        )
    ]
    assert sum(moments) + sum(orbital) == pytest.approx(np.zeros(3), abs=1e-4)


@pytest.mark.parametrize("limit", [float("inf"), 100.0])
def test_a_spring_pulls_beside_a_drive(load: Load, limit: float) -> None:
    scene = scenes.cart(stiffness=30.0, damping=40.0, max_effort=limit)
    simulation = load(slide(scene, stiffness=10.0, rest_position=-1.0))
    simulation.set_joint_command(CART, JointCommand(positions=np.array([1.0])))
    simulation.step(5000)
    # 30 (1 − q) + 10 (−1 − q) = 0
    assert simulation.get_observation(CART)["positions"][0] == pytest.approx(0.5, abs=1e-4)


def test_a_spring_does_not_count_as_drive_in_its_limit(load: Load) -> None:
    drive = Drive(stiffness=1e3, max_effort=2.0)
    simulation = load(slide(scenes.cart(mass=2.0), drive=drive, stiffness=10.0, rest_position=1.0))
    simulation.set_joint_command(CART, JointCommand(positions=np.array([100.0])))
    simulation.step(1)
    # 2 N of the drive and 10 N of the spring, on 2 kg.
    assert simulation.get_observation(CART)["velocities"][0] == pytest.approx(6.0 * 0.002, rel=1e-3)


def test_a_hinge_swings_on_its_spring(load: Load) -> None:
    scene = slide(replace(scenes.pendulum(), gravity=(0.0, 0.0, 0.0)), stiffness=40.0, rest_position=0.3)
    simulation = load(scene, EngineConfig(step_hz=2000.0))
    omega = np.sqrt(40.0)
    for _ in range(10):
        simulation.step(100)
        exact = 0.3 * (1 - np.cos(omega * simulation.time))
        # A step late at the greatest speed, and damped by an implicit step.
        seen = simulation.get_observation("/World/pendulum")["positions"][0]
        assert seen == pytest.approx(exact, abs=2 * 0.3 * omega / 2000.0)


def test_a_spring_beside_an_acceleration_drive_is_refused(load: Load) -> None:
    drive = Drive(stiffness=30.0, mode="acceleration")
    with pytest.raises(UnsupportedError, match=r"beside the acceleration drive of '/World/cart/slide'(.|\n)*'force'"):
        load(slide(scenes.cart(), drive=drive, stiffness=10.0))


def test_springs_of_a_chain_are_each_their_own(load: Load) -> None:
    scene = scenes.floating_chain()
    rests = (0.1, 0.2, -0.3)
    joints = {
        joint.path: replace(joint, stiffness=20.0, rest_position=rest, damping=5.0, initial_velocity=0.0)
        for joint, rest in zip(scene.joints.values(), rests, strict=True)
    }
    simulation = load(replace(scene, joints=joints))
    simulation.step(2000)
    assert simulation.get_observation("/World/chain")["positions"] == pytest.approx(rests, abs=1e-3)


def test_a_wrench_acts_at_the_centre_of_mass(load: Load) -> None:
    scene = scenes.floating_body(spin=(0.0, 0.0, 0.0))
    (brick,) = scene.bodies.values()
    scene = replace(scene, bodies={brick.path: replace(brick, center_of_mass=(0.3, 0.1, 0.0))})
    simulation = load(scene)
    simulation.set_applied_wrench(brick.path, np.array([0.0, 4.0, 0.0]), np.zeros(3))
    simulation.step(100)
    seen = simulation.get_observation(brick.path)
    assert seen["angular_velocity"] == pytest.approx(np.zeros(3), abs=1e-6)
    assert seen["linear_velocity"] == pytest.approx([0.5, 0.4, 0.0], abs=1e-5)


def test_masses_follow_parameters(load: Load) -> None:
    simulation = load(scenes.cart(mass=2.0))
    simulation.set_parameter(f"{CART}/block.mass", 8.0)
    simulation.set_joint_command(CART, JointCommand(efforts=np.array([4.0])))
    simulation.step(500)
    assert simulation.get_observation(CART)["velocities"][0] == pytest.approx(0.5, rel=1e-5)


# --- the rest


def test_a_free_body_that_diverges_is_named(load: Load) -> None:
    simulation = load(scenes.floating_body())
    simulation.set_applied_wrench("/World/brick", np.array([1e20, 0.0, 0.0]), np.zeros(3))
    with pytest.raises(SimulationError, match=r"The numbers of body '/World/brick' diverged at 0\.0"):
        simulation.step(100)


@pytest.mark.parametrize("other", ["/World/box", "/World/cart/nowhere"])
def test_a_mimic_of_what_is_no_joint_of_the_tree_is_refused(load: Load, other: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"cannot make '/World/cart/slide' mimic '{other}'(.|\n)*one tree"):
        load(slide(scenes.cart(), mimic=Mimic(joint=other)))


def test_prims_tell_what_is_called_how(load: Load) -> None:
    simulation = load(scenes.arm6_with_boxes())
    prims = simulation.prims
    assert prims["/World/box_0"].startswith("/body_")
    assert prims[f"{scenes.ARM}/joint_2"] == "/joint_1"
    assert prims[f"{scenes.ARM}/link_3"] == "/link_2_link_3"
    assert simulation.native.is_stage_attached()


def test_a_world_that_nobody_closed_is_freed_by_the_next(load: Load) -> None:
    forgotten = OmniverseEngine().load_scene(scenes.cart(), CONFIG)
    forgotten.step(2)
    handles = forgotten._world.physx._handles
    del forgotten
    assert handles in physx._forgotten
    load(scenes.cart()).step()
    assert handles not in physx._forgotten
    assert handles.stage is None


def test_a_gpu_that_is_not_there_is_refused(load: Load) -> None:
    with pytest.raises(UnsupportedError, match=r"finds no GPU 99 here: there are \d+.\n.*Set gpu_id to auto"):
        load(scenes.cart(), replace(CONFIG, gpu_id=99))


def test_a_gpu_cannot_be_taken_up_by_a_process_that_began_without(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    load(scenes.cart())
    monkeypatch.setattr(physx, "_gpu_count", lambda: 1)
    with pytest.raises(UnsupportedError, match=r"began without a GPU(.|\n)*Start a new process"):
        load(scenes.cart(), replace(CONFIG, gpu_id=0))


def test_physx_prints_nothing(load: Load, capfd: pytest.CaptureFixture[str]) -> None:
    simulation = load(scenes.cart())
    simulation.step()
    # What PhysX complains of, past all checks.
    simulation._world._tensor("ACTUATION_FORCE", "/base_0").write(np.array([np.inf]))
    with pytest.raises(SimulationError, match="diverged"):
        simulation.step(2)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


def test_an_articulation_may_be_a_part_of_a_tree(load: Load) -> None:
    scene = scenes.floating_chain(links=3)
    (whole,) = scene.articulations.values()
    part = replace(whole, joints=whole.joints[:1], bodies=whole.bodies[:2])
    simulation, other = load(replace(scene, articulations={part.path: part})), load(scene)
    for one in (simulation, other):
        one.step(20)
    seen = simulation.get_observation(part.path)["positions"]
    assert seen.tolist() == other.get_observation(whole.path)["positions"][:1].tolist()


def test_drives_of_a_d6_joint_keep_their_targets_beside_hinges(load: Load) -> None:
    scene = scenes.floating_chain(links=3)
    first, second = scene.joints.values()
    drive = Drive(stiffness=200.0, damping=50.0, target_position=0.3)
    held = replace(drive, target_position=0.0)
    axes = (Axis(name="x", rotation=True, drive=held), Axis(name="y", rotation=True, drive=drive))
    d6 = replace(second, kind="d6", free_axes=axes, initial_velocity=0.0)
    hinge = replace(first, initial_velocity=0.0, drive=drive)
    (whole,) = scene.articulations.values()
    articulation = replace(whole, joints=(first.path,))
    simulation = load(
        replace(scene, joints={first.path: hinge, second.path: d6}, articulations={whole.path: articulation})
    )
    simulation.set_joint_command(whole.path, JointCommand(positions=np.array([0.2])))
    simulation.step(2000)
    assert simulation.get_observation(whole.path)["positions"][0] == pytest.approx(0.2, abs=1e-2)
    turns = [rotation_matrix(simulation.get_observation(path)["orientation"]) for path in list(scene.bodies)[1:]]
    between = turns[0].T @ turns[1]
    assert np.arctan2(between[0, 2], between[2, 2]) == pytest.approx(0.3, abs=2e-2)


def test_a_d6_joint_of_one_rotation_is_a_hinge(load: Load) -> None:
    simulation = load(feature_scenes.d6(Axis(name="y", rotation=True, lower=-0.1, upper=0.1)))
    simulation.set_applied_wrench(feature_scenes.BOB, np.array([-100.0, 0.0, 0.0]), np.zeros(3))
    simulation.step(500)
    x, _, z = simulation.get_observation(feature_scenes.BOB)["position"]
    assert np.arctan2(-x, -z) == pytest.approx(0.1, abs=2e-3)


# --- PhysX's own attributes, and what its constraints lack


def test_a_body_is_damped_as_physx_says(load: Load) -> None:
    scene = scenes.floating_body(spin=(0.0, 0.0, 2.0))
    (path,) = scene.bodies
    damped = {f"{path}.physxRigidBody:angularDamping": 1.0, f"{path}.physxRigidBody:sleepThreshold": 0.1}
    scene = replace(scene, engine_attributes=damped)
    simulation = load(scene)
    simulation.step(500)
    # PhysX takes off a step's part of the velocity at each: (1 − h c)^n of it is left.
    spin = simulation.get_observation(path)["angular_velocity"][2]
    assert spin == pytest.approx(2.0 * (1 - 0.002) ** 500, rel=1e-3)
    told = [one.message for one in OmniverseEngine().diagnose(scene, CONFIG) if one.code == "attribute-ignored"]
    assert told == [f"Engine 'omniverse' does not use physxRigidBody:sleepThreshold of '{path}'."]


@pytest.mark.parametrize(
    ("scene", "message"),
    [
        (
            feature_scenes.loose_pendulum(kind="spherical", cone=(0.5, 0.5), damping=1.0),
            "cannot have damping, friction, armature or a spring in '/World/pendulum/hinge', which it holds by a "
            "constraint: it has cone limits",
        ),
        (
            feature_scenes.d6(Axis(name="x", rotation=False), Axis(name="y", rotation=True), armature=1.0),
            "which it holds by a constraint: it slides and turns",
        ),
        (
            feature_scenes.loose_pendulum(kind="spherical", cone=(0.5, np.inf)),
            "cannot limit the spherical joint '/World/pendulum/hinge' in one of two directions only",
        ),
        (
            feature_scenes.loose_pendulum(kind="spherical", axis=(0.6, 0.8, 0.0), cone=(0.5, 0.5)),
            r"cannot limit the spherical joint '/World/pendulum/hinge' about the axis \(0.6, 0.8, 0.0\)",
        ),
    ],
    ids=["cone with damping", "slide with armature", "half a cone", "odd axis"],
)
def test_what_constraints_lack_is_refused(load: Load, scene: Scene, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as refused:
        load(scene)
    assert refused.value.hint


def test_rotations_that_differ_are_told() -> None:
    x, y, z = (Axis(name=name, rotation=True) for name in ("x", "y", "z"))
    limited = replace(y, lower=-1.0, upper=1.0)
    for axes, differs in (((x, y), True), ((x, limited, z), True), ((x, y, z), False), ((y,), False)):
        scene = feature_scenes.d6(*axes)
        told = [one for one in OmniverseEngine().diagnose(scene, CONFIG) if one.code == "d6-rotations-differ"]
        assert bool(told) == differs
        if told:
            assert f"turns the D6 joint '{feature_scenes.HINGE}' by one rotation vector" in told[0].message
            assert "mujoco" in told[0].remedy
            assert "omniverse" not in told[0].remedy
