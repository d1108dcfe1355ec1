"""``hanzo-twin job``: long work on the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli.arguments import connect
from hanzo_twin.cli.output import Json, emit, fields, note, plain, say, table
from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from hanzo_twin.client import Client
    from hanzo_twin.service.views import JobView

app = typer.Typer(no_args_is_help=True, help="Long work on the server, such as training: submit, follow, cancel.")

Job = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.", show_default=False)]


@app.command()
def submit(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Kind of job, such as train.", show_default=False)],
    spec: Annotated[Path, typer.Option(help="YAML or JSON file that says what shall be done.", show_default=False)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show its log until it ends.")] = False,
    json: Json = False,
) -> None:
    """Put long work into the queue; it survives restarts of the server."""
    with connect(ctx) as client:
        view = client.submit_job(kind, read_spec(spec))
        if follow:
            view = follow_job(client, str(view.id), quiet=json)
    _tell(view, json, f"Job {view.id} is {view.state}.")


@app.command("list")
def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only of this kind.")] = None,
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most jobs to show.")] = 50,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    with connect(ctx) as client:
        found = client.list_jobs(kind=kind, state=state, limit=limit).items
    if json:
        emit(found)
        return
    table(
        ("ID", "KIND", "STATE", "PROGRESS", "MESSAGE", "CREATED"),
        (
            (each.id, each.kind, each.state, f"{each.progress:.0%}", each.message, f"{each.created_at:%Y-%m-%d %H:%M}")
            for each in found
        ),
        empty="No job passes these filters." if kind or state else "There are no jobs.",
    )


@app.command()
def show(ctx: typer.Context, job: Job, json: Json = False) -> None:
    """Show a job: its state, progress, metrics and result."""
    with connect(ctx) as client:
        view = client.get_job(job)
    if json:
        emit(view)
        return
    fields(
        [
            ("job", view.id),
            ("kind", view.kind),
            ("state", view.state),
            ("progress", f"{view.progress:.0%} {view.message}"),
            ("metrics", [f"{name} {value:.6g}" for name, value in view.metrics.items() if value is not None]),
            ("error", (view.error or {}).get("message")),
            ("result", [f"{name}: {value}" for name, value in (view.result or {}).items()]),
            ("attempts", view.attempts),
            ("worker", view.worker),
        ]
    )


@app.command()
def logs(
    ctx: typer.Context,
    job: Job,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    json: Json = False,
) -> None:
    """Show the log of a job; with --follow exits with 1 if the job fails."""
    with connect(ctx) as client:
        if follow:
            view = follow_job(client, job, quiet=json)
            _tell(view, json, f"Job {view.id} is {view.state}.")
            return
        lines, after = [], 0
        while page := client.get_job_lines(job, after=after, limit=1000):
            lines += page
            after = page[-1].number
    if json:
        emit(lines)
        return
    for line in lines:
        say(line.text)


@app.command()
def cancel(ctx: typer.Context, job: Job, json: Json = False) -> None:
    """Have a job save what it has and end."""
    with connect(ctx) as client:
        view = client.cancel_job(job)
    if json:
        emit(view)
    else:
        say(f"Job {view.id} is {'cancelled' if view.finished else 'asked to end'}.")


def read_spec(path: Path) -> dict[str, Any]:
    """What a YAML or JSON file says.

    Raises:
        InvalidInputError: it cannot be read, or is not a mapping.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InvalidInputError(f"'{path}' cannot be read: {reason}.") from error
    if not isinstance(found, dict):
        raise InvalidInputError(f"'{path}' holds no mapping.", hint="Write one 'name: value' a line.")
    return found


def follow_job(client: Client, job: str, *, quiet: bool = False) -> JobView:
    """Show the log of a job, and on a terminal its progress, until it ends; returns the job as it then is."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from hanzo_twin.service.views import JobLineView

    console = Console(stderr=True, markup=False, highlight=False)
    columns = (BarColumn(), TextColumn("{task.percentage:.0f}% {task.description}"))
    with Progress(
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=1.0)
        for item in client.follow_job(job):
            if not isinstance(item, JobLineView):
                bar.update(task, completed=item.progress, description=item.message or item.state)
            elif not quiet:
                console.print(item.text)
    return client.get_job(job)


def _tell(view: JobView, json: bool, text: str) -> None:
    """Say how a job stands; ends the command with 1 if it failed."""
    if json:
        emit(plain(view))
    else:
        say(text)
    if view.state == "failed":
        if not json:
            note(f"{(view.error or {}).get('message', '')}\n  {(view.error or {}).get('hint', '')}".rstrip())
        raise typer.Exit(1)
