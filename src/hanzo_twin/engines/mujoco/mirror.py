"""Pictures and rays of a scene through MuJoCo, whichever engine moves it."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco.gl import Board, Context, board
from hanzo_twin.engines.mujoco.mirror_model import build_mirror
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.mirror import Looks, View
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.spatial import FloatArray, IntArray, rotation_matrix

_FLAG = mujoco.mjtRndFlag
_SAMPLES = 4
_SHADOWS = 1024
# Pictures with fewer pixels than this are for machines to learn from, at twice the speed without shadows.
_PIXELS_FOR_SHADOWS = 128 * 128 + 1
# Of the far plane: what lies beyond is the sky.
_SKY = 0.999


class MujocoMirror:
    """A `TakesPictures` and `CastsRays`; a context for pictures is made with the first of them."""

    def __init__(self, scene: Scene, looks: Looks, new_context: Callable[[], Context]) -> None:
        self._looks = looks
        self._model = build_mirror(scene, looks.seen, samples=_SAMPLES, shadows=_SHADOWS)
        self._data = mujoco.MjData(self._model)
        order = [int(self._model.geom(index).name) for index in range(self._model.ngeom)]
        # By geom, and last what a ray or pixel meets that meets nothing.
        self._instances = np.array([*(looks.seen[index].instance for index in order), 0])
        self._semantics = np.array([*(looks.seen[index].semantic for index in order), 0])
        self._bodies = [self._model.body(path).id for path in scene.bodies]
        self._new_context = new_context
        self._board: Board | None = None
        # One, or none yet: what MuJoCo keeps in the context.
        self._drawing: list[Any] = []
        self._room = (0, 0)
        self._scene = mujoco.MjvScene(self._model, maxgeom=self._model.ngeom + 100)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_USER

    def _place(self, poses: FloatArray) -> None:
        self._data.mocap_pos[:] = poses[:, :3]
        self._data.mocap_quat[:] = poses[:, 3:]
        mujoco.mj_kinematics(self._model, self._data)

    def cast(
        self, poses: FloatArray, origin: FloatArray, directions: FloatArray, *, exclude: int, reach: float
    ) -> tuple[FloatArray, IntArray]:
        self._place(poses)
        count = len(directions)
        geoms, distances = np.empty(count, dtype=np.int32), np.empty(count)
        body = self._bodies[exclude] if exclude >= 0 else -1
        rays = np.ascontiguousarray(directions).ravel()
        mujoco.mj_multiRay(
            self._model, self._data, origin, rays, None, True, body, geoms, distances, None, count, reach
        )
        # MuJoCo says −1 for nothing, as a distance and as a geom.
        return np.where(geoms < 0, np.inf, distances), self._instances[geoms]

    def picture(self, poses: FloatArray, view: View, kinds: Sequence[str]) -> Mapping[str, AnyArray]:
        self._place(poses)
        mujoco.mj_camlight(self._model, self._data)
        self._open(view.width, view.height)
        self._aim(view)
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        pictures: dict[str, AnyArray] = {}
        if "rgb" in kinds:
            pictures["rgb"] = self._draw(view, segments=False)[0]
        if set(kinds) & {"depth", "semantic", "instance"}:
            codes, raw = self._draw(view, segments=True)
            if "depth" in kinds:
                pictures["depth"] = _metres(raw, view.clipping_range)
            geoms = self._geoms(codes)
            if "semantic" in kinds:
                pictures["semantic"] = self._semantics[geoms].astype(np.int32)
            if "instance" in kinds:
                pictures["instance"] = self._instances[geoms].astype(np.int32)
        return {kind: pictures[kind] for kind in kinds}

    def _open(self, width: int, height: int) -> None:
        """Make the context current, with buffers of that size at least."""
        if self._board is None:
            self._board = board(self._new_context)
            weakref.finalize(self, self._board.discard, self._drawing).atexit = False
        self._board.make_current()
        if width > self._room[0] or height > self._room[1]:
            self._room = max(width, self._room[0]), max(height, self._room[1])
            self._model.vis.global_.offwidth, self._model.vis.global_.offheight = self._room
            drawing = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
            # As the buffer has them: turning them round would lose what is far in rounding.
            drawing.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
            self._drawing[:] = [drawing]
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._drawing[0])

    def _aim(self, view: View) -> None:
        rotation = rotation_matrix(view.pose_world_camera.orientation)
        near, far = view.clipping_range
        half = near * math.tan(view.vertical_fov / 2)
        # MuJoCo draws from the middle of two eyes.
        for eye in self._scene.camera:
            eye.pos, eye.forward, eye.up = view.pose_world_camera.position, -rotation[:, 2], rotation[:, 1]
            eye.frustum_near, eye.frustum_far = near, far
            eye.frustum_bottom, eye.frustum_top = -half, half
            eye.frustum_center, eye.frustum_width = 0.0, 0.0
            eye.orthographic = 0

    def _draw(self, view: View, *, segments: bool) -> tuple[AnyArray, AnyArray]:
        """Colours (or numbers of geoms as colours) and raw depths, the first row on top."""
        flags = self._scene.flags
        flags[_FLAG.mjRND_SEGMENT], flags[_FLAG.mjRND_IDCOLOR] = segments, segments
        flags[_FLAG.mjRND_SHADOW] = not segments and view.width * view.height >= _PIXELS_FOR_SHADOWS
        flags[_FLAG.mjRND_SKYBOX] = not segments
        area = mujoco.MjrRect(0, 0, view.width, view.height)
        colours = np.empty((view.height, view.width, 3), dtype=np.uint8)
        depths = np.empty((view.height, view.width), dtype=np.float32)
        mujoco.mjr_render(area, self._scene, self._drawing[0])
        mujoco.mjr_readPixels(colours, depths, area, self._drawing[0])
        return np.ascontiguousarray(colours[::-1]), depths[::-1]

    def _geoms(self, codes: AnyArray) -> IntArray:
        """Geom of each pixel, −1 where there is none: its place in MuJoCo's list, plus 1, is written as a colour."""
        places = codes.astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
        geoms = np.full(self._scene.ngeom + 1, -1)
        for drawn in self._scene.geoms[: self._scene.ngeom]:
            if drawn.segid >= 0 and drawn.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                geoms[drawn.segid + 1] = drawn.objid
        found: IntArray = geoms[np.minimum(places, self._scene.ngeom)]
        return found


def _metres(raw: AnyArray, clipping_range: tuple[float, float]) -> AnyArray:
    """Metres along the optical axis. MuJoCo's buffer is reversed: 1 at the near plane n, 0 at the far one f.

    raw = n (f − z) / (z (f − n)), so z = n f / (n + raw (f − n)).
    """
    near, far = clipping_range
    depth = near * far / (near + raw.astype(np.float64) * (far - near))
    return np.where(depth > _SKY * far, np.inf, depth).astype(np.float32)
