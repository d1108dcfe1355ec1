"""Where the scene's joints and bodies are found in MuJoCo's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.hulls import needs_triangles, shape_of
from hanzo_twin.engines.mujoco.model import actuated_joints
from hanzo_twin.engines.mujoco.plates import partner
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import IntArray

Index = slice | IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Indices into the arrays of one model.

    Args:
        joint_names: paths of the articulated joints, the order of all joint arrays; they are the first actuators.
        columns: by articulation, its part of the joint arrays.
        positions / velocities: of the articulated joints in ``qpos`` and ``qvel``.
        actuators: by joint path, also of joints outside articulations.
        coordinates / dofs: by joint path of all joints with one degree of freedom, in ``qpos`` and ``qvel``.
        bodies: ids of the scene's bodies, in its order; ``body_rows`` are their places in that order, by path.
        free: by path of the free bodies, first index in ``qpos`` and in ``qvel``.
        mocap: by path of the kinematic bodies, row in ``mocap_pos``.
        geoms: by path of the materials, ids of the geoms made of them.
        pairs: by path of the materials, ids of the explicit pairs of such geoms, each with the other's material.
        plates: by path of the materials, ids of the plates that say how they touch it or are of it, with the other's
            material; they are not among ``geoms``.
        loose_joints: tree joints with freedom that no articulation commands.
    """

    joint_names: tuple[str, ...]
    columns: Mapping[str, slice]
    positions: Index
    velocities: Index
    actuators: Mapping[str, int]
    coordinates: Mapping[str, int]
    dofs: Mapping[str, int]
    bodies: IntArray
    body_rows: Mapping[str, int]
    free: Mapping[str, tuple[int, int]]
    mocap: Mapping[str, int]
    geoms: Mapping[str, IntArray]
    pairs: Mapping[str, tuple[tuple[int, str], ...]]
    plates: Mapping[str, tuple[tuple[IntArray, str], ...]]
    loose_joints: tuple[str, ...]

    @property
    def joint_count(self) -> int:
        return len(self.joint_names)


def lay_out(scene: Scene, model: Any) -> Layout:
    """The layout of ``scene`` in ``model``."""
    actuated = [joint.path for joint in actuated_joints(scene)]
    names = tuple(path for articulation in scene.articulations.values() for path in articulation.joints)
    joints = {path: _id(model, mujoco.mjtObj.mjOBJ_JOINT, path) for path in actuated}
    bodies = {path: _id(model, mujoco.mjtObj.mjOBJ_BODY, path) for path in scene.bodies}
    free = [path for path in scene.bodies if path not in scene.child_joint and not scene.bodies[path].kinematic]
    return Layout(
        joint_names=names,
        columns=_columns(scene),
        positions=_compact([int(model.jnt_qposadr[joints[path]]) for path in names]),
        velocities=_compact([int(model.jnt_dofadr[joints[path]]) for path in names]),
        actuators={path: index for index, path in enumerate(actuated)},
        coordinates={path: int(model.jnt_qposadr[joint]) for path, joint in joints.items()},
        dofs={path: int(model.jnt_dofadr[joint]) for path, joint in joints.items()},
        bodies=np.array(list(bodies.values()), dtype=np.int64),
        body_rows={path: row for row, path in enumerate(bodies)},
        free={path: _free_addresses(model, bodies[path]) for path in free},
        mocap={path: int(model.body_mocapid[bodies[path]]) for path in scene.bodies if scene.bodies[path].kinematic},
        geoms=_geoms_by_material(scene, model),
        pairs=_pairs_by_material(scene, model),
        plates=_plates_by_material(scene, model),
        loose_joints=tuple(
            joint.path
            for joint in scene.joints.values()
            if joint.kind != "fixed" and not joint.closes_loop and joint.path not in set(names)
        ),
    )


def _id(model: Any, kind: Any, name: str) -> int:
    return int(mujoco.mj_name2id(model, kind, name))


def _columns(scene: Scene) -> dict[str, slice]:
    columns: dict[str, slice] = {}
    start = 0
    for articulation in scene.articulations.values():
        columns[articulation.path] = slice(start, start + len(articulation.joints))
        start += len(articulation.joints)
    return columns


def _compact(indices: list[int]) -> Index:
    """A slice where the indices are consecutive, which is several times faster to read with."""
    if indices and indices == list(range(indices[0], indices[0] + len(indices))):
        return slice(indices[0], indices[0] + len(indices))
    return np.array(indices, dtype=np.int64)


def _free_addresses(model: Any, body: int) -> tuple[int, int]:
    joint = int(model.body_jntadr[body])
    return int(model.jnt_qposadr[joint]), int(model.jnt_dofadr[joint])


def _geoms_by_material(scene: Scene, model: Any) -> dict[str, IntArray]:
    ids: dict[str, list[int]] = {path: [] for path in scene.materials}
    materials, ruling = _material_of(scene), _ruling(scene)
    for geom in range(model.ngeom):
        shape = shape_of(model.geom(geom).name)
        material = materials.get(shape, "")
        if material in ids and shape not in ruling:
            ids[material].append(geom)
    return {path: np.array(geoms, dtype=np.int64) for path, geoms in ids.items()}


def _pairs_by_material(scene: Scene, model: Any) -> dict[str, tuple[tuple[int, str], ...]]:
    found: dict[str, list[tuple[int, str]]] = {path: [] for path in scene.materials}
    materials = _material_of(scene)
    for pair in range(model.npair):
        first, second = (
            materials.get(shape_of(model.geom(int(geom)).name), "")
            for geom in (model.pair_geom1[pair], model.pair_geom2[pair])
        )
        for own, other in {(first, second), (second, first)}:
            if own in found:
                found[own].append((pair, other))
    return {path: tuple(pairs) for path, pairs in found.items()}


def _plates_by_material(scene: Scene, model: Any) -> dict[str, tuple[tuple[IntArray, str], ...]]:
    found: dict[str, list[tuple[IntArray, str]]] = {path: [] for path in scene.materials}
    ruling = _ruling(scene)
    ids: dict[str, list[int]] = {path: [] for path in ruling}
    for geom in range(model.ngeom) if ruling else ():
        ids.get(shape_of(model.geom(geom).name), []).append(geom)
    for path, geoms in ids.items():
        first, second = scene.static_shapes[path].material, ruling[path]
        for own, other in {(first, second), (second, first)}:
            if own in found:
                found[own].append((np.array(geoms, dtype=np.int64), other))
    return {path: tuple(plates) for path, plates in found.items()}


def _ruling(scene: Scene) -> dict[str, str]:
    """Shapes whose plates say how they touch, with the material of what touches them."""
    standing = (shape for shape in scene.static_shapes.values() if shape.collides and needs_triangles(shape))
    partners = ((shape.path, partner(scene, shape)) for shape in standing)
    return {path: other for path, other in partners if other is not None}


def _material_of(scene: Scene) -> dict[str, str]:
    shapes = [*scene.static_shapes.values(), *(shape for body in scene.bodies.values() for shape in body.shapes)]
    return {shape.path: shape.material for shape in shapes}
