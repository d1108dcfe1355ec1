"""Sensors, cameras and lights in SDFormat."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement

from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.convert.sdf_links import pose
from hanzo_twin.scene.convert.xml_text import numbers, text
from hanzo_twin.scene.model import Light, Scene, Sensor
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
        element = SubElement(link, "sensor", {"name": camera.path.rpartition("/")[2], "type": "camera"})
        pose(element, camera.pose_body_camera @ _LOOK.inverse())
        optics = SubElement(element, "camera")
        wide = 2 * math.atan(math.tan(camera.vertical_fov / 2) * _IMAGE[0] / _IMAGE[1])
        text(optics, "horizontal_fov", wide)
        image = SubElement(optics, "image")
        for name, size in zip(("width", "height"), _IMAGE, strict=True):
            text(image, name, size)
        clip = SubElement(optics, "clip")
        for name, distance in zip(("near", "far"), camera.clipping_range, strict=True):
            text(clip, name, float(distance))
        entries.append(changed("camera-image", camera.path, f"It takes pictures of {_IMAGE[0]} × {_IMAGE[1]} pixels."))


def _sensor(link: Element, sensor: Sensor, entries: list[Entry]) -> None:
    kind = _SENSORS.get(sensor.kind)
    if kind is None:
        entries.append(lost("sensor-lost", sensor.path, f"SDF has no sensor of kind {sensor.kind}."))
        return
    element = SubElement(link, "sensor", {"name": sensor.path.rpartition("/")[2], "type": kind})
    pose(element, sensor.pose_body_sensor)
    settings = [name for name, _ in sensor.attributes]
    if settings:
        what = f"Its settings {', '.join(settings[:5])}{' …' if len(settings) > 5 else ''} are not written."
        entries.append(changed("sensor-settings", sensor.path, what))


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
