"""What a scene has besides bodies and joints: gravity, cameras, lights, sensors, attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from pxr import Gf, Sdf, UsdGeom, UsdLux, UsdPhysics

from hanzo_twin.scene.convert.usd_prims import Prims, custom, single
from hanzo_twin.scene.model import Camera, Light, Scene, Sensor

SENSOR_ATTRIBUTE = "hanzo:sensor"
_LIGHTS = {
    "distant": UsdLux.DistantLight,
    "sphere": UsdLux.SphereLight,
    "rect": UsdLux.RectLight,
    "disk": UsdLux.DiskLight,
    "dome": UsdLux.DomeLight,
}
_APERTURE = 24.0
_HIDDEN_GROUP = 3  # MuJoCo's viewer does not show geoms of this group and above unless it is told to.


def write_gravity(prims: Prims, scene: Scene) -> None:
    """The physics scene: gravity and the time step."""
    usd = prims.define(scene.gravity_path, UsdPhysics.Scene)
    magnitude = float(np.linalg.norm(scene.gravity))
    direction = np.array(scene.gravity) / magnitude if magnitude else np.array([0.0, 0.0, -1.0])
    usd.CreateGravityDirectionAttr(single(direction))
    usd.CreateGravityMagnitudeAttr(magnitude)
    if scene.step_hint is None:
        return
    rate = 1.0 / scene.step_hint
    if 1.0 / round(rate) == scene.step_hint:
        usd.GetPrim().ApplyAPI("NewtonSceneAPI")
        attribute = usd.GetPrim().CreateAttribute("newton:timeStepsPerSecond", Sdf.ValueTypeNames.Int, False)
        attribute.Set(round(rate))
    else:
        custom(usd.GetPrim(), "mjc:option:timestep", float(scene.step_hint))


def write_camera(prims: Prims, camera: Camera) -> None:
    """A camera of that vertical field of view."""
    usd = prims.define(camera.path, UsdGeom.Camera)
    prims.place(camera.path)
    usd.CreateVerticalApertureAttr(_APERTURE)
    usd.CreateFocalLengthAttr(_APERTURE / (2 * math.tan(camera.vertical_fov / 2)))
    usd.CreateClippingRangeAttr(Gf.Vec2f(*camera.clipping_range))
    for name, value in camera.attributes:
        custom(usd.GetPrim(), name, value)


def write_light(prims: Prims, light: Light) -> None:
    """A light of that kind."""
    usd = prims.define(light.path, _LIGHTS[light.kind])
    prims.place(light.path)
    usd.CreateIntensityAttr(light.intensity)
    usd.CreateColorAttr(single(light.color))


def write_sensor(prims: Prims, sensor: Sensor) -> None:
    """A sensor on a prim of its own, or on one that is something else too (a camera, a body)."""
    prim = prims.at(sensor.path)
    if not prim.GetTypeName():
        prim = prims.define(sensor.path, UsdGeom.Xform).GetPrim()
    if not UsdGeom.Xformable(prim).GetOrderedXformOps() and not prim.HasAPI(UsdPhysics.RigidBodyAPI):
        prims.place(sensor.path)
    custom(prim, SENSOR_ATTRIBUTE, sensor.kind)
    for name, value in sensor.attributes:
        if not prim.HasAttribute(name):
            custom(prim, name, value)


def write_attributes(prims: Prims, attributes: Mapping[str, float]) -> None:
    """Scalar attributes that the scene authors on prims that are not physics."""
    for address, value in attributes.items():
        path, _, name = address.partition(".")
        if not prims.at(path).HasAttribute(name):
            custom(prims.at(path), name, float(value))


def write_engine_attributes(prims: Prims, attributes: Mapping[str, float | str | bool | tuple[float, ...]]) -> None:
    """Attributes that only some engines know."""
    for address, value in attributes.items():
        path, _, name = address.partition(".")
        prim = prims.at(path)
        if not prim.HasAttribute(name):
            custom(prim, name, value, is_custom=False)
        if name == "mjc:group" and isinstance(value, int) and value >= _HIDDEN_GROUP:
            UsdGeom.Imageable(prim).CreatePurposeAttr(UsdGeom.Tokens.guide)
