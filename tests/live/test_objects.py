"""One contract for objects, on a local directory and on a real S3 server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from tests.live.s3_server import ACCESS_KEY, SECRET_KEY, free_ports, s3_server

from hanzo_twin.clock import ManualClock
from hanzo_twin.errors import InvalidInputError, NotFoundError, StoreUnavailableError
from hanzo_twin.stores.objects import ObjectStore, S3Settings, check_key, local_objects, s3_objects
from hanzo_twin.stores.signing import UrlSigner

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
SIGNER = UrlSigner(b"s" * 32, ManualClock())


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed"), "twin") as server:
        yield server.url


def s3(endpoint: str, *, secret: str = SECRET_KEY, bucket: str = "twin") -> ObjectStore:
    return s3_objects(S3Settings(bucket=bucket, endpoint=endpoint, access_key_id=ACCESS_KEY, secret_access_key=secret))


@pytest.fixture(params=["local", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "local":
        yield local_objects(
            tmp_path / "objects, all", signer=SIGNER, url_prefix="http://127.0.0.1:1/o/", clock=ManualClock()
        )
        return
    store = s3(request.getfixturevalue("endpoint"))
    yield store
    for info in await store.list():
        await store.delete(info.key)


async def test_what_was_put_is_got(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("scenes/hall v1/größe=1,(a).bin", b"one")
    assert await store.get("scenes/hall v1/größe=1,(a).bin") == b"one"
    await store.put("scenes/hall v1/größe=1,(a).bin", b"two two")
    info = await store.info("scenes/hall v1/größe=1,(a).bin")
    assert info.size == 7
    file = tmp_path / "file"
    file.write_bytes(os.urandom(12_000_000))
    await store.put("big", file)
    assert await store.get("big") == file.read_bytes()
    assert b"".join([piece async for piece in store.stream("big")]) == file.read_bytes()
    await store.put("empty", b"")
    assert await store.get("empty") == b""


async def test_lists(store: ObjectStore) -> None:
    for key in ("b/2", "b/1", "bc/1", "a"):
        await store.put(key, key.encode())
    assert [info.key for info in await store.list()] == ["a", "b/1", "b/2", "bc/1"]
    assert [(info.key, info.size) for info in await store.list("b")] == [("b/1", 3), ("b/2", 3)]
    assert await store.list("nothing") == []


async def test_what_is_not_there(store: ObjectStore) -> None:
    for attempt in (store.get("nope"), store.info("nope"), store.signed_url("nope")):
        with pytest.raises(NotFoundError, match="There is no object 'nope' in"):
            await attempt
    with pytest.raises(NotFoundError):
        _ = [piece async for piece in store.stream("nope")]
    await store.delete("nope")
    await store.put("there", b"")
    await store.delete("there")
    assert await store.list("there") == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "a/./b",
        "a\nb",
        "a\\b",
        "a#1",
        "a%2e",
        " a",
        "a /b",
        "x" * 201,
        "a\x7f",
    ],
)
async def test_bad_keys_are_refused_everywhere(store: ObjectStore, key: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a key of an object"):
        check_key(key)
    attempts = [store.put(key, b""), store.get(key), store.delete(key)]
    for attempt in [*attempts, store.info(key), store.signed_url(key)]:
        with pytest.raises(InvalidInputError):
            await attempt


async def test_links_are_limited_in_time(store: ObjectStore) -> None:
    await store.put("a", b"")
    for seconds in (0.0, -1.0, 8 * 24 * 3600.0, float("nan")):
        with pytest.raises(InvalidInputError, match="Allowed: more than 0, up to 604800 s"):
            await store.signed_url("a", seconds)


async def test_a_local_link_holds_a_token_for_the_object(tmp_path: Path) -> None:
    store = local_objects(tmp_path, signer=SIGNER, url_prefix="http://127.0.0.1:1/o/", clock=ManualClock())
    await store.put("a/b", b"x")
    url = await store.signed_url("a/b", 60.0)
    assert url.startswith("http://127.0.0.1:1/o/60.")
    assert SIGNER.verify(url.rpartition("/")[2]) == "a/b"


async def test_an_s3_link_needs_no_keys(endpoint: str) -> None:
    store = s3(endpoint)
    await store.put("a/b c", b"content")
    async with httpx.AsyncClient() as client:
        answer = await client.get(await store.signed_url("a/b c", 60.0))
        assert (answer.status_code, answer.content) == (200, b"content")
        assert (await client.get(f"{endpoint}/twin/a/b%20c")).status_code == 403


async def test_a_bucket_that_does_not_exist_is_named(endpoint: str) -> None:
    store = s3(endpoint, bucket="nowhere")
    for attempt in (store.get, store.list):
        with pytest.raises(StoreUnavailableError, match="The bucket s3://nowhere does not exist") as caught:
            await attempt("a")
        assert caught.value.hint == "Make it, or name another in storage.buckets."


async def test_s3_that_refuses_or_is_away_is_reported(endpoint: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"s3://twin refuses access to 'a'"):
        await s3(endpoint, secret="wrong").put("a", b"")
    (port,) = free_ports(1)
    with pytest.raises(StoreUnavailableError, match=r"s3://twin failed on 'a'"):
        await s3(f"http://127.0.0.1:{port}").put("a", b"")


async def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be made"):
        local_objects(tmp_path / "file" / "objects", signer=SIGNER, url_prefix="")


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from hanzo_twin.errors import StoreUnavailableError
from hanzo_twin.stores.objects import local_objects
from hanzo_twin.stores.signing import UrlSigner

async def main():
    store = local_objects(Path(sys.argv[1]), signer=UrlSigner(b"s" * 32), url_prefix="")
    await store.put("a", b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    for attempt in (store.put("a", bytes(5000)), store.put("b", bytes(5000))):
        try:
            await attempt
        except StoreUnavailableError as error:
            print(error.message)
    print(await store.get("a"), [info.key for info in await store.list()])
    await store.put("a", b"new")
    print(await store.get("a"))
asyncio.run(main())
"""


def test_a_full_disk_is_reported_and_leaves_what_was_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"The object store {tmp_path} failed on") == 2
    assert "b'old' ['a']" in done.stdout
    assert done.stdout.endswith("b'new'\n")
