"""Tokens that allow one object to be read for some time, for stores that cannot sign links themselves.

A token is ``expiry.key.mac``: seconds since 1970, the key in URL-safe base64, and HMAC-SHA-256 of both.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import math
import os
import secrets
from pathlib import Path

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError

_SECRET_BYTES = 32


class UrlSigner:
    """Makes and checks tokens with a secret of at least 32 bytes.

    Raises:
        InvalidInputError: the secret is too short.
    """

    def __init__(self, secret: bytes, clock: Clock | None = None) -> None:
        if len(secret) < _SECRET_BYTES:
            raise InvalidInputError(f"The secret for signed links has {len(secret)} bytes; it needs {_SECRET_BYTES}.")
        self._secret = secret
        self._clock = clock or WallClock()

    def sign(self, key: str, expires_at: float) -> str:
        """A token for ``key`` until ``expires_at`` [s since 1970 UTC]; fit for a URL's path."""
        named = f"{math.ceil(expires_at)}.{_encode(key.encode())}"
        return f"{named}.{self._mac(named)}"

    def verify(self, token: str) -> str:
        """The key that ``token`` allows to be read.

        Raises:
            NotFoundError: the token is forged, damaged or expired.
        """
        named, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(errors="replace"), self._mac(named).encode()):
            raise NotFoundError("This link is not valid.", hint="Ask for a new one.")
        expiry, _, key = named.partition(".")
        if self._clock.now() >= int(expiry):
            raise NotFoundError("This link has expired.", hint="Ask for a new one.")
        return base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)).decode()

    def _mac(self, named: str) -> str:
        return _encode(hmac.digest(self._secret, named.encode(errors="replace"), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def load_secret(path: Path) -> bytes:
    """The secret in ``path``, made on first use and readable by its owner only; all processes get the same.

    Raises:
        StoreUnavailableError: it cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_secret(path)
        return path.read_bytes()
    except OSError as error:
        raise StoreUnavailableError(
            f"The secret for signed links in {path} cannot be read or made: {error}."
        ) from error


def _make_secret(path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
        with contextlib.suppress(FileExistsError):  # another process was first: its secret counts
            os.link(temporary, path)
    finally:
        temporary.unlink()
