"""docs/api.md lists the operations and the codes of errors that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hanzo_twin.api.app import create_app
from hanzo_twin.definition.settings import Settings
from hanzo_twin.errors import HanzoTwinError, SettingsError

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")
OWN = {SettingsError}
"""Errors that never leave the server, because it does not run then."""


def table(heading: str) -> list[list[str]]:
    """Cells of the rows of the table under ``heading``."""
    rows = PAGE.partition(heading)[2].lstrip("\n").partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def operations() -> set[str]:
    paths = create_app(Settings(data_dir=Path("/nonexistent"))).openapi()["paths"]
    methods = ("get", "put", "post", "patch", "delete")
    return {f"{method.upper()} {path}" for path, item in paths.items() for method in item if method in methods}


def written() -> set[str]:
    found = set()
    for first, _ in table("| operation | |"):
        path = ""
        for part in re.findall(r"`([^`]+)`", first):
            methods, _, given = part.rpartition(" ")
            path = given if given.startswith("/v1") or given in ("/alive", "/ready") else ""
            assert path, f"{part}: write method and path"
            found.add(f"{methods} {path}")
    return found


def kinds(kind: type[HanzoTwinError] = HanzoTwinError) -> Iterator[type[HanzoTwinError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


def test_every_operation_is_listed_and_nothing_else() -> None:
    assert written() == operations()


def test_every_code_of_an_error_stands_beside_its_status() -> None:
    codes = {status: set(re.findall(r"`([a-z-]+)`", codes)) for status, codes in table("| status | code |")}
    for kind in kinds():
        if kind.__module__ == HanzoTwinError.__module__ and kind not in OWN:
            row = next(codes for statuses, codes in codes.items() if str(kind.http_status) in statuses)
            assert kind.code in row, f"{kind.code} of {kind.http_status}"
