"""Links of mass zero, which SDFormat does not allow and Bullet writes for what stands still: held here, too."""

from __future__ import annotations

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.numbers import flag, number
from hanzo_twin.scene.xml_document import Element

_LIGHT, _MOMENT = "1e-9", "1e-11"
_HELD = "held"


def hold(model: Element, findings: Findings) -> None:
    """Rewrite the links of mass zero in ``model`` and in those nested in it.

    One that no joint moves is welded to the world (a model of such a link only becomes static); one that a fixed joint
    holds weighs next to nothing. One that a joint moves is left, and refused later.
    """
    for nested in model.all("model"):
        hold(nested, findings)
    links = list(model.all("link"))
    joints = list(model.all("joint"))
    with findings.refusals(model.where):
        if flag(model, "static", default=False):
            return
    for link in [link for link in links if _weightless(link)]:
        holding = [joint for joint in joints if joint.value("child") == link.name]
        if any(joint.attributes.get("type") != "fixed" for joint in holding):
            continue
        findings.warning(
            "link-held",
            link.where,
            f"The link '{link.name}' has the mass 0, which SDFormat does not allow; it "
            + ("weighs next to nothing." if holding else "is held where it stands, as Bullet does."),
            "Write <static>true</static> in the model, or a fixed joint to world and a mass.",
        )
        if len(links) == 1 and not joints:
            _add(model, "static", "true")
            continue
        _lighten(link)
        if not holding:
            _weld(model, link)


def _weightless(link: Element) -> bool:
    inertial = link.first("inertial")
    try:
        return inertial is not None and inertial.at("mass") is not None and number(inertial, "mass", 1.0) == 0
    except Refusal:
        return False


def _lighten(link: Element) -> None:
    old = link.first("inertial")
    inertial = Element(tag="inertial", line=link.line, attributes={}, file=link.file)
    _add(inertial, "mass", _LIGHT)
    inertia = _add(inertial, "inertia", "")
    for name in ("ixx", "iyy", "izz"):
        _add(inertia, name, _MOMENT)
    link.children = [inertial if child is old else child for child in link.children]


def _weld(model: Element, link: Element) -> None:
    joint = _add(model, "joint", "")
    joint.attributes = {"name": f"{link.name}_{_HELD}", "type": "fixed"}
    _add(joint, "parent", "world")
    _add(joint, "child", link.name)


def _add(parent: Element, tag: str, content: str) -> Element:
    element = Element(tag=tag, line=parent.line, attributes={}, content=content, file=parent.file)
    parent.children.append(element)
    return element
