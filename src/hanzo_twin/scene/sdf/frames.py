"""The frame graph of SDFormat: where every link, joint, model and ``<frame>`` is, and what it is attached to.

Poses are given relative to another frame (``relative_to``) or to a default: a link's, nested model's and frame's is the
model's frame, a joint's is that of its child, a frame with ``attached_to`` stands on what it is attached to
(SDFormat 1.7 and later; the defaults agree with earlier versions).
"""

from __future__ import annotations

from dataclasses import dataclass

from hanzo_twin.errors import nearest
from hanzo_twin.scene.findings import Refusal
from hanzo_twin.scene.sdf.numbers import pose
from hanzo_twin.scene.xml_document import Element
from hanzo_twin.spatial import Pose

WORLD = "__world__"
MODEL = "__model__"
DEEPEST = 200


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A frame: its element, the model (scope) that its names are looked up in, and its default anchor."""

    element: Element
    scope: str
    anchor: str
    attached: str


class Frames:
    """Frames by their full name (``model::nested::link``); a model's own frame is ``model::__model__``."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._poses: dict[str, Pose] = {WORLD: Pose.identity()}

    def add_world(self, world: Element) -> None:
        """The models and frames that stand in ``world``."""
        for frame in world.all("frame"):
            self._add(frame.name, frame, "", frame.attributes.get("attached_to") or WORLD)
        for model in world.all("model"):
            self.add_model(model, "")

    def add_model(self, model: Element, scope: str) -> None:
        """``model`` and all in it; ``scope`` is the full name of the model it is nested in, "" for none."""
        _check_name(model)
        own = join(scope, model.name)
        above = join(scope, MODEL) if scope else WORLD
        for nested in model.all("model"):
            self.add_model(nested, own)
        for link in model.all("link"):
            self._add(join(own, link.name), link, own, MODEL)
        for frame in model.all("frame"):
            self._add(join(own, frame.name), frame, own, frame.attributes.get("attached_to") or MODEL)
        for joint in model.all("joint"):
            self._add(join(own, joint.name), joint, own, joint.value("child") or MODEL)
        self._nodes[join(own, MODEL)] = _Node(element=model, scope=scope, anchor=above, attached=_canonical(model, own))

    def _add(self, name: str, element: Element, scope: str, anchor: str) -> None:
        _check_name(element)
        if name in self._nodes:
            first = self._nodes[name].element
            raise Refusal(
                "duplicate-name",
                f"<{element.tag}> '{element.name}' ({element.where}) has the name of <{first.tag}> at {first.where}.",
                "Rename one of them.",
            )
        self._nodes[name] = _Node(element=element, scope=scope, anchor=anchor, attached="")

    def find(self, name: str, scope: str, user: Element) -> str:
        """Full name of the frame that ``user`` calls ``name`` within ``scope``.

        Raises:
            Refusal: there is none.
        """
        if name in (WORLD, "world"):
            return WORLD
        for candidate in (join(scope, name), join(join(scope, name), MODEL)):
            if candidate in self._nodes:
                return candidate
        prefix = f"{scope}::" if scope else ""
        known = [key.removeprefix(prefix) for key in self._nodes if key.startswith(prefix)]
        raise Refusal(
            "frame-missing",
            f"<{user.tag}> {repr(user.name) + ' ' if user.name else ''}({user.where}) refers to '{name}', "
            "which is not a frame there.",
            nearest(name, known),
        )

    def pose_of(self, name: str) -> Pose:
        """Pose of a frame (full name) in the world, or beside the model when the file has no world.

        Raises:
            Refusal: it depends on itself, or on a frame that does not exist.
        """
        return self._pose(name, ())

    def place(self, element: Element, scope: str, default: str) -> Pose:
        """World pose of something with a ``<pose>`` that nothing refers to (a shape, a sensor, a light).

        ``default`` is the full name of the frame that it stands in where the pose does not say.
        """
        return self._place(element, scope, default, ())

    def link_of(self, name: str) -> str:
        """Full name of the link that a frame is attached to, "" for the world."""
        seen: list[str] = []
        while name != WORLD:
            if name in seen:
                raise _circle(seen, name)
            seen.append(name)
            node = self._nodes[name]
            if node.element.tag == "link":
                return name
            if node.element.tag == "model":
                if not node.attached:
                    return ""
                name = node.attached
            else:
                name = self.find(node.anchor, node.scope, node.element)
        return ""

    def _pose(self, name: str, below: tuple[str, ...]) -> Pose:
        if name not in self._poses:
            if name in below:
                raise _circle(list(below), name)
            if len(below) > DEEPEST:
                raise Refusal(
                    "too-deep", f"More than {DEEPEST} frames stand on each other at '{name}'.", "Flatten the model."
                )
            self._poses[name] = self._resolve(name, (*below, name))
        return self._poses[name]

    def _resolve(self, name: str, below: tuple[str, ...]) -> Pose:
        node = self._nodes[name]
        default = node.anchor
        if node.element.tag != "model" or not node.scope:
            default = self.find(default, node.scope, node.element)
        placed = self._place(node.element, node.scope, default, below)
        placement = node.element.attributes.get("placement_frame", "") or node.element.value("placement_frame")
        if node.element.tag != "model" or not placement:
            return placed
        own = name.removesuffix(f"::{MODEL}")
        return placed @ self._within(own, self.find(placement, own, node.element), below).inverse()

    def _within(self, model: str, name: str, below: tuple[str, ...]) -> Pose:
        """Pose of a frame of ``model`` in that model's frame, found as if the model stood at the origin."""
        alone = Frames()
        alone._nodes = self._nodes
        alone._poses = {WORLD: Pose.identity(), join(model, MODEL): Pose.identity()}
        return alone._pose(name, below)

    def _place(self, element: Element, scope: str, default: str, below: tuple[str, ...]) -> Pose:
        found = element.first("pose")
        relative = found.attributes.get("relative_to", "") if found is not None else ""
        base = self.find(relative, scope, element) if relative else default
        return self._pose(base, below) @ pose(found)


def join(scope: str, name: str) -> str:
    """The full name of ``name`` in the model ``scope``, "" for the world."""
    return f"{scope}::{name}" if scope else name


def _check_name(element: Element) -> None:
    if not element.name:
        raise Refusal("bad-name", f"<{element.tag}> ({element.where}) has no name.", 'Write name="…".')


def _canonical(model: Element, own: str) -> str:
    """Full name of what the frame of ``model`` is attached to: its canonical link, else the first there is."""
    named = model.attributes.get("canonical_link", "")
    if named:
        return join(own, named)
    link = model.first("link")
    if link is not None:
        return join(own, link.name)
    nested = model.first("model")
    return join(join(own, nested.name), MODEL) if nested is not None else ""


def _circle(seen: list[str], name: str) -> Refusal:
    chain = " → ".join([*seen[seen.index(name) :], name])
    return Refusal("frame-cycle", f"Frames stand on each other in a circle: {chain}.", "Break the circle.")
