"""Twins of a server as things to simulate here: their definition, their stored scene, where they are now."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hanzo_twin.client.client import Client
from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import NotFoundError
from hanzo_twin.rl.resolve import Found, found_of
from hanzo_twin.twin.state import TwinState

_RUNNING = ("running", "degraded")


def find_twin(name: str) -> Found:
    """The twin ``name`` of the server at ``HANZO_TWIN_URL``; one that runs comes with its present state.

    Raises:
        NotFoundError: the server has no such twin. UnavailableError: no server answers.
    """
    with tempfile.TemporaryDirectory() as folder, Client() as client:
        view = client.get_twin(name)
        definition = definition_of(client, name, Path(folder))
        state = None
        if view.phase in _RUNNING:
            state = TwinState.from_bytes(client.get_state_bytes(name)).simulation
        return found_of(definition, Path(folder), state=state)


def definition_of(client: Client, twin: str, folder: Path) -> TwinDefinition:
    """The definition of a twin; a scene that the server stores is saved in ``folder``, and named there.

    Raises:
        NotFoundError: no such twin, or its scene is not stored. UnsupportedError: the twin cannot be simulated.
    """
    definition: dict[str, Any] = dict(client.get_twin(twin).definition)
    uri = str(definition.get("scene", {}).get("uri", ""))
    if uri.startswith("s3://"):
        definition["scene"] = {**definition["scene"], "uri": str(_fetch_scene(client, uri, folder))}
    return require_physical(parse_definition_object(definition, f"twin '{twin}'"))


def _fetch_scene(client: Client, uri: str, folder: Path) -> Path:
    for page in client.list_scenes(limit=1000).items:
        for version in client.list_scene_versions(page.name):
            if version.uri == uri:
                saved = client.download_scene(version.name, folder, version=version.version)
                with zipfile.ZipFile(saved) as archive:
                    archive.extractall(folder / "scene")
                return folder / "scene" / version.root
    raise NotFoundError(f"The scene '{uri}' of the twin is not stored on the server.")
