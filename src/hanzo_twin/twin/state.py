"""The state of a twin: the simulation's, and everything around it that decides how it goes on."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, replace
from typing import Literal

from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import StateError
from hanzo_twin.twin.recording import Interpolation

_MAGIC = b"HTWINTW1"

Origin = Literal["authored", "measured", "predicted", "input"]
Samples = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class TwinState:
    """A twin's state.

    Args:
        simulation: the engine's part.
        epoch: device time at which the simulation's time was zero, s.
        inputs: (channel, joint column, interpolation, ((time, value), …)) of each input.
        delays: actuator delay of each joint, s.
        attributes: (address, value, time, origin) of each reading that no engine computes.
    """

    simulation: SimState
    epoch: float
    inputs: tuple[tuple[str, int, Interpolation, Samples], ...] = ()
    delays: tuple[float, ...] = ()
    attributes: tuple[tuple[str, float, float, Origin], ...] = ()

    def with_changes_of(self, other: TwinState) -> TwinState:
        """This moment, under the parameters, delays and inputs of ``other``, a later state of the same twin's fork."""
        inputs = {(channel, column): (how, samples) for channel, column, how, samples in self.inputs}
        for channel, column, how, samples in other.inputs:
            _, known = inputs.get((channel, column), (how, ()))
            inputs[channel, column] = (how, tuple(sorted({**dict(known), **dict(samples)}.items())))
        return replace(
            self,
            simulation=replace(self.simulation, parameters=other.simulation.parameters),
            delays=other.delays,
            inputs=tuple(
                (channel, column, how, samples) for (channel, column), (how, samples) in sorted(inputs.items())
            ),
        )

    def to_bytes(self) -> bytes:
        """Serialize, with a checksum over all of it."""
        # JSON writes the shortest text that reads back as the same double, so this is exact.
        header = json.dumps(
            {"epoch": self.epoch, "inputs": self.inputs, "delays": self.delays, "attributes": self.attributes},
            separators=(",", ":"),
        ).encode()
        body = _MAGIC + struct.pack("<I", len(header)) + header + self.simulation.to_bytes()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> TwinState:
        """Read what `to_bytes` wrote.

        Raises:
            StateError: not a twin's state, of another version, cut short or altered.
        """
        if data[: len(_MAGIC)] != _MAGIC:
            raise StateError("These bytes are not a twin state, or one of another format version.")
        body, digest = data[:-32], data[-32:]
        if len(data) < len(_MAGIC) + 36 or hashlib.sha256(body).digest() != digest:
            raise StateError("The twin state is damaged: its checksum does not match its content.")
        (length,) = struct.unpack_from("<I", body, len(_MAGIC))
        start = len(_MAGIC) + 4
        header = json.loads(body[start : start + length])
        return cls(
            simulation=SimState.from_bytes(body[start + length :]),
            epoch=header["epoch"],
            inputs=tuple(
                (channel, column, interpolation, tuple((time, value) for time, value in samples))
                for channel, column, interpolation, samples in header["inputs"]
            ),
            delays=tuple(header["delays"]),
            attributes=tuple((address, value, time, origin) for address, value, time, origin in header["attributes"]),
        )
