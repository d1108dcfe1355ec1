"""What every engine must do with the joints that it has, and that it refuses those that it has not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin.engines.features import FEATURES, engines_with, ignored, missing
from hanzo_twin.engines.port import Diagnoses, Engine, EngineCapabilities, EngineConfig, JointCommand, Simulation
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Axis, Drive, Scene
from hanzo_twin.spatial import FloatArray, rotation_matrix, rotation_vector
from hanzo_twin.testing import feature_scenes, scenes
from hanzo_twin.testing.suite import EngineSuite

CONFIG = EngineConfig(step_hz=1000.0)
_G = 9.81


@contextmanager
def running(engine: Engine, scene: Scene, config: EngineConfig = CONFIG) -> Iterator[Simulation]:
    """A simulation of ``scene`` that is closed at the end."""
    simulation = engine.load_scene(scene, config)
    try:
        yield simulation
    finally:
        simulation.close()


class FeatureSuite(EngineSuite):
    """Tests that ask an engine for one feature."""

    @staticmethod
    def need(capabilities: EngineCapabilities, *features: str) -> None:
        """Skip the test for engines without dynamics, or without one of ``features``."""
        if not capabilities.dynamics:
            pytest.skip("the engine has no dynamics")
        for feature in features:
            if feature not in capabilities.features:
                pytest.skip(f"the engine has no {FEATURES[feature].title}")


class JointConformance(FeatureSuite):
    """Features are had or refused; joints move as they should."""

    @pytest.mark.parametrize("feature", FEATURES)
    def test_a_feature_is_had_or_refused(self, engine: Engine, capabilities: EngineCapabilities, feature: str) -> None:
        scene = feature_scenes.FEATURE_SCENES[feature]
        lacking = [requirement for requirement in missing(scene, capabilities) if requirement.feature == feature]
        if FEATURES[feature].optional and any(ignored(scene, capabilities)):
            assert isinstance(engine, Diagnoses)
            told = [one for one in engine.diagnose(scene, CONFIG) if one.code == f"{feature.replace('_', '-')}-ignored"]
            assert len(told) == 1
            assert told[0].severity == "warning"
            assert f"Engine '{capabilities.name}'" in told[0].message
            assert told[0].path in told[0].message
        elif lacking:
            with pytest.raises(UnsupportedError) as refused:
                engine.load_scene(scene, CONFIG)
            assert f"Engine '{capabilities.name}'" in refused.value.message
            assert lacking[0].path in refused.value.message
            assert all(name in refused.value.hint for name in engines_with(feature))
        elif not any(missing(scene, capabilities)) and capabilities.dynamics:
            with running(engine, scene) as simulation:
                simulation.step(50)

    def test_a_ball_swings_as_a_hinge(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "spherical_joints")
        ball, hinge = (
            self.swing(engine, feature_scenes.loose_pendulum(kind=kind)) for kind in ("spherical", "revolute")
        )
        # In single precision the turns of a ball are quaternions, which round otherwise than angles.
        assert ball == pytest.approx(hinge, abs=1e-6 if capabilities.precision == "double" else 1e-4)
        assert np.abs(ball[:, 0]).max() > 0.05

    @pytest.mark.parametrize(
        ("resistance", "feature"),
        [
            ({"damping": 2.0}, "spherical_joints"),
            ({"friction": 2.0}, "spherical_joints"),
            ({"armature": 3.0}, "spherical_armature"),
            ({"stiffness": 80.0}, "spherical_springs"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_a_ball_resists_as_a_hinge(
        self, engine: Engine, capabilities: EngineCapabilities, resistance: dict[str, float], feature: str
    ) -> None:
        self.need(capabilities, "spherical_joints", feature)
        ball, hinge = (
            self.swing(engine, feature_scenes.loose_pendulum(kind=kind, **resistance))
            for kind in ("spherical", "revolute")
        )
        free = self.swing(engine, feature_scenes.loose_pendulum(kind="spherical"))
        apart = 1e-6 if capabilities.precision == "double" else 1e-4
        # Dry friction that is a soft constraint gives way otherwise where three rates share it.
        assert ball == pytest.approx(hinge, abs=2e-3 if "friction" in resistance else apart)
        assert np.abs(ball - free).max() > 0.01

    @pytest.mark.parametrize("torque", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-0.7, 0.7, 0.0), (0.7, 0.7, 0.002)], ids=str)
    def test_a_ball_stays_within_its_cone(
        self, engine: Engine, capabilities: EngineCapabilities, torque: tuple[float, float, float]
    ) -> None:
        self.need(capabilities, "spherical_cones")
        swings = self.swings(engine, feature_scenes.coned(0.5, 0.5), torque)
        # Soft limits let in what comes at 1 rad/s by some hundredths.
        assert 0.48 < swings.max() < 0.54

    def test_a_ball_in_a_cone_twists_freely(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "spherical_cones")
        with running(engine, feature_scenes.coned(0.5, 0.5)) as simulation:
            simulation.set_applied_wrench(feature_scenes.BOB, np.zeros(3), np.array([0.0, 0.0, 0.05]))
            simulation.step(1000)
            spin = simulation.get_observation(feature_scenes.BOB)["angular_velocity"]
            assert spin == pytest.approx([0.0, 0.0, 0.05 / 0.01], abs=1e-2)

    @pytest.mark.parametrize(("torque", "limit"), [((0.0, 1.0, 0.0), 0.3), ((1.0, 0.0, 0.0), 0.6)])
    def test_an_elliptic_cone_differs_in_two_directions(
        self, engine: Engine, capabilities: EngineCapabilities, torque: tuple[float, float, float], limit: float
    ) -> None:
        self.need(capabilities, "elliptic_cones")
        # The first angle is towards the axis that follows: x after z, which a turn about y leads to.
        assert self.swings(engine, feature_scenes.coned(0.3, 0.6), torque).max() == pytest.approx(limit, abs=0.03)

    @pytest.mark.parametrize("torque", [(0.0, 0.0, 0.01), (0.6, 0.8, 0.0)], ids=str)
    def test_a_ball_turns_as_far_as_it_may(
        self, engine: Engine, capabilities: EngineCapabilities, torque: tuple[float, float, float]
    ) -> None:
        self.need(capabilities, "spherical_turns")
        scene = replace(feature_scenes.loose_pendulum(kind="spherical", upper=1.0), gravity=(0.0, 0.0, 0.0))
        with running(engine, scene) as simulation:
            simulation.set_applied_wrench(feature_scenes.BOB, np.zeros(3), np.array(torque))
            angles = []
            for _ in range(200):
                simulation.step(10)
                turn = simulation.get_observation(feature_scenes.BOB)["orientation"]
                angles.append(np.linalg.norm(rotation_vector(turn)))
            assert 0.98 < max(angles) < 1.06

    def swings(self, engine: Engine, scene: Scene, torque: tuple[float, float, float]) -> FloatArray:
        """Angles of the bob's z axis from the world's within 2 s under ``torque``."""
        with running(engine, scene) as simulation:
            simulation.set_applied_wrench(feature_scenes.BOB, np.zeros(3), np.array(torque))
            angles = []
            for _ in range(200):
                simulation.step(10)
                turn = rotation_matrix(simulation.get_observation(feature_scenes.BOB)["orientation"])
                angles.append(np.arccos(min(1.0, turn[2, 2])))
            return np.array(angles)

    @pytest.mark.parametrize("name", feature_scenes.TURNED)
    def test_a_joint_of_several_freedoms_starts_where_its_bodies_stand(
        self, engine: Engine, capabilities: EngineCapabilities, name: str
    ) -> None:
        self.need(capabilities, *(["spherical_joints"] if name == "ball" else ["d6_joints", "d6_rotations"]))
        scene = feature_scenes.TURNED[name]
        with running(engine, scene) as simulation:
            pose = scene.bodies[feature_scenes.BOB].pose_world_body
            apart = 1e-9 if capabilities.precision == "double" else 1e-6
            for _ in range(2):
                seen = simulation.get_observation(feature_scenes.BOB)
                assert seen["position"] == pytest.approx(pose.position, abs=apart)
                assert abs(seen["orientation"] @ pose.orientation) == pytest.approx(1.0, abs=apart)
                simulation.step()

    def test_a_state_with_balls_continues_to_the_bit(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "spherical_joints")
        with running(engine, feature_scenes.balls()) as simulation:
            simulation.step(100)
            state, fork = simulation.get_state(), simulation.fork()
            simulation.step(200)
            fork.step(200)
            assert fork.get_state() == simulation.get_state()
            fork.set_state(state)
            fork.step(200)
            assert fork.get_state().body_poses.tolist() == simulation.get_state().body_poses.tolist()
            fork.close()

    def test_three_rotations_in_order_are_a_ball(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "spherical_joints", "d6_joints", "d6_rotations")
        axes = [Axis(name=name, rotation=True) for name in ("x", "y", "z")]
        free, ball = (
            self.swing(engine, scene, torque=(0.5, 1.0, 0.1))
            for scene in (feature_scenes.d6(*axes), feature_scenes.loose_pendulum(kind="spherical"))
        )
        # Angles and quaternions are integrated differently, to first order in the step.
        assert free == pytest.approx(ball, abs=2e-3)
        assert np.abs(ball[:, 1]).max() > 0.005

    def test_three_rotations_give_way_to_any_torque(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "d6_joints", "d6_rotations")
        axes = [Axis(name=name, rotation=True) for name in ("x", "y", "z")]
        with running(engine, feature_scenes.d6(*axes)) as simulation:
            force, torque = np.array([5.0, 0.0, 0.0]), np.array([0.5, 1.0, 0.1])
            simulation.set_applied_wrench(feature_scenes.BOB, force, torque)
            simulation.step(10)
            spin = simulation.get_observation(feature_scenes.BOB)["angular_velocity"]
            # From rest, ω = I⁻¹ (τ + r × F) t about the pivot; it turned by less than a thousandth.
            about_pivot = torque + np.cross([0.0, 0.0, -1.0], force)
            assert spin == pytest.approx(about_pivot / [1.01, 1.01, 0.01] * 0.01, rel=5e-3)

    def test_a_d6_joint_moves_in_its_free_axes_only(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "d6_joints")
        axes = (Axis(name="x", rotation=False, lower=-0.1, upper=0.1), Axis(name="y", rotation=True))
        places = self.swing(engine, feature_scenes.d6(*axes), torque=(1.0, 1.0, 1.0), force=(20.0, 20.0, 0.0))
        assert np.abs(places[:, 1]).max() < 1e-9
        assert np.abs(places[:, 0]).max() > 0.2

    def test_a_drive_of_a_d6_joint_holds_its_target(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "d6_joints", "d6_drives")
        drive = Drive(stiffness=2000.0, damping=200.0, target_position=0.3)
        with running(engine, feature_scenes.d6(Axis(name="y", rotation=True, drive=drive))) as simulation:
            simulation.step(2000)
            x, _, z = simulation.get_observation(feature_scenes.BOB)["position"]
            # Held against the weight of 1 kg on 1 m: k (0.3 − q) = g sin q.
            angle = np.arctan2(-x, -z)
            # In single precision it stalls where a step turns it by less than a unit in the last place of its angle,
            # 3e-8: four iterations a step at 1000 Hz, against the damping of 200, are 0.024 N·m.
            stall = 0.0 if capabilities.precision == "double" else 0.024
            assert 2000.0 * (0.3 - angle) == pytest.approx(_G * np.sin(angle), rel=1e-3, abs=stall)

    def swing(
        self,
        engine: Engine,
        scene: Scene,
        *,
        torque: tuple[float, float, float] = (0.0, 0.0, 0.0),
        force: tuple[float, float, float] = (5.0, 0.0, 0.0),
    ) -> FloatArray:
        """Positions [20, 3] of the bob within 0.2 s of being pushed."""
        with running(engine, scene) as simulation:
            simulation.set_applied_wrench(feature_scenes.BOB, np.array(force), np.array(torque))
            places = []
            for _ in range(20):
                simulation.step(10)
                places.append(simulation.get_observation(feature_scenes.BOB)["position"])
            return np.array(places)

    def test_acceleration_drives_do_not_depend_on_the_mass(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "acceleration_drives")
        moved = []
        for mass in (1.0, 5.0):
            scene = scenes.cart(mass=mass)
            (slide,) = scene.joints.values()
            drive = Drive(stiffness=100.0, damping=20.0, mode="acceleration")
            scene = replace(scene, joints={slide.path: replace(slide, drive=drive)})
            with running(engine, scene) as simulation:
                simulation.set_joint_command("/World/cart", JointCommand(positions=np.array([1.0])))
                simulation.step(100)
                moved.append(float(simulation.get_observation("/World/cart")["positions"][0]))
        # Critically damped: 1 − (1 + ωt) e^(−ωt) with ω = 10/s, late by at most a step at the greatest speed ω/e.
        exact = 1 - 2 * np.exp(-1.0)
        assert moved == pytest.approx([exact, exact], abs=10 / np.e / CONFIG.step_hz)
        assert moved[0] == pytest.approx(moved[1], abs=1e-9 if capabilities.precision == "double" else 1e-5)

    def test_acceleration_drives_accelerate_whatever_hangs_on_their_joint(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "acceleration_drives")
        with running(engine, feature_scenes.accelerated_pendulum()) as simulation:
            path = "/World/double_pendulum"
            simulation.set_joint_command(path, JointCommand(positions=np.array([0.1, 0.5])))
            seen = simulation.get_observation(path)
            # From rest without gravity, k (target − q) of the shoulder alone is its acceleration: M a = (τ, 0) with
            # τ = k (target − q) / (M⁻¹)₀₀. The elbow is bent: M is that of two rods, I = 1/12, at a right angle.
            inertia = np.array([[1 / 3 + 1 / 3 + 1, 1 / 3], [1 / 3, 1 / 3]])
            efforts = 100.0 * 0.1 / np.linalg.inv(inertia)[0, 0], 0.0
            assert seen["efforts"] == pytest.approx(efforts, rel=1e-9 if capabilities.precision == "double" else 1e-5)
            simulation.step(10)
            # Undamped, the speed is (k/ω) 0.1 sin ωt, ω² = k, but for what elbow and shoulder have turned meanwhile.
            speed = simulation.get_observation(path)["velocities"][0]
            assert speed == pytest.approx(np.sin(10.0 * 0.01), rel=0.01)

    def test_a_state_with_acceleration_drives_continues_to_the_bit(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "acceleration_drives")
        with running(engine, feature_scenes.accelerated_pendulum()) as simulation:
            path = "/World/double_pendulum"
            simulation.set_joint_command(path, JointCommand(positions=np.array([0.4, 0.5])))
            simulation.step(20)
            state, fork = simulation.get_state(), simulation.fork()
            simulation.step(30)
            fork.step(30)
            assert fork.get_state() == simulation.get_state()
            fork.set_state(state)
            fork.step(30)
            assert fork.get_state().joint_positions.tolist() == simulation.get_state().joint_positions.tolist()
            fork.close()

    def test_a_mimic_follows(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "mimic_joints")
        with running(engine, feature_scenes.mimic()) as simulation:
            seen = []
            for _ in range(50):
                simulation.step(20)
                seen.append(simulation.get_observation("/World/double_pendulum")["positions"])
            shoulder, elbow = np.array(seen).T
            assert np.ptp(shoulder) > 0.05
            # Engines with soft constraints give way by some hundredths under the weight.
            assert np.abs(elbow + 2.0 * shoulder - 0.1).max() < 0.03

    def test_a_loop_stays_closed(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "loops")
        with running(engine, feature_scenes.loop()) as simulation:
            simulation.set_applied_wrench("/World/double_pendulum/upper", np.array([30.0, 0.0, 0.0]), np.zeros(3))
            simulation.step(1000)
            lower = simulation.get_observation("/World/double_pendulum/lower")
            end = lower["position"] + rotation_matrix(lower["orientation"]) @ np.array([0.0, 0.0, -1.0])
            assert np.linalg.norm(end - np.array([0.0, 0.0, -2.0])) < 2e-3

    def test_limits_hold(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities)
        scene = scenes.cart()
        (slide,) = scene.joints.values()
        scene = replace(scene, joints={slide.path: replace(slide, lower=-0.1, upper=0.2)})
        with running(engine, scene) as simulation:
            for effort, limit in ((5.0, 0.2), (-5.0, -0.1)):
                simulation.set_joint_command("/World/cart", JointCommand(efforts=np.array([effort])))
                simulation.step(3000)
                seen = simulation.get_observation("/World/cart")
                assert seen["positions"][0] == pytest.approx(limit, abs=2e-3)
                assert abs(seen["velocities"][0]) < 1e-2

    def test_velocity_limits_hold(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "velocity_limits")
        with running(engine, feature_scenes.speed_limited()) as simulation:
            for effort, limit in ((5.0, 0.5), (-5.0, -0.5)):
                simulation.set_joint_command("/World/cart", JointCommand(efforts=np.array([effort])))
                simulation.step(1000)
                assert simulation.get_observation("/World/cart")["velocities"][0] == pytest.approx(limit, abs=1e-6)

    def test_a_kinematic_body_stays_where_it_is_put(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "kinematic_bodies")
        with running(engine, feature_scenes.kinematic()) as simulation:
            simulation.step(200)
            assert simulation.get_observation(feature_scenes.BOX)["position"].tolist() == [0.0, 0.0, 0.3]
            there = np.array([1.0, 2.0, 3.0])
            simulation.set_body_state(
                feature_scenes.BOX, there, np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3), np.zeros(3)
            )
            simulation.step(200)
            assert simulation.get_observation(feature_scenes.BOX)["position"].tolist() == there.tolist()
