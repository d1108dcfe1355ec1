"""The gRPC server of a runtime."""

from __future__ import annotations

from typing import Any

import grpc

from hanzo_twin.errors import UnavailableError
from hanzo_twin.runtime import runtime_pb2_grpc as pb_grpc
from hanzo_twin.runtime.interceptor import CallGuard
from hanzo_twin.runtime.wire import CHANNEL_OPTIONS

_GRACE_SECONDS = 1.0


class RuntimeServer:
    """Serves one `RuntimeService` on a free port of the loopback address, to callers who know the token."""

    def __init__(self, service: pb_grpc.RuntimeServicer, token: str) -> None:
        options = (*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0))
        self._server: Any = grpc.aio.server(interceptors=[CallGuard(token)], options=options)
        pb_grpc.add_RuntimeServicer_to_server(service, self._server)  # type: ignore[no-untyped-call]  # generated

    async def start(self) -> str:
        """Begin to serve; returns the address, ``127.0.0.1:port``.

        Raises:
            UnavailableError: no port can be had.
        """
        try:
            port = self._server.add_insecure_port("127.0.0.1:0")
        except RuntimeError as error:
            raise UnavailableError(f"The runtime cannot listen on 127.0.0.1: {error}.") from error
        await self._server.start()
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        """Refuse new calls, let those under way finish within a second, then cut them off."""
        await self._server.stop(_GRACE_SECONDS)
