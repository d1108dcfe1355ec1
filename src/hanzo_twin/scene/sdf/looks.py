"""Colours of visuals: as ``<material>`` says, else as the mesh's own file does."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.numbers import vector
from hanzo_twin.scene.sdf.resources import find
from hanzo_twin.scene.texture import NotReadable, Rgb, mean_color
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import FloatArray

_COLORS = Sdf.ValueTypeNames.Color3fArray
_ALBEDO = ("pbr/metal/albedo_map", "pbr/specular/albedo_map")
_GAZEBO: dict[str, Rgb] = {
    "Black": (0.0, 0.0, 0.0),
    "Blue": (0.0, 0.0, 1.0),
    "DarkGrey": (0.175, 0.175, 0.175),
    "Gold": (0.8, 0.65, 0.12),
    "Green": (0.0, 1.0, 0.0),
    "Grey": (0.7, 0.7, 0.7),
    "Indigo": (0.33, 0.0, 0.5),
    "Orange": (1.0, 0.51, 0.05),
    "Purple": (1.0, 0.0, 1.0),
    "Red": (1.0, 0.0, 0.0),
    "SkyBlue": (0.13, 0.44, 0.7),
    "Turquoise": (0.0, 1.0, 1.0),
    "White": (1.0, 1.0, 1.0),
    "Wood": (0.6, 0.45, 0.3),
    "Yellow": (1.0, 1.0, 0.0),
}
"""What Gazebo's plain materials look like."""


def paint(prim: Usd.Prim, visual: Element, origin: Callable[[Element], Path], findings: Findings) -> None:
    """Colour and opacity of ``visual``; textures are shown as their mean, and what else there is is told."""
    gprim = UsdGeom.Gprim(prim)
    if visual.value("transparency"):
        opacity = 1.0 - float(vector(visual, "transparency", (0.0,))[0])
        gprim.CreateDisplayOpacityAttr(Vt.FloatArray([max(0.0, min(1.0, opacity))]))
    material = visual.first("material")
    if material is None:
        return
    path = str(prim.GetPath())
    color = _said(material)
    picture = next((element for name in _ALBEDO if (element := material.at(name))), None)
    if picture is not None:
        color = _mean(picture, path, origin, findings) or color
    named = material.value("script/name").removeprefix("Gazebo/")
    if color is None:
        color = _GAZEBO.get(named)
    if color is not None:
        gprim.CreateDisplayColorAttr(Vt.Vec3fArray([Gf.Vec3f(*color)]))
    for tag in ("script", "pbr", "shader"):
        element = material.first(tag)
        known = (tag == "script" and named in _GAZEBO) or (tag == "pbr" and picture is not None)
        if element is not None and not known:
            findings.info("sdf-ignored", path, f"<{tag}> ({element.where}) of its look is not kept; the colour is.")


def paint_faces(prim: Usd.Prim, colors: FloatArray, visual: Element) -> None:
    """Give the mesh ``prim`` the ``colors`` [m, 3] of its triangles (NaN: unknown), where ``visual`` says no other."""
    material = visual.first("material")
    known = np.isfinite(colors).all(axis=1)
    if not known.any() or (material is not None and (_said(material) or material.first("script"))):
        return
    values, which = np.unique(colors[known].round(6), axis=0, return_inverse=True)
    if len(values) == 1 and known.all():
        UsdGeom.Gprim(prim).CreateDisplayColorAttr(Vt.Vec3fArray([Gf.Vec3f(*values[0].tolist())]))
        return
    faces = np.flatnonzero(known)
    for index, value in enumerate(values):
        chosen = Vt.IntArray(faces[which.ravel() == index].tolist())
        subset = UsdShade.MaterialBindingAPI(prim).CreateMaterialBindSubset(f"part_{index + 1}", chosen)
        shown = UsdGeom.PrimvarsAPI(subset.GetPrim()).CreatePrimvar("displayColor", _COLORS)
        shown.Set(Vt.Vec3fArray([Gf.Vec3f(*value.tolist())]))


def _said(material: Element) -> Rgb | None:
    """The colour in ``<diffuse>``, else in ``<ambient>``."""
    element = material.first("diffuse") or material.first("ambient")
    words = element.content.split()[:3] if element is not None else []
    try:
        red, green, blue = (float(word) for word in words)
    except ValueError:
        return None
    return (red, green, blue) if math.isfinite(red + green + blue) else None


def _mean(picture: Element, path: str, origin: Callable[[Element], Path], findings: Findings) -> Rgb | None:
    name = picture.content.strip()
    try:
        color = mean_color(find(name, origin(picture)).read_bytes())
    except (Refusal, OSError, NotReadable) as failure:
        reason = failure.message if isinstance(failure, Refusal) else str(failure)
        findings.warning(
            "texture-unreadable",
            path,
            f"Its texture '{name}' ({picture.where}) cannot be read: {reason.rstrip('.')}.",
            "Put a PNG or JPEG file there, or write <diffuse>.",
        )
        return None
    findings.info("texture-averaged", path, f"Its texture '{name}' is shown as its mean colour.")
    return color
