"""What a simulation must tell so that its sensors work.

Every engine gives `MotionSource`; one with contacts also `FeelsContacts`. The sensors do the rest, by the same
formulas on each engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hanzo_twin import plugins
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray, IntArray

#: Kinds that any engine with bodies can serve, and those that take forces.
MOTION_KINDS = ("camera", "lidar", "imu", "joint_state", "body_state", "generic")
FORCE_KINDS = ("force_torque", "contact")
ALL_KINDS = MOTION_KINDS + FORCE_KINDS

AnyArray = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """Where bodies are and how they move, world frame.

    Args:
        poses: [n, 7] position and quaternion (w, x, y, z) of the bodies' frames.
        velocities: [n, 6] linear then angular, at the frames' origins.
    """

    poses: FloatArray
    velocities: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Contacts:
    """Points where shapes touched during the last engine step, world frame.

    Args:
        shapes: by contact the paths of its two shapes.
        positions: [k, 3] m.
        normals: [k, 3] unit vectors that point from the second shape to the first.
        forces: [k, 3] N, on the first shape, mean over the step; the second feels the opposite.
    """

    shapes: tuple[tuple[str, str], ...]
    positions: FloatArray
    normals: FloatArray
    forces: FloatArray

    @classmethod
    def of(cls, rows: list[tuple[str, str, FloatArray, FloatArray, FloatArray]]) -> Contacts:
        """From one row a contact: the shapes, position, normal, force."""
        return cls(
            shapes=tuple((first, second) for first, second, *_ in rows),
            positions=np.array([row[2] for row in rows]).reshape(-1, 3),
            normals=np.array([row[3] for row in rows]).reshape(-1, 3),
            forces=np.array([row[4] for row in rows]).reshape(-1, 3),
        )


class MotionSource(Protocol):
    """A running world as its sensors see it. Nothing here changes the world."""

    @property
    def time(self) -> float: ...

    def body_motion(self, rows: IntArray | None = None) -> Motion:
        """Of the bodies at ``rows`` of ``Scene.bodies`` (None: all), now."""
        ...

    def remember_motion(self, rows: IntArray) -> Callable[[], Motion]:
        """The motion as it is now, to be asked for later: cheap now, as it is called before steps."""
        ...

    def joint_reading(self, joint: str) -> tuple[float, float, float]:
        """Position, velocity and effort of a joint of an articulation, as `get_observation` of that gives."""
        ...

    def effective_scene(self) -> Scene:
        """The scene with the parameters in force: masses and gravity of the last step."""
        ...

    def applied_wrenches(self) -> FloatArray:
        """[n_bodies, 6] force then torque that are applied at the centres of mass, world frame."""
        ...


@runtime_checkable
class FeelsContacts(Protocol):
    """A world in which bodies touch."""

    def contacts(self) -> Contacts:
        """Of the last engine step; asked for before anything else changes the world."""
        ...


def engines_that_feel(kind: str) -> tuple[str, ...]:
    """Names of the installed engines whose capabilities name sensors of this kind."""
    able = []
    for name in plugins.names(plugins.ENGINES):
        try:
            capabilities = plugins.load(plugins.ENGINES, name)().capabilities()
        except NotInstalledError:
            continue
        if kind in capabilities.sensors:
            able.append(name)
    return tuple(able)
