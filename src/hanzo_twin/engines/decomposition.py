"""Convex decomposition of meshes, by CoACD, remembered by content.

Wei, Liu, Ling, Su, "Approximate Convex Decomposition for 3D Meshes with Collision-Aware Concavity and Tree Search",
ACM Transactions on Graphics 41 (2022). The same mesh gives the same parts: the search is seeded, and what was found is
kept under ``$XDG_CACHE_HOME/hanzo-twin`` (``~/.cache/hanzo-twin``) under the digest of mesh, settings and version.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from hanzo_twin.errors import NotInstalledError, SceneError
from hanzo_twin.scene.model import Mesh
from hanzo_twin.spatial import FloatArray

CONCAVITY = 0.05
"""How far a part's hull may be from the mesh, as a fraction of the mesh's size."""

_SETTINGS = {"threshold": CONCAVITY, "seed": 0}


def convex_parts(path: str, mesh: Mesh) -> tuple[FloatArray, ...]:
    """Vertices [n, 3] of the convex parts of ``mesh``, each all corners of its hull.

    Raises:
        NotInstalledError: the package that decomposes is missing.
        SceneError: it finds no parts; names ``path``.
    """
    try:
        import coacd
    except ModuleNotFoundError as missing:
        raise NotInstalledError(
            f"The mesh '{path}' is to collide as convex parts, which needs the package 'coacd'.",
            hint="Install it with: pip install 'hanzo-twin[decomposition]'",
        ) from missing
    vertices = np.ascontiguousarray(mesh.vertices, dtype=np.float64)
    triangles = np.ascontiguousarray(mesh.triangles, dtype=np.int64)
    digest = hashlib.sha256(f"{coacd.__name__} {_version()} {_SETTINGS} {vertices.shape}".encode())
    digest.update(vertices.tobytes() + triangles.tobytes())
    file = _cache_directory() / f"{digest.hexdigest()}.npz"
    known = _read(file)
    if known is not None:
        return known
    coacd.set_log_level("error")
    found = coacd.run_coacd(coacd.Mesh(vertices, triangles.astype(np.int32)), **_SETTINGS)
    parts = tuple(corners for part, _ in found if (corners := _corners(np.asarray(part, dtype=np.float64))) is not None)
    if not parts:
        raise SceneError(
            f"The mesh '{path}' cannot be decomposed into convex parts.",
            hint="Close its holes, or author physics:approximation = 'convexHull'.",
        )
    _write(file, parts)
    return parts


def _version() -> str:
    from importlib.metadata import version

    return version("coacd")


def _corners(vertices: FloatArray) -> FloatArray | None:
    """Those of ``vertices`` on their hull, None where that is flat."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(vertices)
    except QhullError:
        return None
    corners: FloatArray = vertices[hull.vertices]
    return corners


def _cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hanzo-twin" / "convex-parts"


def _read(file: Path) -> tuple[FloatArray, ...] | None:
    """What `_write` wrote; None where there is nothing that can be read."""
    try:
        with np.load(file) as data:
            return tuple(data[f"arr_{index}"] for index in range(len(data.files)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _write(file: Path, parts: tuple[FloatArray, ...]) -> None:
    """Keep ``parts``; a disk that is full or read-only only costs time later."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as written:
            np.savez(written, *parts)
        Path(written.name).replace(file)
    except OSError:
        return
