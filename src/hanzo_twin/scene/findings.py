"""The list that loading a scene writes its diagnoses into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hanzo_twin.scene.diagnostics import Diagnosis, Severity

_SHOWN = 200
_CORRECT = "Correct the name, or the permissions of the file."


class Refusal(Exception):
    """One prim cannot be read; raised and caught inside loading only, by `Findings.refusals`."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class Findings:
    """Collects diagnoses in the order in which they were found; the same one is kept once."""

    def __init__(self) -> None:
        self._found: dict[Diagnosis, None] = {}

    def error(self, code: str, path: str, message: str, remedy: str = "") -> None:
        """What stops loading."""
        self._add("error", code, path, message, remedy)

    def warning(self, code: str, path: str, message: str, remedy: str = "") -> None:
        """What was lost or guessed."""
        self._add("warning", code, path, message, remedy)

    def info(self, code: str, path: str, message: str, remedy: str = "") -> None:
        """What was normalized."""
        self._add("info", code, path, message, remedy)

    def renamed(self, root: str, names: Iterable[tuple[str, str]]) -> None:
        """Tell which names of a file (first) are others on the stage (second), in one finding about ``root``."""
        listed = ", ".join(f"'{name}' is {other}" for name, other in names)
        if listed:
            self.info(
                "renamed",
                root,
                f"USD's names have letters, digits and underscores only, and stand once in each place: {listed}.",
                "Use the names of the prims in addresses and commands.",
            )

    @contextmanager
    def refusals(self, path: str) -> Iterator[None]:
        """Turn a `Refusal` raised inside into an error about ``path``; what was being read is left out.

        So are a file that the system does not give, and what is too large or nested too deep for this machine.
        """
        try:
            yield
        except Refusal as refusal:
            self.error(refusal.code, path, refusal.message, refusal.remedy)
        except OSError as failure:
            name = str(failure.filename or "")
            what = f"'{name[:_SHOWN]}{'…' if len(name) > _SHOWN else ''}'" if name else "A file that it needs"
            self.error("file-unreadable", path, f"{what} cannot be read: {failure.strerror or failure}.", _CORRECT)
        except RecursionError:
            self.error("too-deep", path, "Its parts are nested too deep to be read.", "Flatten it.")
        except MemoryError:
            self.error("too-large", path, "There is not enough memory to read it.", "Split it into smaller files.")

    @property
    def all(self) -> tuple[Diagnosis, ...]:
        """Everything found so far: errors first, then warnings, then the rest."""
        order = {"error": 0, "warning": 1, "info": 2}
        return tuple(sorted(self._found, key=lambda diagnosis: order[diagnosis.severity]))

    @property
    def error_count(self) -> int:
        return sum(diagnosis.severity == "error" for diagnosis in self._found)

    def _add(self, severity: Severity, code: str, path: str, message: str, remedy: str) -> None:
        self._found[Diagnosis(severity=severity, code=code, path=path, message=message, remedy=remedy)] = None
