"""A scene as MJCF, which MuJoCo loads as it is.

Numbers are written with all their digits. Bodies of next to no mass that only stand between two joints are taken out:
their joints go to the body that they carry, one after the other, as MJCF has it.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.convert.mjcf_actuators import write_actuators
from hanzo_twin.scene.convert.mjcf_contacts import write_contacts
from hanzo_twin.scene.convert.mjcf_document import Document
from hanzo_twin.scene.convert.mjcf_loops import write_equalities
from hanzo_twin.scene.convert.mjcf_shapes import ShapeWriter
from hanzo_twin.scene.convert.mjcf_surroundings import write_options, write_surroundings
from hanzo_twin.scene.convert.mjcf_tree import TreeWriter
from hanzo_twin.scene.convert.report import Entry
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.mjcf.parse import compiled
from hanzo_twin.scene.model import Scene


def write(scene: Scene, path: Path) -> list[Entry]:
    """Write ``scene`` to ``path`` (.xml); see `Writer`.

    Raises:
        UnsupportedError: MuJoCo refuses what came out; the message has its reason.
    """
    document = Document(scene, path)
    write_options(document)
    shapes = ShapeWriter(document)
    tree = TreeWriter(document, shapes)
    tree.write()
    write_surroundings(document)
    write_equalities(document)
    controls = write_actuators(document)
    write_contacts(document)
    document.write_start(tree.positions, tree.velocities, controls)
    ElementTree.indent(document.root)
    path.write_bytes(ElementTree.tostring(document.root, encoding="utf-8") + b"\n")
    _check(path)
    return document.entries


def _check(path: Path) -> None:
    try:
        compiled(path, Findings())
    except Refusal as refused:
        raise UnsupportedError(
            f"The scene cannot be written as MJCF: {refused.message}", hint="Change that in the scene, or leave it out."
        ) from None
