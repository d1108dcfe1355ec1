"""Scenes: upload, list, get, validate, download, delete."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hanzo_twin.definition.base import Name
from hanzo_twin.errors import ConflictError, InvalidInputError, SceneError
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.service.bundle import BundleLimits, Upload, choose_root, digest, unpack
from hanzo_twin.service.context import Platform
from hanzo_twin.service.downloads import sign
from hanzo_twin.service.lookup import DEFAULT_ORGANIZATION, parse_id
from hanzo_twin.service.problems import DiagnosisView
from hanzo_twin.service.scene_check import SceneReport, check_scene
from hanzo_twin.service.views import ArticulationView, DownloadView, Page, SceneReportView, SceneView
from hanzo_twin.stores.records import SceneRecord, SceneVersionRecord
from hanzo_twin.stores.scene_files import SceneAddress

LIMITS = BundleLimits()
_STAMP = (2020, 1, 1, 0, 0, 0)


async def list_scenes(
    platform: Platform,
    *,
    organization: str | None = None,
    name: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[SceneView]:
    """The newest version of each scene, by name; ``name`` is a part of it. All versions of one: `list_versions`.

    Raises:
        InvalidInputError: the cursor is none.
    """
    offset = _parse_cursor(cursor)
    found = await platform.scenes.list(organization=organization, name=name, limit=min(limit, 999) + 1, offset=offset)
    shown = found[: min(limit, 999)]
    views = [_view(platform, scene, await platform.scenes.version(scene.id)) for scene in shown]
    return Page(items=views, next_cursor=_cursor(offset + len(shown)) if len(found) > len(shown) else None)


async def list_versions(platform: Platform, scene: str) -> list[SceneView]:
    """All versions of a scene, the newest first. Raises NotFoundError."""
    record = await find_scene(platform, scene)
    return [_view(platform, record, version) for version in await platform.scenes.versions(record.id)]


async def upload_scene(
    platform: Platform,
    *,
    name: str,
    organization: str,
    uploads: Sequence[Upload],
    root: str | None = None,
    floating_base: bool | None = None,
) -> SceneView:
    """Check what was uploaded and store it as the next version; what cannot be loaded is not stored.

    Args:
        floating_base: how the check takes a robot of a format that cannot say so; a definition says it for a twin.

    Raises:
        SceneError: it cannot be loaded; ``diagnoses`` has every reason.
        InvalidInputError: a name is none, an archive is unsafe or damaged, or the scene file is missing or ambiguous.
    """
    check_name("name", name)
    check_name("organization", organization)
    with tempfile.TemporaryDirectory(prefix="hanzo-twin-upload-") as temporary:
        folder, packed = Path(temporary) / "files", Path(temporary) / "scene.zip"
        names = await asyncio.to_thread(unpack, uploads, folder, LIMITS)
        chosen = choose_root(names, root)
        report = await asyncio.to_thread(check_scene, folder / chosen, floating_base=floating_base)
        diagnoses = [_relative(each.to_dict(), folder) for each in report.diagnoses]
        if not report.ok:
            raise _refusal(name, chosen, report, folder)
        sha256 = await asyncio.to_thread(digest, folder, names)
        await asyncio.to_thread(_pack, folder, names, packed)
        key = f"{organization}/{name}/{sha256}.zip"
        await platform.buckets.scenes.put(key, packed)
        version = await platform.scenes.add_version(
            name,
            organization=organization,
            object_key=key,
            root_file=chosen,
            fingerprint=report.fingerprint,
            size=packed.stat().st_size,
            sha256=sha256,
            summary={"counts": dict(report.counts), "total_mass": report.total_mass},
            diagnoses=diagnoses,
        )
    scene = await platform.scenes.get(version.scene_id, organization=None)
    return _view(platform, scene, version)


async def get_scene(platform: Platform, scene: str, *, version: int | None = None) -> SceneView:
    """A version of a scene, the newest unless one is given. Raises NotFoundError."""
    record = await find_scene(platform, scene)
    return _view(platform, record, await platform.scenes.version(record.id, version))


async def validate_scene(
    platform: Platform, scene: str, *, engine: str | None = None, version: int | None = None
) -> SceneReportView:
    """Load a stored scene, on an engine if one is given.

    Raises:
        NotFoundError: no such scene. UnsupportedError: no such engine.
    """
    record = await find_scene(platform, scene)
    chosen = await platform.scenes.version(record.id, version)
    folder = await platform.scene_files.folder(chosen)
    report = await asyncio.to_thread(check_scene, folder / chosen.root_file, engine=engine)
    return SceneReportView(
        scene=record.name,
        version=chosen.version,
        engine=engine,
        ok=report.ok,
        counts=dict(report.counts),
        total_mass=report.total_mass,
        articulations=[
            ArticulationView(path=each.path, joints=list(each.joints), fixed_base=each.fixed_base)
            for each in report.articulations
        ],
        diagnoses=[DiagnosisView(**_relative(each.to_dict(), folder)) for each in report.diagnoses],
    )


async def sign_download(platform: Platform, scene: str, *, version: int | None = None, base_url: str) -> DownloadView:
    """A link to a scene that needs no other credential, for 15 minutes. Raises NotFoundError.

    Args:
        base_url: of the API, for links that it serves itself.
    """
    record = await find_scene(platform, scene)
    chosen = await platform.scenes.version(record.id, version)
    filename = f"{record.name}-v{chosen.version}.zip"
    return await sign(platform, "scenes", chosen.object_key, filename=filename, size=chosen.size, base_url=base_url)


async def delete_scene(platform: Platform, scene: str) -> None:
    """Delete a scene with all its versions.

    Raises:
        NotFoundError: no such scene. ConflictError: a twin uses it.
    """
    record = await find_scene(platform, scene)
    users = await _users(platform, record)
    if users:
        raise ConflictError(
            f"Scene '{record.name}' is used by {', '.join(users[:5])}{' …' if len(users) > 5 else ''}.",
            hint="Delete those twins first.",
        )
    for key in await platform.scenes.delete(record.id, organization=None):
        await platform.buckets.scenes.delete(key)


async def find_scene(platform: Platform, scene: str) -> SceneRecord:
    """The scene with that id or name.

    Raises:
        NotFoundError: there is none; the hint has the nearest names.
        ConflictError: several organizations have one of that name.
    """
    scene_id = parse_id(scene)
    if scene_id is not None:
        return await platform.scenes.get(scene_id, organization=None)
    found = [
        each for each in await platform.scenes.list(organization=None, name=scene, limit=1000) if each.name == scene
    ]
    if len(found) > 1:
        owners = ", ".join(f"{each.organization} ({each.id})" for each in found)
        raise ConflictError(f"{len(found)} scenes are named '{scene}'.", hint=f"Name one by its id: {owners}.")
    return found[0] if found else await platform.scenes.find(scene, organization=DEFAULT_ORGANIZATION)


async def _users(platform: Platform, scene: SceneRecord) -> list[str]:
    prefix = f"s3://{platform.settings.storage.buckets.scenes}/{scene.organization}/{scene.name}/v"
    twins = await platform.twins.every()
    return [each.name for each in twins if any(uri.startswith(prefix) for uri in _scene_uris(each.definition))]


def _scene_uris(definition: Any) -> list[str]:
    scene = definition.get("scene", {})
    return [scene.get("uri", ""), *(each.get("ref", "") for each in scene.get("composition", ()))]


def _view(platform: Platform, scene: SceneRecord, version: SceneVersionRecord) -> SceneView:
    address = SceneAddress(
        bucket=platform.settings.storage.buckets.scenes,
        organization=scene.organization,
        name=scene.name,
        version=version.version,
        file=version.root_file,
    )
    return SceneView(
        id=scene.id,
        name=scene.name,
        organization=scene.organization,
        version=version.version,
        uri=str(address),
        root=version.root_file,
        size_bytes=version.size,
        sha256=version.sha256,
        summary=dict(version.summary),
        diagnoses=[DiagnosisView(**each) for each in version.diagnoses],
        created_at=version.created_at,
    )


def _refusal(name: str, root: str, report: SceneReport, folder: Path) -> SceneError:
    errors = [each for each in report.diagnoses if each.severity == "error"]
    worst = _relative(errors[0].to_dict(), folder)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return SceneError(
        f"'{root}' cannot be loaded, so no version of scene '{name}' was stored: {worst['message']}{more}",
        hint=worst["remedy"],
        diagnoses=[Diagnosis(**_relative(each.to_dict(), folder)) for each in report.diagnoses],
    )


def _relative(fields: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A diagnosis without the folder in which this server looked at the scene."""
    return {name: text.replace(f"{folder}/", "").replace(str(folder), "the upload") for name, text in fields.items()}


def _pack(folder: Path, names: Sequence[str], target: Path) -> None:
    """The files as one archive; the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, date_time=_STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED
            with (folder / name).open("rb") as source, archive.open(info, "w", force_zip64=True) as member:
                while chunk := source.read(1 << 20):
                    member.write(chunk)


def check_name(field: str, value: str) -> None:
    """Raise InvalidInputError unless ``value`` is a name as definitions have them."""
    try:
        TypeAdapter(Name).validate_python(value)
    except ValidationError as error:
        raise InvalidInputError(f"{field}: {error.errors()[0]['msg']}.") from error


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"{offset}".encode()).decode()


def _parse_cursor(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        offset = int(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error):
        offset = -1
    if not 0 <= offset < 1 << 31:
        raise InvalidInputError(f"'{cursor[:80]}' is not a cursor.", hint="Pass on the next_cursor of the page before.")
    return offset
