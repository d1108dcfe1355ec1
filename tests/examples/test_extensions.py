"""The examples of what only one engine has run, and assert their own results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import NotInstalledError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "extensions").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(example: Path) -> None:
    engine = example.stem.split("_")[1]
    try:
        load_engine(engine)
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith(".")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3
