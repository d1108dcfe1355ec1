"""Which shapes touch where bodies stand: distances of convex shapes, whatever the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Scene, Shape, Sphere
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

_ITERATIONS = 40
_SUBSETS = {n: [s for k in range(1, n + 1) for s in combinations(range(n), k)] for n in range(1, 5)}


@dataclass(frozen=True, kw_only=True)
class Touch:
    """Two shapes nearer than asked; ``body`` and ``other`` hold them, "" stands for the world."""

    shape: str
    other_shape: str
    body: str
    other: str


class Proximity:
    """Pairs of shapes of one scene that may collide. Meshes count as their convex hulls."""

    def __init__(self, scene: Scene) -> None:
        self._rows = {path: row for row, path in enumerate(scene.bodies)}
        shapes = [("", shape) for shape in scene.static_shapes.values() if shape.collides]
        shapes += [(path, shape) for path, body in scene.bodies.items() for shape in body.shapes if shape.collides]
        apart = {frozenset(pair) for pair in scene.filtered_pairs}
        apart |= {frozenset((joint.parent, joint.child)) for joint in scene.joints.values()}
        self._pairs = [
            (one, other)
            for one, other in combinations(shapes, 2)
            if one[0] != other[0]
            and not apart & {frozenset((one[0], other[0])), frozenset((one[1].path, other[1].path))}
        ]

    def touching(self, poses: FloatArray, *, bodies: frozenset[str], within: float) -> Iterator[Touch]:
        """Shapes of ``bodies`` and others at most ``within`` m apart, the scene's bodies being at ``poses`` [n, 7]."""
        for (body, shape), (other, other_shape) in self._pairs:
            if bodies & {body, other}:
                gap = distance(shape, self._pose(body, poses), other_shape, self._pose(other, poses), within=within)
                if gap <= within:
                    yield Touch(shape=shape.path, other_shape=other_shape.path, body=body, other=other)

    def gap(self, touch: Touch, poses: FloatArray, *, within: float) -> float:
        """How far apart the two shapes of ``touch`` are with bodies at ``poses``; no finer than ``within``."""
        (body, shape), (other, other_shape) = next(
            pair for pair in self._pairs if (pair[0][1].path, pair[1][1].path) == (touch.shape, touch.other_shape)
        )
        return distance(shape, self._pose(body, poses), other_shape, self._pose(other, poses), within=within)

    def _pose(self, body: str, poses: FloatArray) -> Pose:
        row = poses[self._rows[body]] if body else None
        return Pose.identity() if row is None else Pose.of(row[:3], row[3:])


def distance(one: Shape, body_pose: Pose, other: Shape, other_body_pose: Pose, *, within: float) -> float:
    """Distance of two convex shapes in m, 0 where they overlap, infinite where it is surely more than ``within``."""
    pose, other_pose = body_pose @ one.pose, other_body_pose @ other.pose
    if isinstance(one.geometry, Plane):
        return _above_plane(pose, other.geometry, other_pose)
    if isinstance(other.geometry, Plane):
        return _above_plane(other_pose, one.geometry, pose)
    reach = _radius(one.geometry) + _radius(other.geometry)
    if np.linalg.norm(np.subtract(pose.position, other_pose.position)) > reach + within:
        return float("inf")
    return _gilbert_johnson_keerthi(one.geometry, pose, other.geometry, other_pose)


def _above_plane(plane: Pose, geometry: Geometry, pose: Pose) -> float:
    if isinstance(geometry, Plane):
        return float("inf")
    relative = plane.inverse() @ pose
    lowest = _support(geometry, relative, np.array([0.0, 0.0, -1.0]))[2]
    return max(float(lowest), 0.0)


def _gilbert_johnson_keerthi(one: Geometry, pose: Pose, other: Geometry, other_pose: Pose) -> float:
    """Gilbert, Johnson, Keerthi (1988): the point nearest to the origin of the difference of two convex sets."""
    nearest = np.asarray(pose.position) - np.asarray(other_pose.position)
    if not nearest.any():
        return 0.0
    simplex: list[FloatArray] = []
    for _ in range(_ITERATIONS):
        corner = _support(one, pose, -nearest) - _support(other, other_pose, nearest)
        squared = float(nearest @ nearest)
        if simplex and squared - float(nearest @ corner) <= 1e-8 * squared + 1e-16:
            break
        simplex.append(corner)
        nearest, simplex = _nearest_of(simplex)
        if len(simplex) == 4 or float(nearest @ nearest) < 1e-18:
            return 0.0
    return float(np.linalg.norm(nearest))


def _nearest_of(points: list[FloatArray]) -> tuple[FloatArray, list[FloatArray]]:
    """The point of a simplex nearest to the origin, and the corners that it lies between."""
    best, corners, least = points[0], points[:1], np.inf
    for subset in _SUBSETS[len(points)]:
        chosen = np.array([points[index] for index in subset])
        edges = chosen[1:] - chosen[0]
        weights = np.linalg.lstsq(edges @ edges.T, -edges @ chosen[0], rcond=None)[0] if len(edges) else np.zeros(0)
        if (weights < 0.0).any() or weights.sum() > 1.0:
            continue
        point = chosen[0] + weights @ edges
        if point @ point < least - 1e-18:
            best, corners, least = point, list(chosen), float(point @ point)
    return best, corners


def _support(geometry: Geometry, pose: Pose, direction: FloatArray) -> FloatArray:
    """The point of a placed shape that lies furthest in ``direction`` [3]."""
    rotation = rotation_matrix(pose.orientation)
    local = rotation.T @ direction
    point: FloatArray = rotation @ _local_support(geometry, local) + np.asarray(pose.position)
    return point


def _local_support(geometry: Geometry, toward: FloatArray) -> FloatArray:
    end = 1.0 if toward[2] >= 0.0 else -1.0
    length = float(np.linalg.norm(toward))
    if isinstance(geometry, Box):
        corner: FloatArray = np.copysign(np.asarray(geometry.half_extents), toward)
        return corner
    if isinstance(geometry, Sphere):
        outward: FloatArray = toward * (geometry.radius / length)
        return outward
    if isinstance(geometry, Capsule):
        cap: FloatArray = toward * (geometry.radius / length) + np.array([0.0, 0.0, end * geometry.half_height])
        return cap
    if isinstance(geometry, Mesh):
        farthest: FloatArray = geometry.vertices[int(np.argmax(geometry.vertices @ toward))]
        return farthest
    if isinstance(geometry, Plane):
        raise TypeError("A plane has no support point.")
    return _round_support(geometry, toward, end)


def _round_support(geometry: Cylinder | Cone, toward: FloatArray, end: float) -> FloatArray:
    across = float(np.hypot(toward[0], toward[1]))
    rim = toward[:2] * (geometry.radius / across) if across > 0.0 else np.zeros(2)
    if isinstance(geometry, Cone):
        # The apex, unless the rim of the base lies further.
        apex = toward[2] * geometry.half_height >= across * geometry.radius - toward[2] * geometry.half_height
        return np.array([0.0, 0.0, geometry.half_height]) if apex else np.array([*rim, -geometry.half_height])
    return np.array([*rim, end * geometry.half_height])


def _radius(geometry: Geometry) -> float:
    """Of a sphere about the shape's origin that holds it."""
    if isinstance(geometry, Box):
        return float(np.linalg.norm(geometry.half_extents))
    if isinstance(geometry, Sphere):
        return geometry.radius
    if isinstance(geometry, Capsule):
        return geometry.radius + geometry.half_height
    if isinstance(geometry, Mesh):
        return float(np.linalg.norm(geometry.vertices, axis=1).max())
    if isinstance(geometry, Plane):
        return float("inf")
    return float(np.hypot(geometry.radius, geometry.half_height))


def began(proximity: Proximity, touch: Touch, body_poses: FloatArray, index: int, *, within: float) -> int:
    """The sample from which on ``touch`` lasts until sample ``index`` of ``body_poses`` [n, bodies, 7].

    Looked for backwards in growing strides, then between the last two: a touch that was lost and found again within a
    stride counts as one.
    """
    late, early, stride = index, index, 1
    while proximity.gap(touch, body_poses[early], within=within) <= within:
        if early == 0:
            return 0
        late, early, stride = early, max(early - stride, 0), 2 * stride
    while late - early > 1:
        middle = (early + late) // 2
        if proximity.gap(touch, body_poses[middle], within=within) > within:
            early = middle
        else:
            late = middle
    return late
