"""Scenes: immutable versions, checked before they are stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from hanzo_twin.api.dependencies import Cursor, Limit, Organization, PlatformDep, SceneRef, Version
from hanzo_twin.api.problems import documented
from hanzo_twin.service import scenes
from hanzo_twin.service.bundle import Upload
from hanzo_twin.service.requests import ValidateRequest
from hanzo_twin.service.views import DownloadView, Page, SceneReportView, SceneView

router = APIRouter(prefix="/v1/scenes", tags=["scenes"])

MAX_UPLOAD_BYTES = 1 << 30


@router.get("", operation_id="listScenes", summary="List scenes", responses=documented())
async def list_scenes(
    platform: PlatformDep,
    organization: Organization = None,
    name: Annotated[str | None, Query(max_length=63, description="Part of the name, whatever the case.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[SceneView]:
    """The newest version of each scene, by name."""
    return await scenes.list_scenes(platform, organization=organization, name=name, limit=limit, cursor=cursor)


@router.post(
    "",
    operation_id="uploadScene",
    summary="Upload a scene",
    status_code=201,
    responses=documented(409, 413),
)
async def upload_scene(
    response: Response,
    platform: PlatformDep,
    name: Annotated[str, Form(max_length=63, description="Name of the scene.", examples=["arm"])],
    files: Annotated[
        list[UploadFile], File(description="One file, several with their relative names, or one zip or tar archive.")
    ],
    root: Annotated[
        str | None,
        Form(max_length=1000, description="The file to open, where several could be.", examples=["arm.usda"]),
    ] = None,
    organization: Annotated[str, Form(max_length=63, description="Owner.", examples=["default"])] = "default",
    floating_base: Annotated[
        bool | None,
        Form(description="Whether the check lets a robot of a format that cannot say so (URDF) float."),
    ] = None,
) -> SceneView:
    """Store a new version. A scene that cannot be loaded is refused with its diagnoses, and nothing is stored."""
    uploads = [Upload(name=each.filename or "", content=each.file) for each in files]
    view = await scenes.upload_scene(
        platform, name=name, organization=organization, uploads=uploads, root=root, floating_base=floating_base
    )
    response.headers["Location"] = f"/v1/scenes/{view.name}?version={view.version}"
    return view


@router.get("/{scene}", operation_id="getScene", summary="Get a scene", responses=documented(404))
async def get_scene(platform: PlatformDep, scene: SceneRef, version: Version = None) -> SceneView:
    """A scene by name (then the newest version, unless one is given) or by id."""
    return await scenes.get_scene(platform, scene, version=version)


@router.post("/{scene}/validate", operation_id="validateScene", summary="Validate a scene", responses=documented(404))
async def validate_scene(platform: PlatformDep, scene: SceneRef, body: ValidateRequest) -> SceneReportView:
    """Load a stored scene, on an engine if one is given, and tell what was found."""
    return await scenes.validate_scene(platform, scene, engine=body.engine, version=body.version)


@router.get("/{scene}/download", operation_id="downloadScene", summary="Get a download link", responses=documented(404))
async def sign_download(
    request: Request, platform: PlatformDep, scene: SceneRef, version: Version = None
) -> DownloadView:
    """A signed link from which anyone can get the scene until it expires."""
    return await scenes.sign_download(platform, scene, version=version, base_url=str(request.base_url))


@router.get("/{scene}/versions", operation_id="listSceneVersions", summary="List versions", responses=documented(404))
async def list_versions(platform: PlatformDep, scene: SceneRef) -> list[SceneView]:
    """All versions of a scene, the newest first."""
    return await scenes.list_versions(platform, scene)


@router.delete(
    "/{scene}", operation_id="deleteScene", summary="Delete a scene", status_code=204, responses=documented(404, 409)
)
async def delete_scene(platform: PlatformDep, scene: SceneRef) -> None:
    """Delete a scene with all its versions; refused while a twin uses one."""
    await scenes.delete_scene(platform, scene)
