"""What of a twin lies in the object stores: the scenes it uses, and the state that a fork begins from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from hanzo_twin.errors import NotFoundError
from hanzo_twin.stores.buckets import Buckets
from hanzo_twin.stores.scene_files import SceneFiles


def initial_state_key(twin_id: UUID) -> str:
    """Where, in the bucket of checkpoints, the state lies that a fork begins from."""
    return f"{twin_id}/initial.state"


class StoredTwinFiles:
    """The `TwinFiles` of the platform's buckets."""

    def __init__(self, buckets: Buckets, scenes: SceneFiles) -> None:
        self._checkpoints = buckets.checkpoints
        self._scenes = scenes

    async def initial_state(self, twin_id: UUID) -> bytes:
        try:
            return await self._checkpoints.get(initial_state_key(twin_id))
        except NotFoundError as error:
            raise NotFoundError(
                f"The state that the fork {twin_id} was to begin from is gone.", hint="Fork its parent again."
            ) from error

    async def localize(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        scene = dict(definition["scene"])
        scene["uri"] = await self._local(scene["uri"])
        if "composition" in scene:
            parts = scene["composition"]
            scene["composition"] = [{**part, "ref": await self._local(part["ref"])} for part in parts]
        return {**definition, "scene": scene}

    async def _local(self, uri: str) -> str:
        return str(await self._scenes.local(uri)) if uri.startswith("s3://") else uri

    async def discard(self, twin_id: UUID) -> None:
        for each in await self._checkpoints.list(str(twin_id)):
            await self._checkpoints.delete(each.key)
