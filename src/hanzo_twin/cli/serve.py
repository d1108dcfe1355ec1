"""``hanzo-twin serve``: the whole platform on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(serve)


def serve(
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings (config.yaml).")] = None,
) -> None:
    """Run the API, the controller and, unless another is configured, a database, until Ctrl-C."""
    from hanzo_twin.definition.settings import check_bindable, load_settings
    from hanzo_twin.runtime.serve import serve as run

    settings = load_settings(config)
    check_bindable(settings)
    run(settings)
