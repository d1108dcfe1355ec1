"""Meshes as files beside a converted scene."""

from __future__ import annotations

from pathlib import Path

from hanzo_twin.scene.model import Mesh


def write_obj(mesh: Mesh, path: Path) -> None:
    """Write ``mesh`` as Wavefront OBJ, in metres, with all digits of its coordinates."""
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.vertices.tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in mesh.triangles.tolist()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
