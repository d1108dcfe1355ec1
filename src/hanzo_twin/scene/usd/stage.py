"""Opening stages so that USD's own complaints become diagnoses instead of text on stderr."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import newton_usd_schemas  # noqa: F401 - registers the Newton schemas, which must happen before the first stage
from pxr import Tf, Usd

from hanzo_twin.errors import counted
from hanzo_twin.scene.findings import Findings, Refusal

_LOCATION = re.compile(r"'(?P<text>[^']*:\d+:\d+: .*?)'\s*$", re.MULTILINE | re.DOTALL)
_MISSING = re.compile(r"Could not open asset @(?P<asset>[^@]*)@")


@contextmanager
def trapped(findings: Findings, path: str) -> Iterator[None]:
    """Collect what USD complains of inside as diagnoses about ``path``; nothing is printed.

    Raises:
        Refusal: USD raised an error.
    """
    with Tf.DiagnosticTrap() as trap:
        try:
            yield
        except Tf.ErrorException as failure:
            raise Refusal(
                "not-usd",
                f"USD cannot read it: {_reason(failure)}",
                "Correct the file at that place, or export it again.",
            ) from None
        except UnicodeDecodeError:
            raise Refusal(
                "not-usd", "It has names that are not text: the file is damaged.", "Export it again."
            ) from None
        finally:
            complaints = [*trap.GetErrors(), *trap.GetWarnings()]
            trap.Clear()
            for complaint in complaints:
                _report(findings, path, _text(complaint))


def open_stage(path: Path, findings: Findings) -> Usd.Stage:
    """The stage at ``path``, all payloads loaded.

    Raises:
        Refusal: USD cannot read it; the message has USD's reason, with line and column where it gives them.
    """
    with trapped(findings, str(path)):
        return Usd.Stage.Open(str(path), Usd.Stage.LoadAll)


def _reason(failure: Tf.ErrorException) -> str:
    """The useful part of a USD error: ``file:line:column: what``, or its last words."""
    try:
        text = str(failure)
    except UnicodeDecodeError:
        return "it has bytes that are not text."
    located = _LOCATION.search(text.split("\n\tError in", 2)[1] if text.count("\n\tError in") else text)
    if located:
        return " ".join(located["text"].split())
    words = re.findall(r" : '(.*?)'\s*(?:\n|$)", text, re.DOTALL)
    return " ".join(words[0].split()) if words else "the content is not a USD layer."


def uninstance(stage: Usd.Stage, findings: Findings) -> None:
    """Give every instance prims of its own (in the session layer), so that each has a path that can be written."""
    stage.SetEditTarget(stage.GetSessionLayer())
    opened = 0
    while instances := [prim for prim in stage.Traverse() if prim.IsInstance()]:
        for prim in instances:
            prim.SetInstanceable(False)
        opened += len(instances)
    if opened:
        findings.info("uninstanced", "/", f"{counted(opened, 'instance')} got prims of their own.")


def _text(complaint: Any) -> str:
    """What USD says, on one line; a damaged binary file can make it quote bytes that are not text."""
    try:
        return " ".join(str(complaint.commentary).split())
    except UnicodeDecodeError:
        return "USD complains of names that are not text."


def _report(findings: Findings, path: str, text: str) -> None:
    missing = _MISSING.search(text)
    if missing:
        findings.error(
            "asset-missing",
            path,
            f"The asset '{missing['asset']}' that it refers to cannot be opened.",
            "Put the file there, or correct the reference.",
        )
    elif text:
        findings.warning("usd-warning", path, text)
