"""What a session is made of, and where it serves: the files of its directory."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class SessionSpec(BaseModel):
    """``spec.json``.

    Args:
        environment: the arguments of `hanzo_twin.make_vec`.
        definition: of the twin, where its ``twin_id`` is not among them.
        idle_s: it ends when it was not used for so long.
    """

    model_config = ConfigDict(frozen=True)

    environment: dict[str, Any]
    definition: dict[str, Any] | None = None
    idle_s: float


class SessionReady(BaseModel):
    """``ready.json``: which process serves, and where."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started_ticks: int
    address: str
    token: str
