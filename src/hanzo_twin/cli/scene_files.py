"""``hanzo-twin scene compose`` and ``diff``: commands on scene files that need no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hanzo_twin.cli.output import Force, Json, emit, note, say, table
from hanzo_twin.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hanzo_twin.scene.diff import Change
    from hanzo_twin.scene.load import Reference

_ALIKE = 4


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(compose)
    app.command()(diff)


def compose(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Scene to start from, or library:NAME.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="USD file to write.", show_default=False)],
    add: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REF@/PRIM[@X,Y,Z]",
            help="Refer to a file (or library:NAME) at a prim path, moved by so many metres; may be repeated.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="/PRIM.ATTRIBUTE=VALUE", help="Override a USD attribute, in USD's units."),
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(metavar="/PRIM:SET=CHOICE", help="Choose a variant; may be repeated.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a scene that refers to others: edits of their files show in it."""
    from hanzo_twin.scene.composition import write_composition

    done = write_composition(
        base,
        [_reference(text) for text in add or ()],
        output,
        overrides=dict(_assignment(text, "/World/arm.visibility=invisible") for text in set_ or ()),
        variants=dict(_assignment(text, "/World/arm:gripper=open") for text in variant or ()),
        overwrite=force,
    )
    if json:
        emit(done.to_dict())
        return
    for original, file in done.converted.items():
        note(f"'{original}' was converted to '{file}'; edits of it do not show until it is converted again.")
    for diagnosis in done.diagnoses:
        if diagnosis.severity != "info":
            note(str(diagnosis))
    say(done.file)


def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="Scene file of any format, or library:NAME.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The scene to compare it with.")],
    tolerance: Annotated[float, typer.Option(min=0.0, help="Numbers this close are equal (relative above 1).")] = 1e-6,
    json: Json = False,
) -> None:
    """Tell what differs between two scenes. Exits with 0 when nothing does, with 1 otherwise."""
    from hanzo_twin.scene.diff import compare_scenes
    from hanzo_twin.scene.load import load_scene

    changes = compare_scenes(load_scene(first), load_scene(second), tolerance=tolerance)
    if json:
        emit({"equal": not changes, "changes": [change.to_dict() for change in changes]})
    elif changes:
        _show_changes(changes)
    else:
        say("The scenes are equal.")
    if changes:
        raise typer.Exit(1)


def _show_changes(changes: Sequence[Change]) -> None:
    from hanzo_twin.scene.diagnostics import grouped

    signs = {"added": "+", "removed": "-", "changed": "~"}
    rows = []
    for group in grouped(changes, _kind):
        several = len(group) > _ALIKE
        for each in group[:1] if several else group:
            path = f"{each.path} and {len(group) - 1} others" if several else each.path
            rows.append((signs[each.kind], each.thing, path, each.field, each.old, each.new))
    table(("", "THING", "PATH", "FIELD", "OLD", "NEW"), rows, empty="")
    counts = [(sum(each.kind == kind for each in changes), kind) for kind in signs]
    say("\n" + ", ".join(f"{count} {kind}" for count, kind in counts if count) + ".")
    if len(rows) < len(changes):
        note("What is alike stands in one line, with the path of the first; --json has all.")


def _kind(change: Change) -> tuple[str, ...]:
    attribute = change.path.rpartition(".")[2] if change.thing == "engine attribute" else ""
    return change.kind, change.thing, attribute, change.field, change.old, change.new


def _reference(text: str) -> Reference:
    from hanzo_twin.scene.load import Reference

    ref, _, rest = text.partition("@/")
    path, _, place = rest.partition("@")
    try:
        x, y, z = (float(word) for word in place.split(",")) if place else (0.0, 0.0, 0.0)
    except ValueError:
        ref = ""
        x = y = z = 0.0
    if not ref or not path:
        raise InvalidInputError(
            f"'{text}' does not name a file and a prim path.",
            hint="Write REF@/PRIM or REF@/PRIM@X,Y,Z, such as library:arm@/World/arm@0,0,0.8.",
        )
    return Reference(ref=ref, path=f"/{path}", translate=(x, y, z))


def _assignment(text: str, example: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InvalidInputError(f"'{text}' sets nothing.", hint=f"Write it like {example}.")
    return name, value
