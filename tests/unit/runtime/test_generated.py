"""What is generated from runtime.proto is what stands in the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "src" / "hanzo_twin" / "runtime"


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    out = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PACKAGE.parents[1]}", *out]
    subprocess.run([*command, str(PACKAGE / "runtime.proto")], check=True)
    for made in sorted((tmp_path / "hanzo_twin" / "runtime").iterdir()):
        assert made.read_text() == (PACKAGE / made.name).read_text(), f"{made.name} is old: run 'make proto'"
