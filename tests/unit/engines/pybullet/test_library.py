"""Bullet's library says nothing when it is imported, and nothing else is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pybullet")

PROGRAM = """
import sys
sys.stdout.write("before ")
from hanzo_twin.engines.port import load_engine
load_engine("pybullet")
print("after")
print("told", file=sys.stderr)
"""


def test_nothing_is_printed_by_the_import() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("before after\n", "told\n")
