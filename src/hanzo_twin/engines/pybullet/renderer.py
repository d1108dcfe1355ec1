"""Pictures of a scene through Bullet's TinyRenderer: in software, with no library of the system's."""

from __future__ import annotations

import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pybullet

from hanzo_twin.engines.hulls import cone_faces
from hanzo_twin.engines.pybullet.geometry import bullet_quaternion, kept_list
from hanzo_twin.engines.sides import visible_faces
from hanzo_twin.errors import SimulationError
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Mesh, Plane, Scene, Shape, Sphere
from hanzo_twin.sensors.mirror import Looks, Seen, View
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

# TinyRenderer knows no infinite planes: this many metres of one are drawn, as a slab.
_PLANE, _THICKNESS = 100.0, 0.01
# Of what is round: Bullet's own balls and capsules have corners.
_SIDES, _RINGS = 32, 8
_GREY = (0.7, 0.7, 0.7, 1.0)
_SKY = 0.999


class SoftwareRenderer:
    """Where there is no OpenGL."""

    takes_pictures = True
    casts_rays = False

    def problem(self) -> str:
        return ""

    def mirror(self, scene: Scene, looks: Looks) -> SoftwareMirror:
        return SoftwareMirror(looks)


class SoftwareMirror:
    """A `TakesPictures`: each shape is a body of its own in a client of Bullet's."""

    def __init__(self, looks: Looks) -> None:
        client = pybullet.connect(pybullet.DIRECT)
        if client < 0:
            raise SimulationError("Bullet has no client left.", hint="Close simulations that are not used any more.")
        weakref.finalize(self, pybullet.disconnect, client)
        self._client = client
        self._drawn: list[tuple[int, Seen, Pose]] = []
        for seen in looks.seen:
            offset, options = _options(seen.shape)
            visual = pybullet.createVisualShape(
                rgbaColor=list(seen.shape.color or _GREY), specularColor=[0.1] * 3, physicsClientId=client, **options
            )
            uid = pybullet.createMultiBody(baseVisualShapeIndex=visual, physicsClientId=client)
            pose = seen.shape.pose @ offset
            self._drawn.append((uid, seen, pose))
            self._put(uid, pose)
        # By Bullet's body, and last what a pixel shows that shows nothing.
        count = 1 + max((uid for uid, _, _ in self._drawn), default=0)
        self._instances, self._semantics = np.zeros(count + 1, dtype=np.int32), np.zeros(count + 1, dtype=np.int32)
        for uid, seen, _ in self._drawn:
            self._instances[uid], self._semantics[uid] = seen.instance, seen.semantic

    def _put(self, uid: int, pose: Pose) -> None:
        pybullet.resetBasePositionAndOrientation(
            uid, pose.position.tolist(), bullet_quaternion(pose.orientation), physicsClientId=self._client
        )

    def picture(self, poses: FloatArray, view: View, kinds: Sequence[str]) -> Mapping[str, AnyArray]:
        for uid, seen, pose in self._drawn:
            if seen.row >= 0:
                self._put(uid, Pose.of(poses[seen.row, :3], poses[seen.row, 3:]) @ pose)
        near, far = view.clipping_range
        _, _, colours, raw, numbers = pybullet.getCameraImage(
            view.width,
            view.height,
            viewMatrix=_view_matrix(view.pose_world_camera),
            projectionMatrix=_projection(view),
            renderer=pybullet.ER_TINY_RENDERER,
            lightDirection=[0.4, -0.5, 1.0],
            physicsClientId=self._client,
        )
        shape = (view.height, view.width)
        uids = np.asarray(numbers, dtype=np.int64).reshape(shape)
        # OpenGL's depth buffer: raw = f (z − n) / (z (f − n)).
        depth = near * far / (far - np.asarray(raw, dtype=np.float64).reshape(shape) * (far - near))
        pictures: dict[str, AnyArray] = {
            "rgb": np.ascontiguousarray(np.asarray(colours, dtype=np.uint8).reshape(*shape, 4)[..., :3]),
            "depth": np.where((uids < 0) | (depth > _SKY * far), np.inf, depth).astype(np.float32),
            "semantic": self._semantics[uids],
            "instance": self._instances[uids],
        }
        return {kind: pictures[kind] for kind in kinds}


def _projection(view: View) -> list[float]:
    """Column after column; shifted by half a pixel, because TinyRenderer looks through the corners of pixels."""
    aspect = view.width / view.height
    matrix = pybullet.computeProjectionMatrixFOV(math.degrees(view.vertical_fov), aspect, *view.clipping_range)
    columns = list(matrix)
    columns[8] += 1.0 / view.width
    columns[9] += 1.0 / view.height
    return columns


def _view_matrix(pose: Pose) -> list[float]:
    """World to camera, column after column."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(pose.orientation).T
    matrix[:3, 3] = -matrix[:3, :3] @ pose.position
    columns: list[float] = matrix.T.ravel().tolist()
    return columns


def _options(shape: Shape) -> tuple[Pose, dict[str, Any]]:
    """Offset of Bullet's frame for the geometry in the shape's frame, and the options of the visual shape."""
    geometry, none = shape.geometry, Pose.identity()
    match geometry:
        case Box():
            return none, {"shapeType": pybullet.GEOM_BOX, "halfExtents": list(geometry.half_extents)}
        case Sphere():
            return none, _mesh(*_turned(_arc(geometry.radius, 0.0)))
        case Capsule():
            return none, _mesh(*_turned(_arc(geometry.radius, geometry.half_height)))
        case Cylinder():
            rim = [(geometry.radius, -geometry.half_height), (geometry.radius, geometry.half_height)]
            return none, _mesh(*_turned([(0.0, rim[0][1]), *rim, (0.0, rim[1][1])]))
        case Plane():
            half = [_PLANE, _PLANE, _THICKNESS / 2]
            return Pose.of((0, 0, -_THICKNESS / 2)), {"shapeType": pybullet.GEOM_BOX, "halfExtents": half}
        case Cone():
            return none, _mesh(*cone_faces(geometry))
        case Mesh():
            return none, _mesh(*visible_faces(geometry))


def _arc(radius: float, half_height: float) -> list[tuple[float, float]]:
    """Distance from the axis and height of points from the lower pole to the upper, the middle stretched."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, 2 * _RINGS)
    lift = np.where(np.arange(2 * _RINGS) < _RINGS, -half_height, half_height)
    return list(zip(radius * np.cos(angles), radius * np.sin(angles) + lift, strict=True))


def _turned(profile: Sequence[tuple[float, float]]) -> tuple[FloatArray, AnyArray]:
    """Vertices and triangles, seen from outside, of what a profile (distance from Z, height) makes turned about Z."""
    turn = np.linspace(0.0, 2 * math.pi, _SIDES, endpoint=False)
    rings = [np.stack([r * np.cos(turn), r * np.sin(turn), np.full(_SIDES, z)], axis=1) for r, z in profile]
    here = np.arange(_SIDES)
    after = (here + 1) % _SIDES
    bands = [
        np.concatenate(
            [
                np.stack([here, after, after + _SIDES], axis=1) + k * _SIDES,
                np.stack([here, after + _SIDES, here + _SIDES], axis=1) + k * _SIDES,
            ]
        )
        for k in range(len(profile) - 1)
    ]
    return np.concatenate(rings), np.concatenate(bands)


def _mesh(vertices: FloatArray, triangles: AnyArray) -> dict[str, Any]:
    """Each triangle with corners of its own, so that it is drawn flat: Bullet takes one normal a corner."""
    corners = vertices[triangles].reshape(-1, 3)
    edges = corners.reshape(-1, 3, 3)
    normals = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return {
        "shapeType": pybullet.GEOM_MESH,
        "vertices": kept_list(corners),
        "indices": kept_list(np.arange(len(corners))),
        "normals": kept_list(np.repeat(normals, 3, axis=0)),
    }
