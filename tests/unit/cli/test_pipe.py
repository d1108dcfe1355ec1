"""A reader that goes away ends a command quietly, as it ends others."""

from __future__ import annotations

import json
import os
import subprocess
import sys

COMMAND = "import sys; sys.argv = ['hanzo-twin', *{arguments}]; from hanzo_twin.cli.main import run; run()"


def ended(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of the command when nobody reads its output."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(arguments=list(arguments))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate(timeout=60)
    return process.returncode, told.decode()


def test_tables_and_lines_end_with_the_code_of_the_signal() -> None:
    assert ended("scene", "library") == (141, "")
    assert ended("version") == (141, "")


def test_who_takes_ascii_only_sees_question_marks_and_whole_json() -> None:
    def shown(*arguments: str) -> str:
        command = [sys.executable, "-c", COMMAND.format(arguments=list(arguments))]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout.decode()

    assert "0.4 ? 0.3 ? 0.251" in shown("scene", "library")
    summaries = {each["name"]: each["summary"] for each in json.loads(shown("scene", "library", "--json"))}
    assert "400 × 300 × 250 mm" in summaries["box"]
