"""Speaking to a session over gRPC: one call for all its worlds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import grpc
from numpy.typing import ArrayLike

from hanzo_twin.errors import SessionLostError
from hanzo_twin.gym import gym_pb2 as pb
from hanzo_twin.gym import gym_pb2_grpc as pb_grpc
from hanzo_twin.gym.wire import jsonable, to_array
from hanzo_twin.runtime.wire import CHANNEL_OPTIONS, ERROR_KEY, unpack_error

_TIMEOUT_S = 60.0


class SessionCalls:
    """The calls of one session. Each raises what the session raised, or SessionLostError when it is gone."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = pb_grpc.GymStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    def describe(self) -> pb.Description:
        described: pb.Description = self._call(self._stub.Describe, pb.DescribeRequest())
        return described

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> pb.Transition:
        request = pb.ResetRequest(options=json.dumps(jsonable(options)) if options else "")
        if seed is not None:
            request.seed = seed
        reply: pb.Transition = self._call(self._stub.Reset, request)
        return reply

    def step(self, actions: ArrayLike) -> pb.Transition:
        reply: pb.Transition = self._call(self._stub.Step, pb.StepRequest(actions=to_array(actions)))
        return reply

    def end(self) -> None:
        """End the session; one that is gone already is no error."""
        try:
            self._call(self._stub.Close, pb.CloseRequest())
        except SessionLostError:
            pass
        finally:
            self.disconnect()

    def disconnect(self) -> None:
        """Close the connection; the session goes on."""
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, metadata=self._metadata, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            for key, value in error.trailing_metadata() or ():
                if key == ERROR_KEY:
                    raise unpack_error(value) from None
            raise SessionLostError(
                f"The session at {self.address} is lost: {error.code().name.lower().replace('_', ' ')}.",
                hint="Nothing of it is left; create another one.",
            ) from None
