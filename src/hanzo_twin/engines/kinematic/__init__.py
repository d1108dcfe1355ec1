"""The kinematic engine: joints that follow their drives, with no bodies' dynamics and no contacts."""

from __future__ import annotations

from hanzo_twin.engines.features import check_features
from hanzo_twin.engines.kinematic.batch import KinematicBatch
from hanzo_twin.engines.kinematic.simulation import ENGINE, VERSION, KinematicSimulation
from hanzo_twin.engines.kinematic.worlds import PARAMETERS, Mechanism
from hanzo_twin.engines.port import EngineCapabilities, EngineConfig
from hanzo_twin.engines.vectors import check_batch_size
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import MOTION_KINDS

__all__ = ["KinematicEngine"]

_JOINT_KINDS = ("fixed", "revolute", "prismatic")


class KinematicEngine:
    """Every joint follows its drive on an inertia of its own; see `worlds` for the law. Shapes are ignored."""

    def capabilities(self) -> EngineCapabilities:
        return EngineCapabilities(
            name=ENGINE,
            version=VERSION,
            max_step_hz=100_000,
            parallel_envs=65_536,
            exact_restore="bit_exact",
            deterministic=True,
            contacts=False,
            dynamics=False,
            joint_kinds=_JOINT_KINDS,
            geometries=("Box", "Sphere", "Capsule", "Cylinder", "Cone", "Plane", "Mesh"),
            parameters=PARAMETERS,
            sensors=MOTION_KINDS,
            licence="Apache-2.0",
            features=("mimic_joints", "kinematic_bodies", "kinematic_velocities", "kinematic_links"),
        )

    def load_scene(self, scene: Scene, config: EngineConfig) -> KinematicSimulation:
        check_features(scene, config, self.capabilities())
        return KinematicSimulation(_mechanism(scene), config)

    def load_batch(
        self, scene: Scene, config: EngineConfig, num_envs: int, *, threads: int | None = None
    ) -> KinematicBatch:
        check_batch_size(num_envs, threads)
        check_features(scene, config, self.capabilities())
        return KinematicBatch(_mechanism(scene), config, num_envs)


def _mechanism(scene: Scene) -> Mechanism:
    articulated = {path for articulation in scene.articulations.values() for path in articulation.joints}
    for joint in scene.joints.values():
        if joint.kind != "fixed" and joint.path not in articulated:
            raise UnsupportedError(
                f"Engine '{ENGINE}' moves joints of articulations only, and '{joint.path}' is in none.",
                hint="Put an ArticulationRootAPI above it, or use an engine with dynamics.",
            )
    return Mechanism.of(scene)
