"""Files that commands write: data replaces data only with ``--force``, and appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hanzo_twin.cli.main import app
from hanzo_twin.cli.output import check_new, save
from hanzo_twin.errors import ConflictError, InvalidInputError, OutputError


def test_data_replaces_nothing_unless_it_may(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    check_new(file, force=False)
    file.write_text("mine")

    with pytest.raises(ConflictError, match=r"history\.csv' exists already; it is not replaced") as refused:
        check_new(file, force=False)
    assert refused.value.hint == "Name another file, or replace it with --force."
    check_new(file, force=True)
    with pytest.raises(InvalidInputError, match="is a directory"):
        check_new(tmp_path, force=True)
    with pytest.raises(OutputError, match="there is no folder"):
        check_new(tmp_path / "no" / "a.csv", force=False)
    # A pipe takes data without losing any.
    os.mkfifo(tmp_path / "pipe")
    check_new(tmp_path / "pipe", force=False)


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "state.bin"
    save(file, b"old")
    assert file.read_bytes() == b"old"
    long = tmp_path / ("a" * 250)

    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        save(long, b"new")
    save(file, b"new")

    assert file.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["state.bin"]


@pytest.mark.parametrize(
    "command",
    [("state", "arm", "-o"), ("history", "arm", "--export"), ("policy", "export", "nothing", "-o")],
    ids=lambda command: command[0],
)
def test_commands_that_write_data_ask_before_they_work(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Before anything is asked of a server, which is not there."""
    file = tmp_path / "data.csv"
    file.write_text("mine")

    done = CliRunner().invoke(app, [*command, str(file)])

    assert done.exit_code == 4
    assert "exists already; it is not replaced." in done.stderr
    assert file.read_text() == "mine"
