"""Commands about twins: create, start, stop, status, list, delete, state, inputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hanzo_twin.cli.arguments import Twin, assignments, connect, every
from hanzo_twin.cli.output import Force, Json, check_new, emit, fields, note, number, save, say, table, time_text
from hanzo_twin.errors import DefinitionError, InvalidInputError, RuntimeUnavailableError, counted

if TYPE_CHECKING:
    from hanzo_twin.service.views import StateView, TwinView

Timeout = Annotated[float, typer.Option("--timeout", min=0, max=300, help="Wait so long for it, s; 0 does not wait.")]


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    for command in (create, start, stop, list_, delete, state, inputs):
        app.command(command.__name__.rstrip("_"))(command)


def create(
    ctx: typer.Context,
    config: Annotated[Path, typer.Option("--config", "-c", help="Definition of the twin, YAML or JSON.")],
    start: Annotated[bool, typer.Option("--start", help="Start it, too.")] = False,
    scene_later: Annotated[
        bool, typer.Option("--scene-later", help="The scene comes later: do not check now that the definition fits it.")
    ] = False,
    json: Json = False,
) -> None:
    """Create a twin from a definition; its scene is loaded once and everything it names is looked up in it."""
    from hanzo_twin.definition.reader import read_document, read_text
    from hanzo_twin.definition.yaml_source import definition_object, load_definition, with_lines

    definition = definition_object(load_definition(config))
    with connect(ctx) as client:
        try:
            view = client.create_twin(definition, scene_later=scene_later)
        except DefinitionError as error:
            raise with_lines(error, read_document(read_text(config, DefinitionError)), str(config)) from error
        if start:
            view = _reached(client.start_twin(str(view.id), wait_seconds=60.0), "running", 60.0)
    _show(view, json, "is created" if not start else f"is {view.phase}")


def start(ctx: typer.Context, twin: Twin, timeout: Timeout = 60.0, json: Json = False) -> None:
    """Start a twin and wait until it runs."""
    with connect(ctx) as client:
        view = _reached(client.start_twin(twin, wait_seconds=timeout), "running", timeout)
    _show(view, json, f"is {view.phase}")


def stop(ctx: typer.Context, twin: Twin, timeout: Timeout = 60.0, json: Json = False) -> None:
    """Stop a twin; it keeps its state and goes on from there."""
    with connect(ctx) as client:
        view = _reached(client.stop_twin(twin, wait_seconds=timeout), "stopped", timeout)
    _show(view, json, f"is {view.phase}")


def list_(
    ctx: typer.Context,
    organization: Annotated[str | None, typer.Option(help="Only of this organization.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; may be repeated.")] = None,
    engine: Annotated[str | None, typer.Option(help="Only on this engine.")] = None,
    json: Json = False,
) -> None:
    """List twins."""
    filters: dict[str, Any] = {"organization": organization, "tag": tag or (), "engine": engine}
    with connect(ctx) as client:
        found = every(lambda cursor: client.list_twins(**filters, cursor=cursor))
    if json:
        emit(found)
        return
    table(
        ("NAME", "PHASE", "ENGINE", "TAGS", "CREATED", "ID"),
        (
            (each.name, each.phase, each.engine, each.tags, f"{each.created_at:%Y-%m-%d %H:%M}", each.id)
            for each in found
        ),
        empty="No twin passes these filters."
        if organization or tag or engine
        else "There are no twins. Create one with: hanzo-twin create --config FILE",
    )


def delete(
    ctx: typer.Context,
    twin: Twin,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a twin with all that belongs to it, its history included."""
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInputError(f"Deleting '{twin}' must be confirmed.", hint="Say --yes.")
        typer.confirm(f"Delete '{twin}' with its history?", abort=True, err=True)
    with connect(ctx) as client:
        client.delete_twin(twin)
    if json:
        emit({"deleted": twin})
    else:
        say(f"Twin '{twin}' is deleted.")


def state(
    ctx: typer.Context,
    twin: Twin,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Save the exact state here, to be restored.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show the state of a running twin, or save it."""
    if output is not None:
        check_new(output, force=force)
    with connect(ctx) as client:
        if output is None:
            view = client.get_state(twin)
            emit(view) if json else _show_state(view)
            return
        data = client.get_state_bytes(twin)
    save(output, data)
    if json:
        emit({"file": str(output), "bytes": len(data)})
    else:
        note(f"{len(data)} bytes are in {output}.")


def inputs(
    ctx: typer.Context,
    twin: Twin,
    values: Annotated[
        list[str], typer.Argument(metavar="ADDRESS=VALUE…", help="Inputs and their values, SI.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Give inputs of a running twin new values, such as /World/arm/joint_1.targetPosition=0.4."""
    given = assignments(values)
    with connect(ctx) as client:
        client.set_inputs(twin, given)
    if json:
        emit({"inputs": given})
    else:
        say(f"Twin '{twin}' has {counted(len(given), 'new input')}.")


def _reached(view: TwinView, wanted: str, timeout: float) -> TwinView:
    """``view``, unless it was waited for in vain."""
    phases = {"running": ("running", "degraded"), "stopped": ("stopped", "created")}[wanted]
    if timeout and view.phase not in phases:
        raise RuntimeUnavailableError(
            f"Twin '{view.name}' is {view.phase}, not {wanted}, after {timeout:g} s. {view.message}".rstrip(),
            hint=f"It is still wanted to be {wanted}. See: hanzo-twin status {view.name}",
        )
    return view


def _show(view: TwinView, json: bool, what: str) -> None:
    if json:
        emit(view)
        return
    say(f"Twin '{view.name}' {what}.")
    if view.message:
        note(view.message)


def _show_state(view: StateView) -> None:
    fields(
        [("Time", time_text(view.time)), ("Simulated", number(view.simulated_seconds, "s")), ("Engine", view.engine)]
    )
    table(
        ("JOINT", "POSITION", "VELOCITY", "TARGET", "EFFORT"),
        (
            (path, each.position, each.velocity, each.target_position, each.commanded_effort)
            for path, each in view.joints.items()
        ),
        empty="It has no joints.",
    )
    if view.bodies:
        rows = ((path, each.position, each.orientation) for path, each in view.bodies.items())
        table(("BODY", "POSITION (m)", "ORIENTATION (w, x, y, z)"), rows, empty="")
    changed = [*view.parameters.items(), *((path, each.value) for path, each in view.attributes.items())]
    if changed:
        table(("ADDRESS", "VALUE"), changed, empty="")
