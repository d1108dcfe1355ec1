"""Plain data read from text, which remembers where everything stood, and what was found wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Location = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something wrong at a place of a document.

    Args:
        line: from 1; None where there is no text.
        origin: where the value came from, if not from the document.
    """

    line: int | None
    location: Location
    text: str
    origin: str = ""

    def describe(self, source: str) -> str:
        where = self.origin or (source if self.line is None else f"{source}:{self.line}")
        path = location_text(self.location)
        return f"{where}: {path}: {self.text}" if path else f"{where}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data and the line of every value in it.

    Args:
        lines: by location; a mapping's entry has the line of its key.
        troubles: what had to be refused; ``data`` is what is left without it.
        origins: where values came from that were put over those of the document.
    """

    data: Any
    lines: dict[Location, int] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    origins: Mapping[Location, str] = field(default_factory=dict)

    def trouble(self, location: Location, text: str) -> Trouble:
        """A trouble with what is at ``location``, on its line or that of the nearest thing around it."""
        for length in range(len(location), -1, -1):
            around = location[:length]
            if around in self.origins:
                return Trouble(line=None, location=location, text=text, origin=self.origins[around])
            if around in self.lines:
                return Trouble(line=self.lines[around], location=location, text=text)
        return Trouble(line=None, location=location, text=text)


def problem_lines(troubles: Iterable[Trouble], source: str) -> list[str]:
    """One line for each trouble, in the order of the document: ``file:line: field: what is wrong``."""
    ordered = sorted(troubles, key=lambda trouble: trouble.line or 0)
    return list(dict.fromkeys(trouble.describe(source) for trouble in ordered))


def problem_message(subject: str, problems: Sequence[str]) -> str:
    """``problems`` under a heading."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join((f"{subject} {count}:", *(f"  {problem}" for problem in problems)))


def location_text(location: Location) -> str:
    """``sync.sources[0].mapping['sensor/temp_01']``."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
            text += f".{step}" if text else step
        else:
            text += f"[{step[:80]!r}]"
    return text
