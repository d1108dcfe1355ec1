"""The REST API as an ASGI application. It is stateless: as many processes as are wanted serve the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from hanzo_twin import __version__
from hanzo_twin.api import openapi, problems
from hanzo_twin.api.dependencies import refuse_unknown_parameters
from hanzo_twin.api.guard import Guard
from hanzo_twin.api.metrics import RequestTimer
from hanzo_twin.api.metrics_server import serving_metrics
from hanzo_twin.api.routes import control, gym, health, jobs, objects, scenes, sync, twins
from hanzo_twin.definition.settings import LOOPBACK, Settings, check_bindable, load_settings
from hanzo_twin.service.context import Platform

MAX_BODY_BYTES = 64 << 20
"""Of everything but scenes: states of large scenes are the largest."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application for ``settings`` (default: those of this machine).

    Raises:
        SettingsError: they are wrong, or would let others than this machine reach the server.
    """
    chosen = settings if settings is not None else load_settings()
    check_bindable(chosen)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Platform.open(chosen) as platform, serving_metrics(platform):
            app.state.platform = platform
            yield

    # Its pages need nothing from elsewhere: a cell or a plant has no way out, and no foreign script comes in.
    app = FastAPIOffline(
        title="Hanzo Twin",
        version=__version__,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
        redirect_slashes=False,
    )
    for part in (twins, control, sync, scenes, jobs, gym, objects, health):
        app.include_router(part.router)
    app.add_middleware(RequestTimer)
    app.add_middleware(
        Guard,
        hosts={*LOOPBACK, chosen.server.host},
        default_limit=MAX_BODY_BYTES,
        limits={("POST", "/v1/scenes"): scenes.MAX_UPLOAD_BYTES},
    )
    problems.install(app)
    openapi.install(app)
    return app
