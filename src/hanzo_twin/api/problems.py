"""Every failure leaves the API as ``application/problem+json``; none leaves as a traceback."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hanzo_twin.definition.document import location_text
from hanzo_twin.errors import HanzoTwinError, UnavailableError
from hanzo_twin.service.problems import MEDIA_TYPE, TYPE_PREFIX, Problem, to_problem

_log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2

_TITLES: dict[int, tuple[str, str]] = {
    400: ("bad-request", "The request cannot be read."),
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take that method."),
    406: ("not-acceptable", "The answer does not come in that form."),
    408: ("timeout", "The request did not arrive in time."),
    412: ("conflict", "It was changed by someone else in the meantime."),
    413: ("too-large", "The request is too large."),
    415: ("unsupported-media-type", "The content type is not one that is taken here."),
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the problems that an operation may answer, besides those that every one may."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*statuses, 400, 422, 500, 503})
    }


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """``problem`` as a response."""
    extra = {"Retry-After": str(RETRY_AFTER_SECONDS)} if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={**extra, **(headers or {})},
    )


def plain_problem(status: int, detail: str = "", *, hint: str = "", code: str = "") -> Problem:
    """A problem that has no error class because only HTTP knows it."""
    known, text = _TITLES.get(status, (f"http-{status}", HTTPStatus(status).phrase + "."))
    code = code or known
    return Problem(
        type=f"{TYPE_PREFIX}{code}",
        title=code.replace("-", " ").capitalize(),
        status=status,
        detail=detail or text,
        hint=hint,
        code=code,
    )


def install(app: FastAPI) -> None:
    """Let ``app`` answer every failure with a problem."""
    app.add_exception_handler(HanzoTwinError, _designed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _designed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HanzoTwinError)
    if isinstance(error, UnavailableError) or error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    return problem_response(to_problem(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = validation_lines(error.errors())
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return problem_response(
            plain_problem(
                400,
                "The body is not valid JSON.",
                hint=f"What {request.method} {_operation(request)} takes, with an example, stands at /docs.",
            ).model_copy(update={"problems": problems})
        )
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    problem = Problem(
        type=f"{TYPE_PREFIX}invalid-input",
        title="Invalid input",
        status=422,
        detail="\n".join([f"The request has {count}:", *(f"  {line}" for line in problems[:20])]),
        hint=f"What {request.method} {_operation(request)} takes, with an example, stands at /docs.",
        code="invalid-input",
        problems=problems,
    )
    return problem_response(problem)


def _operation(request: Request) -> str:
    """The path as the description of the API writes it."""
    return str(getattr(request.scope.get("route"), "path", request.url.path))


def validation_lines(errors: Sequence[Any]) -> list[str]:
    """One line for each field that was refused."""
    return [f"{location_text(tuple(each['loc']))}: {each['msg']}" for each in errors]


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    given = "" if error.detail == HTTPStatus(error.status_code).phrase else error.detail
    detail = given
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        detail = f"{_TITLES[error.status_code][1]} ({request.method} {request.url.path[:200]})"
    hint = "The operations are listed at /docs." if error.status_code in (404, 405) else ""
    return problem_response(plain_problem(error.status_code, detail, hint=hint), dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> Response:
    occurrence = uuid4()
    _log.error("Unexpected failure %s in %s %s", occurrence, request.method, request.url.path, exc_info=error)
    problem = plain_problem(
        500, "The server failed unexpectedly.", hint=f"Its log says more under {occurrence}.", code="internal"
    )
    return problem_response(problem.model_copy(update={"instance": f"urn:uuid:{occurrence}"}))
