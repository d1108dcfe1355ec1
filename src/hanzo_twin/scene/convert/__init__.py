"""Conversion between scene formats, with a report of what was kept, changed and lost."""

from hanzo_twin.scene.convert.convert import WRITERS, Writer, convert, meshes_folder
from hanzo_twin.scene.convert.report import ConversionReport, Entry, changed, lost

__all__ = ["WRITERS", "ConversionReport", "Entry", "Writer", "changed", "convert", "lost", "meshes_folder"]
