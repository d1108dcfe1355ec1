"""A scene as a MuJoCo model that is only looked at: bodies are moved by hand, nothing has a mass or collides."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.hulls import cone_faces
from hanzo_twin.engines.mujoco.geometry import primitive_options
from hanzo_twin.engines.sides import visible_faces
from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Cone, Light, Mesh, Scene, Shape
from hanzo_twin.sensors.camera import bounds
from hanzo_twin.sensors.mirror import Seen
from hanzo_twin.spatial import Pose, rotation_matrix

_GREY = (0.7, 0.7, 0.7, 1.0)
_SKY, _HORIZON = (0.35, 0.5, 0.7), (0.85, 0.88, 0.92)
_SKY_PIXELS = 256


def build_mirror(scene: Scene, seen: tuple[Seen, ...], *, samples: int, shadows: int) -> Any:
    """The compiled model; geom i is ``seen[i]``, the mocap rows are the bodies in the scene's order.

    Args:
        samples: of each pixel, 0 for hard edges.
        shadows: pixels along an edge of the shadow map, 0 for none.

    Raises:
        SceneError: MuJoCo refuses the numbers of the scene.
    """
    spec = mujoco.MjSpec()
    spec.visual.quality.offsamples, spec.visual.quality.shadowsize = samples, shadows
    low, high = bounds(scene, np.array([body.pose_world_body.as_array() for body in scene.bodies.values()]))
    # Shadows are drawn of what lies about here.
    spec.stat.center, spec.stat.extent = (low + high) / 2, max(0.75 * float(np.linalg.norm(high - low)), 1e-2)
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.35] * 3, [0.35] * 3
    spec.visual.headlight.specular = [0.05] * 3
    spec.add_texture(
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=_SKY,
        rgb2=_HORIZON,
        width=_SKY_PIXELS,
        height=_SKY_PIXELS,
    )
    holders = [spec.worldbody.add_body(name=path, mocap=True) for path in scene.bodies]
    # Geoms of the world come first in a compiled model, then those of each body: names bring them back in order.
    for index, one in enumerate(seen):
        _add(spec, holders[one.row] if one.row >= 0 else spec.worldbody, one.shape, str(index))
    _add_lights(spec, scene)
    try:
        return spec.compile()
    except ValueError as refused:
        raise SceneError(f"The scene cannot be drawn: {refused}") from refused


def _add(spec: Any, holder: Any, shape: Shape, name: str) -> None:
    geometry = shape.geometry
    if isinstance(geometry, Mesh):
        options = _mesh(spec, name, *visible_faces(geometry))
    elif isinstance(geometry, Cone):
        options = _mesh(spec, name, *cone_faces(geometry))
    else:
        options = primitive_options(geometry)
    holder.add_geom(
        name=name,
        pos=shape.pose.position,
        quat=shape.pose.orientation,
        rgba=shape.color or _GREY,
        contype=0,
        conaffinity=0,
        **options,
    )


def _mesh(spec: Any, name: str, vertices: Any, triangles: Any) -> dict[str, Any]:
    mesh = spec.add_mesh(name=name)
    mesh.uservert, mesh.userface = vertices.ravel(), triangles.ravel()
    # What is only seen may be flat.
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    return {"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": name}


def _add_lights(spec: Any, scene: Scene) -> None:
    """The scene's lights, each of unit brightness in its colour; where there is none, a sun."""
    lights = [light for light in scene.lights.values() if light.kind != "dome"]
    for light in lights or [_sun()]:
        directional = light.kind == "distant"
        toward = rotation_matrix(light.pose_world_light.orientation) @ np.array([0.0, 0.0, -1.0])
        share = 0.65 / max(1, len(lights))
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL if directional else mujoco.mjtLightType.mjLIGHT_POINT,
            # Shadows are drawn from where the light is said to be.
            pos=spec.stat.center - 2 * spec.stat.extent * toward if directional else light.pose_world_light.position,
            dir=toward,
            diffuse=[share * part for part in light.color],
            specular=[0.1] * 3,
            castshadow=True,
        )


def _sun() -> Light:
    tilt = Pose.of((0.0, 0.0, 10.0), (0.93, 0.25, 0.15, 0.0))
    return Light(path="", kind="distant", pose_world_light=tilt, intensity=1.0)
