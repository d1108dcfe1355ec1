"""Where things lie below the data directory of one machine."""

from __future__ import annotations

from pathlib import Path

from hanzo_twin.definition.settings import Settings


def runtimes_directory(settings: Settings) -> Path:
    """One directory for each twin that was ever started, by its id."""
    return settings.data_dir / "runtimes"


def sessions_directory(settings: Settings) -> Path:
    """One directory for each environment that serves a learner elsewhere, by its id."""
    return settings.data_dir / "gym"


def history_directory(settings: Settings, twin_id: str) -> Path:
    """The history of a twin, whether it runs or not."""
    return settings.data_dir / "history" / twin_id


def scene_cache_directory(settings: Settings) -> Path:
    """Stored scenes, unpacked."""
    return settings.data_dir / "cache" / "scenes"


def postgres_directory(settings: Settings) -> Path:
    """The embedded database."""
    return settings.data_dir / "postgres"


def logs_directory(settings: Settings) -> Path:
    """Logs of the API and the controller; a runtime's is in its directory."""
    return settings.data_dir / "logs"


def run_directory(settings: Settings) -> Path:
    """What lives as long as `serve`: its lock, the settings in force, metrics shared between processes."""
    return settings.data_dir / "run"
