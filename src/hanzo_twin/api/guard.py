"""What is refused before any route sees it: strangers' pages, and requests that never end.

Until requests are authenticated, only this machine may reach the server. A web page from elsewhere can still make the
user's browser send requests to it: by a name of its own that it points at 127.0.0.1 (so the Host header is checked), or
by a form or script that posts across sites (so the Origin header is checked).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hanzo_twin.api.problems import plain_problem, problem_response
from hanzo_twin.service.problems import Problem

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware; ``hosts`` are the names under which the server may be addressed."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], receive_timeout_s: float = 30.0) -> None:
        self.app = app
        self._hosts = frozenset(hosts)
        self._timeout = receive_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            await problem_response(refusal)(scope, receive, send)
            return
        await self._pass_on(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> Problem | None:
        host = urlsplit(f"//{headers.get('host', '')}").hostname if _is_authority(headers.get("host", "")) else None
        if host not in self._hosts:
            return plain_problem(
                421,
                f"The host '{headers.get('host', '')[:100]}' is not this server.",
                hint=f"Address it as {', '.join(sorted(self._hosts))}.",
                code="wrong-host",
            )
        origin = headers.get("origin")
        if method in _SAFE_METHODS or origin is None:
            return None
        # "null" is what a sandboxed frame sends.
        if not origin.startswith(("http://", "https://")) or urlsplit(origin).hostname not in self._hosts:
            return plain_problem(
                403, f"A page from '{origin[:100]}' may not change anything here.", code="cross-site-request"
            )
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        complete = started = False

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                return await receive()
            async with asyncio.timeout(self._timeout):
                message = await receive()
            complete = not message.get("more_body", False)
            return message

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive_in_time, note_start)
        except TimeoutError:
            if complete or started:
                raise
            problem = plain_problem(408, f"The body did not arrive within {self._timeout:g} s.")
            await problem_response(problem)(scope, receive, send)


def _is_authority(host: str) -> bool:
    return bool(host) and not any(letter in host for letter in "/?#@\\ ")
