"""The listener for Prometheus: of all API processes, the first to get the port has it; when it dies, another does."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hanzo_twin.api.metrics import exposition
from hanzo_twin.service.context import Platform
from hanzo_twin.service.fleet import running_twins

_RETRY_S = 2.0

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def serving_metrics(platform: Platform) -> AsyncIterator[None]:
    """Serve the metrics of ``platform``'s settings for as long as the block lasts."""
    if not platform.settings.metrics.enabled:
        yield
        return
    task = asyncio.create_task(_serve(platform))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _serve(platform: Platform) -> None:
    settings = platform.settings
    address = (settings.server.host, settings.metrics.port)
    waiting = False
    while (listening := _bind(address)) is None:
        if not waiting:
            log.info("Port %d is taken, by another API process or a stranger; metrics wait for it", address[1])
        waiting = True
        await asyncio.sleep(_RETRY_S)
    server = _Server(uvicorn.Config(metrics_app(platform), log_config=None, access_log=False, lifespan="off"))
    log.info("Metrics are served at http://%s:%d%s", *address, settings.metrics.path)
    with listening:
        try:
            await server.serve(sockets=[listening])
        finally:
            await server.shutdown(sockets=[listening])


def _bind(address: tuple[str, int]) -> socket.socket | None:
    """A listening socket, or None while another has the port. Other errors are raised."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(64)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return listening


class _Server(uvicorn.Server):
    """One that leaves the process's signals to the server of the API."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def metrics_app(platform: Platform) -> Starlette:
    """The metrics as an ASGI application."""

    async def scrape(request: Request) -> Response:
        return Response(exposition(await running_twins(platform)), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Starlette(routes=[Route(platform.settings.metrics.path, scrape)])
