"""Handing the settings that are in force to child processes: as the one file that their environment names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from hanzo_twin.definition.environment import CONFIG_VARIABLE, PREFIX
from hanzo_twin.definition.settings import Settings
from hanzo_twin.definition.variables import escape
from hanzo_twin.errors import SettingsError
from hanzo_twin.runtime.directory import write_atomically


def with_database(settings: Settings, url: str) -> Settings:
    """``settings`` on the database at ``url``."""
    database = settings.database.model_copy(update={"url": SecretStr(url)})
    return settings.model_copy(update={"database": database})


def database_url(settings: Settings) -> str:
    """The URL with its password.

    Raises:
        SettingsError: none is set.
    """
    if settings.database.url is None:
        raise SettingsError(
            "database.url is not set.", hint="'hanzo-twin serve' starts a database of its own; give a URL otherwise."
        )
    return settings.database.url.get_secret_value()


def write_settings(settings: Settings, path: Path) -> None:
    """Write what ``load_settings(path, {})`` gives back, secrets included; readable by its owner only.

    Raises:
        StoreUnavailableError: it cannot be written.
    """
    data = escape(_reveal(settings.model_dump()), keep=lambda location: False)
    write_atomically(path, json.dumps(data, indent=1, default=str).encode())


def environment_with(path: Path) -> dict[str, str]:
    """This process's environment, with the settings in ``path`` as the only ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, CONFIG_VARIABLE: str(path)}


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: _reveal(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_reveal(item) for item in value]
    return value
