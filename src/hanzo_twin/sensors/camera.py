"""What a picture is asked for with, and a camera that shows the whole of a scene that has none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import CommandError
from hanzo_twin.scene.model import Box, Camera, Mesh, Plane, Scene, Shape
from hanzo_twin.scene.sensors import MAX_PIXELS, PICTURE_KINDS
from hanzo_twin.sensors.mirror import View
from hanzo_twin.spatial import FloatArray, Pose, rotation_matrix

OVERVIEW_FOV = math.radians(40.0)
_FROM = np.array([0.75, -1.0, 0.6])


@dataclass(frozen=True, kw_only=True)
class RenderParams:
    """One picture of `Simulation.render`.

    Args:
        width / height: in pixels; None takes the camera's own.
        kinds: of ``rgb``, ``depth``, ``semantic``, ``instance``; None takes the camera's own.
        noise: with the camera's noise.

    Raises:
        CommandError: a size that is none, or a kind that there is not.
    """

    width: int | None = None
    height: int | None = None
    kinds: tuple[str, ...] | None = None
    noise: bool = False

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            size = getattr(self, name)
            if size is not None and not 1 <= size <= MAX_PIXELS:
                raise CommandError(f"RenderParams.{name} is {size}.", hint=f"Allowed: 1 to {MAX_PIXELS} pixels.")
        unknown = [kind for kind in self.kinds or () if kind not in PICTURE_KINDS]
        if unknown or self.kinds == ():
            raise CommandError(
                f"RenderParams.kinds is {list(self.kinds or ())}.", hint=f"Allowed: {', '.join(PICTURE_KINDS)}."
            )


DEFAULT_PICTURE = RenderParams()
"""As the camera says, without noise."""


def view_of(camera: Camera, scene: Scene, poses: FloatArray, width: int, height: int) -> View:
    """The view of ``camera`` where the bodies are at ``poses`` [n_bodies, 7]."""
    pose = camera.pose_body_camera
    if camera.body:
        row = list(scene.bodies).index(camera.body)
        pose = Pose.of(poses[row, :3], poses[row, 3:]) @ pose
    return View(
        pose_world_camera=pose,
        vertical_fov=camera.vertical_fov,
        clipping_range=camera.clipping_range,
        width=width,
        height=height,
    )


def overview(scene: Scene, poses: FloatArray, *, aspect: float = 4 / 3) -> Camera:
    """A camera, at no prim, that looks from the front right and above at all bodies and static shapes but planes."""
    low, high = bounds(scene, poses)
    center, radius = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-3)
    half = min(OVERVIEW_FOV / 2, math.atan(math.tan(OVERVIEW_FOV / 2) * aspect))
    distance = 1.05 * radius / math.sin(half)
    toward = _FROM / np.linalg.norm(_FROM)
    return Camera(
        path="",
        body="",
        pose_body_camera=look_at(center + distance * toward, center),
        vertical_fov=OVERVIEW_FOV,
        clipping_range=(distance / 100, 100 * distance),
    )


def look_at(eye: FloatArray, target: FloatArray) -> Pose:
    """Pose of a camera at ``eye`` [3] that looks at ``target`` [3], upright."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    if np.linalg.norm(right) < 1e-9:
        right = np.array([1.0, 0.0, 0.0])
    right = right / np.linalg.norm(right)
    return Pose.of(eye, _quaternion(np.stack([right, np.cross(back, right), back], axis=1)))


def bounds(scene: Scene, poses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest corner [3] of all bodies, at ``poses`` [n_bodies, 7], and static shapes but planes."""
    corners: list[FloatArray] = []
    for row, body in enumerate(scene.bodies.values()):
        pose = Pose.of(poses[row, :3], poses[row, 3:])
        corners.append(pose.position[None])
        corners += [_corners(pose @ shape.pose, shape) for shape in body.shapes]
    corners += [_corners(shape.pose, shape) for shape in scene.static_shapes.values()]
    points = np.concatenate([part for part in corners if len(part)] or [np.zeros((1, 3))])
    return points.min(axis=0), points.max(axis=0)


def _corners(pose: Pose, shape: Shape) -> FloatArray:
    geometry = shape.geometry
    if isinstance(geometry, Plane):
        return np.empty((0, 3))
    if isinstance(geometry, Mesh):
        return pose.apply(np.asarray(geometry.vertices, dtype=np.float64))
    if isinstance(geometry, Box):
        half = np.array(geometry.half_extents)
    else:
        radius = geometry.radius
        height = getattr(geometry, "half_height", 0.0)
        half = np.array([radius, radius, max(radius, height + radius)])
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    return pose.apply(signs * half)


def _quaternion(matrix: FloatArray) -> FloatArray:
    """Of a rotation matrix, by its largest component (Shepperd 1978)."""
    m = matrix
    squares = np.array(
        [1 + m[0, 0] + m[1, 1] + m[2, 2], 1 + m[0, 0] - m[1, 1] - m[2, 2],
         1 - m[0, 0] + m[1, 1] - m[2, 2], 1 - m[0, 0] - m[1, 1] + m[2, 2]]
    )  # fmt: skip
    products = np.array(
        [
            [squares[0], m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], squares[1], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [m[0, 2] - m[2, 0], m[0, 1] + m[1, 0], squares[2], m[1, 2] + m[2, 1]],
            [m[1, 0] - m[0, 1], m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], squares[3]],
        ]
    )
    largest = products[int(np.argmax(squares))]
    turn: FloatArray = largest / np.linalg.norm(largest)
    assert np.allclose(rotation_matrix(turn), matrix, atol=1e-9)
    return turn
