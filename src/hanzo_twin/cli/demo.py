"""``hanzo-twin demo``: the demonstration on a terminal, or as one JSON line."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from json import dumps
from typing import TYPE_CHECKING

import typer

from hanzo_twin.cli.output import say

if TYPE_CHECKING:
    from rich.console import Group

    from hanzo_twin.demo.story import Outcome, Progress

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


def register(app: typer.Typer) -> None:
    """Add this command to ``app``."""
    app.command()(demo)


def demo(
    leave: bool = typer.Option(False, "--exit", help="End when the story is told, instead of at Ctrl-C."),
    json: bool = typer.Option(False, "--json", help="Print one JSON line at the end, and nothing before it."),
) -> None:
    """Bring all of it up and watch a twin find out what its machine weighs."""
    from rich.console import Console
    from rich.live import Live

    from hanzo_twin.demo.story import Story

    if json:
        with Story(lambda progress: None) as story:
            say(dumps(story.tell().report))
            _stay(leave)
        return
    console = Console(highlight=False)
    with (
        Live(console=console, refresh_per_second=5, transient=False) as live,
        Story(lambda progress: live.update(screen(progress))) as story,
    ):
        outcome = story.tell()
        live.update(screen(story.progress, outcome))
        live.stop()
        console.print(f"\nThe API stays up on [bold]{outcome.url}[/] (try {outcome.url}/docs).")
        if not leave:
            console.print("Ctrl-C ends the demonstration.")
        _stay(leave)


def _stay(leave: bool) -> None:
    if not leave:
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def screen(progress: Progress, outcome: Outcome | None = None) -> Group:
    """The whole picture: what was done, how sync is doing, drift over time, what happened, what was found."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    steps = Text("\n").join(Text(f"{seconds:5.1f} s  {text}") for text, seconds in progress.steps)
    parts: list[object] = [Panel(steps, title="Hanzo Twin", title_align="left")]
    status = progress.status
    if status is not None:
        table = Table(box=None, padding=(0, 2), show_header=False)
        tick, reading = status.tick_ms, status.reading_ms
        table.add_row("health", _health(status.health), "readings", f"{status.readings.get('received', 0):,}")
        table.add_row("tick p50 / p99", _ms(tick.p50, tick.p99), "reading → state", _ms(reading.p50, reading.p99))
        drifting = [drift for drift in status.drift if drift.dimension == "position" and drift.rms is not None]
        worst = max(drifting, key=lambda drift: drift.rms or 0.0, default=None)
        if worst is not None and worst.threshold is not None:
            colour = "red" if worst.drifting else "green"
            told = f"[{colour}]{1e3 * (worst.rms or 0):.2f} mrad[/] of {1e3 * worst.threshold:.2f} allowed"
            table.add_row("worst drift", told, "", worst.address)
        parts.append(Panel(Group(table, _spark(progress.history)), title="Synchronization", title_align="left"))
    if progress.events:
        parts.append(Panel("\n".join(progress.events), title="What happened", title_align="left"))
    if outcome is not None:
        parts.append(_findings(outcome))
    return Group(*parts)  # type: ignore[arg-type]


def _findings(outcome: Outcome) -> Group:
    from rich.console import Group
    from rich.table import Table

    table = Table(title="What the twin found out", title_justify="left")
    for heading in ("parameter", "true", "estimate", "95 % interval"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    for address, found in outcome.report["parameters"].items():
        inside = found["low"] <= found["true"] <= found["high"]
        interval = f"[{'green' if inside else 'red'}]{found['low']:.3f} … {found['high']:.3f}[/]"
        table.add_row(address, f"{found['true']:.3f}", f"{found['estimate']:.3f}", interval)
    question = outcome.report["what_if"]
    worst = question["largest_difference"]
    answer = (
        f"What if {question['question']}? Within {question['horizon_s']:.0f} s {worst['address']} "
        f"would be off by {1e3 * worst['max_rad']:.1f} mrad."
    )
    before, after = outcome.report["drift_before"], outcome.report["drift_after"]
    drift = f"Drift of {outcome.report['drift_attribute']}: {1e3 * before:.2f} → {1e3 * after:.2f} mrad."
    return Group(table, drift, answer)


def _spark(history: Sequence[tuple[float, float]]) -> str:
    values = [value for _, value in history][-WIDTH:]
    top = max(values, default=0.0)
    if top <= 0:
        return ""
    return "  drift " + "".join(BARS[min(len(BARS) - 1, int(value / top * (len(BARS) - 1)))] for value in values)


def _health(health: str) -> str:
    colour = {"synchronized": "green", "drifting": "red", "degraded": "yellow"}.get(health, "dim")
    return f"[{colour}]{health}[/]"


def _ms(p50: float | None, p99: float | None) -> str:
    return "–" if p50 is None or p99 is None else f"{p50:.1f} / {p99:.1f} ms"
