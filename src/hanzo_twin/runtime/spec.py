"""What a runtime and its launcher tell each other, as small JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hanzo_twin.errors import (
    HanzoTwinError,
    InvalidInputError,
    NotFoundError,
    SettingsError,
    UnsupportedError,
)
from hanzo_twin.runtime.wire import decode_error, encode_error


class RuntimeSpec(BaseModel):
    """One runtime process.

    ``resume`` continues from the last checkpoint in ``directory``, where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    twin_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    definition: dict[str, Any]
    base_directory: Path
    directory: Path
    history_directory: Path
    initial_state: Path | None = None
    resume: bool = True
    checkpoint_seconds: float = Field(default=5.0, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)

    @classmethod
    def read(cls, path: Path) -> RuntimeSpec:
        """Read a spec from a JSON file.

        Raises:
            NotFoundError: no such file. SettingsError: it is not a spec; the message names the fields.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise NotFoundError(f"The runtime spec '{path}' cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in each['loc']) or 'file'}: {each['msg']}" for each in error.errors()
            )
            raise SettingsError(
                f"'{path}' is not a runtime spec: {wrong}.", hint="It is written by the launcher; do not edit it."
            ) from error


class ProcessRecord(BaseModel):
    """Which process has the directory. Process ids are used again; id and start together are not."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int
    started_ticks: int


class Ready(ProcessRecord):
    """Where a runtime serves, and the token that its callers need."""

    address: str
    token: str
    started: float


class Failure(BaseModel):
    """Why a runtime ended by itself. ``permanent``: starting it again with the same spec will end the same way."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: dict[str, Any]
    permanent: bool

    @classmethod
    def of(cls, error: HanzoTwinError) -> Failure:
        permanent = isinstance(error, InvalidInputError | UnsupportedError | NotFoundError)
        return cls(error=encode_error(error), permanent=permanent)

    def decode(self) -> HanzoTwinError:
        return decode_error(self.error)
