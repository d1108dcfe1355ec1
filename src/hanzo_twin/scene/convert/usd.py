"""A scene as USD: UsdPhysics with MassAPI and DriveAPI, Newton's attributes for what UsdPhysics lacks.

Every prim gets the path that the scene gives it, so addresses stay valid. Prims that the scene only knows by name
(``Scene.prim_paths``) are written without a type. Units are metres and kilograms, Z is up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import newton_usd_schemas  # noqa: F401 - registers the Newton schemas, which must happen before the first stage
from pxr import Tf, Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene.convert.report import Entry, changed
from hanzo_twin.scene.convert.usd_bodies import write_body
from hanzo_twin.scene.convert.usd_contacts import ContactWriter
from hanzo_twin.scene.convert.usd_joints import JointWriter
from hanzo_twin.scene.convert.usd_prims import Prims
from hanzo_twin.scene.convert.usd_shapes import write_material, write_shape
from hanzo_twin.scene.convert.usd_surroundings import (
    write_attributes,
    write_camera,
    write_engine_attributes,
    write_gravity,
    write_light,
    write_sensor,
)
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import Pose


def write(scene: Scene, path: Path) -> list[Entry]:
    """Write ``scene`` to ``path`` (.usd, .usda or .usdc); see `Writer`."""
    scene, entries = _separated(scene)
    with _as_os_error():
        stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    entries += _Writer(stage, scene).write()
    with _as_os_error():
        stage.GetRootLayer().Save()
    return entries


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What USD says where a file cannot be written, such as on a full disk."""
    try:
        yield
    except Tf.ErrorException:
        raise OSError("USD could not write all of it; the disk may be full") from None


def _separated(scene: Scene) -> tuple[Scene, list[Entry]]:
    """Shapes that share a prim with their body get one below it, so that their scale is not the body's."""
    moved = {body.path for body in scene.bodies.values() if any(shape.path == body.path for shape in body.shapes)}
    taken = {*scene.prim_paths, *scene.bodies, *scene.joints}
    new: dict[str, str] = {}
    for path in moved:
        name = next(name for name in _free_names(path) if name not in taken)
        new[path] = name
    bodies = {
        path: replace(
            body, shapes=tuple(replace(shape, path=new[path]) if shape.path == path else shape for shape in body.shapes)
        )
        if path in new
        else body
        for path, body in scene.bodies.items()
    }
    entries = [
        changed("shape-moved", path, f"Its shape has a prim of its own, '{name}'.") for path, name in new.items()
    ]
    return replace(scene, bodies=bodies), entries


def _free_names(path: str) -> Iterator[str]:
    yield f"{path}/shape"
    yield from (f"{path}/shape_{index}" for index in count(1))


class _Writer:
    def __init__(self, stage: Usd.Stage, scene: Scene) -> None:
        self._scene = scene
        self._prims = Prims(stage, _world_poses(scene))
        self._entries: list[Entry] = []

    def write(self) -> list[Entry]:
        scene, prims = self._scene, self._prims
        self._lay_out()
        write_gravity(prims, scene)
        for material in scene.materials.values():
            write_material(prims, material)
        for body in scene.bodies.values():
            write_body(prims, body, self._entries)
            for shape in body.shapes:
                write_shape(prims, shape)
        for shape in scene.static_shapes.values():
            write_shape(prims, shape)
        contacts = ContactWriter(prims, scene)
        joints = JointWriter(prims, contacts.connected)
        for joint in scene.joints.values():
            joints.write(joint)
        contacts.write()
        self._write_surroundings()
        return self._entries

    def _lay_out(self) -> None:
        """Make all prims in the order in which they stood: it decides the order of joints in commands."""
        scene, prims = self._scene, self._prims
        for path in scene.prim_paths:
            prims.bare(path)
        root = next(iter(scene.bodies), None) or next(iter(scene.static_shapes), None) or scene.gravity_path
        prims.set_default(root)

    def _write_surroundings(self) -> None:
        scene, prims = self._scene, self._prims
        for camera in scene.cameras.values():
            write_camera(prims, camera)
        for light in scene.lights.values():
            write_light(prims, light)
        for sensor in scene.sensors.values():
            write_sensor(prims, sensor)
        write_attributes(prims, scene.attributes)
        write_engine_attributes(prims, scene.engine_attributes)


def _world_poses(scene: Scene) -> dict[str, Pose]:
    """World pose of every prim that has one."""
    bodies = {path: body.pose_world_body for path, body in scene.bodies.items()}
    poses = dict(bodies)
    for path, body in scene.bodies.items():
        poses |= {shape.path: bodies[path] @ shape.pose for shape in body.shapes}
    poses |= {path: shape.pose for path, shape in scene.static_shapes.items()}
    carried = [(each.path, each.body, each.pose_body_sensor) for each in scene.sensors.values()]
    carried += [(each.path, each.body, each.pose_body_camera) for each in scene.cameras.values()]
    for path, carrier, pose in carried:
        if path not in poses:
            poses[path] = bodies[carrier] @ pose if carrier else pose
    poses |= {path: light.pose_world_light for path, light in scene.lights.items()}
    return poses
