"""The base of every model that a user fills in, and the kinds of values they share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")


class Model(BaseModel):
    """A frozen value; unknown fields and numbers that are not finite are refused.

    Mappings are typed as read-only and sequences are tuples, so a definition cannot change after it was checked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def problem(text: str, **fields: str) -> PydanticCustomError:
    """An error whose text is shown as it is, after file, line and field. ``{name}`` is filled from ``fields``."""
    return PydanticCustomError("stated", text, dict(fields))


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise problem("must be a number, got {got}", got=str(value).lower())
    return value


def _check_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise problem(
            "must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit, got '{got}'",
            got=value[:80],
        )
    try:
        UUID(value)
    except ValueError:
        return value
    raise problem("must not have the form of a UUID, because twins are found by name and by id; got '{got}'", got=value)


def _beside_the_file(value: str, info: ValidationInfo) -> str:
    """Make a relative local path absolute, where the folder of the file it stands in is known."""
    if not value.strip():
        raise problem("must not be empty")
    if "\0" in value:
        raise problem("must not contain a NUL character")
    context: Mapping[str, Any] = info.context or {}
    folder: Path | None = context.get("folder")
    if folder is None or _SCHEME.match(value) or PurePosixPath(value).is_absolute():
        return value
    return str(folder / value)


def _check_scene_uri(value: str, info: ValidationInfo) -> str:
    match = _SCHEME.match(value)
    if match and match[1].lower() not in ("file", "s3", "library"):
        raise problem(
            "must be a local path, a file: URI, an s3:// URI or library:NAME, got the scheme '{scheme}'",
            scheme=match[1].lower(),
        )
    return _beside_the_file(value, info)


Number = Annotated[float, BeforeValidator(_refuse_bool)]
"""A finite number; a boolean is none."""

Whole = Annotated[int, BeforeValidator(_refuse_bool)]
"""A whole number; a boolean is none."""

Text = Annotated[str, Field(min_length=1, max_length=4096)]
"""Text that is not empty."""

Name = Annotated[str, AfterValidator(_check_name)]
"""A name that fits a path segment, a topic level and a DNS label."""

LocalPath = Annotated[str, AfterValidator(_beside_the_file)]
"""A file on this machine; a relative one is meant from the folder of the definition."""

SceneUri = Annotated[str, AfterValidator(_check_scene_uri)]
"""A scene or component: a local path, ``file:``, ``s3://`` or ``library:``."""
