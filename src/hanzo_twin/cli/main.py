"""The command ``hanzo-twin``. Its modules import nothing heavy: what a command needs, it imports when it runs."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from hanzo_twin.cli import (
    calibrate,
    compare,
    demo,
    fork,
    history,
    jobs,
    parameters,
    policies,
    rl,
    scene_convert,
    scene_render,
    scenes,
    serve,
    status,
    train,
    twins,
)
from hanzo_twin.cli.group import Group, end_of_pipe
from hanzo_twin.cli.output import Json, emit, say

app = typer.Typer(
    name="hanzo-twin",
    cls=Group,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    url: Annotated[
        str | None, typer.Option("--url", envvar="HANZO_TWIN_URL", help="Address of the server.", show_default=False)
    ] = None,
) -> None:
    """Digital twins and simulation: one scene on several engines, kept in step with the real machine."""
    ctx.obj = url


@app.command()
def version(json: Json = False) -> None:
    """Print the version."""
    from hanzo_twin import __version__

    if json:
        emit({"version": __version__})
    else:
        say(__version__)


serve.register(app)
twins.register(app)
status.register(app)
fork.register(app)
compare.register(app)
history.register(app)
calibrate.register(app)
app.add_typer(parameters.app, name="parameters")
scene_convert.register(scenes.app)
scene_render.register(scenes.app)
app.add_typer(scenes.app, name="scene")
app.add_typer(rl.app, name="rl")
app.add_typer(jobs.app, name="job")
train.register(app)
app.add_typer(policies.app, name="policy")
demo.register(app)


def run() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or a pipe of a few characters only shall see "×" as "?", not end the command.
            stream.reconfigure(errors="replace")
    try:
        try:
            app()
        finally:
            # What is still in the buffer would else fail where nobody can catch it.
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        end_of_pipe()
