"""Metrics for Prometheus (F38): a listener of its own, and the time that requests take.

Requests are timed in every API process; with several of them, ``PROMETHEUS_MULTIPROC_DIR`` lets the listener add their
numbers up. What twins do is asked of their runtimes when Prometheus asks, so no number is kept twice.
"""

from __future__ import annotations

import time

from prometheus_client import Histogram
from starlette.types import ASGIApp, Receive, Scope, Send

_REQUESTS = Histogram(
    "hanzo_twin_api_request_duration_seconds",
    "Time from a request's arrival to the end of its answer.",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_STREAMS = ("/v1/twins/{twin}/events",)


class RequestTimer:
    """ASGI middleware that times requests by the endpoint's template, so that names of twins make no new series."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            path = getattr(scope.get("route"), "path", "unknown")
            if path not in _STREAMS:
                _REQUESTS.labels(endpoint=f"{scope['method']} {path}").observe(time.perf_counter() - began)
