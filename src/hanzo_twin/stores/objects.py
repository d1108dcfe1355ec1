"""Files by key: in a local directory or in S3 (or what speaks like it), with the same behaviour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, S3Store

from hanzo_twin.clock import Clock, WallClock
from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError
from hanzo_twin.stores.signing import UrlSigner

if TYPE_CHECKING:
    from obstore.store import S3Config  # exists for type checkers only

_FORBIDDEN = frozenset('\\#%?*:|"<>^`{}[]~')
_SEGMENT_BYTES_MAX = 200
_KEY_BYTES_MAX = 1000
SIGNED_URL_SECONDS_MAX = 7 * 24 * 3600
"""What S3 allows."""
_CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """An object: its key, its size [B] and when it was written."""

    key: str
    size: int


@dataclass(frozen=True, kw_only=True)
class S3Settings:
    """Where objects lie in S3. Without keys, those of the environment or the machine are used.

    Args:
        endpoint: URL of a server other than Amazon's; plain HTTP is allowed then.
    """

    bucket: str
    region: str = "us-east-1"
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


_NO_BUCKET = "NoSuchBucket"
"""What S3 says in place of an object that is missing with its whole bucket."""


class _Links(Protocol):
    async def link(self, key: str, expires_s: float) -> str: ...


class ObjectStore:
    """Objects by key. A write is whole or not at all; an object that is being read stays as it was.

    A key is ``part/part/…``: printable, no ``..``, at most 1000 bytes. All methods raise InvalidInputError for another
    key and StoreUnavailableError when the store does not answer or its disk is full.
    """

    def __init__(self, store: LocalStore | S3Store, *, place: str, links: _Links) -> None:
        self._store = store
        self._links = links
        self.place = place

    async def put(self, key: str, data: bytes | Path) -> None:
        """Store bytes, or the content of a file, in place of what was there."""
        with self._errors(key):
            await obstore.put_async(self._store, check_key(key), data)

    async def get(self, key: str) -> bytes:
        """The object.

        Raises:
            NotFoundError: there is none.
        """
        with self._errors(key):
            result = await obstore.get_async(self._store, check_key(key))
            return bytes(await result.bytes_async())

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The object in pieces of about a megabyte.

        Raises:
            NotFoundError: there is none.
        """
        with self._errors(key):
            result = await obstore.get_async(self._store, check_key(key))
            async for chunk in result.stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    async def info(self, key: str) -> ObjectInfo:
        """Size and age of the object.

        Raises:
            NotFoundError: there is none.
        """
        with self._errors(key):
            found = await obstore.head_async(self._store, check_key(key))
        return ObjectInfo(key=key, size=found["size"])

    async def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        """Objects below ``prefix`` (whole parts: ``a`` finds ``a/b``, not ``ab``), by key."""
        with self._errors(prefix):
            pages = obstore.list(self._store, prefix=check_key(prefix) if prefix else None)
            found = [each async for page in pages for each in page]
        infos = (ObjectInfo(key=each["path"], size=each["size"]) for each in found)
        return sorted(infos, key=lambda info: info.key)

    async def delete(self, key: str) -> None:
        """Remove the object; nothing happens when there is none."""
        try:
            with self._errors(key):
                await obstore.delete_async(self._store, check_key(key))
        except NotFoundError:
            return

    async def signed_url(self, key: str, expires_s: float = 3600.0) -> str:
        """A link that lets anybody who has it read the object for so long [s], up to seven days.

        Raises:
            NotFoundError: there is no object.
        """
        if not 0 < expires_s <= SIGNED_URL_SECONDS_MAX:
            raise InvalidInputError(
                f"A link for {expires_s:g} s was asked for.",
                hint=f"Allowed: more than 0, up to {SIGNED_URL_SECONDS_MAX} s.",
            )
        await self.info(key)
        with self._errors(key):
            return await self._links.link(key, expires_s)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            self._check_bucket(error)
            raise NotFoundError(f"There is no object '{key}' in {self.place}.") from error
        except AlreadyExistsError:
            raise
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise StoreUnavailableError(
                f"The object store {self.place} refuses access to '{key}': {_reason(error)}.",
                hint="Check its credentials and rights.",
            ) from error
        except (BaseError, OSError) as error:
            self._check_bucket(error)
            raise StoreUnavailableError(
                f"The object store {self.place} failed on '{key}': {_reason(error)}."
            ) from error

    def _check_bucket(self, error: Exception) -> None:
        if _NO_BUCKET in str(error):
            raise StoreUnavailableError(
                f"The bucket {self.place} does not exist.", hint="Make it, or name another in storage.buckets."
            ) from error


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".: ") if str(error).strip() else type(error).__name__


def check_key(key: str) -> str:
    """``key`` itself.

    Raises:
        InvalidInputError: it is not a key; says why.
    """
    parts = key.split("/")
    wrong = next((letter for letter in key if letter in _FORBIDDEN or not letter.isprintable()), None)
    if wrong is not None:
        reason = f"it contains {wrong!a}"
    elif any(part in ("", ".", "..") or part != part.strip() for part in parts):
        reason = "a part is empty, '.', '..', or begins or ends with a space"
    elif len(key.encode()) > _KEY_BYTES_MAX or any(len(part.encode()) > _SEGMENT_BYTES_MAX for part in parts):
        reason = f"it is too long ({_KEY_BYTES_MAX} bytes, {_SEGMENT_BYTES_MAX} for each part)"
    else:
        return key
    raise InvalidInputError(
        f"{key[:80]!a} is not a key of an object: {reason}.", hint="A key is 'part/part/…' of printable letters."
    )


class _LocalLinks:
    def __init__(self, signer: UrlSigner, prefix: str, clock: Clock) -> None:
        self._signer = signer
        self._prefix = prefix
        self._clock = clock

    async def link(self, key: str, expires_s: float) -> str:
        return self._prefix + self._signer.sign(key, self._clock.now() + expires_s)


class _S3Links:
    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def link(self, key: str, expires_s: float) -> str:
        return await obstore.sign_async(self._store, "GET", key, timedelta(seconds=expires_s))


def local_objects(directory: Path, *, signer: UrlSigner, url_prefix: str, clock: Clock | None = None) -> ObjectStore:
    """Objects as files below ``directory``, which is made if it is missing.

    Args:
        signer: makes the tokens of signed URLs, which are ``url_prefix`` + token; whoever serves that address calls
            `UrlSigner.verify` and sends the object.

    Raises:
        StoreUnavailableError: the directory cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(f"The object store {directory} cannot be made: {error}.") from error
    links = _LocalLinks(signer, url_prefix, clock or WallClock())
    return ObjectStore(LocalStore(directory), place=str(directory), links=links)


def s3_objects(settings: S3Settings) -> ObjectStore:
    """Objects in a bucket that exists."""
    credentials: S3Config = {}
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        credentials = {
            "access_key_id": settings.access_key_id,
            "secret_access_key": settings.secret_access_key,
        }
    store = S3Store(
        settings.bucket,
        region=settings.region,
        endpoint=settings.endpoint,
        virtual_hosted_style_request=settings.endpoint is None,
        client_options={"allow_http": settings.endpoint is not None, "connect_timeout": "3s", "timeout": "60s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=10)},
        config=credentials,
    )
    return ObjectStore(store, place=f"s3://{settings.bucket}", links=_S3Links(store))
