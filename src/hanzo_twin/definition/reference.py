"""The reference of all fields of definitions and settings as Markdown, made from the models.

``python -m hanzo_twin.definition.reference docs/definition.md`` rewrites what stands between the marks of that page.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hanzo_twin.definition.drift import DEFAULT_THRESHOLDS
from hanzo_twin.definition.settings import Settings
from hanzo_twin.definition.target import UNITS
from hanzo_twin.definition.yaml_source import definition_json_schema

BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def reference() -> str:
    """All fields: one table for each structure, in the order in which they are met."""
    definitions = definition_json_schema()["$defs"]
    settings = Settings.model_json_schema()
    parts = [
        "## Twin definition",
        *_tables("TwinDefinition", definitions),
        "## Infrastructure twins",
        *_tables("InfrastructureTwinDefinition", definitions),
        "## Units of readings",
        _units(),
        "## Settings",
        *_tables("Settings", {**settings["$defs"], "Settings": settings}),
    ]
    return "\n\n".join(parts) + "\n"


def update(page: str) -> str:
    """``page`` with what stands between the marks made anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{rest.partition(END)[2]}"


def _tables(root: str, definitions: Mapping[str, Any]) -> Iterator[str]:
    waiting, seen = [root], {root}
    while waiting:
        name = waiting.pop(0)
        schema = definitions[name]
        rows = ["| field | type | default | |", "|---|---|---|---|"]
        required = schema.get("required", [])
        for field, part in schema["properties"].items():
            default = "**required**" if field in required else _default(part)
            rows.append(f"| `{field}` | {_kind(part)} | {default} | {part.get('description', '')} |".replace("\n", " "))
            inner = [found for found in _references(part) if found not in seen and "properties" in definitions[found]]
            waiting += inner
            seen.update(inner)
        yield f"### {name}"
        yield schema.get("description", "").partition("\n\n")[0].replace("``", "`")
        yield "\n".join(rows)


def _default(part: Mapping[str, Any]) -> str:
    default = part.get("default")
    if default is None:
        return "none" if "default" in part else "derived"
    if default == DEFAULT_THRESHOLDS:
        return ", ".join(f"`{name}: {limit:g}`" for name, limit in default.items())
    if isinstance(default, dict) and default:
        return "its defaults"
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield str(part["$ref"]).rpartition("/")[2]
        for key, value in part.items():
            if key not in ("default", "discriminator"):
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _kind(part: Mapping[str, Any]) -> str:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return "anything" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in part:
            return " or ".join(_kind(option) for option in part[alternatives] if option.get("type") != "null")
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return " or ".join(f"`{value}`" for value in part["enum"])
    match part.get("type"):
        case "array" if "prefixItems" in part:
            return f"list of {len(part['prefixItems'])}"
        case "array":
            return f"list of {_kind(part['items'])}"
        case "object":
            return f"mapping of {_kind(part.get('additionalProperties', {}))}"
        case "number" | "integer" as kind:
            return ("number" if kind == "number" else "whole number") + _bounds(part)
        case "string":
            return {"uuid": "UUID", "date-time": "date and time", "password": "secret", "path": "path"}.get(
                part.get("format", ""), "text"
            )
        case "boolean":
            return "true or false"
    return "anything"


def _bounds(part: Mapping[str, Any]) -> str:
    words = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    listed = [f"{word} {part[key]:g}" for key, word in words.items() if key in part]
    return f" ({', '.join(listed)})" if listed else ""


def _units() -> str:
    rows = [f"| `{name}` | {si} | {factor:.10g} |" for name, (si, factor) in UNITS.items()]
    return "\n".join(("| `unit` | SI | factor |", "|---|---|---|", *rows))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(update(target.read_text(encoding="utf-8")), encoding="utf-8")
