"""Sensors, cameras and lights in SDFormat."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.sdf_links import pose
from hanzo_twin.scene.convert.sdf_sensors import PICTURES, write_pictures, write_settings
from hanzo_twin.scene.convert.xml_text import numbers, text
from hanzo_twin.scene.model import Camera, Light, Scene, Sensor
from hanzo_twin.scene.sdf.numbers import from_euler
from hanzo_twin.spatial import Pose

_SENSORS = {"imu": "imu", "contact": "contact", "force_torque": "force_torque", "lidar": "gpu_lidar"}
_LIGHTS = {"distant": "directional", "sphere": "point"}
_LOOK = Pose.of((0, 0, 0), from_euler(math.pi / 2, 0.0, -math.pi / 2))
_IMAGE = (320, 240)


def write_mounted(link: Element, scene: Scene, body: str, entries: list[Entry]) -> None:
    """Sensors and cameras that ``body`` carries ("" for the world)."""
    for sensor in scene.sensors.values():
        if sensor.body == body and sensor.path not in scene.cameras:
            _sensor(link, sensor, entries)
    for camera in scene.cameras.values():
        if camera.body != body:
            continue
        _camera(link, camera, entries)


def _camera(link: Element, camera: Camera, entries: list[Entry]) -> None:
    settings = dict(camera.attributes)
    kinds = str(settings.get("hanzo:camera:kinds", "rgb"))
    name = camera.path.rpartition("/")[2]
    element = SubElement(link, "sensor", {"name": name, "type": PICTURES.get(kinds, "camera")})
    pose(element, camera.pose_body_camera @ _LOOK.inverse())
    if "hanzo:sensor:rate_hz" in settings:
        text(element, "update_rate", settings["hanzo:sensor:rate_hz"])
    optics = SubElement(element, "camera")
    width, height = (settings.get(f"hanzo:camera:{side}") for side in ("width", "height"))
    size = _IMAGE if width is None or height is None else (int(width), int(height))
    text(optics, "horizontal_fov", 2 * math.atan(math.tan(camera.vertical_fov / 2) * size[0] / size[1]))
    image = SubElement(optics, "image")
    for side, pixels in zip(("width", "height"), size, strict=True):
        text(image, side, pixels)
    clip = SubElement(optics, "clip")
    for end, distance in zip(("near", "far"), camera.clipping_range, strict=True):
        text(clip, end, float(distance))
    if width is None or height is None:
        entries.append(changed("camera-image", camera.path, f"It takes pictures of {_IMAGE[0]} × {_IMAGE[1]} pixels."))
    left = write_pictures(optics, settings) + (["hanzo:camera:kinds"] if kinds not in PICTURES else [])
    _settings_lost(camera.path, left, entries)


def _settings_lost(path: str, names: list[str], entries: list[Entry]) -> None:
    if names:
        what = f"Its settings {', '.join(names[:5])}{' …' if len(names) > 5 else ''} are not written."
        entries.append(changed("sensor-settings", path, what))


def _sensor(link: Element, sensor: Sensor, entries: list[Entry]) -> None:
    kind = _SENSORS.get(sensor.kind)
    if kind is None:
        entries.append(lost("sensor-lost", sensor.path, f"SDF has no sensor of kind {sensor.kind}."))
        return
    element = SubElement(link, "sensor", {"name": sensor.path.rpartition("/")[2], "type": kind})
    pose(element, sensor.pose_body_sensor)
    _settings_lost(sensor.path, write_settings(element, sensor.kind, dict(sensor.attributes)), entries)


def write_light(world: Element, light: Light, entries: list[Entry]) -> None:
    """A light of the world; kinds that SDF has not are lost."""
    kind = _LIGHTS.get(light.kind)
    if kind is None:
        entries.append(lost("light-lost", light.path, f"SDF has no {light.kind} light."))
        return
    element = SubElement(world, "light", {"name": light.path.rpartition("/")[2], "type": kind})
    pose(element, light.pose_world_light)
    text(element, "diffuse", numbers((*light.color, 1.0)))
    text(element, "intensity", float(light.intensity))
    text(element, "direction", "0 0 -1")
