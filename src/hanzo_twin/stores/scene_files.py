"""Stored scenes as files: their addresses in definitions, and a cache of them on this machine.

A version is one object, a zip archive of all its files. A definition names it
``s3://<bucket>/<organization>/<name>/v<version>/<root file>``.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from hanzo_twin.errors import InvalidInputError, StoreUnavailableError
from hanzo_twin.stores.objects import ObjectStore
from hanzo_twin.stores.records import SceneVersionRecord
from hanzo_twin.stores.scenes import SceneRepository

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_URI = re.compile(
    rf"s3://(?P<bucket>{_NAME})/(?P<organization>{_NAME})/(?P<name>{_NAME})/v(?P<version>[0-9]{{1,9}})/(?P<file>.+)"
)


@dataclass(frozen=True, kw_only=True)
class SceneAddress:
    """One file of one version of a stored scene."""

    bucket: str
    organization: str
    name: str
    version: int
    file: str

    @classmethod
    def parse(cls, uri: str) -> SceneAddress:
        """Read the address in a definition.

        Raises:
            InvalidInputError: it has another form.
        """
        match = _URI.fullmatch(uri)
        if match is None or any(part in ("", ".", "..") for part in match["file"].split("/")):
            raise InvalidInputError(
                f"'{uri[:200]}' is not the address of a stored scene.",
                hint="It has the form s3://bucket/organization/name/v3/file; 'hanzo-twin scene list' shows them.",
            )
        return cls(
            bucket=match["bucket"],
            organization=match["organization"],
            name=match["name"],
            version=int(match["version"]),
            file=match["file"],
        )

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.organization}/{self.name}/v{self.version}/{self.file}"


class SceneFiles:
    """Scenes of the object store, unpacked below ``cache``; a version never changes, so neither does its folder."""

    def __init__(self, scenes: SceneRepository, objects: ObjectStore, cache: Path) -> None:
        self._scenes = scenes
        self._objects = objects
        self._cache = cache

    async def local(self, uri: str) -> Path:
        """The file on this machine that stands for ``uri``.

        Raises:
            InvalidInputError: it is not an address, or the scene has no such file.
            NotFoundError: there is no such scene or version.
            StoreUnavailableError: the object store does not answer, or the disk is full.
        """
        address = SceneAddress.parse(uri)
        scene = await self._scenes.find(address.name, organization=address.organization)
        folder = await self.folder(await self._scenes.version(scene.id, address.version))
        file = folder / address.file
        if not file.is_file():
            raise InvalidInputError(
                f"Version {address.version} of scene '{address.name}' has no file '{address.file}'."
            )
        return file

    async def folder(self, version: SceneVersionRecord) -> Path:
        """The folder with all files of a version. Raises StoreUnavailableError."""
        folder = self._cache / version.sha256
        if not folder.is_dir():
            data = await self._objects.get(version.object_key)
            await asyncio.to_thread(_unpack, data, folder)
        return folder


def _unpack(data: bytes, folder: Path) -> None:
    """What we packed ourselves; of two processes at once, one folder wins and is whole."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as temporary:
            packed = Path(temporary) / "scene.zip"
            packed.write_bytes(data)
            files = Path(temporary) / "files"
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(files)
            files.rename(folder)
    except (OSError, zipfile.BadZipFile) as error:
        if not folder.is_dir():
            raise StoreUnavailableError(f"A stored scene cannot be unpacked to {folder}: {error}.") from error
