"""State is a value: what a simulation was at one moment, in arrays that every engine knows and bytes that one does."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import StateError
from hanzo_twin.spatial import FloatArray

_MAGIC = b"HTWINST2"
_ARRAYS = (
    "joint_positions",
    "joint_velocities",
    "body_poses",
    "body_velocities",
    "command_positions",
    "command_velocities",
    "command_efforts",
    "applied_wrenches",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class SimState:
    """A simulation's state.

    The neutral arrays carry it to another engine; ``native`` restores it exactly on the same one. Joints are all
    articulated joints, articulation after articulation; bodies in the order of ``Scene.bodies``.

    Args:
        engine / engine_version: what made ``native``.
        scene_fingerprint: of the scene it belongs to.
        time: simulated seconds.
        joint_positions / joint_velocities: [n_joints].
        body_poses: [n_bodies, 7] position and quaternion (w, x, y, z), world frame.
        body_velocities: [n_bodies, 6] linear then angular, world frame, at the body frame's origin.
        command_positions / command_velocities / command_efforts: held commands [n_joints].
        applied_wrenches: [n_bodies, 6] force then torque at the centre of mass, world frame.
        parameters: addresses and values of the parameters that differ from the scene's.
        native: the engine's own exact state.
        sensors: what the sensors hold, see `hanzo_twin.sensors.samples`; empty where they hold nothing.
    """

    engine: str
    engine_version: str
    scene_fingerprint: str
    time: float
    joint_positions: FloatArray
    joint_velocities: FloatArray
    body_poses: FloatArray
    body_velocities: FloatArray
    command_positions: FloatArray
    command_velocities: FloatArray
    command_efforts: FloatArray
    applied_wrenches: FloatArray
    parameters: tuple[tuple[str, float], ...] = ()
    native: bytes = b""
    sensors: bytes = b""

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = np.array(getattr(self, name), dtype=np.float64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __eq__(self, other: object) -> bool:
        """Equal to the bit."""
        return isinstance(other, SimState) and self.to_bytes() == other.to_bytes()

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Serialize: magic, header length, JSON header, arrays, native part, sensors' part, SHA-256 of it all."""
        header = {
            "engine": self.engine,
            "engine_version": self.engine_version,
            "scene_fingerprint": self.scene_fingerprint,
            "time": self.time.hex(),
            "parameters": [[address, value.hex()] for address, value in self.parameters],
            "shapes": [list(getattr(self, name).shape) for name in _ARRAYS],
            "native": len(self.native),
            "sensors": len(self.sensors),
        }
        encoded = json.dumps(header, separators=(",", ":")).encode()
        out = io.BytesIO()
        out.write(_MAGIC + struct.pack("<I", len(encoded)) + encoded)
        for name in _ARRAYS:
            out.write(np.ascontiguousarray(getattr(self, name), dtype="<f8").tobytes())
        out.write(self.native)
        out.write(self.sensors)
        body = out.getvalue()
        return body + hashlib.sha256(body).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> SimState:
        """Read what `to_bytes` wrote.

        Raises:
            StateError: not a state, of another version, cut short or altered.
        """
        if data[: len(_MAGIC)] != _MAGIC:
            raise StateError("These bytes are not a simulation state, or one of another format version.")
        body, digest = data[:-32], data[-32:]
        if len(data) < len(_MAGIC) + 36 or hashlib.sha256(body).digest() != digest:
            raise StateError("The simulation state is damaged: its checksum does not match its content.")
        (length,) = struct.unpack_from("<I", body, len(_MAGIC))
        offset = len(_MAGIC) + 4
        header = json.loads(body[offset : offset + length])
        offset += length
        arrays: dict[str, FloatArray] = {}
        for name, shape in zip(_ARRAYS, header["shapes"], strict=True):
            count = int(np.prod(shape))
            arrays[name] = np.frombuffer(body, dtype="<f8", count=count, offset=offset).reshape(shape)
            offset += count * 8
        end = offset + header["native"]
        return cls(
            engine=header["engine"],
            engine_version=header["engine_version"],
            scene_fingerprint=header["scene_fingerprint"],
            time=float.fromhex(header["time"]),
            parameters=tuple((address, float.fromhex(value)) for address, value in header["parameters"]),
            native=body[offset:end],
            sensors=body[end : end + header["sensors"]],
            **arrays,
        )

    def check_scene(self, fingerprint: str) -> None:
        """Raise StateError unless this state belongs to the scene with ``fingerprint``."""
        if self.scene_fingerprint != fingerprint:
            raise StateError(
                f"The state belongs to scene {self.scene_fingerprint[:12]}…, not to {fingerprint[:12]}….",
                hint="Load the scene that the state was taken from.",
            )
