"""`Client` and `AsyncClient`: one method for each operation of the REST API."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial, wraps
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar
from uuid import UUID

import httpx

from hanzo_twin.client import operations
from hanzo_twin.client.call import DEFAULT_URL, Call, arrange, check, ended, segment, transport_error
from hanzo_twin.client.resume import READ_TIMEOUT_S, WAITS_S, Resumption
from hanzo_twin.client.stream import EventParser, PartialFile, StreamEvent, read_event, read_job
from hanzo_twin.clock import WallClock
from hanzo_twin.errors import HanzoTwinError, UnavailableError
from hanzo_twin.service.views import DownloadView, EventView, JobLineView, JobView

P = ParamSpec("P")
T = TypeVar("T")

_FAILURES = (httpx.HTTPError, httpx.InvalidURL)
_STREAM = httpx.Timeout(30.0, read=READ_TIMEOUT_S)


def _sync(operation: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    @wraps(operation)
    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(arrange(operation, *args, **kwargs))

    return method


def _async(operation: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    @wraps(operation)
    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(arrange(operation, *args, **kwargs))

    return method


def _address(url: str | None) -> str:
    return (url or os.environ.get("HANZO_TWIN_URL") or DEFAULT_URL).rstrip("/")


class Client:
    """Speaks to a Hanzo Twin server.

    Example::

        with Client() as client:
            client.create_twin_from_yaml(Path("arm.yaml").read_text())
            client.start_twin("arm-1", wait_seconds=30)
            print(client.get_state("arm-1").joints)

    Args:
        url: of the server; default ``HANZO_TWIN_URL``, else ``http://127.0.0.1:8082``.
        transport: for tests.
        waits_s: between attempts to go on with a stream that broke, s.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        waits_s: Sequence[float] = WAITS_S,
    ) -> None:
        self.url = _address(url)
        self._resumption = partial(Resumption, waits_s, WallClock())
        try:
            self._http = httpx.Client(base_url=self.url, transport=transport)
        except _FAILURES as error:
            raise transport_error(error, self.url) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Make one call. Raises the error that the server answered, or UnavailableError where none did."""
        try:
            with call.arguments() as arguments:
                response = self._http.send(self._http.build_request(**arguments))
        except _FAILURES as error:
            raise transport_error(error, self.url) from error
        return call.read(check(response))

    def events(self, twin: str, *, after: str | None = None) -> Iterator[EventView]:
        """What happens to a twin as it happens: the latest first told again, or what came after the event of that id.

        It goes on where it was when the connection broke, or server or twin were started again; an event ``missed``
        says what of that is not kept. Raises UnavailableError where neither is back after a minute.
        """
        path, resumption = f"/v1/twins/{segment(twin)}/events", self._resumption(after or "")
        while True:
            yield from map(read_event, self._follow(path, resumption))

    def follow_job(self, job: UUID | str, *, after: int = 0) -> Iterator[JobLineView | JobView]:
        """The log of a job, after that line, and the job as it changes; ends with the job. Goes on as `events`."""
        path, resumption = f"/v1/jobs/{segment(job)}/logs", self._resumption(str(after))
        while True:
            for item in map(read_job, self._follow(path, resumption)):
                yield item
                if isinstance(item, JobView) and item.finished:
                    return

    def _follow(self, path: str, resumption: Resumption) -> Iterator[StreamEvent]:
        """Events until the stream ends or breaks; when it broke, that was waited for which another attempt needs."""
        parser = EventParser()
        try:
            with self._http.stream("GET", path, headers=resumption.headers, timeout=_STREAM) as response:
                if not response.is_success:
                    response.read()
                check(response)
                resumption.began()
                for line in response.iter_lines():
                    for event in parser.feed(line):
                        resumption.took(event)
                        yield event
            broken: HanzoTwinError = ended(self.url)
        except _FAILURES as error:
            broken = transport_error(error, self.url)
        except UnavailableError as error:
            broken = error
        time.sleep(resumption.wait_s(broken))

    def download_scene(
        self, scene: str, path: str | Path, *, version: int | None = None, overwrite: bool = False
    ) -> Path:
        """Save a scene at ``path`` (in it, where it is a folder); nothing is left behind if that fails.

        Raises:
            ConflictError: there is such a file, and ``overwrite`` is not set.
        """
        return self._download(self.sign_scene_download(scene, version=version), path, overwrite)

    def download_policy(self, job: UUID | str, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the policy of a training job as a zip file, as `download_scene` does."""
        return self._download(self.sign_policy_download(job), path, overwrite)

    def _download(self, link: DownloadView, path: str | Path, overwrite: bool) -> Path:
        try:
            with (
                PartialFile(Path(path), link.filename, overwrite=overwrite) as file,
                self._http.stream("GET", link.url) as response,
            ):
                if not response.is_success:
                    response.read()
                check(response)
                for chunk in response.iter_bytes():
                    file.write(chunk)
        except _FAILURES as error:
            raise transport_error(error, self.url) from error
        return file.target

    list_twins = _sync(operations.list_twins)
    create_twin = _sync(operations.create_twin)
    create_twin_from_yaml = _sync(operations.create_twin_from_yaml)
    get_twin = _sync(operations.get_twin)
    update_twin = _sync(operations.update_twin)
    delete_twin = _sync(operations.delete_twin)
    start_twin = _sync(operations.start_twin)
    stop_twin = _sync(operations.stop_twin)
    get_state = _sync(operations.get_state)
    get_state_bytes = _sync(operations.get_state_bytes)
    set_state_bytes = _sync(operations.set_state_bytes)
    fork_twin = _sync(operations.fork_twin)
    compare_twins = _sync(operations.compare_twins)
    get_parameters = _sync(operations.get_parameters)
    set_parameters = _sync(operations.set_parameters)
    set_inputs = _sync(operations.set_inputs)
    get_sync_status = _sync(operations.get_sync_status)
    get_sync_history = _sync(operations.get_sync_history)
    query_history = _sync(operations.query_history)
    export_history = _sync(operations.export_history)
    verify_history = _sync(operations.verify_history)
    list_scenes = _sync(operations.list_scenes)
    upload_scene = _sync(operations.upload_scene)
    get_scene = _sync(operations.get_scene)
    validate_scene = _sync(operations.validate_scene)
    sign_scene_download = _sync(operations.sign_scene_download)
    list_scene_versions = _sync(operations.list_scene_versions)
    delete_scene = _sync(operations.delete_scene)
    create_gym_env = _sync(operations.create_gym_env)
    list_gym_envs = _sync(operations.list_gym_envs)
    get_gym_env = _sync(operations.get_gym_env)
    reset_gym_env = _sync(operations.reset_gym_env)
    step_gym_env = _sync(operations.step_gym_env)
    close_gym_env = _sync(operations.close_gym_env)
    list_jobs = _sync(operations.list_jobs)
    submit_job = _sync(operations.submit_job)
    get_job = _sync(operations.get_job)
    cancel_job = _sync(operations.cancel_job)
    sign_policy_download = _sync(operations.sign_policy_download)
    get_job_lines = _sync(operations.get_job_lines)
    get_health = _sync(operations.get_health)
    get_readiness = _sync(operations.get_readiness)


class AsyncClient:
    """As `Client`, for asyncio: every method is awaited, `events` is iterated with ``async for``."""

    def __init__(
        self,
        url: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        waits_s: Sequence[float] = WAITS_S,
    ) -> None:
        self.url = _address(url)
        self._resumption = partial(Resumption, waits_s, WallClock())
        try:
            self._http = httpx.AsyncClient(base_url=self.url, transport=transport)
        except _FAILURES as error:
            raise transport_error(error, self.url) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Make one call. Raises the error that the server answered, or UnavailableError where none did."""
        try:
            with call.arguments() as arguments:
                response = await self._http.send(self._http.build_request(**arguments))
        except _FAILURES as error:
            raise transport_error(error, self.url) from error
        return call.read(check(response))

    async def events(self, twin: str, *, after: str | None = None) -> AsyncIterator[EventView]:
        """As `Client.events`."""
        path, resumption = f"/v1/twins/{segment(twin)}/events", self._resumption(after or "")
        while True:
            async with aclosing(self._follow(path, resumption)) as events:
                async for event in events:
                    yield read_event(event)

    async def follow_job(self, job: UUID | str, *, after: int = 0) -> AsyncIterator[JobLineView | JobView]:
        """As `Client.follow_job`."""
        path, resumption = f"/v1/jobs/{segment(job)}/logs", self._resumption(str(after))
        while True:
            async with aclosing(self._follow(path, resumption)) as events:
                async for event in events:
                    yield (item := read_job(event))
                    if isinstance(item, JobView) and item.finished:
                        return

    async def _follow(self, path: str, resumption: Resumption) -> AsyncGenerator[StreamEvent]:
        parser = EventParser()
        try:
            async with self._http.stream("GET", path, headers=resumption.headers, timeout=_STREAM) as response:
                if not response.is_success:
                    await response.aread()
                check(response)
                resumption.began()
                async for line in response.aiter_lines():
                    for event in parser.feed(line):
                        resumption.took(event)
                        yield event
            broken: HanzoTwinError = ended(self.url)
        except _FAILURES as error:
            broken = transport_error(error, self.url)
        except UnavailableError as error:
            broken = error
        await asyncio.sleep(resumption.wait_s(broken))

    async def download_scene(
        self, scene: str, path: str | Path, *, version: int | None = None, overwrite: bool = False
    ) -> Path:
        """Save a scene at ``path`` (in it, where it is a folder); nothing is left behind if that fails.

        Raises:
            ConflictError: there is such a file, and ``overwrite`` is not set.
        """
        return await self._download(await self.sign_scene_download(scene, version=version), path, overwrite)

    async def download_policy(self, job: UUID | str, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the policy of a training job as a zip file, as `download_scene` does."""
        return await self._download(await self.sign_policy_download(job), path, overwrite)

    async def _download(self, link: DownloadView, path: str | Path, overwrite: bool) -> Path:
        try:
            with PartialFile(Path(path), link.filename, overwrite=overwrite) as file:
                async with self._http.stream("GET", link.url) as response:
                    if not response.is_success:
                        await response.aread()
                    check(response)
                    async for chunk in response.aiter_bytes():
                        file.write(chunk)
        except _FAILURES as error:
            raise transport_error(error, self.url) from error
        return file.target

    list_twins = _async(operations.list_twins)
    create_twin = _async(operations.create_twin)
    create_twin_from_yaml = _async(operations.create_twin_from_yaml)
    get_twin = _async(operations.get_twin)
    update_twin = _async(operations.update_twin)
    delete_twin = _async(operations.delete_twin)
    start_twin = _async(operations.start_twin)
    stop_twin = _async(operations.stop_twin)
    get_state = _async(operations.get_state)
    get_state_bytes = _async(operations.get_state_bytes)
    set_state_bytes = _async(operations.set_state_bytes)
    fork_twin = _async(operations.fork_twin)
    compare_twins = _async(operations.compare_twins)
    get_parameters = _async(operations.get_parameters)
    set_parameters = _async(operations.set_parameters)
    set_inputs = _async(operations.set_inputs)
    get_sync_status = _async(operations.get_sync_status)
    get_sync_history = _async(operations.get_sync_history)
    query_history = _async(operations.query_history)
    export_history = _async(operations.export_history)
    verify_history = _async(operations.verify_history)
    list_scenes = _async(operations.list_scenes)
    upload_scene = _async(operations.upload_scene)
    get_scene = _async(operations.get_scene)
    validate_scene = _async(operations.validate_scene)
    sign_scene_download = _async(operations.sign_scene_download)
    list_scene_versions = _async(operations.list_scene_versions)
    delete_scene = _async(operations.delete_scene)
    create_gym_env = _async(operations.create_gym_env)
    list_gym_envs = _async(operations.list_gym_envs)
    get_gym_env = _async(operations.get_gym_env)
    reset_gym_env = _async(operations.reset_gym_env)
    step_gym_env = _async(operations.step_gym_env)
    close_gym_env = _async(operations.close_gym_env)
    list_jobs = _async(operations.list_jobs)
    submit_job = _async(operations.submit_job)
    get_job = _async(operations.get_job)
    cancel_job = _async(operations.cancel_job)
    sign_policy_download = _async(operations.sign_policy_download)
    get_job_lines = _async(operations.get_job_lines)
    get_health = _async(operations.get_health)
    get_readiness = _async(operations.get_readiness)
