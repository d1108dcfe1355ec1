"""What a scene says about its sensors, as checked values: the attributes ``hanzo:…`` of a sensor's or camera's prim.

Lengths are metres and times seconds whatever the stage's units are; angles are degrees, as USD authors them, and say so
in their names. The tables below are the schema; ``docs/sensors.md`` explains it. Attributes of Isaac's and Omniverse's
own sensor prims count where ours are not authored (`_FOREIGN`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hanzo_twin.errors import SceneError, nearest
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import AttributeValues, Camera, Joint, Scene, Sensor

MAX_RAYS = 4_000_000
MAX_PIXELS = 8192
MAX_RANGE = 1e6
PICTURE_KINDS = ("rgb", "depth", "semantic", "instance")

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "imu": ("linear_acceleration", "angular_velocity"),
    "force_torque": ("force", "torque"),
    "contact": ("force",),
    "lidar": ("ranges",),
    "camera": ("rgb", "depth"),
    "joint_state": ("position", "velocity", "effort"),
    "body_state": ("position", "linear_velocity", "angular_velocity"),
    "generic": ("position", "linear_velocity", "angular_velocity"),
}
# By attribute: default, least, most; whole numbers are given as int.
_NUMBERS: Mapping[str, Mapping[str, tuple[float, float, float]]] = {
    "lidar": {
        "channels": (1, 1, 4096),
        "horizontal_samples": (360, 1, 65536),
        "horizontal_lower_deg": (-180.0, -360.0, 360.0),
        "horizontal_upper_deg": (180.0, -360.0, 360.0),
        "vertical_lower_deg": (0.0, -90.0, 90.0),
        "vertical_upper_deg": (0.0, -90.0, 90.0),
        "min_range": (0.0, 0.0, MAX_RANGE),
        "max_range": (100.0, 1e-3, MAX_RANGE),
        "rotation_hz": (0.0, 0.0, 1e4),
    },
    "camera": {"width": (640, 1, MAX_PIXELS), "height": (480, 1, MAX_PIXELS)},
    "contact": {"threshold": (0.0, 0.0, 1e9)},
}
_NOISE = {
    "stddev": (0.0, 0.0, 1e9),
    "relative_stddev": (0.0, 0.0, 1e3),
    "shot": (0.0, 0.0, 1e6),
    "bias": (0.0, -1e9, 1e9),
    "bias_stddev": (0.0, 0.0, 1e9),
    "walk_stddev": (0.0, 0.0, 1e9),
    "limit": (math.inf, 1e-12, math.inf),
    "resolution": (0.0, 0.0, 1e9),
    "dropout": (0.0, 0.0, 1.0),
}
_RATE = (0.0, 1e-6, 1e6)
# What other schemas call the same thing.
_FOREIGN = {
    "minRange": "hanzo:lidar:min_range",
    "maxRange": "hanzo:lidar:max_range",
    "omni:sensor:Core:scanRateBaseHz": "hanzo:sensor:rate_hz",
    "omni:sensor:Core:nearRangeM": "hanzo:lidar:min_range",
    "omni:sensor:Core:farRangeM": "hanzo:lidar:max_range",
    "omni:sensor:Core:numberOfChannels": "hanzo:lidar:channels",
}


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What is wrong with one field of a reading, in the field's unit; see `hanzo_twin.sensors.noise`.

    Args:
        stddev: of white noise.
        relative_stddev: of white noise, per unit of the value.
        shot: variance of white noise per unit of the value (pictures).
        bias: added to each component.
        bias_stddev: of one more bias, drawn once per component and seed.
        walk_stddev: of a random walk, after one second; it grows with the root of time.
        limit: readings saturate at ± this.
        resolution: readings are multiples of this; 0 for all numbers.
        dropout: probability that a reading (of a lidar a ray, of a camera a pixel) is lost.
    """

    stddev: float = 0.0
    relative_stddev: float = 0.0
    shot: float = 0.0
    bias: float = 0.0
    bias_stddev: float = 0.0
    walk_stddev: float = 0.0
    limit: float = math.inf
    resolution: float = 0.0
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LidarSettings:
    """Rays: ``channels`` from the lower to the upper elevation, ``horizontal_samples`` from azimuth to azimuth.

    Angles in rad, ranges in m. With ``rotation`` (Hz) a reading holds the part of the turn since the last one.
    """

    channels: int = 1
    horizontal_samples: int = 360
    horizontal_lower: float = -math.pi
    horizontal_upper: float = math.pi
    vertical_lower: float = 0.0
    vertical_upper: float = 0.0
    min_range: float = 0.0
    max_range: float = 100.0
    rotation: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CameraSettings:
    """Size of the picture in pixels, and the kinds of pictures of one reading, of `PICTURE_KINDS`."""

    width: int = 640
    height: int = 480
    kinds: tuple[str, ...] = ("rgb", "depth")


@dataclass(frozen=True, kw_only=True)
class SensorSettings:
    """How one sensor works.

    Args:
        rate: readings per second, None for one that shows the present.
        noise: by field of the reading; fields without noise are left out.
        joint: path of the joint that a force/torque or joint-state sensor belongs to.
        threshold: N, less than which a contact sensor does not feel.
    """

    kind: str
    rate: float | None = None
    noise: Mapping[str, Noise] = field(default_factory=dict)
    lidar: LidarSettings = LidarSettings()
    camera: CameraSettings = CameraSettings()
    joint: str = ""
    threshold: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", MappingProxyType(dict(self.noise)))


def sensor_settings(scene: Scene, path: str) -> SensorSettings:
    """The settings of the sensor or camera at ``path``.

    Raises:
        SceneError: they make no sensor; carries the diagnoses.
    """
    settings, diagnoses = read_settings(scene, scene.cameras.get(path) or scene.sensors[path])
    errors = [one for one in diagnoses if one.severity == "error"]
    if errors:
        raise SceneError(f"{path}: {errors[0].message}", hint=errors[0].remedy, diagnoses=errors)
    return settings


def read_settings(scene: Scene, sensor: Sensor | Camera) -> tuple[SensorSettings, tuple[Diagnosis, ...]]:
    """The settings of a sensor or camera of ``scene``, and what is wrong with them."""
    reader = _Reader(scene, sensor)
    return reader.read(), tuple(reader.diagnoses)


def sensor_joint(scene: Scene, sensor: Sensor) -> Joint | None:
    """The joint that ``sensor`` names, stands on, or whose child carries it; None where there is none."""
    named = dict(sensor.attributes).get("hanzo:joint")
    if named is not None:
        return scene.joints.get(str(named))
    for path in (sensor.path, sensor.path.rpartition("/")[0]):
        if path in scene.joints:
            return scene.joints[path]
    return scene.child_joint.get(sensor.body)


class _Reader:
    def __init__(self, scene: Scene, sensor: Sensor | Camera) -> None:
        self._scene = scene
        self._sensor = sensor
        self._kind = "camera" if isinstance(sensor, Camera) else sensor.kind
        self._values = _own_names(sensor.attributes)
        self.diagnoses: list[Diagnosis] = []

    def read(self) -> SensorSettings:
        settings = SensorSettings(
            kind=self._kind,
            rate=self._number("hanzo:sensor:rate_hz", _RATE) or None,
            noise=self._noise(),
            lidar=self._lidar() if self._kind == "lidar" else LidarSettings(),
            camera=self._camera() if self._kind == "camera" else CameraSettings(),
            joint=self._joint(),
            threshold=self._numbers("contact").get("threshold", 0.0),
        )
        self._look_for_unknown()
        return settings

    def _numbers(self, kind: str) -> dict[str, float]:
        if kind != self._kind:
            return {}
        return {name: self._number(f"hanzo:{kind}:{name}", limits) for name, limits in _NUMBERS[kind].items()}

    def _number(self, name: str, limits: tuple[float, float, float]) -> float:
        default, least, most = limits
        value = self._values.get(name)
        if value is None:
            return default
        whole = isinstance(default, int)
        if (
            isinstance(value, (str, bool))
            or not least <= value <= most
            or (whole and value != int(value))
            or (math.isinf(value) and not math.isinf(most))
        ):
            kind = "a whole number" if whole else "a number"
            self._report("error", "bad-sensor", f"{name} is {value}.", f"Author {kind} from {least:g} to {most:g}.")
            return default
        return int(value) if whole else float(value)

    def _lidar(self) -> LidarSettings:
        numbers = self._numbers("lidar")
        for name in ("horizontal", "vertical"):
            lower, upper = numbers[f"{name}_lower_deg"], numbers[f"{name}_upper_deg"]
            if lower > upper or upper - lower > 360.0:
                self._report(
                    "error",
                    "bad-sensor",
                    f"Its rays go from {lower:g}° to {upper:g}° ({name}).",
                    f"Author hanzo:lidar:{name}_lower_deg below {name}_upper_deg, at most a turn apart.",
                )
        if numbers["min_range"] >= numbers["max_range"]:
            self._report(
                "error",
                "bad-sensor",
                f"Its range goes from {numbers['min_range']:g} to {numbers['max_range']:g} m.",
                "Author min_range below max_range.",
            )
        if numbers["channels"] * numbers["horizontal_samples"] > MAX_RAYS:
            self._report("error", "bad-sensor", f"It has more than {MAX_RAYS} rays.", "Author fewer rays.")
        if numbers["rotation_hz"] and "hanzo:sensor:rate_hz" not in self._values:
            self._report(
                "error", "bad-sensor", "It turns, but has no rate.", "Author hanzo:sensor:rate_hz beside rotation_hz."
            )
        return LidarSettings(
            channels=int(numbers["channels"]),
            horizontal_samples=int(numbers["horizontal_samples"]),
            horizontal_lower=math.radians(numbers["horizontal_lower_deg"]),
            horizontal_upper=math.radians(numbers["horizontal_upper_deg"]),
            vertical_lower=math.radians(numbers["vertical_lower_deg"]),
            vertical_upper=math.radians(numbers["vertical_upper_deg"]),
            min_range=numbers["min_range"],
            max_range=numbers["max_range"],
            rotation=numbers["rotation_hz"],
        )

    def _camera(self) -> CameraSettings:
        numbers = self._numbers("camera")
        kinds = tuple(str(self._values.get("hanzo:camera:kinds", "rgb depth")).split())
        unknown = [kind for kind in kinds if kind not in PICTURE_KINDS]
        if unknown or not kinds:
            self._report(
                "error",
                "bad-sensor",
                f"hanzo:camera:kinds is '{' '.join(kinds)}'.",
                f"Author some of: {' '.join(PICTURE_KINDS)}.",
            )
        return CameraSettings(width=int(numbers["width"]), height=int(numbers["height"]), kinds=kinds)

    def _noise(self) -> dict[str, Noise]:
        common = {name: self._number(f"hanzo:noise:{name}", limits) for name, limits in _NOISE.items()}
        noises: dict[str, Noise] = {}
        for name in _FIELDS[self._kind]:
            noise = Noise(**common)
            for part, (_, least, most) in _NOISE.items():
                limits = (getattr(noise, part), least, most)
                noise = replace(noise, **{part: self._number(f"hanzo:noise:{name}:{part}", limits)})
            if noise != Noise():
                noises[name] = noise
        return noises

    def _joint(self) -> str:
        if self._kind not in ("force_torque", "joint_state"):
            return ""
        assert isinstance(self._sensor, Sensor)
        joint = sensor_joint(self._scene, self._sensor)
        if joint is not None:
            return joint.path
        named = self._values.get("hanzo:joint")
        self._report(
            "error",
            "bad-sensor",
            f"It belongs to no joint: {f'there is no joint {named}' if named else 'its body hangs on none'}.",
            f"Author rel hanzo:joint. {nearest(str(named), self._scene.joints)}",
        )
        return ""

    def _look_for_unknown(self) -> None:
        known = {"hanzo:sensor", "hanzo:sensor:rate_hz", "hanzo:joint"}
        known |= {f"hanzo:{self._kind}:{name}" for name in _NUMBERS.get(self._kind, ())}
        known |= {"hanzo:camera:kinds"} if self._kind == "camera" else set()
        for part in _NOISE:
            known |= {f"hanzo:noise:{part}", *(f"hanzo:noise:{name}:{part}" for name in _FIELDS[self._kind])}
        for name in self._values:
            if name.startswith("hanzo:") and name not in known:
                message = f"A sensor of kind {self._kind} has no attribute {name}; it is ignored."
                self._report("warning", "unknown-attribute", message, nearest(name, known))

    def _report(self, severity: str, code: str, message: str, remedy: str) -> None:
        self.diagnoses.append(
            Diagnosis(
                severity="error" if severity == "error" else "warning",
                code=code,
                path=self._sensor.path,
                message=message,
                remedy=remedy,
            )
        )


def _own_names(attributes: AttributeValues) -> dict[str, float | str | bool]:
    """``attributes`` by our names; what only another schema says is translated."""
    values: dict[str, float | str | bool] = dict(attributes)
    for name, ours in _FOREIGN.items():
        value = values.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            values.setdefault(ours, value)
    period, turns = values.get("sensorPeriod"), values.get("rotationRate")
    if isinstance(period, float) and period > 0:
        values.setdefault("hanzo:sensor:rate_hz", 1.0 / period)
    if isinstance(turns, float) and turns > 0:
        # Isaac's zero stands for a whole scan at each step.
        values.setdefault("hanzo:sensor:rate_hz", turns)
    for ours, field_of_view, resolution in (
        ("hanzo:lidar:horizontal_samples", "horizontalFov", "horizontalResolution"),
        ("hanzo:lidar:channels", "verticalFov", "verticalResolution"),
    ):
        angle, step = values.get(field_of_view), values.get(resolution)
        if isinstance(angle, float) and isinstance(step, float) and step > 0:
            values.setdefault(ours, max(1, round(angle / step)))
    for name in ("horizontal", "vertical"):
        opening = values.get(f"{name}Fov")
        if isinstance(opening, float):
            values.setdefault(f"hanzo:lidar:{name}_lower_deg", -opening / 2)
            values.setdefault(f"hanzo:lidar:{name}_upper_deg", opening / 2)
    return values
