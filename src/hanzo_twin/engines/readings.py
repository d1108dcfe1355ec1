"""What is read of an articulation and of a body, as the fields of an `Observation`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from hanzo_twin.spatial import FloatArray

_FIELDS = ("positions", "velocities", "efforts")


class JointReadings(Mapping[str, FloatArray]):
    """``positions``, ``velocities`` and ``efforts`` [n], read-only; efforts are computed when they are asked for.

    ``efforts`` is a function of values that nobody writes any more.
    """

    __slots__ = ("_efforts", "_positions", "_velocities")

    def __init__(self, positions: FloatArray, velocities: FloatArray, efforts: Callable[[], FloatArray]) -> None:
        positions.setflags(write=False)
        velocities.setflags(write=False)
        self._positions = positions
        self._velocities = velocities
        self._efforts = efforts

    def __getitem__(self, name: str) -> FloatArray:
        if name == "positions":
            return self._positions
        if name == "velocities":
            return self._velocities
        if name == "efforts":
            efforts = self._efforts()
            efforts.setflags(write=False)
            return efforts
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_FIELDS)

    def __len__(self) -> int:
        return len(_FIELDS)


class BaseReadings(Mapping[str, FloatArray]):
    """Fields of an articulation and those of the body at the same prim: its base, on which the root was authored."""

    __slots__ = ("_base", "_joints")

    def __init__(self, joints: Mapping[str, FloatArray], base: Mapping[str, FloatArray]) -> None:
        self._joints = joints
        self._base = base

    def __getitem__(self, name: str) -> FloatArray:
        return self._base[name] if name in self._base else self._joints[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._joints
        yield from self._base

    def __len__(self) -> int:
        return len(self._joints) + len(self._base)


def body_reading(pose: FloatArray, velocity: FloatArray) -> Mapping[str, FloatArray]:
    """Fields of a body at ``pose`` [7] with ``velocity`` [6], linear then angular; both become read-only."""
    pose.setflags(write=False)
    velocity.setflags(write=False)
    fields = {
        "position": pose[:3],
        "orientation": pose[3:],
        "linear_velocity": velocity[:3],
        "angular_velocity": velocity[3:],
    }
    return MappingProxyType(fields)
