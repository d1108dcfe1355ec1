"""What loading a scene changed, guessed or lost: one `Diagnosis` each."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

Severity = Literal["error", "warning", "info"]
_DETAIL = re.compile(r"'[^']*'|[-+]?\d[\d.]*(?:e[-+]?\d+)?")
_Finding = TypeVar("_Finding")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One finding about a scene.

    Args:
        severity: ``error`` stops loading, ``warning`` is listed, ``info`` tells what was normalized.
        code: stable kebab-case name, such as ``mesh-lost`` or ``mass-guessed``.
        path: prim path (or file) that it is about.
        message: what was found, with the value.
        remedy: what the user can do.
    """

    severity: Severity
    code: str
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.severity}[{self.code}] {self.path}: {sentence(self.message)}{remedy}"

    def to_dict(self) -> dict[str, str]:
        return asdict(self)


def sentence(message: str) -> str:
    """``message`` with a full stop, where the words of USD or of a parser at its end have none."""
    return message if message.endswith((".", "!", "?", "…")) else f"{message}."


def alike(message: str) -> str:
    """``message`` without its numbers and the names in quotes: equal for findings of one kind."""
    return _DETAIL.sub("#", message)


def grouped(findings: Iterable[_Finding], kind: Callable[[_Finding], Hashable]) -> list[list[_Finding]]:
    """``findings`` of one ``kind`` together, in the order of the first of each."""
    groups: dict[Hashable, list[_Finding]] = {}
    for finding in findings:
        groups.setdefault(kind(finding), []).append(finding)
    return list(groups.values())
