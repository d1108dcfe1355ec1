"""``<include>``: the named file's model takes the include's place, with its name, pose and other changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf.resources import find
from hanzo_twin.scene.xml_document import Element, parse

DEEPEST = 40
"""Includes within includes, and models within models."""

LARGEST = 200_000
"""Elements that all includes together may copy; files that include each other twice grow without bound."""

_KNOWN = ("uri", "name", "pose", "static", "placement_frame", "plugin")
_OVERRIDES = ("pose", "static", "placement_frame")
_ENTITIES = ("model", "actor", "light")


def document(path: Path) -> Element:
    """The ``<sdf>`` element of the file at ``path``.

    Raises:
        Refusal: it is not XML, or not SDF.
    """
    root = parse(path)
    if root.tag != "sdf":
        raise Refusal(
            "not-sdf",
            f"{root.where}: the root element is <{root.tag}>, not <sdf>.",
            "Is this an SDF file? Files of <gazebo> must be converted with Gazebo's own tools first.",
        )
    return root


class Includes:
    """Replaces the ``<include>`` elements of a file, and of what they include; each file is read once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._read: dict[Path, Element] = {}
        self._copied = 0
        self.origin: dict[str, Path] = {}
        """Directory anchor of each file, by the name that elements carry; meshes are looked for beside it."""

    def expand(self, path: Path) -> Element:
        """The ``<sdf>`` element of ``path`` without includes; those that fail are errors and left out."""
        return self._file(path.absolute(), ())

    def _file(self, path: Path, above: tuple[Path, ...]) -> Element:
        if path in above:
            chain = " → ".join(step.name for step in (*above[above.index(path) :], path))
            raise Refusal("include-cycle", f"The files include each other: {chain}.", "Remove one of the includes.")
        if len(above) > DEEPEST:
            raise Refusal("too-deep", f"Files include each other more than {DEEPEST} deep.", "Flatten the model.")
        if path not in self._read:
            root = document(path)
            _label(root, self._label(path))
            _check_depth(root)
            self._replace(root, path, (*above, path))
            _check_depth(root)
            self._read[path] = root
        return self._read[path]

    def _label(self, path: Path) -> str:
        """A short name for messages that stands for one file only."""
        name = path.name
        while self.origin.get(name, path) != path:
            name = str(Path(path.parents[len(Path(name).parts) - 1].name) / name)
        self.origin[name] = path
        return name

    def _replace(self, element: Element, path: Path, above: tuple[Path, ...]) -> None:
        children: list[Element] = []
        for child in element.children:
            if child.tag != "include":
                if child.tag in ("model", "world"):
                    self._replace(child, path, above)
                children.append(child)
                continue
            with self._findings.refusals(child.where):
                children += self._included(child, path, above)
        element.children = children

    def _included(self, include: Element, path: Path, above: tuple[Path, ...]) -> Iterator[Element]:
        uri = include.value("uri")
        if not uri:
            raise Refusal("include-missing", "The include names no <uri>.", "Write <uri>model://name</uri>.")
        for child in include.children:
            if child.tag not in _KNOWN:
                self._findings.warning(
                    "sdf-lost", child.where, f"<{child.tag}> of the include of '{uri}' is not kept.", ""
                )
        file = _model_file(find(uri, path))
        root = self._file(file, above)
        found = next((child for child in root.children if child.tag in _ENTITIES), None)
        if found is None:
            raise Refusal("include-missing", f"'{uri}' ({file.name}) has no model.", "Name a file with a <model>.")
        self._copied += sum(1 for _ in found.every())
        if self._copied > LARGEST:
            raise Refusal(
                "too-large",
                f"The includes make more than {LARGEST} elements.",
                "Load the parts as scenes of their own.",
            )
        entity = found.copy()
        entity.attributes.setdefault("sdf_version", root.attributes.get("version", ""))
        if name := include.value("name"):
            entity.attributes["name"] = name
        replaced = [child for child in include.children if child.tag in _OVERRIDES]
        kept = [child for child in entity.children if child.tag not in {child.tag for child in replaced}]
        entity.children = [*replaced, *kept, *include.all("plugin")]
        if include.attributes.get("merge", "").lower() in ("true", "1"):
            return iter(merged(entity))
        return iter([entity])


def merged(model: Element) -> list[Element]:
    """The content of ``model`` for the model that includes it with ``merge``: a frame takes the model's place."""
    frame_name = f"_merged__{model.name}__model__"
    pose = [child for child in model.children if child.tag == "pose"]
    frame = replace(model, tag="frame", attributes={"name": frame_name}, children=pose)
    content = [child for child in model.children if child.tag not in ("pose", "static", "placement_frame")]
    for child in content:
        for element in child.every():
            for attribute in ("relative_to", "attached_to", "expressed_in"):
                if element.attributes.get(attribute) == "__model__":
                    element.attributes[attribute] = frame_name
        _move_to(child, frame_name)
    return [frame, *content]


def _move_to(child: Element, frame_name: str) -> None:
    if child.tag not in ("link", "model", "frame") or child.attributes.get("attached_to"):
        return
    pose = child.first("pose")
    if pose is None:
        pose = replace(child, tag="pose", attributes={}, children=[], content="")
        child.children = [pose, *child.children]
    pose.attributes.setdefault("relative_to", frame_name)


def _check_depth(root: Element) -> None:
    open_elements = [(root, 0)]
    while open_elements:
        element, depth = open_elements.pop()
        if depth > DEEPEST:
            raise Refusal(
                "too-deep", f"{element.where}: elements are nested more than {DEEPEST} deep.", "Flatten the model."
            )
        open_elements += [(child, depth + 1) for child in element.children]


def _label(root: Element, name: str) -> None:
    for element in root.every():
        element.file = name


def _model_file(found: Path) -> Path:
    """The SDF file that a model's directory offers in the newest version, or the file itself."""
    if not found.is_dir():
        if found.suffix.lower() not in (".sdf", ".world"):
            raise Refusal(
                "include-missing",
                f"'{found.name}' is not an SDF file.",
                "Convert it first: hanzo-twin scene convert, or compose it as a part of its own.",
            )
        return found.absolute()
    offered: list[tuple[tuple[int, ...], str]] = []
    if (found / "model.config").is_file():
        for entry in parse(found / "model.config").all("sdf"):
            numbers = tuple(int(word) for word in re.findall(r"\d+", entry.attributes.get("version", "")))
            offered.append((numbers, entry.content.strip()))
    names = [name for _, name in sorted(offered, reverse=True)] + ["model.sdf"]
    for name in names:
        if name and (found / name).is_file():
            return (found / name).absolute()
    raise Refusal("include-missing", f"The directory '{found}' has no model.sdf.", "Add model.config and model.sdf.")
