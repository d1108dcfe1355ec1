"""What is refused before any route sees it: strangers' pages, and requests that never end.

Until requests are authenticated, only this machine may reach the server. A web page from elsewhere can still make the
user's browser send requests to it: by a name of its own that it points at 127.0.0.1 (so the Host header is checked), or
by a form or script that posts across sites (so the Origin header is checked).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hanzo_twin.api.problems import plain_problem, problem_response
from hanzo_twin.service.problems import Problem

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware.

    Args:
        hosts: names under which the server may be addressed.
        limits: most bytes of a body, by method and path; ``default_limit`` for all others.
        receive_timeout_s: longest pause between two pieces of a body, s.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str],
        default_limit: int,
        limits: Mapping[tuple[str, str], int],
        receive_timeout_s: float = 30.0,
    ) -> None:
        self.app = app
        self._hosts = frozenset(hosts)
        self._default_limit = default_limit
        self._limits = limits
        self._timeout = receive_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limits.get((scope["method"], scope["path"]), self._default_limit)
        refusal = self._refusal(scope["method"], headers)
        if refusal is None and headers.get("content-length", "0").isdecimal():
            # More digits than any limit has are not worth a conversion.
            announced = headers.get("content-length", "0")
            if len(announced) > 18 or int(announced) > limit:
                refusal = plain_problem(413, _too_large(limit))
        if refusal is not None:
            await problem_response(refusal, {"Connection": "close"})(scope, receive, send)
            return
        await self._pass_on(scope, receive, send, limit)

    def _refusal(self, method: str, headers: Headers) -> Problem | None:
        if _host_of(f"//{headers.get('host', '')}") not in self._hosts:
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
        if not origin.startswith(("http://", "https://")) or _host_of(origin) not in self._hosts:
            return plain_problem(
                403, f"A page from '{origin[:100]}' may not change anything here.", code="cross-site-request"
            )
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        complete = started = False
        received = 0

        async def receive_in_time() -> Message:
            nonlocal complete, received
            if complete:
                return await receive()
            async with asyncio.timeout(self._timeout):
                message = await receive()
            complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, _too_large(limit))
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


def _too_large(limit: int) -> str:
    return f"The body is larger than {limit >> 20} MiB, the most that is taken here."


def _host_of(url: str) -> str | None:
    """The host of ``scheme://host:port``; None where there is more to it, or it is malformed."""
    if any(letter in url.partition("//")[2] for letter in "/?#@\\ "):
        return None
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
