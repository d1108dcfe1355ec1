"""The MuJoCo engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import mujoco

from hanzo_twin.engines.differences import differences
from hanzo_twin.engines.features import check_features, missing
from hanzo_twin.engines.mujoco.acceleration import accelerated
from hanzo_twin.engines.mujoco.attributes import honoured
from hanzo_twin.engines.mujoco.batch import MujocoBatch
from hanzo_twin.engines.mujoco.divergence import report_warnings_to_log
from hanzo_twin.engines.mujoco.layout import lay_out
from hanzo_twin.engines.mujoco.model import build_model, diagnose_model
from hanzo_twin.engines.mujoco.native_state import ENGINE
from hanzo_twin.engines.mujoco.simulation import MujocoSimulation
from hanzo_twin.engines.parameters import DYNAMIC
from hanzo_twin.engines.port import Batch, EngineCapabilities, EngineConfig
from hanzo_twin.engines.serial import SerialBatch
from hanzo_twin.engines.vectors import check_batch_size
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.port import ALL_KINDS

__all__ = ["MujocoEngine"]


class MujocoEngine:
    """Articulated rigid bodies with soft contacts; see `model` for what is taken from a scene and how."""

    def capabilities(self) -> EngineCapabilities:
        return EngineCapabilities(
            name=ENGINE,
            version=mujoco.__version__,
            max_step_hz=10_000,
            parallel_envs=4096,
            exact_restore="bit_exact",
            deterministic=True,
            contacts=True,
            dynamics=True,
            joint_kinds=("fixed", "revolute", "prismatic", "spherical", "d6"),
            geometries=("Box", "Sphere", "Capsule", "Cylinder", "Cone", "Plane", "Mesh"),
            parameters=DYNAMIC,
            sensors=ALL_KINDS,
            licence="Apache-2.0",
            friction_rule="average",
            features=(
                "spherical_joints",
                "spherical_cones",
                "spherical_turns",
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
        told = differences(scene, self.capabilities(), honoured=honoured(scene))
        refused = next(missing(scene, self.capabilities()), None) is not None
        return told if refused else (*told, *diagnose_model(scene, config))

    def load_scene(self, scene: Scene, config: EngineConfig) -> MujocoSimulation:
        return self.load_customized(scene, config, None)

    def load_customized(
        self, scene: Scene, config: EngineConfig, customize: Callable[[Any], None] | None
    ) -> MujocoSimulation:
        """A simulation of ``scene`` with what ``customize``, if any, adds to its ``MjSpec``: tendons, flexes …

        Elements of the spec are named by prim path. What is there stays: names and the first actuators, which are
        those of the scene's joints. States are those of a scene that is customized in the same way.

        Raises:
            UnsupportedError, SceneError: as `load_scene`.
        """
        check_features(scene, config, self.capabilities())
        report_warnings_to_log()
        model = build_model(scene, config, customize)
        simulation = MujocoSimulation(scene, config, model, lay_out(scene, model))
        simulation.start()
        return simulation

    def load_batch(self, scene: Scene, config: EngineConfig, num_envs: int, *, threads: int | None = None) -> Batch:
        """As `BatchEngine` says; where drives are of mode ``acceleration``, worlds are stepped one after the other."""
        check_batch_size(num_envs, threads)
        if accelerated(scene):
            first = self.load_scene(scene, config)
            return SerialBatch([first, *(first.fork() for _ in range(num_envs - 1))])
        return MujocoBatch(self.load_scene(scene, config), num_envs, threads or len(os.sched_getaffinity(0)))
