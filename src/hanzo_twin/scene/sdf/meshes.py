"""Triangles of STL, OBJ and COLLADA files, and their colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from hanzo_twin.scene.findings import Refusal
from hanzo_twin.scene.texture import NotReadable, Rgb, mean_color
from hanzo_twin.spatial import FloatArray, IntArray


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One named part of a file: ``vertices`` [n, 3] in m (as the file has them), ``triangles`` [m, 3].

    Args:
        colors: of each triangle [m, 3], NaN where the file does not say; a texture is its mean.
    """

    name: str
    vertices: FloatArray
    triangles: IntArray
    colors: FloatArray


def read(path: Path) -> list[Surface]:
    """All surfaces of the file at ``path``.

    Raises:
        Refusal: its format is unknown, or it cannot be read, or it has no triangles.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise Refusal(
            "mesh-lost", f"'{path.name}' is of no known mesh format.", f"Known are {', '.join(sorted(_READERS))}."
        )
    if not path.is_file():
        raise Refusal("mesh-lost", f"'{path.name}' is not a plain file.", "Name a mesh file.")
    try:
        surfaces = [surface for surface in reader(path) if len(surface.triangles)]
    except Exception as failure:  # noqa: BLE001 - other projects' parsers; whatever they raise is about this file
        text = " ".join(str(failure).split()) or type(failure).__name__
        raise Refusal("mesh-lost", f"'{path.name}' cannot be read as a mesh: {text}.", "Export it again.") from None
    if not surfaces:
        raise Refusal("mesh-lost", f"'{path.name}' has no triangles.", "Export it again.")
    return surfaces


def joined(surfaces: list[Surface]) -> Surface:
    """All of them as one."""
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces[:-1])])
    return Surface(
        name=surfaces[0].name,
        vertices=np.concatenate([surface.vertices for surface in surfaces]),
        triangles=np.concatenate([part.triangles + start for part, start in zip(surfaces, starts, strict=True)]),
        colors=np.concatenate([surface.colors for surface in surfaces]),
    )


def _read_stl(path: Path) -> list[Surface]:
    import stl

    mesh: Any = stl.Mesh.from_file(str(path), calculate_normals=False)
    corners = np.asarray(mesh.vectors, dtype=np.float64).reshape(-1, 3)
    vertices, indices = np.unique(corners, axis=0, return_inverse=True)
    triangles = indices.reshape(-1, 3).astype(np.int64)
    return [Surface(name=path.stem, vertices=vertices, triangles=triangles, colors=np.full(triangles.shape, np.nan))]


def _read_obj(path: Path) -> list[Surface]:
    import tinyobjloader

    reader: Any = tinyobjloader.ObjReader()
    config: Any = tinyobjloader.ObjReaderConfig()
    config.triangulate = True
    if not reader.ParseFromFile(str(path), config):
        raise ValueError(reader.Error())
    vertices = np.array(reader.GetAttrib().vertices, dtype=np.float64).reshape(-1, 3)
    known = [_obj_color(material, path.parent) for material in reader.GetMaterials()]
    colors = np.array([*known, _UNKNOWN])
    return [
        _used(
            shape.name,
            vertices,
            np.array([index.vertex_index for index in shape.mesh.indices]).reshape(-1, 3),
            # No material is −1, the last row.
            colors[np.array(shape.mesh.material_ids, dtype=np.int64)],
        )
        for shape in reader.GetShapes()
    ]


def _obj_color(material: Any, folder: Path) -> Rgb:
    """Diffuse colour, times the mean of the texture."""
    red, green, blue = (float(part) for part in material.diffuse)
    picture = _picture(folder / material.diffuse_texname) if material.diffuse_texname else None
    if picture is None:
        return red, green, blue
    return picture if not any((red, green, blue)) else (red * picture[0], green * picture[1], blue * picture[2])


def _picture(path: Path) -> Rgb | None:
    try:
        return mean_color(path.read_bytes())
    except (OSError, NotReadable):
        return None


def _read_dae(path: Path) -> list[Surface]:
    import collada

    document: Any = collada.Collada(str(path), ignore=[collada.common.DaeUnsupportedError])
    unit = float(document.assetInfo.unitmeter or 1.0)
    upright = _UP[str(document.assetInfo.upaxis or collada.asset.UP_AXIS.Y_UP)]
    surfaces: list[Surface] = []
    for geometry in document.scene.objects("geometry") if document.scene else ():
        for primitive in geometry.primitives():
            if np.ndim(primitive.vertex_index) == 2 and np.shape(primitive.vertex_index)[1] == 3:
                triangles = primitive
            elif hasattr(primitive, "triangleset"):
                triangles = primitive.triangleset()
            else:
                continue
            vertices = np.asarray(triangles.vertex, dtype=np.float64) * unit @ upright.T
            name = str(geometry.original.name or geometry.original.id)
            faces = np.asarray(triangles.vertex_index).reshape(-1, 3)
            color = _dae_color(getattr(primitive, "material", None), path.parent)
            surfaces.append(_used(name, vertices, faces, np.broadcast_to(np.array(color), faces.shape)))
    return surfaces


def _dae_color(material: Any, folder: Path) -> Rgb:
    diffuse = getattr(getattr(material, "effect", None), "diffuse", None)
    image = getattr(getattr(getattr(diffuse, "sampler", None), "surface", None), "image", None)
    if image is not None:
        return _picture(folder / unquote(str(image.path)).removeprefix("file://")) or _UNKNOWN
    if isinstance(diffuse, tuple) and len(diffuse) >= 3:
        red, green, blue = (float(part) for part in diffuse[:3])
        return red, green, blue
    return _UNKNOWN


def _used(name: str, vertices: FloatArray, triangles: IntArray, colors: FloatArray) -> Surface:
    """Only the vertices that ``triangles`` name."""
    kept, indices = np.unique(triangles.astype(np.int64), return_inverse=True)
    return Surface(name=name, vertices=vertices[kept], triangles=indices.reshape(-1, 3).astype(np.int64), colors=colors)


_UNKNOWN = (math.nan, math.nan, math.nan)
_UP = {
    "Z_UP": np.eye(3),
    "Y_UP": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    "X_UP": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
}
_READERS = {".stl": _read_stl, ".obj": _read_obj, ".dae": _read_dae}
