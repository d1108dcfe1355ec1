"""What a scene has besides bodies and joints: gravity, materials, cameras, lights, sensors, authored attributes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, get_args

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdLux, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.model import (
    COMBINE_RULES,
    AttributeValues,
    Camera,
    CombineRule,
    Light,
    Material,
    Sensor,
    SensorKind,
)
from hanzo_twin.scene.usd.values import Placements, Units, Vector, decimal, number, triple, typed, vector
from hanzo_twin.spatial import Pose

SENSOR_ATTRIBUTE = "hanzo:sensor"
"""Custom token on a prim that makes it a sensor; its value is the kind. A Camera prim is one of kind ``camera``."""

_SENSOR_TYPES: dict[str, SensorKind] = {
    "IsaacImuSensor": "imu",
    "IsaacContactSensor": "contact",
    "Lidar": "lidar",
    "OmniLidar": "lidar",
}
_LIGHTS = {
    "distant": UsdLux.DistantLight,
    "sphere": UsdLux.SphereLight,
    "rect": UsdLux.RectLight,
    "disk": UsdLux.DiskLight,
    "dome": UsdLux.DomeLight,
}
_BRIGHTNESS = ("intensity", "exposure")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_:]*$")
_FOREIGN = ("urdf:", "mjc:", "newton:", "physx", "physics:", "hanzo:", "semantic", "primvars:", "omni:", "ui:")


class SurroundingsReader:
    """Reads single prims into `Camera`, `Light`, `Sensor` and scalar attributes."""

    def __init__(self, units: Units, placements: Placements, bodies: Collection[str], findings: Findings) -> None:
        self._units = units
        self._placements = placements
        self._bodies = bodies
        self._findings = findings

    def camera(self, prim: Usd.Prim) -> Camera:
        """Raises Refusal for optics that make no picture."""
        aperture, focal = (typed(prim, name, (int, float), "a number") for name in ("verticalAperture", "focalLength"))
        near, far = typed(prim, "clippingRange", Gf.Vec2f, "two numbers")
        if not (aperture > 0 and focal > 0 and math.isfinite(aperture + focal) and 0 < near < far):
            raise Refusal(
                "bad-camera",
                f"Its aperture {aperture:g}, focal length {focal:g} and clipping range {near:g} … {far:g} make no "
                "picture.",
                "Author positive numbers, the near plane before the far one.",
            )
        body, pose = self._mounted(prim)
        return Camera(
            path=str(prim.GetPath()),
            body=body,
            pose_body_camera=pose,
            vertical_fov=2 * math.atan(decimal(aperture) / (2 * decimal(focal))),
            clipping_range=(decimal(near) * self._units.length, decimal(far) * self._units.length),
            attributes=tuple(item for item in _settings(prim) if item[0].startswith("hanzo:")),
        )

    def light(self, prim: Usd.Prim) -> Light | None:
        """None for what is not a light, and for kinds that are reported as lost."""
        if not prim.HasAPI(UsdLux.LightAPI):
            return None
        path = str(prim.GetPath())
        for kind, schema in _LIGHTS.items():
            if prim.IsA(schema):
                brightness, stops = (typed(prim, f"inputs:{name}", float, "a number") for name in _BRIGHTNESS)
                color = vector(prim, "inputs:color")
                color = np.ones(3) if color is None else color
                if not (math.isfinite(brightness) and abs(stops) < 100 and np.isfinite(color).all()):
                    raise Refusal("not-finite", "Its intensity or colour is not finite.", "Author finite numbers.")
                return Light(
                    path=path,
                    kind=kind,  # type: ignore[arg-type]
                    pose_world_light=self._units.world(self._placements.of(prim).pose),
                    intensity=decimal(brightness * 2.0**stops),
                    color=triple(color),
                )
        self._findings.warning("light-lost", path, f"A light of type '{prim.GetTypeName()}' is left out.")
        return None

    def sensor(self, prim: Usd.Prim) -> Sensor | None:
        """None for what is not a sensor.

        Raises:
            Refusal: its kind is unknown.
        """
        kind: Any = _SENSOR_TYPES.get(str(prim.GetTypeName()))
        named = prim.GetAttribute(SENSOR_ATTRIBUTE)
        if named and named.HasAuthoredValue():
            kind = str(named.Get())
            if prim.IsA(UsdGeom.Camera) and kind == "camera":
                return None
            if kind == "camera":
                raise Refusal("bad-sensor", "It is to be a camera, but is not a Camera prim.", "Define it as a Camera.")
            if kind not in get_args(SensorKind):
                raise Refusal(
                    "bad-sensor",
                    f"{SENSOR_ATTRIBUTE} is '{kind}'.",
                    f"Allowed: {', '.join(get_args(SensorKind))}; on a Camera prim: camera.",
                )
        if kind is None:
            return None
        body, pose = self._mounted(prim)
        return Sensor(path=str(prim.GetPath()), kind=kind, body=body, pose_body_sensor=pose, attributes=_settings(prim))

    def attributes(self, prim: Usd.Prim) -> dict[str, float]:
        """Custom scalar attributes by address."""
        found: dict[str, float] = {}
        for attribute in prim.GetAuthoredAttributes():
            name = attribute.GetName()
            if not attribute.IsCustom() or name.startswith(_FOREIGN) or not _NAME.match(name):
                continue
            value = attribute.Get()
            if isinstance(value, (bool, int, float)):
                value = number(prim, name)
                if value is not None:
                    found[f"{prim.GetPath()}.{name}"] = float(value)
        return found

    def _mounted(self, prim: Usd.Prim) -> tuple[str, Pose]:
        """The body that carries ``prim`` ("" for the world) and the pose of ``prim`` on it."""
        own = self._placements.of(prim).pose
        carrier = prim.GetParent()
        while carrier and not carrier.IsPseudoRoot():
            if str(carrier.GetPath()) in self._bodies:
                return str(carrier.GetPath()), self._placements.of(carrier).pose.inverse() @ own
            carrier = carrier.GetParent()
        return "", self._units.world(own)


def _settings(prim: Usd.Prim) -> AttributeValues:
    """What the prim of a sensor or camera authors: plain values, and where ``hanzo:joint`` points to."""
    values = {attribute.GetName(): attribute.Get() for attribute in prim.GetAuthoredAttributes()}
    joint = prim.GetRelationship("hanzo:joint")
    if joint and joint.GetForwardedTargets():
        values["hanzo:joint"] = str(joint.GetForwardedTargets()[0])
    return tuple(
        (name, number(prim, name) or 0.0 if type(value) is float else value)
        for name, value in sorted(values.items())
        if isinstance(value, (bool, int, float, str)) and not name.startswith("xformOp") and name != SENSOR_ATTRIBUTE
    )


def materials(stage: Usd.Stage, parsed: dict[Any, Any], units: Units, findings: Findings) -> dict[str, Material]:
    """Contact materials by path."""
    found: dict[str, Material] = {}
    for description in parsed.get(UsdPhysics.ObjectType.RigidBodyMaterial, ([], []))[1]:
        path = str(description.primPath)
        values = {
            "static_friction": decimal(description.staticFriction),
            "dynamic_friction": decimal(description.dynamicFriction),
            "restitution": decimal(description.restitution),
        }
        wrong = [f"{name} {value:g}" for name, value in values.items() if not (value >= 0 and math.isfinite(value))]
        density = decimal(description.density) * units.mass / units.length**3
        if wrong or math.isnan(density):
            findings.error("bad-material", path, f"It has {', '.join(wrong) or 'a density that is not a number'}.")
            continue
        found[path] = Material(
            path=path,
            **values,
            density=density if 0 < density < math.inf else None,
            friction_combine=_combine_rule(stage.GetPrimAtPath(path), "friction", findings),
            restitution_combine=_combine_rule(stage.GetPrimAtPath(path), "restitution", findings),
        )
    return found


def _combine_rule(prim: Usd.Prim, of: str, findings: Findings) -> CombineRule:
    name = f"physxMaterial:{of}CombineMode"
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute and attribute.HasAuthoredValue() else "average"
    for rule in COMBINE_RULES:
        if value == rule:
            return rule
    findings.error(
        "bad-material", str(prim.GetPath()), f"{name} is '{value}'.", f"Allowed: {', '.join(COMBINE_RULES)}."
    )
    return "average"


def gravity(parsed: dict[Any, Any], stage: Usd.Stage, units: Units, findings: Findings) -> tuple[Vector, str]:
    """Gravity in our world, m/s², and the path of the physics scene that says so."""
    scenes = list(parsed.get(UsdPhysics.ObjectType.Scene, ([], []))[1])
    if not scenes:
        path = f"{stage.GetDefaultPrim().GetPath() if stage.GetDefaultPrim() else ''}/physicsScene"
        findings.info("gravity-default", path, "The scene has no PhysicsScene; gravity is 9.81 m/s² downwards.")
        return (0.0, 0.0, -9.81), path
    scene = scenes[0]
    path = str(scene.primPath)
    if len(scenes) > 1:
        findings.warning("several-physics-scenes", path, f"{len(scenes)} PhysicsScene prims; this one is used.")
    enabled = stage.GetPrimAtPath(path).GetAttribute("newton:gravityEnabled")
    if enabled and enabled.Get() is False:
        return (0.0, 0.0, 0.0), path
    direction = np.array(scene.gravityDirection, dtype=np.float64)
    magnitude = decimal(scene.gravityMagnitude) * units.length
    if not np.isfinite(direction).all() or not math.isfinite(magnitude):
        findings.error("not-finite", path, "Its gravity is not finite.", "Author finite numbers.")
        return (0.0, 0.0, -9.81), path
    length = float(np.linalg.norm(direction))
    turned = units.direction(direction / length) if length > 0 else np.zeros(3)
    return triple(np.round(turned, 12) * magnitude + 0.0), path


def step_hint(stage: Usd.Stage, path: str) -> float | None:
    """Time step that the physics scene at ``path`` asks for, s."""
    prim = stage.GetPrimAtPath(path)
    seconds = number(prim, "mjc:option:timestep") if prim else None
    if seconds and seconds > 0:
        return seconds
    for name in ("newton:timeStepsPerSecond", "physxScene:timeStepsPerSecond"):
        rate = number(prim, name) if prim else None
        if rate and rate > 0:
            return 1.0 / rate
    return None
