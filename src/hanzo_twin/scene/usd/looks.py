"""What colours shapes have: of their material, of its texture as a mean, or as displayed; one colour for each part.

Colours are kept as their file has them; they are not converted between linear and display values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Ar, Gf, Sdf, Usd, UsdShade, Vt

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.texture import NotReadable, mean_color
from hanzo_twin.scene.usd.values import decimal
from hanzo_twin.spatial import IntArray

Color = tuple[float, float, float, float]

_CONTEXTS = ("", "mdl", "mtlx")
_INPUTS = ("diffuseColor", "diffuse_color_constant", "base_color", "baseColor")


class Looks:
    """Reads colours; a texture is read once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._means: dict[str, Gf.Vec3f | None] = {}

    def color(self, prim: Usd.Prim) -> Color | None:
        """RGBA of ``prim`` (a gprim, or a subset of one), None where nothing says."""
        shown, opacities = (prim.GetAttribute(f"primvars:display{name}").Get() for name in ("Color", "Opacity"))
        surface = _surface(prim)
        color = self._of_surface(surface) if surface else None
        if color is None and isinstance(shown, Vt.Vec3fArray) and shown:
            color = Gf.Vec3f(*(float(part) for part in np.array(shown).mean(axis=0)))
        if color is None or not all(math.isfinite(part) for part in color):
            return None
        opacity = 1.0
        if isinstance(opacities, Vt.FloatArray) and opacities:
            opacity = decimal(opacities[0])
        elif surface and isinstance(given := _value(surface, "opacity"), float):
            opacity = decimal(given)
        return decimal(color[0]), decimal(color[1]), decimal(color[2]), opacity if math.isfinite(opacity) else 1.0

    def parts(self, prim: Usd.Prim, faces: int) -> Iterator[tuple[str, Color | None, IntArray]]:
        """The parts of the mesh ``prim`` of ``faces`` faces that have a colour of their own: path, colour, faces [n].

        One part for each colour, named by its first subset; what no subset names is part of the mesh's own.
        """
        own = str(prim.GetPath())
        rest = np.ones(faces, dtype=bool)
        found: dict[Color | None, tuple[str, list[IntArray]]] = {}
        for subset in UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets():
            named = subset.GetIndicesAttr().Get()
            chosen = np.array(named, dtype=np.int64) if isinstance(named, Vt.IntArray) else np.zeros(0, dtype=np.int64)
            chosen = chosen[(chosen >= 0) & (chosen < faces)]
            chosen = chosen[rest[chosen]]
            rest[chosen] = False
            if len(chosen):
                color = self.color(subset.GetPrim())
                if color is None:
                    color = self.color(prim)
                found.setdefault(color, (str(subset.GetPath()), []))[1].append(chosen)
        if rest.any():
            color = self.color(prim)
            _, others = found.pop(color, ("", []))
            found[color] = (own, [np.flatnonzero(rest), *others])
        for color, (path, chosen_faces) in found.items():
            yield own if len(found) == 1 else path, color, np.concatenate(chosen_faces)

    def _of_surface(self, surface: UsdShade.Shader) -> Gf.Vec3f | None:
        picture = _value(surface, "diffuse_texture")
        if isinstance(picture, Sdf.AssetPath) and picture.path:
            return self._mean(picture, surface.GetPrim())
        for name in _INPUTS:
            source = surface.GetInput(name)
            attributes = source.GetValueProducingAttributes() if source else []
            if not attributes:
                continue
            value = attributes[0].Get()
            if isinstance(value, Gf.Vec3f):
                return value
            texture = UsdShade.Shader(attributes[0].GetPrim())
            picture = _value(texture, "file") if texture else None
            if isinstance(picture, Sdf.AssetPath) and picture.path:
                return self._mean(picture, texture.GetPrim())
        return None

    def _mean(self, picture: Sdf.AssetPath, prim: Usd.Prim) -> Gf.Vec3f | None:
        """Mean colour of a picture, None where it cannot be read; each is told once."""
        place = picture.resolvedPath or picture.path
        if place not in self._means:
            name = picture.path.rpartition("/")[2]
            try:
                self._means[place] = Gf.Vec3f(*mean_color(_content(place)))
                self._findings.info(
                    "texture-averaged", str(prim.GetPath()), f"Its texture '{name}' is shown as its mean colour."
                )
            except NotReadable as failure:
                self._means[place] = None
                self._findings.warning(
                    "texture-unreadable",
                    str(prim.GetPath()),
                    f"Its texture '{name}' cannot be read: {failure}.",
                    "Put a PNG or JPEG file there, or author a colour.",
                )
        return self._means[place]


def _surface(prim: Usd.Prim) -> UsdShade.Shader | None:
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    if not material:
        return None
    found = (material.ComputeSurfaceSource(context)[0] for context in _CONTEXTS)
    return next((surface for surface in found if surface), None)


def _value(shader: UsdShade.Shader, name: str) -> Any:
    """Value of an input, through what it is connected to."""
    source = shader.GetInput(name)
    attributes = source.GetValueProducingAttributes() if source else []
    return attributes[0].Get() if attributes else None


def _content(place: str) -> bytes:
    """The file at ``place``, which USD resolved (it may be in a package).

    Raises:
        NotReadable: there is none, or nothing in it.
    """
    if Path(place).exists() and not Path(place).is_file():
        raise NotReadable("it is not a plain file")
    asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(place))
    if not asset:
        raise NotReadable("the file is not there")
    with asset:
        content = asset.GetBuffer()
    if content is None:
        raise NotReadable("the file is empty")
    return bytes(content)
