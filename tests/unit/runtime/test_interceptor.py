"""A server and a client in one process: every error arrives as itself, and nothing else leaves the server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hanzo_twin import errors
from hanzo_twin.errors import DefinitionError, HanzoTwinError, RuntimeUnavailableError
from hanzo_twin.runtime import runtime_pb2 as pb
from hanzo_twin.runtime import runtime_pb2_grpc as pb_grpc
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.server import RuntimeServer

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HanzoTwinError)]


class Failing(pb_grpc.RuntimeServicer):
    """Every call that a test makes ends in ``error``."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusReply:  # noqa: N802  a gRPC method
        raise self.error

    async def Events(self, request: pb.EventsRequest, context: Any) -> AsyncIterator[pb.Event]:  # noqa: N802
        yield pb.Event(number=1, kind="opened", detail_json="{}")
        raise self.error


@asynccontextmanager
async def serving(error: Exception, *, token: str = "right") -> AsyncIterator[RuntimeClient]:
    server = RuntimeServer(Failing(error), "right")
    address = await server.start()
    try:
        async with RuntimeClient(address, token) as client:
            yield client
    finally:
        await server.stop()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
async def test_every_error_arrives_as_itself(kind: type[HanzoTwinError]) -> None:
    async with serving(kind("what failed: ≥ 3 rad\nsecond line", hint="do this")) as client:
        with pytest.raises(kind) as raised:
            await client.status()
    assert type(raised.value) is kind
    assert str(raised.value) == "what failed: ≥ 3 rad\nsecond line\n  do this"


async def test_an_error_with_many_problems_fits() -> None:
    problems = [f"twin.yaml:{line}: something is wrong here" for line in range(1000)]
    async with serving(DefinitionError("m" * 20_000, problems=problems)) as client:
        with pytest.raises(DefinitionError) as raised:
            await client.status()
    assert raised.value.problems == tuple(problems[:50])


async def test_a_stream_that_fails_gives_what_it_had_then_the_error() -> None:
    async with serving(errors.SimulationError("The numbers diverged.")) as client:
        events = client.events()
        assert (await anext(events)).kind == "opened"
        with pytest.raises(errors.SimulationError, match=r"The numbers diverged\."):
            await anext(events)


async def test_a_fault_of_the_program_is_logged_and_shown_without_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        async with serving(ZeroDivisionError("division by zero")) as client:
            with pytest.raises(HanzoTwinError) as raised:
                await client.status()
    assert raised.value.message == "The process failed to answer: ZeroDivisionError: division by zero"
    assert "Traceback" not in str(raised.value)
    assert "ZeroDivisionError" in caplog.text


async def test_without_the_token_no_call_is_made() -> None:
    async with serving(errors.SimulationError("never reached"), token="wrong") as stranger:
        with pytest.raises(RuntimeUnavailableError, match="refused the token"):
            await stranger.status()
        with pytest.raises(RuntimeUnavailableError, match="refused the token"):
            await anext(stranger.events())
