"""docs/cli.md lists the commands that there are, with options that they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hanzo_twin.cli.main import app

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def written() -> list[str]:
    """What stands in the first column of the table of commands, each cell as one text without its backticks."""
    table = PAGE.read_text(encoding="utf-8").partition("| command |")[2].partition("\n\n")[0]
    cells = [re.split(r"(?<!\\)\|", row)[1].strip() for row in table.splitlines() if row.startswith("| `")]
    return [each for cell in cells for each in re.split(r"`, `", cell)]


def named(text: str) -> str:
    """The command at the beginning of ``text``: its longest beginning that is one."""
    words = text.strip("` ").split()
    return next((name for count in (2, 1) if (name := " ".join(words[:count])) in COMMANDS), text)


def test_every_command_is_listed_and_nothing_else() -> None:
    assert len(written()) > 40
    assert {named(text) for text in written()} == set(COMMANDS)


@pytest.mark.parametrize("text", written(), ids=named)
def test_the_options_that_are_written_exist(text: str) -> None:
    parameters = COMMANDS[named(text)].params
    known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text)) <= known | {"--json"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_speaks_to_programs(name: str) -> None:
    command = COMMANDS[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert command.help
    assert "--json" in options or name == "serve"
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name}"
