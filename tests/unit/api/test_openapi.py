"""The description of the API is complete: whoever reads nothing else can use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.api.app import create_app
from hanzo_twin.client import AsyncClient, Client
from hanzo_twin.definition.settings import Settings
from hanzo_twin.service.problems import MEDIA_TYPE

_METHODS = ("get", "put", "post", "patch", "delete")

SCHEMA: dict[str, Any] = create_app(Settings(data_dir=Path("/nonexistent"))).openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in SCHEMA["paths"].items()
    for method, operation in item.items()
    if method in _METHODS
}

every_operation = pytest.mark.parametrize("name", OPERATIONS)


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return found
    return schema


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def has_example(content: dict[str, Any]) -> bool:
    """An example of its own, of its schema, of the items, or of every field."""
    if "example" in content or "examples" in content:
        return True
    schema = resolve(content["schema"])
    if "examples" in schema or "example" in schema:
        return True
    if schema.get("type") == "array":
        return has_example({"schema": schema["items"]})
    items = schema.get("properties", {}).get("items")
    return items is not None and has_example({"schema": resolve(items)})


def test_the_capabilities_are_there() -> None:
    assert {
        "GET /v1/twins", "POST /v1/twins", "GET /v1/twins/{twin}", "PATCH /v1/twins/{twin}", "DELETE /v1/twins/{twin}",
        "POST /v1/twins/{twin}/start", "POST /v1/twins/{twin}/stop", "GET /v1/twins/{twin}/state",
        "POST /v1/twins/{twin}/fork", "POST /v1/twins/{twin}/compare", "GET /v1/scenes", "POST /v1/scenes",
        "GET /v1/scenes/{scene}", "POST /v1/scenes/{scene}/validate", "GET /v1/scenes/{scene}/download",
        "DELETE /v1/scenes/{scene}", "GET /v1/twins/{twin}/sync/status", "GET /v1/twins/{twin}/sync/history",
        "GET /v1/twins/{twin}/history", "GET /v1/twins/{twin}/history/verify", "GET /v1/twins/{twin}/events",
        "GET /v1/twins/{twin}/parameters", "PATCH /v1/twins/{twin}/parameters", "POST /v1/twins/{twin}/inputs",
        "GET /ready", "GET /alive",
    } <= set(OPERATIONS)  # fmt: skip


@every_operation
def test_it_says_what_it_does(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"].rstrip().endswith((".", "?")), "a description is made of sentences"
    assert operation["tags"][0] in {tag["name"] for tag in SCHEMA["tags"]}


def test_operation_ids_are_unique_names() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
    assert all(each.isidentifier() and each[0].islower() for each in ids)


@every_operation
def test_parameters_are_described(name: str) -> None:
    for parameter in OPERATIONS[name].get("parameters", []):
        described = parameter.get("description") or parameter["schema"].get("description")
        assert described, parameter["name"]


@every_operation
def test_bodies_and_answers_have_examples(name: str) -> None:
    operation = OPERATIONS[name]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "multipart/form-data":
            continue
        assert has_example(content), f"body {media_type}"
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if media_type != "text/event-stream":
                assert has_example(content), f"{status} {media_type}"


@every_operation
def test_errors_are_documented_as_problems(name: str) -> None:
    responses = OPERATIONS[name]["responses"]
    for status in ("400", "422", "500", "503", *(["404"] if "{" in name else [])):
        assert responses[status]["content"] == {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}, (
            status
        )


def test_every_reference_leads_somewhere() -> None:
    for each in references(SCHEMA):
        assert each.rpartition("/")[2] in SCHEMA["components"]["schemas"], each


def test_definitions_are_described_in_full() -> None:
    definition = SCHEMA["components"]["schemas"]["TwinDefinition"]
    assert {"name", "scene", "engine", "sync"} <= set(definition["properties"])
    assert "HTTPValidationError" not in SCHEMA["components"]["schemas"]


_WITHOUT_METHOD = {"getObject"}
_OTHER_NAMES = {
    "followTwinEvents": "events", "downloadScene": "download_scene", "getTwinState": "get_state",
    "setTwinState": "set_state_bytes", "getTwinParameters": "get_parameters", "setTwinParameters": "set_parameters",
    "setTwinInputs": "set_inputs", "queryTwinHistory": "query_history", "verifyTwinHistory": "verify_history",
}  # fmt: skip


@pytest.mark.parametrize(
    "operation_id", sorted({each["operationId"] for each in OPERATIONS.values()} - _WITHOUT_METHOD)
)
def test_every_operation_has_a_method_in_both_clients(operation_id: str) -> None:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation_id)
    name = _OTHER_NAMES.get(operation_id, snake)
    assert hasattr(Client, name), name
    assert hasattr(AsyncClient, name), name
