"""XML as a tree of elements that know their file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from hanzo_twin.scene.findings import Refusal


@dataclass(kw_only=True)
class Element:
    """One XML element; ``content`` is its own text, without that of its children."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    content: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"

    def all(self, tag: str) -> Iterator[Element]:
        """Children with this tag."""
        return (child for child in self.children if child.tag == tag)

    def first(self, tag: str) -> Element | None:
        """The first child with this tag, None if there is none."""
        return next(self.all(tag), None)

    def every(self) -> Iterator[Element]:
        """This element and all below it."""
        open_elements = [self]
        while open_elements:
            element = open_elements.pop()
            yield element
            open_elements.extend(reversed(element.children))

    def copy(self) -> Element:
        """This element and all below it, anew."""
        return Element(
            tag=self.tag,
            line=self.line,
            attributes=dict(self.attributes),
            children=[child.copy() for child in self.children],
            content=self.content,
            file=self.file,
        )

    def at(self, path: str) -> Element | None:
        """The first element at ``path`` (tags joined by "/") below this one, None if there is none."""
        element: Element | None = self
        for tag in path.split("/"):
            element = element.first(tag) if element else None
        return element

    def text(self, path: str, attribute: str) -> str:
        """Attribute of the element at ``path`` below this one; "" where it is missing."""
        element = self.at(path)
        return element.attributes.get(attribute, "") if element else ""

    def value(self, path: str, default: str = "") -> str:
        """Content of the element at ``path`` below this one, without the space around it."""
        element = self.at(path)
        return element.content.strip() if element else default


def parse(path: Path) -> Element:
    """The root element of the XML file at ``path``.

    Raises:
        Refusal: not well-formed (with line and column), or it declares entities.
    """
    return _Parser(path).parse()


class _Parser:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[Element] = []
        self._root: Element | None = None
        self._expat = expat.ParserCreate()
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.buffer_text = True
        self._expat.EntityDeclHandler = self._entity

    def parse(self) -> Element:
        try:
            self._expat.Parse(self._path.read_bytes(), True)
        except expat.ExpatError as failure:
            raise Refusal(
                "xml-broken",
                f"{self._path.name}:{failure.lineno}:{failure.offset + 1}: the XML is broken: "
                f"{expat.errors.messages[failure.code]}.",
                "Correct the file at that place.",
            ) from None
        except (LookupError, ValueError) as failure:
            raise Refusal(
                "xml-broken", f"{self._path.name}: the XML cannot be decoded: {failure}.", "Save it as UTF-8."
            ) from None
        if self._root is None:
            raise Refusal("xml-broken", f"{self._path.name}: there is no element.", "Export the file again.")
        return self._root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag=tag, line=self._expat.CurrentLineNumber, attributes=attributes, file=self._path.name)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1].content += text

    def _entity(self, name: str, *_rest: object) -> None:
        raise Refusal(
            "xml-entity",
            f"{self._path.name}:{self._expat.CurrentLineNumber}: it declares the entity '{name}'.",
            "Write the text itself; entities are not read, because they can be made to grow without bound.",
        )
