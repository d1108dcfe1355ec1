"""From what a sensor took in to what is read: pictures are drawn, rays cast, noise added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.scene.sensors import CameraSettings, Noise
from hanzo_twin.sensors.camera import view_of
from hanzo_twin.sensors.lidar import directions, sector
from hanzo_twin.sensors.mirror import Mirrors
from hanzo_twin.sensors.noise import spoil
from hanzo_twin.sensors.plan import Spec
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.sensors.samples import Sample
from hanzo_twin.spatial import Pose, rotation_matrix

_LOST = {"ranges": float("inf"), "depth": float("inf"), "rgb": 0.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What a sensor shows: read-only ``data`` by field, and ``about``: what the numbers in it mean."""

    path: str
    time: float
    data: Mapping[str, AnyArray]
    about: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NoiseSource:
    """Of one suite: its seed, and the seconds between readings that have no rate."""

    seed: int
    step_seconds: float

    def spoiled(self, spec: Spec, index: int, fields: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """``fields`` with the noise of their sensor."""
        seconds = 1.0 / spec.settings.rate if spec.settings.rate else self.step_seconds
        shown = dict(fields)
        for name, noise in spec.settings.noise.items():
            if name in shown:
                shown[name] = self._field(spec.path, name, noise, index, seconds, shown[name])
        return shown

    def _field(self, path: str, name: str, noise: Noise, index: int, seconds: float, values: AnyArray) -> AnyArray:
        lost = _LOST.get(name, float("nan"))
        read = spoil(values, noise, seed=self.seed, name=f"{path}\0{name}", index=index, seconds=seconds, lost=lost)
        if values.dtype == np.uint8:
            return np.clip(np.round(read), 0, 255).astype(np.uint8)
        return read.astype(values.dtype)


def show(scene: Scene, mirrors: Mirrors, spec: Spec, sample: Sample, noise: NoiseSource | None) -> Reading:
    """The reading of a sensor or camera that took in ``sample``, without noise where there is no source of it.

    Raises:
        UnsupportedError: no renderer can draw it here.
    """
    if spec.kind == "camera":
        return draw(scene, mirrors, spec, scene.cameras[spec.path], spec.settings.camera, sample, noise)
    if spec.kind == "lidar":
        return _scan(mirrors, spec, sample, noise)
    fields = sample.data if noise is None else noise.spoiled(spec, sample.index, sample.data)
    return _reading(spec, sample, fields)


def draw(
    scene: Scene,
    mirrors: Mirrors,
    spec: Spec,
    camera: Camera,
    settings: CameraSettings,
    sample: Sample,
    noise: NoiseSource | None,
) -> Reading:
    """A picture, without noise where there is no source of it."""
    name, mirror = mirrors.pictures()
    poses = sample.data["poses"]
    fields = mirror.picture(poses, view_of(camera, scene, poses, settings.width, settings.height), settings.kinds)
    labels = mirrors.looks.labels
    about = {"renderer": name, "instances": labels.instances, "semantics": labels.semantics}
    if noise is not None:
        fields = noise.spoiled(spec, sample.index, fields)
    return _reading(spec, sample, fields, about)


def _scan(mirrors: Mirrors, spec: Spec, sample: Sample, noise: NoiseSource | None) -> Reading:
    settings, poses = spec.settings.lidar, sample.data["poses"]
    rate = spec.settings.rate
    rays = sector(settings, rate, sample.index) if rate and settings.rotation else directions(settings)
    pose, row = spec.pose, -1
    if len(spec.rows):
        row = int(spec.rows[0])
        pose = Pose.of(poses[row, :3], poses[row, 3:]) @ pose
    aims = rays.reshape(-1, 3) @ rotation_matrix(pose.orientation).T
    distances, instances = mirrors.rays().cast(poses, pose.position, aims, exclude=row, reach=settings.max_range)
    near = (distances >= settings.min_range) & (distances <= settings.max_range)
    fields: dict[str, AnyArray] = {
        "ranges": np.where(near, distances, np.inf).reshape(rays.shape[:2]),
        "instance": np.where(near, instances, 0).astype(np.int32).reshape(rays.shape[:2]),
    }
    if noise is not None:
        fields = noise.spoiled(spec, sample.index, fields)
    ranges = fields["ranges"]
    fields["points"] = np.where(np.isfinite(ranges), ranges, np.nan)[..., None] * rays
    return _reading(spec, sample, fields, {"instances": mirrors.looks.labels.instances})


def _reading(
    spec: Spec, sample: Sample, fields: Mapping[str, AnyArray], about: Mapping[str, object] | None = None
) -> Reading:
    for values in fields.values():
        values.setflags(write=False)
    return Reading(path=spec.path, time=sample.time, data=fields, about=about or {})
