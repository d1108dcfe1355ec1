from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError
from hanzo_twin.stores.signing import UrlSigner, load_secret

SECRET = b"s" * 32


def test_a_token_holds_until_it_expires() -> None:
    clock = ManualClock(1000.0)
    signer = UrlSigner(SECRET, clock)
    token = signer.sign("scenes/hall/v1/ä.usdz", 1060.0)
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    clock.advance(59.9)
    assert signer.verify(token) == "scenes/hall/v1/ä.usdz"
    clock.advance(0.1)
    with pytest.raises(NotFoundError, match="has expired"):
        signer.verify(token)


@pytest.mark.parametrize("change", [lambda t: "9" + t, lambda t: t[:-1], lambda t: t.replace(".", ".A", 1)])
def test_a_changed_token_is_refused(change: object) -> None:
    token = UrlSigner(SECRET, ManualClock()).sign("a/b", 60.0)
    with pytest.raises(NotFoundError, match="is not valid"):
        UrlSigner(SECRET, ManualClock()).verify(change(token))  # type: ignore[operator]


@pytest.mark.parametrize("token", ["", ".", "..", "x.y.z", "\ud800", "é.é.é"])
def test_nonsense_is_refused(token: str) -> None:
    with pytest.raises(NotFoundError, match="is not valid"):
        UrlSigner(SECRET).verify(token)


def test_a_token_of_another_secret_is_refused() -> None:
    token = UrlSigner(b"x" * 32, ManualClock()).sign("a/b", 60.0)
    with pytest.raises(NotFoundError, match="is not valid"):
        UrlSigner(SECRET, ManualClock()).verify(token)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="has 5 bytes; it needs 32"):
        UrlSigner(b"short")


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "links"
    secret = load_secret(path)
    assert len(secret) == 32
    assert load_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be read or made"):
        load_secret(tmp_path / "file" / "links")
