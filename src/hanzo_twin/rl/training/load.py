"""A policy and the environment it is judged or run in, from the names that a user gives."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.training.policy import LINEAGE, Policy
from hanzo_twin.rl.training.spec import parse_spec


def find_policy(path: Path, unpacked: Path) -> Policy:
    """The policy in a folder, in the folder of a run, or in a zip file, which is unpacked into ``unpacked``.

    Raises:
        NotFoundError: there is none. InvalidInputError: it is damaged.
    """
    if path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(unpacked)
        except (zipfile.BadZipFile, OSError) as error:
            raise InvalidInputError(
                f"'{path}' is not a policy: {error}.",
                hint="An exported .onnx does not say what it was trained for; name the folder of the run or policy."
                if path.suffix == ".onnx"
                else "Name the folder or zip of one.",
            ) from error
        return Policy(unpacked)
    return Policy(path / "policy" if not (path / LINEAGE).exists() and (path / "policy").is_dir() else path)


def environment_of(policy: Policy, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `make_vec` as in training, without randomization, and with what ``changes`` says (None: nothing)."""
    spec = {**policy.lineage["spec"], "domain_randomization": False}
    spec |= {name: value for name, value in changes.items() if value is not None}
    if changes.get("twin") is not None:
        spec["definition"] = None
    return parse_spec(spec).environment()
