"""Every error survives the wire as the class it was."""

from __future__ import annotations

import pytest

from hanzo_twin.errors import (
    DefinitionError,
    HanzoTwinError,
    NotFoundError,
    NotIdentifiableError,
    SceneError,
    StoreUnavailableError,
)
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.service.problems import Problem, from_problem, to_problem

DIAGNOSIS = Diagnosis(severity="error", code="mesh-lost", path="/World/a", message="It is gone.", remedy="Add it.")


def _all(kind: type[HanzoTwinError] = HanzoTwinError) -> list[type[HanzoTwinError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all(child))]


@pytest.mark.parametrize("kind", _all(), ids=lambda kind: kind.__name__)
def test_every_class_comes_back(kind: type[HanzoTwinError]) -> None:
    sent = to_problem(kind("What failed.", hint="Do this.")).model_dump(mode="json", exclude_none=True)
    back = from_problem(sent)
    assert type(back) is kind
    assert (back.message, back.hint) == ("What failed.", "Do this.")
    assert sent["status"] == kind.http_status
    assert sent["type"] == f"urn:hanzo-twin:problem:{kind.code}"


def test_codes_are_unique() -> None:
    codes = [kind.code for kind in _all()]
    assert len(codes) == len(set(codes))


def test_fields_come_back() -> None:
    scene = from_problem(to_problem(SceneError("No.", diagnoses=[DIAGNOSIS])).model_dump(mode="json"))
    assert isinstance(scene, SceneError)
    assert scene.diagnoses == (DIAGNOSIS,)
    definition = from_problem(to_problem(DefinitionError("No.", problems=["a:1: x"])).model_dump(mode="json"))
    assert isinstance(definition, DefinitionError)
    assert definition.problems == ("a:1: x",)
    unknown = from_problem(to_problem(NotIdentifiableError("No.", addresses=["/a.mass"])).model_dump(mode="json"))
    assert isinstance(unknown, NotIdentifiableError)
    assert unknown.addresses == ("/a.mass",)


def test_problem_names_what_failed_and_what_to_do() -> None:
    problem = to_problem(NotFoundError("No twin is named 'arm'.", hint="Did you mean 'arm-1'?"))
    assert problem == Problem(
        type="urn:hanzo-twin:problem:not-found",
        title="Not found",
        status=404,
        detail="No twin is named 'arm'.",
        hint="Did you mean 'arm-1'?",
        code="not-found",
    )


def test_unknown_code_and_missing_fields_still_give_an_error() -> None:
    assert type(from_problem({"code": "of-the-future", "detail": "New."})) is HanzoTwinError
    assert from_problem({}).message == "The server failed."
    assert isinstance(from_problem({"code": "store-unavailable", "title": "Down"}), StoreUnavailableError)
