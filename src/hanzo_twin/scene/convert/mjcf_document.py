"""The MJCF document that is being written: its sections, names and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.scene.convert.names import renamed
from hanzo_twin.scene.convert.report import Entry, changed, lost
from hanzo_twin.scene.model import EngineValue, Scene
from hanzo_twin.spatial import Pose

_SECTIONS = ("compiler", "option", "asset", "worldbody", "contact", "equality", "actuator", "sensor", "keyframe")
_IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


class Document:
    """Sections of the file, short names for prim paths, and the entries of the report."""

    def __init__(self, scene: Scene, path: Path) -> None:
        self.scene = scene
        self.path = path
        self.entries: list[Entry] = []
        root = next(iter(scene.bodies), None) or next(iter(scene.static_shapes), None) or "/scene"
        self.root = Element("mujoco", {"model": root.split("/")[1]})
        self._sections = {name: SubElement(self.root, name) for name in _SECTIONS}
        self.section("compiler").attrib |= {"angle": "radian", "autolimits": "false"}
        shapes = [*scene.static_shapes, *(shape.path for body in scene.bodies.values() for shape in body.shapes)]
        self.bodies = short_names([*scene.bodies, *scene.static_shapes], taken=("world",))
        self.joints = short_names(scene.joints)
        self.entries += renamed({path: self.bodies[path] for path in scene.bodies} | self.joints)
        self.geoms = short_names(shapes)
        self.elements: dict[str, Element] = {"": self.section("worldbody")}

    def section(self, name: str) -> Element:
        """One of the sections below ``<mujoco>``."""
        return self._sections[name]

    def changed(self, code: str, path: str, what: str) -> None:
        self.entries.append(changed(code, path, what))

    def lost(self, code: str, path: str, what: str) -> None:
        self.entries.append(lost(code, path, what))

    def native(self, path: str, name: str) -> EngineValue | None:
        """An attribute ``mjc:name`` of the prim, None where it has none."""
        return self.scene.engine_attributes.get(f"{path}.mjc:{name}")

    def write_start(self, positions: Sequence[float], velocities: Sequence[float], controls: Sequence[float]) -> None:
        """The start as the keyframe ``home``; empty sections are dropped."""
        if positions:
            values = {"name": "home", "qpos": numbers(positions)}
            if any(velocities):
                values["qvel"] = numbers(velocities)
            if any(controls):
                values["ctrl"] = numbers(controls)
            SubElement(self.section("keyframe"), "key", values)
        for name in _SECTIONS:
            if name != "worldbody" and not len(self.section(name)) and not self.section(name).attrib:
                self.root.remove(self.section(name))


def numbers(values: Iterable[float]) -> str:
    """Numbers with all their digits, apart by spaces."""
    return " ".join(number(value) for value in values)


def number(value: float) -> str:
    """The shortest text that is read as the same number."""
    text = repr(float(value) + 0.0)
    return text.removesuffix(".0")


def placed(pose: Pose) -> dict[str, str]:
    """``pos`` and ``quat``, where they are not those of the parent."""
    found: dict[str, str] = {}
    if pose.position.any():
        found["pos"] = numbers(pose.position)
    if not np.array_equal(pose.orientation, _IDENTITY):
        found["quat"] = numbers(pose.orientation)
    return found


def short_names(paths: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name for each path that is not ``taken``: its last part where that is unique, else as much more as it takes."""
    listed = list(dict.fromkeys(paths))
    shared = Counter(path.rpartition("/")[2] for path in listed)
    found: dict[str, str] = {}
    used = set(taken)
    for path in listed:
        parts = path.strip("/").split("/")
        first = 1 if shared[parts[-1]] == 1 else 2
        longer = ("_".join(parts[-length:]) for length in range(first, len(parts) + 1))
        numbered = (f"{'_'.join(parts)}_{index}" for index in count(1))
        found[path] = next(name for name in chain(longer, numbered) if name not in used)
        used.add(found[path])
    return found
