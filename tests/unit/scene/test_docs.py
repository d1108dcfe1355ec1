"""docs/scene.md lists every code that the source can give, with its severity, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = [
    *(ROOT / "src/hanzo_twin/scene").rglob("*.py"),
    *(ROOT / f"src/hanzo_twin/service/{name}.py" for name in ("scene_check", "isolation")),
]
ROW = re.compile(r"^\| `(?P<code>[a-z-]+)` \| (?P<severity>error|warning|info) \|", re.MULTILINE)


def strings(node: ast.expr, names: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression can stand for."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=first, orelse=second):
            yield from strings(first, names)
            yield from strings(second, names)
        case ast.Name(id=name) if name in names:
            yield from strings(names[name], names)


def codes_in(tree: ast.Module) -> Iterator[str]:
    names = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("error", "warning", "info", "Refusal", "_fatal") and node.args:
            yield from strings(node.args[0], names)
        yield from (
            text for keyword in node.keywords if called == "Diagnosis" and keyword.arg == "code"
            for text in strings(keyword.value, names)
        )  # fmt: skip


def test_every_code_is_documented_and_no_other() -> None:
    used = {code for path in SOURCES for code in codes_in(ast.parse(path.read_text()))}
    documented = [match["code"] for match in ROW.finditer((ROOT / "docs/scene.md").read_text())]
    assert len(used) > 60
    assert used == set(documented)
    assert len(documented) == len(set(documented))


def test_severities_are_documented_as_they_are_given() -> None:
    documented = {match["code"]: match["severity"] for match in ROW.finditer((ROOT / "docs/scene.md").read_text())}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                for code in strings(node.args[0], {}) if node.func.attr in ("error", "warning", "info") else ():
                    assert documented[code] == node.func.attr, code
