"""Lights as UsdLux prims."""

from __future__ import annotations

from typing import Any

from pxr import Gf, Usd, UsdLux

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.sdf.author import Author, place
from hanzo_twin.scene.sdf.numbers import number, vector
from hanzo_twin.scene.sdf.shapes import from_z
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import Pose, quaternion_multiply

_KINDS: dict[str, Any] = {"point": UsdLux.SphereLight, "directional": UsdLux.DistantLight, "spot": UsdLux.SphereLight}
_RADIUS = 0.05


def write(author: Author, owner: Usd.Prim, light: Element, pose: Pose, findings: Findings) -> None:
    """The prim of ``light`` below ``owner``, at ``pose`` in it."""
    kind = light.attributes.get("type", "point")
    if kind not in _KINDS:
        findings.warning("light-lost", light.where, f"The light '{light.name}' of type '{kind}' is not kept.")
        return
    prim = author.define(_KINDS[kind], owner, light)
    # UsdLux' lights shine along −Z.
    turn = from_z(-vector(light, "direction", (0.0, 0.0, -1.0)))
    place(prim, Pose(position=pose.position, orientation=quaternion_multiply(pose.orientation, turn)))
    api = UsdLux.LightAPI(prim)
    color = vector(light, "diffuse", (1.0, 1.0, 1.0, 1.0))
    api.CreateColorAttr(Gf.Vec3f(*color[:3].tolist()))
    api.CreateIntensityAttr(number(light, "intensity", 1.0))
    if kind != "directional":
        UsdLux.SphereLight(prim).CreateRadiusAttr(_RADIUS)
    lost = [tag for tag in ("attenuation", "spot") if light.first(tag) is not None]
    if lost:
        findings.info("sdf-ignored", str(prim.GetPath()), f"{' and '.join(f'<{tag}>' for tag in lost)} are not kept.")
