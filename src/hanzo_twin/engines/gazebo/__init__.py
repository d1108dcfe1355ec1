"""The Gazebo engine: DART, which is what Gazebo simulates with unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from hanzo_twin.engines.differences import differences
from hanzo_twin.engines.features import check_features
from hanzo_twin.engines.gazebo.native_state import ENGINE, VERSION
from hanzo_twin.engines.gazebo.simulation import GazeboSimulation
from hanzo_twin.engines.materials import for_minima, for_products, friction_between, restitution_between
from hanzo_twin.engines.parameters import DYNAMIC
from hanzo_twin.engines.port import EngineCapabilities, EngineConfig
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import ALL_KINDS

__all__ = ["GazeboEngine"]


class GazeboEngine:
    """Articulated rigid bodies with hard contacts; see `world` for what is taken from a scene and how."""

    def capabilities(self) -> EngineCapabilities:
        return EngineCapabilities(
            name=ENGINE,
            version=VERSION,
            max_step_hz=10_000,
            parallel_envs=0,
            exact_restore="bit_exact",
            deterministic=True,
            contacts=True,
            dynamics=True,
            joint_kinds=("fixed", "revolute", "prismatic", "spherical", "d6"),
            geometries=("Box", "Sphere", "Capsule", "Cylinder", "Cone", "Plane", "Mesh"),
            parameters=DYNAMIC,
            sensors=ALL_KINDS,
            licence="BSD-2-Clause",
            friction_rule="minimum",
            features=(
                "spherical_joints",
                "spherical_armature",
                "spherical_springs",
                "d6_joints",
                "d6_rotations",
                "d6_drives",
                "d6_springs",
                "acceleration_drives",
                "mimic_joints",
                "loops",
                "kinematic_bodies",
                "restitution",
                "mesh_decomposition",
                "static_triangles",
            ),
        )

    def known_gaps(self) -> Mapping[str, str]:
        return {
            "test_sliding_friction_is_the_same_in_all_directions": (
                "DART's direct solver bounds friction by a square along the world's axes, up to √2 too much between "
                "them; with solver_iterations set it is a true cone, several times slower."
            )
        }

    def diagnose(self, scene: Scene, config: EngineConfig) -> tuple[Diagnosis, ...]:
        return differences(
            scene,
            self.capabilities(),
            frictions=for_minima(scene, friction_between).mismatches,
            restitutions=for_products(scene, restitution_between).mismatches,
        )

    def load_scene(self, scene: Scene, config: EngineConfig) -> GazeboSimulation:
        check_features(scene, config, self.capabilities())
        simulation = GazeboSimulation(scene, config)
        simulation.start()
        return simulation
