"""The process of one session: ``python -m hanzo_twin.gym.session DIRECTORY``.

It makes the environment that ``spec.json`` describes and serves it over gRPC on a free port of the loopback address. It
leaves ``ready.json`` while it serves and ``failure.json`` if it cannot; it ends when it is closed, on SIGTERM, when it
was not used for its time to live, and when its directory is deleted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import grpc

import hanzo_twin
from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import HanzoTwinError, InvalidInputError
from hanzo_twin.gym import gym_pb2 as pb
from hanzo_twin.gym import gym_pb2_grpc as pb_grpc
from hanzo_twin.gym.spaces import describe_space
from hanzo_twin.gym.spec import SessionReady, SessionSpec
from hanzo_twin.gym.wire import from_array, split_infos, to_array, to_observations
from hanzo_twin.runtime.directory import process_started_ticks, write_atomically
from hanzo_twin.runtime.interceptor import CallGuard
from hanzo_twin.runtime.spec import Failure
from hanzo_twin.runtime.wire import CHANNEL_OPTIONS

_CHECK_S = 0.5


class GymService(pb_grpc.GymServicer):
    """The service `Gym` of gym.proto."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self.closed = asyncio.Event()
        self.last_used = asyncio.get_running_loop().time()

    def _used(self) -> None:
        self.last_used = asyncio.get_running_loop().time()

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> pb.Description:  # noqa: N802  a gRPC method
        self._used()
        return pb.Description(
            num_envs=self._env.num_envs,
            observation_space=json.dumps(describe_space(self._env.single_observation_space)),
            action_space=json.dumps(describe_space(self._env.single_action_space)),
            autoreset=self._env.metadata["autoreset_mode"].value,
        )

    async def Reset(self, request: pb.ResetRequest, context: Any) -> pb.Transition:  # noqa: N802
        self._used()
        seed = request.seed if request.HasField("seed") else None
        if seed is not None and seed < 0:
            raise InvalidInputError(f"The seed is {seed}.", hint="Allowed: 0 and more.")
        observations, infos = self._env.reset(seed=seed, options=_options(request.options))
        arrays, rest = split_infos(infos)
        self._used()
        return pb.Transition(observations=to_observations(observations), infos=rest, arrays=arrays)

    async def Step(self, request: pb.StepRequest, context: Any) -> pb.Transition:  # noqa: N802
        observations, rewards, terminated, truncated, infos = self._env.step(from_array(request.actions))
        arrays, rest = split_infos(infos)
        self._used()
        return pb.Transition(
            observations=to_observations(observations),
            rewards=to_array(rewards),
            terminated=to_array(terminated),
            truncated=to_array(truncated),
            infos=rest,
            arrays=arrays,
        )

    async def Close(self, request: pb.CloseRequest, context: Any) -> pb.CloseReply:  # noqa: N802
        self.closed.set()
        return pb.CloseReply()


def _options(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"The options of reset are no JSON: {error}.") from error


async def serve(directory: Path, spec: SessionSpec) -> None:
    """Serve a session until it ends.

    Raises:
        HanzoTwinError: the environment cannot be made.
    """
    arguments = dict(spec.environment)
    if spec.definition is not None:
        arguments["twin_id"] = require_physical(parse_definition_object(spec.definition, "twin"))
    env = hanzo_twin.make_vec(**arguments)
    token = secrets.token_urlsafe(24)
    service = GymService(env)
    server: Any = grpc.aio.server(interceptors=[CallGuard(token)], options=(*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)))
    pb_grpc.add_GymServicer_to_server(service, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, service.closed.set)
    ready = SessionReady(
        pid=os.getpid(),
        started_ticks=process_started_ticks(os.getpid()) or 0,
        address=f"127.0.0.1:{port}",
        token=token,
    )
    await asyncio.to_thread(write_atomically, directory / "ready.json", ready.model_dump_json().encode())
    try:
        while loop.time() - service.last_used < spec.idle_s and (directory / "ready.json").exists():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(service.closed.wait(), _CHECK_S)
                return
        (directory / "expired").touch()
    finally:
        await server.stop(1.0)
        env.close()


def main(arguments: list[str]) -> int:
    """Run one session; returns the exit code."""
    directory = Path(arguments[0])
    try:
        spec = SessionSpec.model_validate_json((directory / "spec.json").read_bytes())
        asyncio.run(serve(directory, spec))
    except Exception as trouble:  # noqa: BLE001  the boundary of the process: whatever ends it is reported
        error = trouble if isinstance(trouble, HanzoTwinError) else _unexpected(trouble)
        write_atomically(directory / "failure.json", Failure.of(error).model_dump_json().encode())
        return error.exit_code
    return 0


def _unexpected(trouble: Exception) -> HanzoTwinError:
    if isinstance(trouble, TypeError):
        return InvalidInputError(f"The environment cannot be made of these arguments: {trouble}.")
    sys.excepthook(type(trouble), trouble, trouble.__traceback__)
    return HanzoTwinError(f"The environment cannot be made: {type(trouble).__name__}: {trouble}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
