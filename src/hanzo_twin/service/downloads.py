"""Links to objects that need no other credential, for a quarter of an hour; and what such a link stands for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from hanzo_twin.errors import NotFoundError
from hanzo_twin.service.context import Platform
from hanzo_twin.service.views import DownloadView

Purpose = Literal["scenes", "checkpoints"]
_LINK_SECONDS = 900.0


async def sign(
    platform: Platform, purpose: Purpose, key: str, *, filename: str, size: int, base_url: str
) -> DownloadView:
    """A link to the object ``key``.

    Args:
        base_url: of the API, for links that it serves itself.
    """
    link = await getattr(platform.buckets, purpose).signed_url(key, _LINK_SECONDS)
    return DownloadView(
        url=base_url.rstrip("/") + link if link.startswith("/") else link,
        filename=filename,
        size_bytes=size,
        expires_at=datetime.fromtimestamp(platform.clock.now(), UTC) + timedelta(seconds=_LINK_SECONDS),
    )


@dataclass(frozen=True, kw_only=True)
class Download:
    """An object on its way: its size in bytes, and its content piece by piece."""

    size: int
    content: AsyncIterator[bytes]


async def open_download(platform: Platform, purpose: Purpose, token: str) -> Download:
    """What a link of `sign` to a local store stands for.

    Raises:
        NotFoundError: the link is forged, damaged or expired, or the object is gone.
    """
    if platform.buckets.signer is None:
        raise NotFoundError("Objects of this platform are not served here.", hint="Ask for a download link.")
    key = platform.buckets.signer.verify(token)
    store = getattr(platform.buckets, purpose)
    info = await store.info(key)
    return Download(size=info.size, content=store.stream(key))
