"""What every engine with contacts must do with shapes, materials and filters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin.engines.port import Engine, EngineCapabilities
from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Box, Capsule, CombineRule, Cone, Cylinder, Geometry, Material, Mesh, Scene, Sphere
from hanzo_twin.spatial import rotation_matrix
from hanzo_twin.testing import feature_scenes, scenes
from hanzo_twin.testing.conformance_joints import CONFIG, FeatureSuite, running

_CUBE = np.array([(x, y, z) for x in (-0.1, 0.1) for y in (-0.1, 0.1) for z in (-0.05, 0.05)])
_FACES = np.array(
    [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4),
     (1, 5, 7), (1, 7, 3)]
)  # fmt: skip


def _slab(approximation: str) -> Mesh:
    return Mesh(vertices=_CUBE, triangles=_FACES, approximation=approximation)


# Shapes, and the height of their centre above the ground that they lie on.
RESTING: dict[str, tuple[Geometry, float]] = {
    "box": (Box(half_extents=(0.1, 0.1, 0.05)), 0.05),
    "sphere": (Sphere(radius=0.08), 0.08),
    "capsule": (Capsule(radius=0.05, half_height=0.1), 0.15),
    "cylinder": (Cylinder(radius=0.1, half_height=0.06), 0.06),
    "cone": (Cone(radius=0.1, half_height=0.06), 0.06),
    "hull": (_slab("convexHull"), 0.05),
    "convex triangles": (_slab("none"), 0.05),
    "bounding box": (_slab("boundingCube"), 0.05),
    "bounding sphere": (_slab("boundingSphere"), 0.15),
}


def sliding(first: Material, second: Material) -> Scene:
    """A block of ``first`` that slides on level ground of ``second`` with 2 m/s along X."""
    scene = scenes.incline(angle=0.0, friction=0.5, speed=2.0)
    (block,) = scene.bodies.values()
    (slope,) = scene.static_shapes.values()
    block = replace(block, shapes=tuple(replace(shape, material=first.path) for shape in block.shapes))
    return replace(
        scene,
        bodies={block.path: block},
        static_shapes={slope.path: replace(slope, material=second.path)},
        materials={material.path: material for material in (first, second)},
    )


class ContactConformance(FeatureSuite):
    """Shapes rest on their surface, materials give what they say, filters filter."""

    @pytest.fixture(autouse=True)
    def with_contacts(self, capabilities: EngineCapabilities) -> None:
        if not capabilities.contacts:
            pytest.skip("the engine has no contacts")

    @pytest.mark.parametrize("name", RESTING)
    def test_a_shape_rests_on_its_surface(self, engine: Engine, name: str) -> None:
        geometry, height = RESTING[name]
        scene = feature_scenes.box_of(geometry)
        box = replace(feature_scenes.body(scene), diagonal_inertia=(0.01, 0.01, 0.01))
        with running(engine, replace(scene, bodies={box.path: box})) as simulation:
            simulation.step(1000)
            # Soft contacts sink in by a fraction of a millimetre, hard ones keep a margin of about one.
            assert simulation.get_observation(box.path)["position"][2] == pytest.approx(height, abs=2e-3)

    def test_a_ball_falls_into_a_cup_of_convex_parts(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "mesh_decomposition")
        self._fall_into("convexDecomposition", engine)

    def test_a_ball_falls_into_a_cup_of_triangles(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "static_triangles")
        self._fall_into("none", engine)

    def test_a_mesh_without_a_surface_is_refused(self, engine: Engine, capabilities: EngineCapabilities) -> None:
        self.need(capabilities, "static_triangles")
        line = Mesh(vertices=np.eye(3), triangles=np.array([(0, 1, 1)]), approximation="none")
        with pytest.raises(
            SceneError, match="'/World/stand' has no triangle with an area, so it cannot collide"
        ) as told:
            engine.load_scene(feature_scenes.standing(line), CONFIG)
        assert "CollisionAPI" in told.value.hint

    def test_a_ball_rolls_to_and_fro_in_a_bowl_of_triangles(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "static_triangles")
        with running(engine, feature_scenes.bowl(), replace(CONFIG, step_hz=500.0)) as simulation:
            places = []
            for _ in range(80):
                simulation.step(10)
                places.append(simulation.get_observation("/World/ball")["position"][:2])
            x, y = np.array(places).T
            # There at 0.70 s and back at 1.41 s, having lost up to a tenth of its way to edges.
            assert 20 * (1 + np.argmin(x)) == pytest.approx(700, abs=25)
            assert 20 * (36 + np.argmax(x[35:])) == pytest.approx(1410, abs=25)
            assert -0.2 < x.min() < -0.185
            assert 0.175 < x[35:].max() < -x.min()
            assert np.abs(y).max() < 0.016

    def test_a_cube_comes_to_rest_in_a_corner_of_triangles(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "static_triangles")
        with running(engine, feature_scenes.corner(), replace(CONFIG, step_hz=500.0)) as simulation:
            simulation.step(750)
            cube = simulation.get_observation("/World/ball")
            # On the floor at −0.06 m, within the walls at 0.06 m, on one of its faces.
            assert cube["position"][2] == pytest.approx(-0.04, abs=1.5e-3)
            assert np.abs(cube["position"][:2]).max() < 0.0415
            assert np.abs(rotation_matrix(cube["orientation"])[2]).max() == pytest.approx(1.0, abs=1e-3)
            assert np.abs(cube["linear_velocity"]).max() < 1e-2

    def test_a_ball_stays_on_the_hull_of_a_cup(self, engine: Engine) -> None:
        with running(engine, feature_scenes.standing(feature_scenes.cup("convexHull"))) as simulation:
            simulation.step(1000)
            assert simulation.get_observation("/World/ball")["position"][2] == pytest.approx(0.13, abs=2e-3)

    def _fall_into(self, approximation: str, engine: Engine) -> None:
        with running(engine, feature_scenes.standing(feature_scenes.cup(approximation))) as simulation:
            simulation.step(1500)
            # The floor is at −0.06 m; a decomposition lies within its concavity of the mesh.
            assert simulation.get_observation("/World/ball")["position"][2] == pytest.approx(-0.03, abs=1e-2)

    @pytest.mark.parametrize("restitution", [0.3, 0.6, 0.9])
    def test_a_bounce_gives_back_its_part_of_the_speed(
        self, engine: Engine, capabilities: EngineCapabilities, restitution: float
    ) -> None:
        self.need(capabilities, "restitution")
        with running(engine, feature_scenes.bouncing(restitution)) as simulation:
            falling, rising = 0.0, 0.0
            while simulation.time < 0.7 and not rising:
                simulation.step()
                ball = simulation.get_observation("/World/ball")
                speed = float(ball["linear_velocity"][2])
                # Out of reach of the ground's springs and margins, where engines have them.
                if ball["position"][2] > 0.1 + 2e-3:
                    falling, rising = min(falling, speed), max(0.0, speed)
            # A tenth: engines differ by where within a step the bodies meet.
            assert rising / -falling == pytest.approx(restitution, abs=0.1)

    @pytest.mark.parametrize(("rule", "expected"), [("average", 0.5), ("min", 0.2), ("max", 0.8), ("multiply", 0.16)])
    def test_friction_between_materials_follows_their_rule(
        self, engine: Engine, rule: CombineRule, expected: float
    ) -> None:
        smooth = Material(path="/World/smooth", dynamic_friction=0.2, static_friction=0.2, friction_combine=rule)
        rough = Material(path="/World/rough", dynamic_friction=0.8, static_friction=0.8)
        with running(engine, sliding(smooth, rough)) as simulation:
            simulation.step(200)
            lost = 2.0 - simulation.get_observation("/World/block")["linear_velocity"][0]
            assert lost == pytest.approx(expected * 9.81 * 0.2, rel=0.05)

    def test_static_friction_holds_what_dynamic_friction_would_not(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "static_friction")
        # tan 0.42 is 0.45: between 0.3 and 0.6.
        with running(engine, feature_scenes.two_frictions(tilt=0.42)) as simulation:
            start = simulation.get_observation("/World/block")["position"]
            simulation.step(500)
            assert simulation.get_observation("/World/block")["position"] == pytest.approx(start, abs=2e-3)
            simulation.set_applied_wrench("/World/block", np.array([5.0, 0.0, -2.0]), np.zeros(3))
            simulation.step(100)
            simulation.set_applied_wrench("/World/block", np.zeros(3), np.zeros(3))
            simulation.step(100)
            # Once it moves it goes on: g (sin 0.42 − 0.3 cos 0.42) = 1.3 m/s².
            before = simulation.get_observation("/World/block")["linear_velocity"]
            simulation.step(100)
            gained = simulation.get_observation("/World/block")["linear_velocity"] - before
            assert np.linalg.norm(gained) == pytest.approx(0.1 * 9.81 * (np.sin(0.42) - 0.3 * np.cos(0.42)), rel=0.05)

    def test_friction_between_materials_is_a_parameter(self, engine: Engine) -> None:
        smooth = Material(path="/World/smooth", dynamic_friction=0.2, static_friction=0.2)
        rough = Material(path="/World/rough", dynamic_friction=0.2, static_friction=0.2)
        with running(engine, sliding(smooth, rough)) as simulation:
            simulation.set_parameter("/World/smooth.dynamicFriction", 0.6)
            simulation.set_parameter("/World/rough.dynamicFriction", 0.6)
            simulation.step(200)
            lost = 2.0 - simulation.get_observation("/World/block")["linear_velocity"][0]
            assert lost == pytest.approx(0.6 * 9.81 * 0.2, rel=0.05)

    def test_filtered_bodies_pass_through_each_other(self, engine: Engine) -> None:
        scene = replace(scenes.falling_box(height=0.3), filtered_pairs=(("/World/box", "/World/ground"),))
        with running(engine, scene) as simulation:
            simulation.step(1000)
            assert simulation.get_observation("/World/box")["position"][2] < -4.0

    def test_a_filtered_shape_passes_and_the_others_do_not(
        self, engine: Engine, capabilities: EngineCapabilities
    ) -> None:
        self.need(capabilities, "shape_filters")
        for filtered, height in ((True, 0.1), (False, None)):
            with running(engine, feature_scenes.two_shapes(filtered=filtered)) as simulation:
                simulation.step(1500)
                z = simulation.get_observation("/World/box")["position"][2]
                assert z == pytest.approx(height, abs=2e-3) if height else z > 0.11

    def test_bodies_of_many_articulations_do_not_collide_with_themselves(self, engine: Engine) -> None:
        with running(engine, many_folded_arms(40), replace(CONFIG, step_hz=500.0)) as simulation:
            simulation.step(20)
            for path in simulation.scene.articulations:
                assert np.abs(simulation.get_observation(path)["velocities"]).max() < 1e-6, path

    def test_bodies_of_one_articulation_collide_unless_they_are_filtered_or_neighbours(self, engine: Engine) -> None:
        apart = many_folded_arms(1)
        far = ("/World/chain_0/link_0", "/World/chain_0/link_2")
        pairs = tuple(pair for pair in apart.filtered_pairs if pair != far)
        for scene, moves in ((apart, False), (replace(apart, filtered_pairs=pairs), True)):
            with running(engine, scene, replace(CONFIG, step_hz=500.0)) as simulation:
                simulation.set_joint_state("/World/chain_0", np.array([0.5, 0.0]), np.zeros(2))
                simulation.step(20)
                speeds = np.abs(simulation.get_observation("/World/chain_0")["velocities"])
                assert (speeds.max() > 1e-3) == moves

    def test_neighbours_do_not_collide_though_nothing_filters_them(self, engine: Engine) -> None:
        scene = many_folded_arms(1)
        far = ("/World/chain_0/link_0", "/World/chain_0/link_2")
        with running(engine, replace(scene, filtered_pairs=(far,)), replace(CONFIG, step_hz=500.0)) as simulation:
            simulation.set_joint_state("/World/chain_0", np.array([0.5, 0.0]), np.zeros(2))
            simulation.step(20)
            assert np.abs(simulation.get_observation("/World/chain_0")["velocities"]).max() < 1e-6


def many_folded_arms(count: int) -> Scene:
    """Articulations of three balls on hinges, which all overlap; nothing else acts."""
    scene = scenes.floating_chain(links=3)
    bodies, joints, articulations = {}, {}, {}
    for index in range(count):
        name = f"/World/chain_{index}"

        def renamed(path: str, name: str = name) -> str:
            return path.replace("/World/chain", name)

        for body in scene.bodies.values():
            pose = replace(body.pose_world_body, position=body.pose_world_body.position + np.array([2.0 * index, 0, 0]))
            shapes = tuple(
                replace(shape, path=renamed(shape.path), geometry=Sphere(radius=0.6), collides=True)
                for shape in body.shapes
            )
            bodies[renamed(body.path)] = replace(body, path=renamed(body.path), pose_world_body=pose, shapes=shapes)
        for joint in scene.joints.values():
            joints[renamed(joint.path)] = replace(
                joint,
                path=renamed(joint.path),
                parent=renamed(joint.parent),
                child=renamed(joint.child),
                initial_velocity=0.0,
            )
        for articulation in scene.articulations.values():
            articulations[name] = replace(
                articulation,
                path=name,
                root_body=renamed(articulation.root_body),
                joints=tuple(renamed(path) for path in articulation.joints),
                bodies=tuple(renamed(path) for path in articulation.bodies),
            )
    pairs = tuple(pair for one in articulations.values() for pair in one.body_pairs)
    return replace(scene, bodies=bodies, joints=joints, articulations=articulations, filtered_pairs=pairs)
