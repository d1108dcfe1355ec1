"""Messages that nobody should send: random bytes, halves of messages, and well-formed nonsense in every field."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor

from hanzo_twin.runtime.wire import CHANNEL_OPTIONS, ERROR_KEY

_NUMBERS = (0.0, -1.0, 1e-300, 1e308, math.nan, math.inf, -math.inf, 1.5, 1e9)
_COUNTS = (0, 1, 2, 100, 2**31 - 1)
_TEXTS = (
    "", "/World", "/World/pendulum", "/World/pendulum/hinge", "/World/pendulum/hinge.position", "\0", "x" * 10_000,
    "/World/pendulum/hinge.damping", "/World/pendulum/hinge.effort", "..", "💥", "<f8", "|b1", "O", "{}", "[]", "[1",
    '{"reset_mask": "x"}', '{"reset_mask": [[1], [1, 2]]}', '{"level": "x"}', '{"randomization": {"m": 1}}', "null",
)  # fmt: skip
_DEEPEST = 3


class Stranger:
    """Calls the methods of ``service`` with garbage, and counts what it is answered.

    Args:
        valid: bytes that mean something, such as a state; it sends pieces of them too.
    """

    def __init__(self, service: ServiceDescriptor, address: str, token: str, *, seed: int, valid: bytes = b"") -> None:
        self._service = service
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._random = random.Random(seed)
        self._valid = valid
        self.answers: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []

    def speak(self, times: int, *, never: tuple[str, ...]) -> None:
        """Make so many calls, of any method but ``never``."""
        methods = [method for method in self._service.methods if method.name not in never]
        for _ in range(times):
            method = self._random.choice(methods)
            self._call(method, self._request(method))
        self._channel.close()

    def _request(self, method: MethodDescriptor) -> bytes:
        kind = self._random.random()
        if kind < 0.1:
            return self._random.randbytes(self._random.choice((1, 5, 50, 3000)))
        message: bytes = self._filled(method.input_type, 0).SerializeToString()
        return message[: len(message) // 2] if kind < 0.2 else message

    def _call(self, method: MethodDescriptor, request: bytes) -> None:
        path = f"/{self._service.full_name}/{method.name}"
        try:
            if method.server_streaming:
                list(self._channel.unary_stream(path)(request, metadata=self._metadata, timeout=20))
            else:
                self._channel.unary_unary(path)(request, metadata=self._metadata, timeout=20)
            self.answers[method.name, "OK"] += 1
        except grpc.RpcError as refused:
            said: Any = refused
            carried = dict(said.trailing_metadata() or ()).get(ERROR_KEY)
            code = json.loads(carried)["code"] if carried else said.code().name
            self.answers[method.name, code] += 1
            if carried is None or code == "internal":
                self.faults.append(f"{method.name} {request[:200]!r}: {said.code().name} {said.details()}")

    def _filled(self, kind: Any, depth: int) -> Any:
        message = kind._concrete_class()
        for field in kind.fields:
            skipped = field.name == "follow" or (field.message_type and field.message_type.GetOptions().map_entry)
            if skipped or depth > _DEEPEST or self._random.random() < 0.3:
                continue
            if field.is_repeated:
                values = [self._value(field, depth) for _ in range(self._random.choice((0, 1, 2, 6, 70)))]
                getattr(message, field.name).extend(values)
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                getattr(message, field.name).CopyFrom(self._value(field, depth))
            else:
                setattr(message, field.name, self._value(field, depth))
        return message

    def _value(self, field: Any, depth: int) -> Any:
        choose = self._random.choice
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_MESSAGE:
                return self._filled(field.message_type, depth + 1)
            case FieldDescriptor.CPPTYPE_DOUBLE:
                return choose(_NUMBERS)
            case FieldDescriptor.CPPTYPE_UINT32 | FieldDescriptor.CPPTYPE_UINT64:
                return choose(_COUNTS)
            case FieldDescriptor.CPPTYPE_INT64:
                return choose((*_COUNTS, -1, -(2**63)))
            case FieldDescriptor.CPPTYPE_BOOL:
                return choose((True, False))
        if field.type == FieldDescriptor.TYPE_BYTES:
            half = len(self._valid) // 2
            damaged = self._valid[:half] + self._random.randbytes(8) + self._valid[half + 8 :]
            return choose((b"", self._random.randbytes(8), self._random.randbytes(100), self._valid[:half], damaged))
        return choose(_TEXTS)
