"""Speaking to the process that runs a twin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import grpc
import numpy as np

from hanzo_twin.engines.port import JointCommand, Observation
from hanzo_twin.errors import HanzoTwinError, RuntimeUnavailableError
from hanzo_twin.runtime import runtime_pb2 as pb
from hanzo_twin.runtime import runtime_pb2_grpc as pb_grpc
from hanzo_twin.runtime.trajectory import Comparison, Trajectory
from hanzo_twin.runtime.wire import CHANNEL_OPTIONS, ERROR_KEY, from_array, to_array, unpack_error
from hanzo_twin.spatial import FloatArray
from hanzo_twin.sync.events import SyncEvent
from hanzo_twin.twin.state import TwinState
from hanzo_twin.twin.twin import ParameterChange


@dataclass(frozen=True, kw_only=True)
class ParameterValue:
    """A parameter that the engine can change, SI."""

    address: str
    value: float
    unit: str


class RuntimeClient:
    """The calls of one runtime. Errors of the twin are raised here as the class that was raised there.

    Every method raises RuntimeUnavailableError when the process does not answer within ``timeout_s``.
    """

    def __init__(self, address: str, token: str, *, timeout_s: float = 10.0) -> None:
        self.address = address
        self._timeout = timeout_s
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = pb_grpc.RuntimeStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    async def __aenter__(self) -> RuntimeClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()

    async def _call(self, method: Any, request: Any, *, timeout_s: float | None = None) -> Any:
        try:
            return await method(request, metadata=self._metadata, timeout=timeout_s or self._timeout)
        except grpc.aio.AioRpcError as error:
            raise self._translate(error) from None

    def _translate(self, error: grpc.aio.AioRpcError) -> HanzoTwinError:
        for key, value in error.trailing_metadata() or ():
            if key == ERROR_KEY:
                return unpack_error(value)
        code = error.code()
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return RuntimeUnavailableError(
                f"The runtime at {self.address} refused the token: it runs another twin, or was started anew.",
                hint="Ask for the status of the twin again, then repeat.",
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return RuntimeUnavailableError(f"The runtime at {self.address} did not answer in time.")
        if code is grpc.StatusCode.UNAVAILABLE:
            return RuntimeUnavailableError(
                f"The runtime at {self.address} cannot be reached.",
                hint="If it crashed, it is restarted from its last checkpoint within seconds.",
            )
        return RuntimeUnavailableError(f"The runtime at {self.address} gave {code.name}: {error.details()}")

    async def status(self, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Health of the process and of the twin's synchronization."""
        reply = await self._call(self._stub.Status, pb.StatusRequest(), timeout_s=timeout_s)
        found: dict[str, Any] = json.loads(reply.json)
        return found

    async def get_state_bytes(self) -> bytes:
        """The whole state, as ``TwinState.to_bytes`` wrote it."""
        return bytes((await self._call(self._stub.GetState, pb.GetStateRequest())).data)

    async def get_state(self) -> TwinState:
        return TwinState.from_bytes(await self.get_state_bytes())

    async def set_state(self, state: TwinState) -> float:
        """Continue from ``state``; returns the twin's time. Raises StateError, and nothing has changed then."""
        return float((await self._call(self._stub.SetState, pb.State(data=state.to_bytes()))).time)

    async def checkpoint(self) -> float:
        """Write a checkpoint now; returns its device time. Raises StoreUnavailableError when the disk is full."""
        return float((await self._call(self._stub.Checkpoint, pb.CheckpointRequest())).time)

    async def pause(self) -> float:
        """Stop advancing; readings are still received. Returns the twin's time."""
        return float((await self._call(self._stub.Pause, pb.PauseRequest())).time)

    async def resume(self) -> float:
        return float((await self._call(self._stub.Resume, pb.ResumeRequest())).time)

    async def step(self, n: int = 1, *, timeout_s: float | None = None) -> float:
        """Advance by ``n`` steps; returns the twin's time. Raises ConflictError unless it is paused."""
        return float((await self._call(self._stub.Step, pb.StepRequest(steps=n), timeout_s=timeout_s)).time)

    async def set_joint_command(self, articulation: str, command: JointCommand) -> float:
        """Command an articulation from now on. Raises NotFoundError, CommandError."""
        request = pb.JointCommand(articulation=articulation)
        for name in ("positions", "velocities", "efforts"):
            values = getattr(command, name)
            if values is not None:
                getattr(request, name).CopyFrom(to_array(values))
        return float((await self._call(self._stub.SetJointCommand, request)).time)

    async def set_input(self, address: str, value: float) -> float:
        """Give one input a value from now on. Raises AddressError, ParameterError."""
        return float((await self._call(self._stub.SetInput, pb.Input(address=address, value=value))).time)

    async def get_observation(self, path: str) -> Observation:
        """Read an articulation, body or sensor. Raises NotFoundError, UnsupportedError."""
        reply = await self._call(self._stub.GetObservation, pb.ObservationRequest(path=path))
        data = {name: from_array(array) for name, array in reply.data.items()}
        return Observation(path=reply.path, time=reply.time, data=data)

    async def read(self, addresses: Sequence[str]) -> tuple[float, FloatArray]:
        """Device time and the values [n] of ``addresses``; NaN for a reading never measured. Raises AddressError."""
        reply = await self._call(self._stub.Read, pb.ReadRequest(addresses=addresses))
        return float(reply.time), np.array(reply.values, dtype=np.float64)

    async def list_parameters(self) -> tuple[ParameterValue, ...]:
        """Every parameter that this twin's engine can change."""
        reply = await self._call(self._stub.ListParameters, pb.ListParametersRequest())
        return tuple(ParameterValue(address=p.address, value=p.value, unit=p.unit) for p in reply.parameters)

    async def get_parameter(self, address: str) -> float:
        return float((await self._call(self._stub.GetParameter, pb.ParameterRequest(address=address))).value)

    async def set_parameter(self, address: str, value: float, *, cause: str = "user") -> ParameterChange:
        """Write one parameter. Raises AddressError, UnsupportedError, ParameterError."""
        request = pb.ParameterWrite(address=address, value=value, cause=cause)
        reply = await self._call(self._stub.SetParameter, request)
        return ParameterChange(
            time=reply.time, address=reply.address, before=reply.before, after=reply.after, cause=reply.cause
        )

    async def predict(
        self, addresses: Sequence[str], *, horizon_s: float, interval_s: float = 0.0, timeout_s: float | None = None
    ) -> Trajectory:
        """What the twin would do over the horizon with its inputs held. Errors as `trajectory.predict`."""
        request = pb.PredictRequest(horizon_s=horizon_s, addresses=addresses, interval_s=interval_s)
        return _trajectory(await self._call(self._stub.Predict, request, timeout_s=timeout_s))

    async def compare(
        self,
        other: TwinState,
        addresses: Sequence[str],
        *,
        own: TwinState | None = None,
        horizon_s: float,
        interval_s: float = 0.0,
        timeout_s: float | None = None,
    ) -> Comparison:
        """This twin (from its present, or from ``own``) and one in the state ``other`` over the same horizon.

        Raises StateError and as `predict`.
        """
        request = pb.CompareRequest(
            own_state=own.to_bytes() if own else b"",
            state=other.to_bytes(),
            horizon_s=horizon_s,
            addresses=addresses,
            interval_s=interval_s,
        )
        reply = await self._call(self._stub.Compare, request, timeout_s=timeout_s)
        return Comparison(own=_trajectory(reply.own), other=_trajectory(reply.other))

    async def events(
        self, *, limit: int = 100, after: int | None = None, follow: bool = False
    ) -> AsyncIterator[SyncEvent]:
        """The newest events, or those after a number, oldest first; with ``follow`` then those to come."""
        call = self._stub.Events(
            pb.EventsRequest(limit=limit, after=after, follow=follow),
            metadata=self._metadata,
            timeout=None if follow else self._timeout,
        )
        try:
            async for event in call:
                yield SyncEvent(
                    number=event.number,
                    wall=event.wall,
                    time=event.time,
                    kind=event.kind,
                    message=event.message,
                    detail=json.loads(event.detail_json),
                )
        except grpc.aio.AioRpcError as error:
            raise self._translate(error) from None
        finally:
            call.cancel()

    async def stop(self) -> float:
        """Ask the process to write a checkpoint, flush the history and exit; returns the twin's time."""
        return float((await self._call(self._stub.Stop, pb.StopRequest())).time)


def _trajectory(message: pb.Trajectory) -> Trajectory:
    return Trajectory(
        addresses=tuple(message.addresses),
        units=tuple(message.units),
        times=from_array(message.times),
        values=from_array(message.values),
    )
