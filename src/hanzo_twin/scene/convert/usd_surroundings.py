"""What a scene has besides bodies and joints: gravity, cameras, lights, sensors, attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux, UsdPhysics

from hanzo_twin.scene.convert.usd_prims import Prims, custom, single
from hanzo_twin.scene.model import AttributeValues, Camera, Light, Scene, Sensor

SENSOR_ATTRIBUTE = "hanzo:sensor"
_LIGHTS = {
    "distant": UsdLux.DistantLight,
    "sphere": UsdLux.SphereLight,
    "rect": UsdLux.RectLight,
    "disk": UsdLux.DiskLight,
    "dome": UsdLux.DomeLight,
}
_APERTURE = 24.0
_JOINT = "hanzo:joint"
_FASTEST = 1e9


def write_gravity(prims: Prims, scene: Scene) -> None:
    """The physics scene: gravity and the time step."""
    usd = prims.define(scene.gravity_path, UsdPhysics.Scene)
    magnitude = float(np.linalg.norm(scene.gravity))
    direction = np.array(scene.gravity) / magnitude if magnitude else np.array([0.0, 0.0, -1.0])
    usd.CreateGravityDirectionAttr(single(direction))
    usd.CreateGravityMagnitudeAttr(magnitude)
    if scene.step_hint is None:
        return
    rate = round(min(1.0 / scene.step_hint, _FASTEST))
    if rate >= 1 and 1.0 / rate == scene.step_hint:
        usd.GetPrim().ApplyAPI("NewtonSceneAPI")
        attribute = usd.GetPrim().CreateAttribute("newton:timeStepsPerSecond", Sdf.ValueTypeNames.Int, False)
        attribute.Set(rate)
    else:
        custom(usd.GetPrim(), "mjc:option:timestep", float(scene.step_hint))


def write_camera(prims: Prims, camera: Camera) -> None:
    """A camera of that vertical field of view."""
    usd = prims.define(camera.path, UsdGeom.Camera)
    prims.place(camera.path)
    usd.CreateVerticalApertureAttr(_APERTURE)
    usd.CreateFocalLengthAttr(_APERTURE / (2 * math.tan(camera.vertical_fov / 2)))
    usd.CreateClippingRangeAttr(Gf.Vec2f(*camera.clipping_range))
    _write_settings(usd.GetPrim(), camera.attributes)


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
    placed = prim.IsA(UsdGeom.Xformable) and not UsdGeom.Xformable(prim).GetOrderedXformOps()
    if placed and not prim.HasAPI(UsdPhysics.RigidBodyAPI):
        prims.place(sensor.path)
    custom(prim, SENSOR_ATTRIBUTE, sensor.kind)
    _write_settings(prim, sensor.attributes)


def _write_settings(prim: Usd.Prim, settings: AttributeValues) -> None:
    """What a sensor or camera is set to; the joint that it belongs to is a relationship."""
    for name, value in settings:
        if name == _JOINT:
            prim.CreateRelationship(name).SetTargets([Sdf.Path(str(value))])
        elif not prim.HasAttribute(name):
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
