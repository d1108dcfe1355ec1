"""Writing XML: numbers with all their digits, elements in a line each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from hanzo_twin.spatial import FloatArray, rotation_matrix


def numbers(values: Iterable[float]) -> str:
    """Decimals that read back as the same doubles."""
    return " ".join(repr(float(value) + 0.0) for value in values)


def text(parent: Element, tag: str, value: object, **attributes: str) -> Element:
    """A child with ``value`` as its content."""
    child = SubElement(parent, tag, attributes)
    if isinstance(value, bool):
        child.text = "true" if value else "false"
    else:
        child.text = repr(float(value)) if isinstance(value, float) else str(value)
    return child


def euler(quaternion: FloatArray) -> tuple[float, float, float]:
    """Turns about the fixed axes x, y, z [rad] of a unit quaternion [4]; looking along z, all of it is about z."""
    m = rotation_matrix(np.asarray(quaternion))
    across = math.hypot(m[0, 0], m[1, 0])
    pitch = math.atan2(-m[2, 0], across)
    if across < 1e-9:
        return 0.0, pitch, math.atan2(-m[0, 1], m[1, 1])
    return math.atan2(m[2, 1], m[2, 2]), pitch, math.atan2(m[1, 0], m[0, 0])


def save(root: Element, path: Path) -> None:
    """Write ``root`` to ``path``."""
    ElementTree.indent(root)
    path.write_bytes(b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "utf-8") + b"\n")
