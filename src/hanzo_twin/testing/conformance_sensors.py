"""What the sensors of every engine must read: a suite for people who write an engine, against closed form.

Subclass it as `hanzo_twin.testing.conformance.EngineConformance`. What an engine does not name in the ``sensors`` of
its capabilities must be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast
from weakref import ref

import numpy as np
import pytest

from hanzo_twin.engines.batch_sensing import BatchSensors
from hanzo_twin.engines.port import (
    BatchEngine,
    Engine,
    EngineCapabilities,
    EngineConfig,
    Observation,
    Simulation,
    load_engine,
)
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import NotFoundError, StateError, UnsupportedError
from hanzo_twin.sensors.camera import RenderParams
from hanzo_twin.sensors.mirror import picture_renderer
from hanzo_twin.sensors.port import MotionSource
from hanzo_twin.testing import sensor_scenes as lab
from hanzo_twin.testing.suite import EngineSuite, without_garbage_collection

CONFIG = EngineConfig(step_hz=500.0)
SCENE = lab.laboratory()
GRAVITY = 9.81
FORCES = ("/World/box/feet", "/World/beam/hinge", "/World/beam/weight/wrist")


def same(first: Observation, second: Observation) -> bool:
    """Equal to the bit, time included; nothing equals nothing."""
    return first.time == second.time and all(
        np.array_equal(values, second[name], equal_nan=values.dtype.kind == "f") for name, values in first.data.items()
    )


class SensorConformance(EngineSuite):
    """The behaviour of `Simulation.get_observation` of sensors and cameras, and of `Simulation.render`."""

    @pytest.fixture
    def simulation(self, engine: Engine) -> Iterator[Simulation]:
        simulation = engine.load_scene(SCENE, CONFIG)
        yield simulation
        simulation.close()

    @pytest.fixture
    def forces(self, capabilities: EngineCapabilities) -> None:
        if "force_torque" not in capabilities.sensors:
            pytest.skip("the engine has no forces")

    @pytest.fixture
    def pictures(self) -> None:
        try:
            picture_renderer()
        except UnsupportedError as none:
            pytest.skip(str(none))

    # --- inertial

    def test_an_imu_at_rest_reads_gravity_upwards(
        self, simulation: Simulation, capabilities: EngineCapabilities
    ) -> None:
        # Single precision leaves some 5e-5 m/s in what rests on contacts, which over a step of 2 ms are 0.03 m/s².
        still = 2e-3 if capabilities.precision == "double" else 0.05
        for steps in (0, 500, 7):
            simulation.step(steps)
            seen = simulation.get_observation("/World/box/imu")
            # It lies on its side: up is its +Y.
            assert seen["linear_acceleration"] == pytest.approx([0, GRAVITY, 0], abs=still)
            assert seen["angular_velocity"] == pytest.approx([0, 0, 0], abs=1e-3)

    def test_an_imu_in_free_fall_reads_nothing(self, simulation: Simulation, capabilities: EngineCapabilities) -> None:
        simulation.step(20)
        wanted = 0.0 if capabilities.dynamics else GRAVITY
        seen = simulation.get_observation("/World/ball/imu")
        assert seen["linear_acceleration"] == pytest.approx([0, 0, wanted], abs=1e-2)

    def test_an_imu_off_the_axis_of_a_disc_reads_the_centripetal_acceleration(self, simulation: Simulation) -> None:
        simulation.step(100)
        seen = simulation.get_observation("/World/disc/plate/imu")
        inwards = lab.SPIN**2 * lab.IMU_ARM
        # The mean over a step of h lags by half of it: an error of ω h / 2 in direction.
        error = inwards * lab.SPIN / CONFIG.step_hz
        assert seen["linear_acceleration"] == pytest.approx([-inwards, 0, GRAVITY], abs=error)
        assert seen["angular_velocity"] == pytest.approx([0, 0, lab.SPIN], abs=1e-2)

    # --- forces

    def test_the_contact_force_of_a_resting_box_is_its_weight(self, forces: None, simulation: Simulation) -> None:
        simulation.step(800)
        seen = simulation.get_observation("/World/box/feet")
        weight = lab.BOX_MASS * GRAVITY
        assert seen["force"] == pytest.approx([0, 0, weight], rel=5e-3, abs=5e-3 * weight)
        assert seen["in_contact"]
        assert seen["forces_world"].sum(axis=0) == pytest.approx(seen["force"], abs=1e-3 * weight)
        assert seen["normals_world"][:, 2].min() > 0.99
        assert set(seen["others"].tolist()) == {"/World/floor"}
        assert np.abs(seen["positions_world"][:, 2]).max() < 0.01
        assert np.abs(seen["positions_world"][:, :2] - [1.0, 0.0]).max() == pytest.approx(lab.BOX_SIZE / 2, abs=0.01)

    def test_a_force_torque_sensor_bears_what_hangs_on_it(self, forces: None, simulation: Simulation) -> None:
        simulation.step(1500)
        seen = simulation.get_observation("/World/beam/hinge")
        weight = (lab.BEAM_MASS + lab.WEIGHT_MASS) * GRAVITY
        moment = (lab.BEAM_MASS * lab.BEAM_ARM + lab.WEIGHT_MASS * lab.WEIGHT_ARM) * GRAVITY
        # The parent pushes up and, against the weights at +X, turns about −Y: what the drive gives is in it.
        assert seen["force"] == pytest.approx([0, 0, weight], abs=0.01 * weight)
        assert seen["torque"] == pytest.approx([0, -moment, 0], abs=0.01 * moment)
        drive = simulation.get_observation("/World/beam")["efforts"]
        assert drive == pytest.approx([-moment], rel=0.01)

    def test_a_wrist_reads_in_the_frame_of_its_prim(self, forces: None, simulation: Simulation) -> None:
        simulation.step(1500)
        seen = simulation.get_observation("/World/beam/weight/wrist")
        assert seen["force"] == pytest.approx([0, lab.WEIGHT_MASS * GRAVITY, 0], abs=0.02)
        assert seen["torque"] == pytest.approx([0, 0, 0], abs=0.01)

    def test_a_push_on_the_weight_is_felt_with_its_sign(self, forces: None, simulation: Simulation) -> None:
        simulation.set_applied_wrench("/World/beam/weight", np.array([0.0, 0.0, -5.0]), np.array([0.0, 0.0, 0.2]))
        simulation.step(1500)
        seen = simulation.get_observation("/World/beam/weight/wrist")
        assert seen["force"] == pytest.approx([0, lab.WEIGHT_MASS * GRAVITY + 5.0, 0], abs=0.05)
        # About the world's Z, which is the sensor's Y: the parent holds against it.
        assert seen["torque"] == pytest.approx([0, -0.2, 0], abs=0.02)

    def test_nothing_is_felt_before_the_first_step(self, forces: None, simulation: Simulation) -> None:
        assert simulation.get_observation("/World/box/feet")["force"].tolist() == [0, 0, 0]
        assert not simulation.get_observation("/World/box/feet")["in_contact"]
        assert simulation.get_observation("/World/beam/hinge")["torque"].tolist() == [0, 0, 0]

    def test_an_engine_without_forces_refuses_and_names_those_with(
        self, simulation: Simulation, capabilities: EngineCapabilities
    ) -> None:
        if "contact" in capabilities.sensors:
            assert set(capabilities.sensors) >= {"force_torque", "imu", "lidar", "camera"}
            return
        for path in FORCES:
            with pytest.raises(UnsupportedError, match=rf"Engine '{capabilities.name}' has no forces(.|\n)*that have:"):
                simulation.get_observation(path)
        simulation.step(10)

    # --- states

    def test_joint_and_body_states_are_those_of_joint_and_body(self, simulation: Simulation) -> None:
        simulation.step(50)
        joint = simulation.get_observation("/World/beam/rod/angle")
        arm = simulation.get_observation("/World/beam")
        assert [float(joint[name]) for name in ("position", "velocity", "effort")] == [
            arm[name][0] for name in ("positions", "velocities", "efforts")
        ]
        ball, held = simulation.get_observation("/World/ball"), simulation.get_observation("/World/ball/where")
        assert held.time == pytest.approx(0.1, abs=2e-3)
        assert held.time == simulation.time
        assert np.array_equal(held["position"], ball["position"])
        assert np.array_equal(held["linear_velocity"], ball["linear_velocity"])

    # --- distances and pictures

    def test_a_lidar_measures_the_room(self, simulation: Simulation) -> None:
        seen = simulation.get_observation(lab.LIDAR)
        elevation = np.radians(np.linspace(-15, 15, 16))[:, None]
        azimuth = -np.pi + 2 * np.pi * np.arange(64) / 64
        rays = np.stack(
            [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation) + 0 * azimuth],
            axis=-1,
        )
        with np.errstate(divide="ignore"):
            wall = np.minimum(3.0 / np.abs(rays[..., 0]), 2.0 / np.abs(rays[..., 1]))
            floor = np.where(rays[..., 2] < 0, -lab.LIDAR_HEIGHT / rays[..., 2], np.inf)
            front = np.where(rays[..., 0] > 0, (1.0 - lab.BOX_SIZE / 2) / rays[..., 0], np.inf)
            distance = np.minimum(wall, floor)
            over = lab.LIDAR_HEIGHT + wall * rays[..., 2] > 2.0
            at_front = np.where(np.isfinite(front), front, 0.0)[..., None] * rays + [0.0, 0.0, lab.LIDAR_HEIGHT]
        wanted = np.where((distance > 3.5) | over, np.inf, distance)
        names = seen.about["instances"]
        assert isinstance(names, tuple)
        box = seen["instance"] == names.index("/World/box")
        hit = np.isfinite(front) & (np.abs(at_front[..., 1]) < lab.BOX_SIZE / 2)
        hit &= (at_front[..., 2] > 0) & (at_front[..., 2] < lab.BOX_SIZE)
        assert hit.sum() >= 5
        assert box[hit].all()
        assert seen["ranges"][hit] == pytest.approx(front[hit], abs=1e-6)
        assert seen["ranges"][~box] == pytest.approx(wanted[~box], abs=1e-6)
        points = seen["points"]
        assert points[np.isfinite(seen["ranges"])][:, 2].min() == pytest.approx(-lab.LIDAR_HEIGHT, abs=1e-6)
        assert np.isnan(points[np.isinf(seen["ranges"])]).all()

    def test_a_lidar_does_not_see_the_body_that_carries_it(self, simulation: Simulation) -> None:
        seen = simulation.get_observation("/World/box/eyes")
        # Behind, right, ahead, left of x = 1 m.
        assert seen["ranges"][0] == pytest.approx([4.0, 2.0, 2.0, 2.0], abs=1e-6)

    def test_a_camera_sees_depth_and_what_is_where(self, pictures: None, simulation: Simulation) -> None:
        seen = simulation.get_observation(lab.CAMERA)
        assert seen["rgb"].shape == (32, 48, 3)
        assert [seen[name].dtype.name for name in ("rgb", "semantic", "instance")] == ["uint8", "int32", "int32"]
        instances, semantics = seen.about["instances"], seen.about["semantics"]
        assert isinstance(instances, tuple)
        assert isinstance(semantics, tuple)
        box = seen["instance"] == instances.index("/World/box")
        floor = seen["instance"] == instances.index("/World/floor")
        assert (box | floor).all()
        assert seen["depth"][floor] == pytest.approx(2.0, abs=2e-3)
        assert np.median(seen["depth"][box]) == pytest.approx(2.0 - lab.BOX_SIZE, abs=2e-3)
        assert np.array_equal(seen["semantic"] == semantics.index("thing"), box)
        # The side of the box's top in pixels: 32 rows see 2 · 1.8 m · tan(22.5°).
        side = 32 * lab.BOX_SIZE / (2 * (2.0 - lab.BOX_SIZE) * np.tan(np.pi / 8))
        assert (side - 1) ** 2 < box.sum() < (side + 1) ** 2
        rows, columns = np.nonzero(box)
        assert (rows.mean(), columns.mean()) == pytest.approx((15.5, 23.5), abs=1.0)

    def test_a_picture_is_the_right_way_up(self, pictures: None, simulation: Simulation) -> None:
        # The camera that looks down has +X of the world to its right, +Y upwards.
        camera = replace(SCENE.cameras[lab.CAMERA], path="", attributes=())
        for shift, where in (((0.3, 0.0), (0, -1)), ((0.0, 0.3), (1, 0))):
            place = camera.pose_body_camera.position + np.array([*shift, 0.0])
            moved = replace(camera, pose_body_camera=replace(camera.pose_body_camera, position=place))
            seen = simulation.render(moved, RenderParams(width=40, height=40, kinds=("instance",)))
            names = seen.about["instances"]
            assert isinstance(names, tuple)
            rows, columns = np.nonzero(seen["instance"] == names.index("/World/box"))
            off = rows.mean() - 19.5, columns.mean() - 19.5
            # By as many pixels as the camera moved, less perspective: 40 rows see 1.49 m of the box's top.
            assert off == pytest.approx((8.0 * where[0], 8.0 * where[1]), abs=1.5)

    def test_render_takes_pictures_of_the_present_in_any_size(self, pictures: None, simulation: Simulation) -> None:
        seen = simulation.render(lab.CAMERA, RenderParams(width=20, height=10, kinds=("depth",)))
        assert list(seen.data) == ["depth"]
        assert seen["depth"].shape == (10, 20)
        wide = simulation.render(lab.CAMERA, RenderParams(kinds=("rgb",)))
        assert wide["rgb"].shape == (32, 48, 3)
        assert wide["rgb"].std() > 1.0
        with pytest.raises(NotFoundError, match=r"no camera '/World/camara'(.|\n)*Did you mean '/World/camera'"):
            simulation.render("/World/camara", RenderParams())

    # --- time

    def test_a_rate_holds_readings_between_instants(self, simulation: Simulation) -> None:
        path, seen = "/World/ball/where", {}
        for step in range(60):
            reading = simulation.get_observation(path)
            seen[step] = (
                reading.time,
                simulation.get_observation("/World/ball")["position"][2],
                reading["position"][2],
            )
            simulation.step()
        for step, (time, _, height) in seen.items():
            # Instants k / 30 s fall on the first step of 2 ms that reaches them: 0, 17, 34, 50.
            at = max(start for start in (0, 17, 34, 50) if start <= step)
            assert time == pytest.approx(at / CONFIG.step_hz, abs=1e-9)
            assert height == seen[at][1]

    def test_what_is_held_of_now_is_taken_anew_when_now_is_overwritten(self, simulation: Simulation) -> None:
        path, place = "/World/ball/where", np.array([30.0, 5.0, 40.0])

        def put() -> None:
            still = np.zeros(3)
            simulation.set_body_state("/World/ball", place, np.array([1.0, 0, 0, 0]), still, still)

        assert simulation.get_observation(path)["position"][1] == 0.0
        put()
        assert simulation.get_observation(path)["position"].tolist() == place.tolist()
        simulation.step(3)
        place = np.array([30.0, 6.0, 40.0])
        put()
        held = simulation.get_observation(path)
        assert (held.time, held["position"][1]) == (0.0, 5.0)

    def test_many_steps_at_once_read_as_many_steps(self, engine: Engine, simulation: Simulation) -> None:
        other = engine.load_scene(SCENE, CONFIG)
        simulation.step(73)
        for _ in range(73):
            other.step()
        assert other.get_state() == simulation.get_state()
        self._read_alike(simulation, other)
        other.close()

    def test_substeps_leave_what_is_read(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        fine = engine.load_scene(SCENE, replace(CONFIG, substeps=4))
        fine.step(100)
        seen = fine.get_observation("/World/disc/plate/imu")
        assert seen["linear_acceleration"][0] == pytest.approx(-(lab.SPIN**2) * lab.IMU_ARM, rel=0.01)
        fine.close()

    # --- state

    def test_a_restored_state_reads_the_same_and_goes_on_so(
        self, engine: Engine, simulation: Simulation, capabilities: EngineCapabilities
    ) -> None:
        simulation.step(61)
        state = SimState.from_bytes(simulation.get_state().to_bytes())
        fresh = engine.load_scene(SCENE, CONFIG)
        fresh.set_state(state)
        assert fresh.get_state() == state
        self._read_alike(simulation, fresh)
        if capabilities.exact_restore == "bit_exact":
            for steps in (1, 20):
                simulation.step(steps)
                fresh.step(steps)
                self._read_alike(simulation, fresh)
                assert fresh.get_state() == simulation.get_state()
        fresh.close()

    def test_a_fork_reads_the_same_and_is_independent(self, simulation: Simulation) -> None:
        simulation.step(30)
        fork = simulation.fork()
        self._read_alike(simulation, fork)
        simulation.step(30)
        fork.step(30)
        self._read_alike(simulation, fork)
        before = {path: fork.get_observation(path) for path in self._paths(fork)}
        simulation.step(50)
        assert all(same(seen, fork.get_observation(path)) for path, seen in before.items())
        fork.close()

    def test_a_world_that_nobody_holds_is_freed_at_once(self, simulation: Simulation) -> None:
        with without_garbage_collection():
            fork = simulation.fork()
            fork.step(3)
            for path in self._paths(fork):
                fork.get_observation(path)
            freed = ref(fork)
            del fork
            assert freed() is None

    def test_motion_that_is_remembered_is_that_of_its_moment(self, simulation: Simulation) -> None:
        source = cast("MotionSource", simulation)
        simulation.step(40)
        for rows in (np.arange(len(SCENE.bodies)), np.array([0]), np.array([3, 0])):
            recall = source.remember_motion(rows)
            then = source.body_motion(rows)
            simulation.step()
            other_recall = source.remember_motion(rows)
            simulation.step()
            assert np.array_equal(recall().poses, then.poses)
            assert np.array_equal(recall().velocities, then.velocities)
            assert not np.array_equal(other_recall().poses, then.poses)

    def test_reading_sensors_changes_nothing(self, engine: Engine, simulation: Simulation) -> None:
        watched = engine.load_scene(SCENE, CONFIG)
        for _ in range(40):
            simulation.step()
            watched.step()
            for path in self._paths(watched):
                if path not in SCENE.cameras:
                    watched.get_observation(path)
        assert watched.get_state() == simulation.get_state()
        watched.close()

    def test_what_was_felt_stays_when_the_state_is_overwritten(self, simulation: Simulation) -> None:
        simulation.step(300)
        other = simulation.fork()
        simulation.set_body_state(
            "/World/box", np.array([1.0, 0.5, 2.0]), np.array([1.0, 0, 0, 0]), np.array([9.0, 0, 0]), np.zeros(3)
        )
        assert same(simulation.get_observation("/World/box/imu"), other.get_observation("/World/box/imu"))
        other.close()

    def test_sensors_of_another_scene_in_a_state_are_refused(self, simulation: Simulation) -> None:
        simulation.step(5)
        state = simulation.get_state()
        with pytest.raises(StateError, match="sensors' part of the state cannot be read"):
            simulation.set_state(replace(state, sensors=b"\x05\x00\x00\x00rubbish"))
        assert simulation.get_state() == state

    # --- noise

    def test_noise_is_replayed_and_depends_on_the_seed(self, engine: Engine, simulation: Simulation) -> None:
        other = engine.load_scene(SCENE, CONFIG)
        path, plain = "/World/ball/noisy_imu", "/World/ball/imu"
        readings = []
        for _ in range(20):
            simulation.step()
            other.step()
            noisy = simulation.get_observation(path)
            assert same(noisy, simulation.get_observation(path))
            assert same(noisy, other.get_observation(path))
            true = simulation.get_observation(plain)
            assert noisy["angular_velocity"] == pytest.approx(true["angular_velocity"] + 0.1, abs=1e-12)
            readings.append(noisy["linear_acceleration"] - true["linear_acceleration"])
        assert len({row.tobytes() for row in readings}) == 20
        assert np.std(readings) == pytest.approx(0.5, rel=0.4)
        simulation.sensors.reseed(1)
        assert not same(simulation.get_observation(path), other.get_observation(path))
        other.set_state(simulation.get_state())
        assert same(simulation.get_observation(path), other.get_observation(path))
        other.close()

    # --- batches

    def test_a_batch_reads_what_its_worlds_read_alone(self, engine: Engine) -> None:
        if not isinstance(engine, BatchEngine):
            pytest.skip("the engine has no batch")
        batch = engine.load_batch(SCENE, CONFIG, 3, threads=1)
        sensors = BatchSensors(batch)
        batch.set_joint_states(np.array([[0.3, 0.05]]), np.array([[2.0, -0.4]]), np.array([1]))
        batch.step(40)
        sensors.remember()
        batch.step()
        for env in range(3):
            alone = engine.load_scene(SCENE, CONFIG)
            if env == 1:
                for path, column in (("/World/disc", 0), ("/World/beam", 1)):
                    alone.set_joint_state(path, np.array([[0.3, 0.05][column]]), np.array([[2.0, -0.4][column]]))
            alone.step(41)
            paths = ("/World/disc/plate/imu", "/World/box/imu", "/World/beam/rod/angle", "/World/box/eyes", lab.LIDAR)
            for path in paths:
                expected = alone.get_observation(path)
                for name, values in sensors.read(path).items():
                    assert values[env] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), (path, name)
            ball = alone.get_observation("/World/ball")
            assert sensors.read("/World/ball/where")["position"][env] == pytest.approx(ball["position"], abs=1e-12)
            alone.close()
        with pytest.raises(UnsupportedError, match=r"A batch does not tell forces, so '/World/box/feet' \(contact\)"):
            sensors.read("/World/box/feet")
        batch.close()

    def test_what_is_no_sensor_is_named_with_the_nearest(self, simulation: Simulation) -> None:
        with pytest.raises(NotFoundError, match=r"'/World/lidor'(.|\n)*Did you mean '/World/lidar'"):
            simulation.get_observation("/World/lidor")

    def _paths(self, simulation: Simulation) -> list[str]:
        """Of what can be read on this engine, pictures where something can draw."""
        felt = set(FORCES) if "contact" not in load_engine(simulation.engine).capabilities().sensors else set()
        try:
            picture_renderer()
        except UnsupportedError:
            felt |= SCENE.cameras.keys()
        return [path for path in simulation.sensors.paths if path not in felt]

    def _read_alike(self, first: Simulation, second: Simulation) -> None:
        for path in self._paths(first):
            assert same(first.get_observation(path), second.get_observation(path)), path
