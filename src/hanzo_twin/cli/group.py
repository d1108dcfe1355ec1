"""How commands fail: one red line and a hint on stderr, the exit code of the error, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from hanzo_twin.errors import HanzoTwinError, SceneError

DEBUG = "HANZO_TWIN_DEBUG"


class Group(TyperGroup):
    """The root group; errors of every command pass here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HanzoTwinError as error:
            if os.environ.get(DEBUG):
                raise
            report(error)
            raise typer.Exit(error.exit_code) from error
        except (typer.Exit, typer.Abort, EOFError, KeyboardInterrupt):
            raise
        except BrokenPipeError:
            end_of_pipe()
        except Exception as error:
            # The process ends here; whatever it was, a user gets a line and not a traceback.
            if os.environ.get(DEBUG) or _is_usage(error):
                raise
            _write(f"Unexpected failure: {type(error).__name__}: {error}", f"Set {DEBUG}=1 to see where it happened.")
            raise typer.Exit(1) from error


def end_of_pipe() -> NoReturn:
    """End the process as the signal SIGPIPE ends others when nobody reads their output any more, such as ``head``."""
    with suppress(OSError, ValueError):  # there may be no standard output at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(128 + signal.SIGPIPE)


def report(error: HanzoTwinError) -> None:
    """Say on stderr what failed and what can be done."""
    _write(error.message, error.hint)
    if isinstance(error, SceneError):
        for diagnosis in error.diagnoses:
            said = diagnosis.message in error.message
            code = f"{diagnosis.severity}[{diagnosis.code}] {diagnosis.path}"
            sys.stderr.write(f"  {code if said else diagnosis}\n")


def _write(message: str, hint: str) -> None:
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    start, end = ("\x1b[31m", "\x1b[0m") if colour else ("", "")
    sys.stderr.write(f"{start}Error:{end} {message}\n" if "\n" in message else f"{start}Error: {message}{end}\n")
    if hint:
        sys.stderr.write(f"  {hint}\n")


def _is_usage(error: Exception) -> bool:
    # Typer shows these itself; its own copy of click is private, so they are known by what they offer.
    return hasattr(error, "exit_code") and hasattr(error, "show")
