"""Metrics for Prometheus: the time that requests take, and what the runtimes say of themselves.

Requests are timed in every API process; with several of them, ``PROMETHEUS_MULTIPROC_DIR`` lets whoever is asked add
their numbers up. What twins do is asked of their runtimes when Prometheus asks, so that no number is kept twice and it
does not matter which process answers.
"""

from __future__ import annotations

import os
import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Receive, Scope, Send

from hanzo_twin.service.fleet import RunningTwin

_REQUESTS = Histogram(
    "hanzo_twin_api_request_duration_seconds",
    "Time from a request's arrival to the end of its answer.",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
SIMULATIONS = Counter("hanzo_twin_simulations", "Simulations that were asked to start.", ["engine", "org"])

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


def exposition(running: Iterable[RunningTwin]) -> bytes:
    """All metrics in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Fleet(running))
    return generate_latest(registry) + generate_latest(_own_registry())


def _own_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no type here
    return registry


class _Fleet:
    """What runtimes said, as metrics. A twin whose runtime did not answer in time is missing this time."""

    def __init__(self, running: Iterable[RunningTwin]) -> None:
        self._running = list(running)

    def collect(self) -> Iterator[Metric]:
        active = GaugeMetricFamily("hanzo_twin_active_simulations", "Simulations that run now.", labels=["engine"])
        for engine, count in Tally(each.engine for each in self._running).items():
            active.add_metric([engine], count)
        yield active
        steps = CounterMetricFamily(
            "hanzo_twin_steps", "Physics steps since the runtime started.", labels=["engine", "twin"]
        )
        messages = CounterMetricFamily(
            "hanzo_twin_sync_messages", "Readings received and predictions published.", labels=["twin", "direction"]
        )
        drift = GaugeMetricFamily(
            "hanzo_twin_sync_drift",
            "Largest RMS difference between prediction and reading, by dimension and unit.",
            labels=["twin", "dimension"],
        )
        latency = HistogramMetricFamily(
            "hanzo_twin_sync_latency_seconds", "From when a sync tick was due to its end.", labels=["twin"]
        )
        durations = HistogramMetricFamily(
            "hanzo_twin_step_duration_seconds", "Time of a sync tick divided by its physics steps.", labels=["engine"]
        )
        for each in self._running:
            sync = each.status["sync"]
            steps.add_metric([each.engine, each.name], sync["steps"])
            messages.add_metric([each.name, "in"], sync["readings"]["received"])
            messages.add_metric([each.name, "out"], sync["published"])
            for dimension, rms in _largest(sync["drift"]).items():
                drift.add_metric([each.name, dimension], rms)
            latency.add_metric([each.name], *_histogram([sync["tick_durations"]]))
        for engine in sorted({each.engine for each in self._running}):
            of_engine = [each.status["sync"]["step_durations"] for each in self._running if each.engine == engine]
            durations.add_metric([engine], *_histogram(of_engine))
        yield from (steps, messages, drift, latency, durations)


def _histogram(found: Sequence[Mapping[str, Any]]) -> tuple[list[tuple[str, float]], float]:
    """Buckets and sum of histograms with the same bounds, added up, as Prometheus wants them."""
    counts = [sum(column) for column in zip(*(each["counts"] for each in found), strict=True)]
    bounds = [*(repr(bound) for bound in found[0]["bounds"]), "+Inf"]
    return list(zip(bounds, counts, strict=True)), sum(each["sum"] for each in found)


def _largest(drift: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in drift:
        if each["rms"] is not None:
            found[each["dimension"]] = max(found.get(each["dimension"], 0.0), each["rms"])
    return found
