"""Errors and arrays between a runtime and its callers: the same error class is raised on both sides."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from hanzo_twin.errors import HanzoTwinError, SceneError, StateError
from hanzo_twin.runtime import runtime_pb2 as pb
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.spatial import FloatArray

ERROR_KEY = "hanzo-error-bin"
"""Trailing metadata that carries the error of a failed call."""

METADATA_BYTES = 256 * 1024
MESSAGE_BYTES = 256 * 1024 * 1024
CHANNEL_OPTIONS = (
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
)

_TEXT_LIMIT = 8000
_LIST_LIMIT = 50
_DIMENSIONS = 8


def encode_error(error: HanzoTwinError) -> dict[str, Any]:
    """An error as JSON values: ``code``, ``message``, ``hint`` and ``fields`` of its class, cut where they are long."""
    fields: dict[str, Any] = {}
    for name, value in vars(error).items():
        if name in ("message", "hint"):
            continue
        if isinstance(error, SceneError) and name == "diagnoses":
            fields[name] = [diagnosis.to_dict() for diagnosis in error.diagnoses[:_LIST_LIMIT]]
        elif isinstance(value, tuple):
            fields[name] = [str(item)[:_TEXT_LIMIT] for item in value[:_LIST_LIMIT]]
    return {
        "code": error.code,
        "message": error.message[:_TEXT_LIMIT],
        "hint": error.hint[:_TEXT_LIMIT],
        "fields": fields,
    }


def decode_error(data: Mapping[str, Any]) -> HanzoTwinError:
    """The error that `encode_error` wrote, of the same class; a code that is unknown here gives the base class."""
    kind = error_classes().get(data["code"], HanzoTwinError)
    fields: dict[str, Any] = {name: tuple(items) for name, items in data.get("fields", {}).items()}
    if kind is SceneError:
        fields["diagnoses"] = tuple(Diagnosis(**item) for item in fields.get("diagnoses", ()))
    error = kind(data["message"], hint=data.get("hint", ""))
    if kind is not HanzoTwinError:
        vars(error).update(fields)
    return error


def pack_error(error: HanzoTwinError) -> bytes:
    """`encode_error` as bytes for the trailing metadata; without the fields where they would not fit."""
    encoded = encode_error(error)
    packed = _dump(encoded)
    return packed if len(packed) <= METADATA_BYTES // 2 else _dump({**encoded, "fields": {}})


def _dump(encoded: Mapping[str, Any]) -> bytes:
    return json.dumps(encoded, ensure_ascii=False, separators=(",", ":")).encode()


def unpack_error(data: bytes) -> HanzoTwinError:
    """The error that `pack_error` packed."""
    return decode_error(json.loads(data))


@cache
def error_classes() -> Mapping[str, type[HanzoTwinError]]:
    """Every error class of the package by its ``code``."""
    return {kind.code: kind for kind in _descend(HanzoTwinError)}


def _descend(kind: type[HanzoTwinError]) -> Iterator[type[HanzoTwinError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _descend(child)


def to_array(values: FloatArray) -> pb.Array:
    """``values`` as a message: shape, and the bytes of float64, little-endian and row by row."""
    array = np.ascontiguousarray(values, dtype="<f8")
    return pb.Array(shape=array.shape, data=array.tobytes())


def from_array(message: pb.Array) -> FloatArray:
    """Raises StateError when shape and bytes do not fit each other."""
    shape = tuple(message.shape)
    if math.prod(shape) * 8 != len(message.data) or len(shape) > _DIMENSIONS:
        raise StateError(f"An array of shape {shape} came with {len(message.data)} bytes.")
    return np.frombuffer(message.data, dtype="<f8").reshape(shape).astype(np.float64)
