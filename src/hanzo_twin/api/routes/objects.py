"""Objects by signed links, where the store is a directory of this machine; S3 serves its own links."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from hanzo_twin.api.dependencies import PlatformDep
from hanzo_twin.api.problems import documented
from hanzo_twin.service.downloads import open_download

router = APIRouter(prefix="/v1/objects", tags=["scenes"])

_ARCHIVE = {"schema": {"type": "string", "format": "binary"}, "example": "PK…"}
Token = Annotated[str, Path(description="From the link.", max_length=2000, examples=["1772358300.YXJtLnppcA.c2ln"])]


@router.get(
    "/{purpose}/{token}",
    operation_id="getObject",
    summary="Follow a download link",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": _ARCHIVE}}, **documented(404)},
)
async def get_object(
    platform: PlatformDep,
    purpose: Annotated[Literal["scenes", "checkpoints"], Path(description="From the link.")],
    token: Token,
) -> StreamingResponse:
    """The archive of a scene or a policy. The link is its own credential; altered or expired it finds nothing."""
    download = await open_download(platform, purpose, token)
    headers = {"Content-Length": str(download.size), "Content-Disposition": "attachment"}
    return StreamingResponse(download.content, media_type="application/zip", headers=headers)
