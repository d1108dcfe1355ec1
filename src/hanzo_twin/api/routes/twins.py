"""Twins: what exists, and making, changing and deleting it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.exceptions import HTTPException

from hanzo_twin.api.bodies import DEFINITION_BODY, PATCH_BODY, in_the_body, read_definition, read_merge_patch
from hanzo_twin.api.dependencies import NO_FILTER, Cursor, Limit, Organization, PlatformDep, SceneLater, TwinRef
from hanzo_twin.api.problems import documented
from hanzo_twin.errors import DefinitionError, InvalidInputError
from hanzo_twin.service import twins
from hanzo_twin.service.views import Page, TwinSummary, TwinView

router = APIRouter(prefix="/v1/twins", tags=["twins"])

IfMatch = Annotated[
    str | None, Header(max_length=100, description="Revision that it must still have, as in `ETag`.", examples=['"3"'])
]


@router.get("", operation_id="listTwins", summary="List twins", responses=documented())
async def list_twins(
    platform: PlatformDep,
    organization: Organization = None,
    tag: Annotated[list[str], Query(max_length=20, description="Only twins with every one of these tags.")] = NO_FILTER,
    engine: Annotated[str | None, Query(max_length=63, description="Only twins on this engine.")] = None,
    name: Annotated[str | None, Query(max_length=63, description="Part of the name, whatever the case.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[TwinSummary]:
    """Twins, oldest first, a page at a time; filters narrow each other."""
    return await twins.list_twins(
        platform, organization=organization, tags=tag, engine=engine, name=name, limit=limit, cursor=cursor
    )


@router.post(
    "",
    operation_id="createTwin",
    summary="Create a twin",
    status_code=201,
    responses=documented(409, 413, 415),
    openapi_extra=DEFINITION_BODY,
)
async def create_twin(
    request: Request, response: Response, platform: PlatformDep, scene_later: SceneLater = False
) -> TwinView:
    """Store a definition (JSON or YAML) as a new twin. It does not start by itself.

    The scene is loaded once, and every address in the definition is looked up in it: what would stop the twin at its
    start is refused here, field by field.
    """
    definition = await read_definition(request)
    try:
        view = await twins.create_twin(platform, definition, scene_later=scene_later)
    except DefinitionError as error:
        raise in_the_body(error, request, await request.body()) from error
    response.headers["Location"] = f"/v1/twins/{view.id}"
    return _tagged(response, view)


@router.get("/{twin}", operation_id="getTwin", summary="Get a twin", responses=documented(404))
async def get_twin(response: Response, platform: PlatformDep, twin: TwinRef) -> TwinView:
    """A twin: its definition and its status."""
    return _tagged(response, await twins.get_twin(platform, twin))


@router.patch(
    "/{twin}",
    operation_id="updateTwin",
    summary="Change a twin",
    responses=documented(404, 409, 412, 413, 415),
    openapi_extra=PATCH_BODY,
)
async def update_twin(
    request: Request,
    response: Response,
    platform: PlatformDep,
    twin: TwinRef,
    if_match: IfMatch = None,
    scene_later: SceneLater = False,
) -> TwinView:
    """Change the definition by a JSON merge patch (RFC 7396). A running twin takes it up when it starts next.

    What changes in `scene`, `engine` or `sync` is checked against the scene, as for a new twin.
    """
    patch, revision = await read_merge_patch(request), _revision(if_match)
    current = await twins.get_twin(platform, twin)
    if revision not in (None, current.revision):
        raise HTTPException(412, f"Twin '{current.name}' has revision {current.revision} by now, not {revision}.")
    changed = await twins.update_twin(platform, twin, patch, revision=revision, scene_later=scene_later)
    return _tagged(response, changed)


@router.delete(
    "/{twin}", operation_id="deleteTwin", summary="Delete a twin", status_code=204, responses=documented(404, 409)
)
async def delete_twin(platform: PlatformDep, twin: TwinRef) -> None:
    """Stop a twin and delete it with its history, its checkpoints and its forks' link to it."""
    await twins.delete_twin(platform, twin)


def _tagged(response: Response, view: TwinView) -> TwinView:
    response.headers["ETag"] = f'"{view.revision}"'
    return view


def _revision(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match: Any = re.fullmatch(r'\s*"([0-9]{1,9})"\s*', if_match)
    if match is None:
        raise InvalidInputError(f"If-Match must be an ETag such as \"3\", got '{if_match[:80]}'.")
    return int(match[1])
