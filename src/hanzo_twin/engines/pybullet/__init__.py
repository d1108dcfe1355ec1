"""The PyBullet engine."""

from __future__ import annotations

from hanzo_twin.engines.differences import differences
from hanzo_twin.engines.features import check_features
from hanzo_twin.engines.materials import for_products, friction_between, restitution_between
from hanzo_twin.engines.parameters import DYNAMIC
from hanzo_twin.engines.port import EngineCapabilities, EngineConfig
from hanzo_twin.engines.pybullet import library  # noqa: F401 - first of all that import Bullet, so that it is silent
from hanzo_twin.engines.pybullet.native_state import ENGINE, VERSION
from hanzo_twin.engines.pybullet.simulation import PybulletSimulation
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import ALL_KINDS

__all__ = ["PybulletEngine"]


class PybulletEngine:
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
            licence="Zlib",
            friction_rule="geometric mean",
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
                "shape_filters",
            ),
        )

    def diagnose(self, scene: Scene, config: EngineConfig) -> tuple[Diagnosis, ...]:
        return differences(
            scene,
            self.capabilities(),
            frictions=for_products(scene, friction_between).mismatches,
            restitutions=for_products(scene, restitution_between).mismatches,
        )

    def load_scene(self, scene: Scene, config: EngineConfig) -> PybulletSimulation:
        return self._load(scene, config, deformable=False)

    def load_deformable(self, scene: Scene, config: EngineConfig) -> PybulletSimulation:
        """A simulation to which soft bodies can be added by Bullet's own calls on ``native``; it has no states.

        Raises:
            UnsupportedError, SceneError: as `load_scene`.
        """
        return self._load(scene, config, deformable=True)

    def _load(self, scene: Scene, config: EngineConfig, *, deformable: bool) -> PybulletSimulation:
        check_features(scene, config, self.capabilities())
        simulation = PybulletSimulation(scene, config, deformable=deformable)
        simulation.start()
        return simulation
