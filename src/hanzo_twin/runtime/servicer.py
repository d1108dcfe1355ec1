"""The calls of a runtime, on the event loop that the live twin runs on, between two of its ticks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from hanzo_twin.engines.port import JointCommand
from hanzo_twin.errors import (
    CommandError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UnsupportedError,
    counted,
    nearest,
)
from hanzo_twin.runtime import runtime_pb2 as pb
from hanzo_twin.runtime import runtime_pb2_grpc as pb_grpc
from hanzo_twin.runtime.trajectory import MAX_STEPS, Trajectory, predict
from hanzo_twin.runtime.wire import from_array, to_array
from hanzo_twin.scene.addresses import Address, describe, parameter_addresses
from hanzo_twin.sync.events import SyncEvent
from hanzo_twin.sync.live import LiveTwin
from hanzo_twin.twin.state import TwinState
from hanzo_twin.twin.twin import Twin

_CHANNELS = {"positions": "targetPosition", "velocities": "targetVelocity", "efforts": "effort"}
_TARGETS = {"targetPosition": "command_positions", "targetVelocity": "command_velocities"}
_STEPS_AT_A_TIME = 100
_EVENT_POLL_SECONDS = 0.1


class Lifecycle(Protocol):
    """What the process around the twin can be asked for."""

    def status(self) -> dict[str, Any]: ...

    async def checkpoint(self) -> float:
        """Write a checkpoint; returns its device time. Raises StoreUnavailableError when the disk is full."""
        ...

    def stop(self) -> None:
        """Begin to end the process."""
        ...


class RuntimeService(pb_grpc.RuntimeServicer):
    """The service `Runtime` of runtime.proto."""

    def __init__(self, live: LiveTwin, lifecycle: Lifecycle) -> None:
        self._live = live
        self._lifecycle = lifecycle
        self._predictions = asyncio.Semaphore(2)

    @property
    def _twin(self) -> Twin:
        return self._live.twin

    def _moment(self) -> pb.Moment:
        return pb.Moment(time=self._twin.time)

    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusReply:  # noqa: N802  a gRPC method
        return pb.StatusReply(json=json.dumps(self._lifecycle.status()))

    async def GetState(self, request: pb.GetStateRequest, context: Any) -> pb.State:  # noqa: N802
        return pb.State(data=self._twin.get_state().to_bytes())

    async def SetState(self, request: pb.State, context: Any) -> pb.Moment:  # noqa: N802
        self._live.set_state(TwinState.from_bytes(request.data))
        return self._moment()

    async def Checkpoint(self, request: pb.CheckpointRequest, context: Any) -> pb.Moment:  # noqa: N802
        return pb.Moment(time=await self._lifecycle.checkpoint())

    async def Pause(self, request: pb.PauseRequest, context: Any) -> pb.Moment:  # noqa: N802
        self._live.pause()
        return self._moment()

    async def Resume(self, request: pb.ResumeRequest, context: Any) -> pb.Moment:  # noqa: N802
        self._live.resume()
        return self._moment()

    async def Step(self, request: pb.StepRequest, context: Any) -> pb.Moment:  # noqa: N802
        if not 1 <= request.steps <= MAX_STEPS:
            raise InvalidInputError(f"The number of steps must be from 1 to {MAX_STEPS}, got {request.steps}.")
        remaining = request.steps
        while remaining:
            if not self._live.paused:
                raise ConflictError(
                    "A twin that runs cannot be stepped by hand.", hint="Pause it first, and resume it afterwards."
                )
            n = min(remaining, _STEPS_AT_A_TIME)
            self._twin.advance_to(self._twin.time + (n + 0.5) * self._twin.simulation.config.step_seconds)
            remaining -= n
            await asyncio.sleep(0)
        return self._moment()

    async def SetJointCommand(self, request: pb.JointCommand, context: Any) -> pb.Moment:  # noqa: N802
        articulations = self._twin.scene.articulations
        articulation = articulations.get(request.articulation)
        if articulation is None:
            raise NotFoundError(
                f"The scene has no articulation '{request.articulation}'.",
                hint=nearest(request.articulation, articulations),
            )
        command = JointCommand(
            **{name: from_array(getattr(request, name)) for name in _CHANNELS if request.HasField(name)}
        )
        inputs: dict[str, float] = {}
        for name, channel in _CHANNELS.items():
            values = getattr(command, name)
            if values is None:
                continue
            if len(values) != len(articulation.joints):
                raise CommandError(
                    f"'{articulation.path}' has {counted(len(articulation.joints), 'joint')}, {name} has "
                    f"{counted(len(values), 'value')}.",
                    hint=f"The joints are, in this order: {', '.join(articulation.joints)}.",
                )
            inputs |= {f"{joint}.{channel}": float(v) for joint, v in zip(articulation.joints, values, strict=True)}
        for address, value in inputs.items():
            self._live.set_input(address, value)
        return self._moment()

    async def SetInput(self, request: pb.Input, context: Any) -> pb.Moment:  # noqa: N802
        self._live.set_input(request.address, request.value)
        return self._moment()

    async def GetObservation(self, request: pb.ObservationRequest, context: Any) -> pb.Observation:  # noqa: N802
        seen = self._twin.simulation.get_observation(request.path)
        data = {name: to_array(array) for name, array in seen.data.items()}
        return pb.Observation(path=seen.path, time=self._twin.epoch + seen.time, data=data)

    async def Read(self, request: pb.ReadRequest, context: Any) -> pb.Values:  # noqa: N802
        return pb.Values(time=self._twin.time, values=read(self._twin, request.addresses))

    async def ListParameters(self, request: pb.ListParametersRequest, context: Any) -> pb.Parameters:  # noqa: N802
        found = []
        for address in parameter_addresses(self._twin.scene):
            try:
                found.append(self._parameter(address))
            except UnsupportedError:
                continue  # a parameter of the scene that this engine cannot change
        return pb.Parameters(parameters=found)

    async def GetParameter(self, request: pb.ParameterRequest, context: Any) -> pb.Parameter:  # noqa: N802
        return self._parameter(request.address)

    def _parameter(self, address: str) -> pb.Parameter:
        value = self._twin.get_parameter(address)
        return pb.Parameter(address=address, value=value, unit=describe(self._twin.scene, address).unit)

    async def SetParameter(self, request: pb.ParameterWrite, context: Any) -> pb.ParameterChange:  # noqa: N802
        change = self._live.set_parameter(request.address, request.value, cause=request.cause or "user")
        return pb.ParameterChange(
            time=change.time, address=change.address, before=change.before, after=change.after, cause=change.cause
        )

    async def Predict(self, request: pb.PredictRequest, context: Any) -> pb.Trajectory:  # noqa: N802
        return _trajectory(await self._predict(self._twin.fork(), request))

    async def Compare(self, request: pb.CompareRequest, context: Any) -> pb.Comparison:  # noqa: N802
        state = TwinState.from_bytes(request.state)
        own, other = self._twin.fork(), self._twin.fork()
        try:
            other.set_state(state)
            if request.own_state:
                own.set_state(TwinState.from_bytes(request.own_state))
        except BaseException:
            own.close()
            other.close()
            raise
        first = await self._predict(own, request)
        return pb.Comparison(own=_trajectory(first), other=_trajectory(await self._predict(other, request)))

    async def _predict(self, fork: Twin, request: pb.PredictRequest | pb.CompareRequest) -> Trajectory:
        def run() -> Trajectory:
            return predict(
                fork, horizon_s=request.horizon_s, addresses=tuple(request.addresses), interval_s=request.interval_s
            )

        try:
            async with self._predictions:
                return await asyncio.to_thread(run)
        finally:
            fork.close()

    async def Events(self, request: pb.EventsRequest, context: Any) -> AsyncIterator[pb.Event]:  # noqa: N802
        log = self._live.event_log
        known = log.newest(request.limit or 100)
        latest = request.after if request.HasField("after") else known[0].number - 1 if known else 0
        while True:
            for event in log.after(latest):
                latest = event.number
                yield _event(event)
            if not request.follow:
                return
            await asyncio.sleep(_EVENT_POLL_SECONDS)

    async def Stop(self, request: pb.StopRequest, context: Any) -> pb.Moment:  # noqa: N802
        self._lifecycle.stop()
        return self._moment()


def read(twin: Twin, addresses: Sequence[str]) -> list[float]:
    """As `Twin.read`, and of a drive's target what is commanded."""
    targets = {address: _TARGETS.get(Address.parse(address).attribute) for address in addresses}
    others = [address for address, field in targets.items() if field is None]
    values = dict(zip(others, twin.read(others).tolist(), strict=True))
    if len(others) < len(targets):
        state = twin.simulation.get_state()
        for address, field in targets.items():
            if field is not None:
                describe(twin.scene, address)
                values[address] = float(getattr(state, field)[twin.inputs.column(Address.parse(address).path)])
    return [values[address] for address in addresses]


def _event(event: SyncEvent) -> pb.Event:
    return pb.Event(
        number=event.number,
        wall=event.wall,
        time=event.time,
        kind=event.kind,
        message=event.message,
        detail_json=json.dumps(dict(event.detail), default=str),
    )


def _trajectory(found: Trajectory) -> pb.Trajectory:
    return pb.Trajectory(
        addresses=found.addresses, units=found.units, times=to_array(found.times), values=to_array(found.values)
    )
