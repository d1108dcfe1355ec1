"""The Omniverse engine: NVIDIA's PhysX, by the package ovphysx, under the NVIDIA Omniverse licence."""

from __future__ import annotations

from collections.abc import Mapping

from hanzo_twin.engines.differences import differences
from hanzo_twin.engines.features import check_features
from hanzo_twin.engines.omniverse.attributes import honoured
from hanzo_twin.engines.omniverse.native_state import ENGINE
from hanzo_twin.engines.omniverse.physx import VERSION
from hanzo_twin.engines.omniverse.rotations import diagnose_rotations
from hanzo_twin.engines.omniverse.simulation import OmniverseSimulation
from hanzo_twin.engines.parameters import DYNAMIC
from hanzo_twin.engines.port import EngineCapabilities, EngineConfig
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import ALL_KINDS

__all__ = ["OmniverseEngine"]


class OmniverseEngine:
    """Articulations in reduced coordinates and rigid bodies, by PhysX's TGS solver, in single precision."""

    def capabilities(self) -> EngineCapabilities:
        return EngineCapabilities(
            name=ENGINE,
            version=VERSION,
            max_step_hz=10_000,
            parallel_envs=0,
            exact_restore="replay_exact",
            deterministic=True,
            contacts=True,
            dynamics=True,
            joint_kinds=("fixed", "revolute", "prismatic", "spherical", "d6"),
            geometries=("Box", "Sphere", "Capsule", "Cylinder", "Cone", "Plane", "Mesh"),
            parameters=DYNAMIC,
            sensors=ALL_KINDS,
            licence="NVIDIA Omniverse licence",
            precision="single",
            features=(
                "spherical_joints",
                "spherical_cones",
                "elliptic_cones",
                "spherical_armature",
                "d6_joints",
                "d6_rotations",
                "d6_drives",
                "acceleration_drives",
                "mimic_joints",
                "loops",
                "sliding_loops",
                "kinematic_bodies",
                "restitution",
                "static_friction",
                "mesh_decomposition",
                "static_triangles",
                "shape_filters",
            ),
        )

    def known_gaps(self) -> Mapping[str, str]:
        return {}

    def diagnose(self, scene: Scene, config: EngineConfig) -> tuple[Diagnosis, ...]:
        return (*differences(scene, self.capabilities(), honoured=honoured(scene)), *diagnose_rotations(scene))

    def load_scene(self, scene: Scene, config: EngineConfig) -> OmniverseSimulation:
        check_features(scene, config, self.capabilities())
        return OmniverseSimulation(scene, config)
