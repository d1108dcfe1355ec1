"""What happens around every call to a runtime: the token is checked, and an error becomes a gRPC status."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.runtime.wire import ERROR_KEY, pack_error

_DETAILS_LIMIT = 1000

log = logging.getLogger(__name__)


class CallGuard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Refuses calls without the token, and translates what a call raises."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        given = str(dict(details.invocation_metadata).get("authorization", ""))
        if not hmac.compare_digest(given.encode(), self._expected):
            return grpc.unary_unary_rpc_method_handler(_refuse)
        handler = await continuation(details)
        if handler is None or (handler.unary_unary is None and handler.unary_stream is None):
            return handler
        handler = handler._replace(request_deserializer=_read_with(handler.request_deserializer))
        if handler.unary_stream is not None:
            return handler._replace(unary_stream=_guard_stream(handler.unary_stream))
        return handler._replace(unary_unary=_guard(handler.unary_unary))


async def _refuse(_request: object, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The call does not carry this runtime's token.")


def _read_with(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """As ``read``; bytes that are no message come out as the error, which the call then raises."""

    def reading(data: bytes) -> Any:
        try:
            return read(data)
        except DecodeError:
            return InvalidInputError(f"The {len(data)} bytes of the call are not the message that it takes.")

    return reading


def _readable(request: Any) -> Any:
    if isinstance(request, InvalidInputError):
        raise request
    return request


def _guard(call: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def guarded(request: Any, context: Any) -> Any:
        try:
            return await call(_readable(request), context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  the boundary of the process: nothing but a status may leave it
            return await _abort(context, error)

    return guarded


def _guard_stream(call: Callable[[Any, Any], AsyncIterator[Any]]) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for item in call(_readable(request), context):
                yield item
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  the boundary of the process: nothing but a status may leave it
            await _abort(context, error)

    return guarded


async def _abort(context: Any, error: Exception) -> None:
    if not isinstance(error, HanzoTwinError):
        log.error("A call failed unexpectedly", exc_info=error)
        error = HanzoTwinError(
            f"The process failed to answer: {type(error).__name__}: {error}",
            hint="The log in its directory says where; this is a fault of the program.",
        )
    await context.abort(
        grpc.StatusCode[error.grpc_status],
        error.message[:_DETAILS_LIMIT],
        trailing_metadata=((ERROR_KEY, pack_error(error)),),
    )
