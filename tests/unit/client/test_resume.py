"""Streams go on where they were when their connection broke."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from hanzo_twin.client import AsyncClient, Client
from hanzo_twin.client.resume import HELD_S, Resumption
from hanzo_twin.client.stream import StreamEvent
from hanzo_twin.clock import ManualClock
from hanzo_twin.errors import ConflictError, HanzoTwinError, NotFoundError, RuntimeUnavailableError, UnavailableError
from hanzo_twin.service.problems import MEDIA_TYPE, to_problem
from hanzo_twin.service.views import EventView, JobLineView, JobView

JOB = UUID("7f3b5c52-9b0a-4a39-8d1e-0c5b1f6a2d11")
NO_WAITS = (0.0, 0.0, 0.0)


def job(state: str) -> JobView:
    example: Any = JobView.model_config["json_schema_extra"]
    return JobView.model_validate({**example["examples"][0], "state": state})


def sent(kind: str, data: str, number: str = "") -> bytes:
    return f"event: {kind}\n{f'id: {number}' if number else ': no id'}\ndata: {data}\n\n".encode()


def line(number: int) -> bytes:
    view = JobLineView(number=number, time=datetime.now(UTC), text=f"line {number}")
    return sent("line", view.model_dump_json(), str(number))


def event(number: int) -> bytes:
    view = EventView(id=f"a-{number}", time=1.0, kind="drift-began", message=f"event {number}")
    return sent("drift-began", view.model_dump_json(), f"a-{number}")


class Server:
    """Answers one request after the other as it was told; keeps what it was asked."""

    def __init__(self, *answers: Callable[[], httpx.Response]) -> None:
        self._answers = list(answers)
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("last-event-id"))
        return self._answers.pop(0)()


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Bytes that arrive in parts, and then end or break off."""

    def __init__(self, parts: tuple[bytes, ...], cut: bool) -> None:
        self._parts = parts
        self._cut = cut

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        if self._cut:
            raise httpx.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part


def stream(*parts: bytes, cut: bool = False) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, stream=Body(parts, cut))


def refusal(error: HanzoTwinError) -> Callable[[], httpx.Response]:
    body = to_problem(error).model_dump_json()
    return lambda: httpx.Response(error.http_status, text=body, headers={"content-type": MEDIA_TYPE})


def client(server: Server) -> Client:
    return Client("http://server", transport=httpx.MockTransport(server), waits_s=NO_WAITS)


def numbers(items: Iterator[Any], count: int | None = None) -> list[str]:
    found = []
    for item in items:
        found.append(item.text if isinstance(item, JobLineView) else getattr(item, "state", None) or item.message)
        if len(found) == count:
            break
    return found


def test_a_log_goes_on_after_the_last_line_until_the_job_has_ended() -> None:
    running, done = sent("job", job("running").model_dump_json()), sent("job", job("succeeded").model_dump_json())
    server = Server(
        stream(line(1), running, line(2), cut=True),
        refusal(UnavailableError("The database is away.")),
        stream(running, line(3)),
        stream(line(4), done),
    )
    seen = numbers(client(server).follow_job(JOB))
    assert seen == ["line 1", "running", "line 2", "running", "line 3", "line 4", "succeeded"]
    assert server.asked == ["0", "2", "2", "3"]


def test_events_go_on_after_the_last_one() -> None:
    problem = sent("problem", to_problem(RuntimeUnavailableError("It is gone.")).model_dump_json())
    server = Server(stream(event(1), event(2), cut=True), stream(event(3), problem), stream(event(4)))
    assert numbers(client(server).events("a"), 4) == ["event 1", "event 2", "event 3", "event 4"]
    assert server.asked == [None, "a-2", "a-3"]


async def test_the_asynchronous_client_goes_on_as_well() -> None:
    done = sent("job", job("failed").model_dump_json())
    server = Server(stream(line(1), cut=True), stream(line(2), done), stream(event(1), cut=True), stream(event(2)))
    async with AsyncClient("http://server", transport=httpx.MockTransport(server), waits_s=NO_WAITS) as asked:
        lines = [item.text async for item in asked.follow_job(JOB) if isinstance(item, JobLineView)]
        assert lines == ["line 1", "line 2"]
        told = []
        async for item in asked.events("a", after="a-0"):
            told.append(item.message)
            if len(told) == 2:
                break
    assert told == ["event 1", "event 2"]
    assert server.asked == ["0", "1", "a-0", "a-1"]


@pytest.mark.parametrize(
    "error", [NotFoundError("No twin."), ConflictError("It is stopped."), UnavailableError("Away.")]
)
def test_what_fails_at_once_is_not_tried_again(error: HanzoTwinError) -> None:
    server = Server(refusal(error))
    with pytest.raises(type(error), match=error.message):
        next(client(server).events("a"))


def test_a_twin_that_was_stopped_meanwhile_ends_the_stream() -> None:
    server = Server(stream(event(1), cut=True), refusal(ConflictError("Twin 'a' is stopped, not running.")))
    events = client(server).events("a")
    assert next(events).message == "event 1"
    with pytest.raises(ConflictError, match="is stopped"):
        next(events)


def test_patience_has_an_end() -> None:
    away = refusal(UnavailableError("Away."))
    server = Server(stream(event(1), cut=True), away, away, away)
    events = client(server).events("a")
    next(events)
    with pytest.raises(UnavailableError, match="Away"):
        next(events)
    assert len(server.asked) == 1 + len(NO_WAITS)


def test_a_connection_that_held_makes_patience_anew() -> None:
    clock = ManualClock()
    stays = Resumption((1.0, 2.0), clock)
    lost = UnavailableError("Lost.")
    for lasted, waits in ((HELD_S + 1, 1.0), (0.0, 2.0), (HELD_S + 1, 1.0), (1.0, 2.0)):
        stays.began()
        stays.took(StreamEvent(kind="x", text="y", id=""))
        clock.advance(lasted)
        assert stays.wait_s(lost) == waits
    clock.advance(HELD_S + 1)
    with pytest.raises(UnavailableError, match="Lost"):
        stays.wait_s(lost)
