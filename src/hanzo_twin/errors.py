"""Every error that the package raises on purpose.

::

    HanzoTwinError
    ├── InvalidInputError            what was given cannot be understood or is not allowed
    │   ├── DefinitionError          a twin definition (YAML) is wrong; names file, line and field
    │   ├── SettingsError            the configuration of the program is wrong
    │   ├── SceneError               a scene cannot be loaded; carries its diagnoses
    │   ├── AddressError             an address such as ``/World/box.mass`` is malformed or names nothing
    │   ├── CommandError             a command does not fit its articulation, or is not finite
    │   ├── ParameterError           a parameter cannot take this value
    │   ├── RecordingError           a recorded log (CSV, Parquet) cannot be used
    │   ├── OutputError              a file that was asked for cannot be written there
    │   └── CalibrationError         a calibration is ill-posed
    │       └── NotIdentifiableError the data do not determine the parameters named
    ├── NotFoundError                a twin, scene, sensor … of that name does not exist
    │   └── SessionLostError         there was a session, but its process has ended
    ├── ConflictError                not possible in the present state (already exists, not running …)
    ├── UnsupportedError             an engine, source or store cannot do what was asked
    │   └── NotInstalledError        it could, were an optional package installed
    ├── StateError                   a simulation state is of another scene, another version, or damaged
    ├── SimulationError              the numbers diverged, or the simulation was closed
    └── UnavailableError             a peer does not answer now; trying again may help
        ├── SourceUnavailableError   a broker or device
        ├── StoreUnavailableError    the database, the object store, or a full disk
        └── RuntimeUnavailableError  the process that runs a twin

Each carries what failed in its message and, where something can be done, what to do in ``hint``.
Faces translate by class only: ``exit_code``, ``http_status`` and ``grpc_status`` below are the one mapping.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from hanzo_twin.scene.diagnostics import Diagnosis


class HanzoTwinError(Exception):
    """Base of all errors raised on purpose; catch it to catch them all."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_error, (type(self), self.message, self.hint, self.__dict__.copy())


def _restore_error(kind: type[HanzoTwinError], message: str, hint: str, fields: dict[str, object]) -> HanzoTwinError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.message, error.hint = message, hint
    error.__dict__.update(fields)
    return error


class InvalidInputError(HanzoTwinError):
    """What was given cannot be understood or is not allowed."""

    code = "invalid-input"
    exit_code = 2
    http_status = 422
    grpc_status = "INVALID_ARGUMENT"


class DefinitionError(InvalidInputError):
    """A twin definition is wrong. ``problems`` holds one line each: ``file:line: path: what, allowed, nearest``."""

    code = "invalid-definition"

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class SettingsError(InvalidInputError):
    """The configuration of the program is wrong."""

    code = "invalid-settings"


class SceneError(InvalidInputError):
    """A scene cannot be loaded; ``diagnoses`` says why, one entry each."""

    code = "invalid-scene"

    def __init__(self, message: str, *, hint: str = "", diagnoses: Sequence[Diagnosis] = ()) -> None:
        super().__init__(message, hint=hint)
        self.diagnoses = tuple(diagnoses)


class AddressError(InvalidInputError):
    """An address such as ``/World/box.mass`` is malformed or names nothing in the scene."""

    code = "invalid-address"


class CommandError(InvalidInputError):
    """A command does not fit its articulation, or is not finite."""

    code = "invalid-command"


class ParameterError(InvalidInputError):
    """A parameter cannot take this value."""

    code = "invalid-parameter"


class RecordingError(InvalidInputError):
    """A recorded log cannot be used."""

    code = "invalid-recording"


class OutputError(InvalidInputError):
    """A file that the caller named cannot be written there."""

    code = "output-unwritable"


class CalibrationError(InvalidInputError):
    """A calibration is ill-posed."""

    code = "calibration"


class NotIdentifiableError(CalibrationError):
    """The data do not determine the parameters in ``addresses``; nothing was changed."""

    code = "not-identifiable"

    def __init__(self, message: str, *, hint: str = "", addresses: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.addresses = tuple(addresses)


class NotFoundError(HanzoTwinError):
    """A twin, scene, sensor … of that name does not exist."""

    code = "not-found"
    exit_code = 3
    http_status = 404
    grpc_status = "NOT_FOUND"


class SessionLostError(NotFoundError):
    """There was a session, but its process has ended, and with it all that it held."""

    code = "session-lost"
    http_status = 410


class ConflictError(HanzoTwinError):
    """Not possible in the present state."""

    code = "conflict"
    exit_code = 4
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class UnsupportedError(HanzoTwinError):
    """An engine, source or store cannot do what was asked; the hint names those that can."""

    code = "unsupported"
    exit_code = 5
    http_status = 422
    grpc_status = "UNIMPLEMENTED"


class NotInstalledError(UnsupportedError):
    """An optional package is missing; the hint is the command that installs it."""

    code = "not-installed"


class StateError(InvalidInputError):
    """A simulation state is of another scene, another version, or damaged."""

    code = "invalid-state"


class SimulationError(HanzoTwinError):
    """The numbers diverged, or the simulation was closed."""

    code = "simulation"
    exit_code = 6


class UnavailableError(HanzoTwinError):
    """A peer does not answer now; trying again may help."""

    code = "unavailable"
    exit_code = 7
    http_status = 503
    grpc_status = "UNAVAILABLE"


class SourceUnavailableError(UnavailableError):
    """A broker or device does not answer."""

    code = "source-unavailable"


class StoreUnavailableError(UnavailableError):
    """The database or the object store does not answer, or a disk is full."""

    code = "store-unavailable"


class RuntimeUnavailableError(UnavailableError):
    """The process that runs a twin does not answer."""

    code = "runtime-unavailable"


def nearest(name: object, allowed: Iterable[str]) -> str:
    """Text for a hint: the near miss of ``name`` if there is one, then all that is allowed."""
    names = sorted(allowed)
    spelled = {each.casefold(): each for each in reversed(names)}
    close = get_close_matches(str(name), names, n=1) or [
        spelled[each] for each in get_close_matches(str(name).casefold(), spelled, n=1)
    ]
    listed = ", ".join(names[:20]) + (f" … ({len(names)} in all)" if len(names) > 20 else "")
    meant = f"Did you mean '{close[0]}'? " if close else ""
    return f"{meant}Allowed: {listed or 'nothing'}."


def counted(count: int, noun: str, plural: str = "") -> str:
    """``count`` things for a message: ``1 body``, ``2 bodies`` (``plural`` where it is not ``noun`` with an s)."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"
