"""``hanzo-twin status``: how a twin and its link to the machine are doing, once or as it changes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli.arguments import Twin, connect
from hanzo_twin.cli.output import Json, console, emit, number, time_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hanzo_twin.client import Client
    from hanzo_twin.service.views import SyncStatusView, TwinView

_COLOURS = {"running": "green", "synchronized": "green", "drifting": "yellow", "degraded": "yellow", "failed": "red"}


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(status)


def status(
    ctx: typer.Context,
    twin: Twin,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=0.1, max=3600, help="Time between two looks with --watch, s.")] = 1.0,
    json: Json = False,
) -> None:
    """Show how a twin is doing: phase, latency, readings, drift."""
    with connect(ctx) as client:
        if watch:
            _watch(client, twin, interval, json)
            return
        view, sync = client.get_twin(twin), client.get_sync_status(twin)
    if json:
        emit({"twin": view, "sync": sync})
    else:
        console().print(_render(view, sync))


def _watch(client: Client, twin: str, interval: float, json: bool) -> None:
    from rich.live import Live

    if json:
        while True:
            emit({"twin": client.get_twin(twin), "sync": client.get_sync_status(twin)})
            time.sleep(interval)
    with Live(
        _render(client.get_twin(twin), client.get_sync_status(twin)), console=console(), auto_refresh=False
    ) as live:
        while True:
            live.update(_render(client.get_twin(twin), client.get_sync_status(twin)), refresh=True)
            time.sleep(interval)


def _recalibration(found: Mapping[str, Any]) -> str:
    """The latest fit in a line; empty where there was none."""
    last = found.get("last")
    if found.get("running"):
        return "a fit is under way"
    if not last:
        return ""
    outcome = "accepted" if last.get("accepted") else "nothing changed"
    fitted = ", ".join(
        f"{address} {each['initial']:.4g} → {each['estimate']:.4g}"
        for address, each in (last.get("parameters") or {}).items()
        if each["identifiable"]
    )
    return f"{outcome}: {last.get('reason', '')} {fitted}".strip()


def _render(view: TwinView, sync: SyncStatusView) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold")
    head.add_column(overflow="fold")
    rows: list[tuple[str, str]] = [
        ("Twin", f"{view.name} ({view.id})"),
        ("Phase", view.phase),
        ("Sync", sync.health),
        ("Engine", view.engine or ""),
        ("Mode", sync.mode or ""),
        ("Message", view.message),
        *(("Trouble", line) for line in sync.trouble),
    ]
    if sync.mode is not None:
        rows += [
            ("Device time", time_text(sync.device_time)),
            ("Lag", number(sync.lag_s, "s")),
            ("Tick", f"p50 {number(sync.tick_ms.p50, 'ms')}, p99 {number(sync.tick_ms.p99, 'ms')}"),
            ("Reading", f"p50 {number(sync.reading_ms.p50, 'ms')}, p99 {number(sync.reading_ms.p99, 'ms')}"),
            ("Readings", ", ".join(f"{count} {name}" for name, count in sync.readings.items() if count)),
            ("Recalibration", _recalibration(sync.recalibration)),
        ]
    for name, value in rows:
        if value:
            head.add_row(name, Text(value, style=_COLOURS.get(value, "")))
    parts: list[RenderableType] = [head]
    if sync.links:
        links = Table("LINK", "STATE", "MESSAGES", "DROPPED", "RECONNECTS", "LAST ERROR", box=None, pad_edge=False)
        for link in sync.links:
            trouble = "" if link.state == "connected" else link.last_error
            links.add_row(link.name, link.state, str(link.messages), str(link.dropped), str(link.reconnects), trouble)
        parts += ["", links]
    if sync.drift:
        drift = Table("ATTRIBUTE", "ERROR (RMS)", "THRESHOLD", "", box=None, pad_edge=False)
        for each in sync.drift:
            mark = Text("drifting", style="yellow") if each.drifting else Text("")
            drift.add_row(each.address, number(each.rms, each.unit), number(each.threshold, each.unit), mark)
        parts += ["", drift]
    return Group(*parts)
