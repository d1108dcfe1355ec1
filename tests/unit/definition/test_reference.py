"""The page that documents every field is the one that the models make."""

from __future__ import annotations

from pathlib import Path

from hanzo_twin.definition.reference import update
from hanzo_twin.definition.yaml_source import definition_json_schema

PAGE = Path(__file__).parents[3] / "docs" / "definition.md"


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert text == update(text), "run: make docs"


def test_every_field_of_every_structure_is_described() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, schema in definition_json_schema()["$defs"].items():
        section = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
        for field, part in schema.get("properties", {}).items():
            assert f"| `{field}` |" in section, f"{name}.{field} is missing in docs/definition.md"
            assert part.get("description") or "const" in part, f"{name}.{field} has no description"
