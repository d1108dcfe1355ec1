"""What `SimState` carries for PyBullet: Bullet's own file of the world, after the settings under which it continues.

The file goes through memory. It is made the same for the same state: what Bullet writes there but never reads back
(such as the island that a body was in) is set to zero, and contacts, which Bullet lists in any order and sorts before
it solves, are sorted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import pybullet

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.restore import SETTINGS_SIZE, check_native, pack_settings
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import SimulationError, StateError

ENGINE = "pybullet"
VERSION = version("pybullet")
_LENGTH = struct.Struct("<q")
# A Bullet file is a header and chunks: code, length, an old pointer, type and count, then the content.
_FILE_HEADER = 12
_CHUNK = struct.Struct("<4siQii")
# By chunk code, first and last byte of what is never read back: the solver's step of the dynamics world, island and
# companion of a multibody's collider, and the place of a contact in the world's list.
_NOT_READ_BACK = {b"DWLD": (24, 32), b"MBLC": (472, 480), b"CONT": (1516, 1520)}


def read_world(client: int) -> bytes:
    """Bullet's file of the world of ``client``."""
    with _memory_file() as (descriptor, path):
        pybullet.saveBullet(path, physicsClientId=client)
        return _canonical(os.pread(descriptor, os.fstat(descriptor).st_size, 0))


def write_world(client: int, content: bytes) -> None:
    """Put the world of ``client``, which has the same bodies, into the state of a file.

    Raises:
        StateError: Bullet cannot read it.
    """
    with _memory_file() as (descriptor, path):
        os.write(descriptor, content)
        try:
            pybullet.restoreState(fileName=path, physicsClientId=client)
        except pybullet.error as refused:
            raise StateError(f"Engine 'pybullet' cannot read the native part of the state: {refused}") from refused


def pack(config: EngineConfig, content: bytes) -> bytes:
    """The native part of a state."""
    return pack_settings(config) + _LENGTH.pack(len(content)) + content


def unpack(state: SimState, config: EngineConfig) -> bytes:
    """Bullet's file within ``state``.

    Raises:
        StateError: of another PyBullet or another step, or cut short.
    """
    size = _LENGTH.size
    if len(state.native) >= SETTINGS_SIZE + size:
        size += _LENGTH.unpack_from(state.native, SETTINGS_SIZE)[0]
    check_native(state, config, version=VERSION, size=size)
    content = state.native[SETTINGS_SIZE + _LENGTH.size :]
    if not content.startswith(b"BULLET"):
        raise StateError("The native part of the state is not a file of Bullet.")
    return content


def _canonical(file: bytes) -> bytes:
    """``file`` as it is for any other world in the same state."""
    content = bytearray(file)
    contacts: list[slice] = []
    for part, code in _chunks(file):
        if code in _NOT_READ_BACK:
            first, last = _NOT_READ_BACK[code]
            content[part.start + first : part.start + last] = bytes(last - first)
        if code == b"CONT":
            contacts.append(part)
    for part, contact in zip(contacts, sorted(bytes(content[part]) for part in contacts), strict=True):
        content[part] = contact
    return bytes(content)


def _chunks(file: bytes) -> Iterator[tuple[slice, bytes]]:
    """Where the content of each chunk is, and its code."""
    offset = _FILE_HEADER
    while offset + _CHUNK.size <= len(file):
        code, length, *_ = _CHUNK.unpack_from(file, offset)
        start = offset + _CHUNK.size
        yield slice(start, start + length), code
        offset = start + length


@contextmanager
def _memory_file() -> Iterator[tuple[int, str]]:
    """A file in memory: its descriptor, and a path under which Bullet can open it."""
    try:
        descriptor = os.memfd_create("bullet")
    except OSError as failed:
        raise SimulationError(f"Engine 'pybullet' cannot make a file in memory: {failed.strerror}.") from failed
    try:
        yield descriptor, f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
