"""What `SimState` carries for PhysX: the base, where all objects were last built anew, and the commands since.

PhysX keeps much from step to step that nobody can read (contacts, impulses, anchors of friction), so a state cannot be
written into it exactly. But objects that are built anew know nothing of the past: the base and what was commanded
since give every later state again, bit for bit, by replay. The log is short because a world is built anew every
`BASE_STEPS` engine steps, and wherever anything is overwritten.

The values at the time of the state stand beside it: they are taken where the state's parameters were exchanged for
others, under which the log never ran.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hanzo_twin.engines.omniverse.commands import Entry, unpack_log
from hanzo_twin.engines.omniverse.physx import VERSION
from hanzo_twin.engines.omniverse.values import Values
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.restore import SETTINGS_SIZE, check_native, pack_settings
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import StateError

ENGINE = "omniverse"
# Engine steps from base to base: replaying takes no longer than a tenth of a second, and building anew costs one in
# twenty.
BASE_STEPS = 2000
_HEADER = struct.Struct("<3q8sd")


@dataclass(frozen=True, kw_only=True)
class Native:
    """The native part of a state.

    Args:
        base / now: values at the base and now.
        log: commands since the base, ``steps`` engine steps ago, as `CommandLog` packs them.
        ticks: steps since ``origin``, which is a time, s.
        parameters: digest of those under which the log ran.
    """

    base: Values
    now: Values
    log: bytes
    steps: int
    ticks: int
    origin: float
    parameters: bytes

    def pack(self, config: EngineConfig) -> bytes:
        header = _HEADER.pack(self.steps, self.ticks, len(self.log), self.parameters, self.origin)
        return b"".join([pack_settings(config), header, self.base.to_bytes(), self.now.to_bytes(), self.log])


def unpack(
    state: SimState, config: EngineConfig, *, freedoms: int, joints: int, bodies: int
) -> tuple[Native, list[Entry]]:
    """What `Native.pack` gave, and the entries of its log.

    Raises:
        StateError: of another PhysX or another step, cut short, or damaged.
    """
    size = Values.size(freedoms, bodies)
    start = SETTINGS_SIZE + _HEADER.size
    if len(state.native) < start:
        raise StateError(f"The native part of the state has {len(state.native)} bytes, expected more than {start}.")
    steps, ticks, length, parameters, origin = _HEADER.unpack_from(state.native, SETTINGS_SIZE)
    check_native(state, config, version=VERSION, size=_HEADER.size + 2 * size + length)
    parts = [state.native[start + index * size : start + (index + 1) * size] for index in range(2)]
    base, now = (Values.from_bytes(part, freedoms, bodies) for part in parts)
    log = state.native[start + 2 * size :]
    entries = unpack_log(log, joints, bodies)
    if not 0 <= steps <= BASE_STEPS or any(not 0 <= step < max(steps, 1) for step, _ in entries):
        raise StateError(f"The state tells of {steps} steps since its base, and of commands at other ones.")
    native = Native(base=base, now=now, log=log, steps=steps, ticks=ticks, origin=origin, parameters=parameters)
    return native, entries


def digest(parameters: Sequence[tuple[str, float]]) -> bytes:
    """Eight bytes that stand for values of parameters."""
    text = ";".join(f"{address}={value.hex()}" for address, value in parameters)
    return hashlib.sha256(text.encode()).digest()[:8]
