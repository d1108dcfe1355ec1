"""The contract between the platform and a physics engine.

An engine turns a `Scene` into a `Simulation` (one world) or a `Batch` (N worlds in lockstep). Powers that not every
engine has are protocols of their own (`BatchEngine`, `KnowsGaps`), found with ``isinstance``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np

from hanzo_twin import plugins
from hanzo_twin.engines.state import SimState
from hanzo_twin.engines.vectors import checked_command
from hanzo_twin.errors import InvalidInputError, NotFoundError, nearest
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Camera, Scene
from hanzo_twin.sensors.camera import DEFAULT_PICTURE, RenderParams
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.sensors.suite import SensorSuite
from hanzo_twin.spatial import BoolArray, FloatArray, IntArray

FrictionRule = Literal["maximum", "minimum", "average", "product", "geometric mean", ""]


@dataclass(frozen=True, kw_only=True)
class EngineCapabilities:
    """What an engine can do: the seven of HIP-0082, then what users choose by.

    Args:
        max_step_hz: highest step rate known to be stable.
        parallel_envs: most worlds in one batch, 0 where there is no batch.
        exact_restore: ``bit_exact`` (a restored state continues bit for bit), ``replay_exact`` (it does, too, but
            restoring makes steps once more, see docs/engines.md), or ``none``.
        deterministic: same state and commands give the same bytes on the same machine.
        contacts: bodies collide.
        sensors: kinds of sensors that work, of `hanzo_twin.sensors.port.ALL_KINDS`.
        dynamics: bodies have masses, and gravity and forces move them.
        precision: of the numbers that it computes with: ``double`` (53 bits) or ``single`` (24 bits).
        friction_rule: how the friction coefficients of two materials that touch are combined where the engine cannot
            give what the scene says (see hanzo_twin.engines.materials), "" where it is not one of these rules.
        joint_kinds / geometries / parameters: what it can simulate and what can be changed while it runs
            (attribute names of hanzo_twin.scene.addresses).
        features: what it has beyond that, by the names in hanzo_twin.engines.features.
    """

    name: str
    version: str
    ray_tracing: bool = False
    soft_body: bool = False
    fluid: bool = False
    max_step_hz: int
    gpu_required: bool = False
    ros_bridge: bool = False
    parallel_envs: int
    exact_restore: Literal["bit_exact", "replay_exact", "none"]
    deterministic: bool
    contacts: bool
    dynamics: bool
    joint_kinds: tuple[str, ...]
    geometries: tuple[str, ...]
    parameters: tuple[str, ...]
    sensors: tuple[str, ...] = ()
    licence: str
    features: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    precision: Literal["double", "single"] = "double"
    friction_rule: FrictionRule = ""

    def combined_friction(self, first: float, second: float) -> float | None:
        """The coefficient between materials of frictions ``first`` and ``second``; None where no rule is known."""
        match self.friction_rule:
            case "maximum":
                return max(first, second)
            case "minimum":
                return min(first, second)
            case "average":
                return (first + second) / 2
            case "product":
                return first * second
            case "geometric mean":
                return math.sqrt(first * second)
            case "":
                return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_vector(values: object) -> bool:
    """Whether these are three finite numbers."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return array.shape == (3,) and bool(np.isfinite(array).all())


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How to run a scene; the ``engine.config`` of a twin definition.

    Args:
        step_hz: `Simulation.step` advances by 1/step_hz seconds.
        substeps: engine steps within each of those.
        gravity: world frame [3], m/s²; None keeps the scene's.
        solver_iterations: None keeps the engine's default.
        gpu_id: for engines that use one.

    Raises:
        InvalidInputError: a rate or a count that is not positive, or gravity that is not three numbers.
    """

    step_hz: float = 240.0
    substeps: int = 1
    gravity: tuple[float, float, float] | None = None
    solver_iterations: int | None = None
    gpu_id: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if not (_is_number(self.step_hz) and 0.0 < self.step_hz < math.inf):
            raise InvalidInputError(f"EngineConfig.step_hz is {self.step_hz!r}.", hint="Allowed: more than 0 Hz.")
        for name in ("substeps", "solver_iterations"):
            count = getattr(self, name)
            if count is not None and (type(count) is not int or count < 1):
                raise InvalidInputError(f"EngineConfig.{name} is {count!r}.", hint="Allowed: whole numbers from 1.")
        if self.gpu_id != "auto" and (type(self.gpu_id) is not int or self.gpu_id < 0):
            raise InvalidInputError(
                f"EngineConfig.gpu_id is {self.gpu_id!r}.", hint="Allowed: auto, and whole numbers from 0."
            )
        gravity = self.gravity
        if gravity is not None and not _is_vector(gravity):
            raise InvalidInputError(f"EngineConfig.gravity is {gravity!r}.", hint="Give three numbers, m/s².")

    @property
    def step_seconds(self) -> float:
        return 1.0 / self.step_hz


@dataclass(frozen=True, kw_only=True, eq=False)
class JointCommand:
    """What the joints of one articulation shall do, in the order of ``Articulation.joints``; arrays [n].

    It holds until it is replaced. A field left None keeps what was commanded before (at first: the drive's authored
    targets, and no effort).

    Args:
        positions: target of the drives, rad or m.
        velocities: target of the drives, rad/s or m/s.
        efforts: added to what the drives give, N·m or N; not limited by the drives' ``max_effort``.

    Raises:
        CommandError: an array is not one-dimensional, or has a value that is not finite, or a target beyond
            `hanzo_twin.engines.vectors.LARGEST`.
    """

    positions: FloatArray | None = None
    velocities: FloatArray | None = None
    efforts: FloatArray | None = None

    def __post_init__(self) -> None:
        # Written out: commands are made at each step.
        if self.positions is not None:
            object.__setattr__(self, "positions", checked_command("positions", self.positions))
        if self.velocities is not None:
            object.__setattr__(self, "velocities", checked_command("velocities", self.velocities))
        if self.efforts is not None:
            object.__setattr__(self, "efforts", checked_command("efforts", self.efforts))


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What `Simulation.get_observation` read, as read-only arrays by field name.

    * of an articulation: ``positions``, ``velocities``, ``efforts`` [n], in the order of ``Articulation.joints``
      (``efforts`` is the generalized force that drives and commanded efforts apply);
    * of a body: ``position`` [3], ``orientation`` [4], ``linear_velocity``, ``angular_velocity`` [3] of the body
      frame's origin, world frame; where an articulation's root is authored on a body, both are read at that path;
    * of a sensor or camera: as its kind says (``docs/sensors.md``); ``time`` is when it looked, ``about`` says what
      the numbers in it mean: ``instances`` and ``semantics`` of a segmentation, the ``renderer`` of a picture.
    """

    path: str
    time: float
    data: Mapping[str, AnyArray] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)

    def __getitem__(self, name: str) -> AnyArray:
        """The field ``name``. Raises NotFoundError, which names those that there are."""
        try:
            return self.data[name]
        except KeyError:
            raise NotFoundError(
                f"The reading of '{self.path}' has no field '{name}'.", hint=nearest(name, self.data)
            ) from None

    def __reduce__(self) -> tuple[object, ...]:
        # Some fields are computed when they are asked for, from what no other process has.
        return _observed, (self.path, self.time, dict(self.data), dict(self.about))

    def __contains__(self, name: object) -> bool:
        return name in self.data

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        return iter(self.data)


def _observed(path: str, time: float, data: dict[str, AnyArray], about: dict[str, object]) -> Observation:
    for values in data.values():
        values.setflags(write=False)
    return Observation(path=path, time=time, data=data, about=about)


class Simulation(Protocol):
    """One running world. Not safe to share between threads.

    Every method raises SimulationError after `close`.
    """

    @property
    def engine(self) -> str:
        """Name of the engine that runs it."""
        ...

    @property
    def scene(self) -> Scene: ...

    @property
    def config(self) -> EngineConfig: ...

    @property
    def time(self) -> float:
        """Simulated seconds since the scene was loaded (or as restored)."""
        ...

    @property
    def native(self) -> Any:
        """The engine's own handles, for features of that engine only."""
        ...

    @property
    def sensors(self) -> SensorSuite:
        """The scene's sensors: their paths, and the seed of their noise."""
        ...

    def step(self, n: int = 1) -> None:
        """Advance by ``n`` steps of ``config.step_seconds``.

        Raises:
            SimulationError: the state is no longer finite; the message names body or joint and time.
        """
        ...

    def set_joint_command(self, articulation: str, command: JointCommand) -> None:
        """Command an articulation; holds until replaced.

        Raises:
            NotFoundError: no such articulation. CommandError: wrong length.
        """
        ...

    def set_applied_wrench(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        """Push ``body`` at its centre of mass with ``force`` [3] N and ``torque`` [3] N·m, world frame, until replaced.

        Raises:
            NotFoundError: no such body. CommandError: wrong shape or not finite. UnsupportedError: the engine has
                no forces.
        """
        ...

    def get_observation(self, path: str) -> Observation:
        """Read an articulation, a body, a sensor or a camera by prim path.

        Raises:
            NotFoundError: nothing observable there. UnsupportedError: the engine lacks that sensor.
        """
        ...

    def render(self, camera: str | Camera, params: RenderParams = DEFAULT_PICTURE) -> Observation:
        """A picture of the present, by a camera of the scene or any other; fields as ``params.kinds`` says.

        ``rgb`` uint8 [h, w, 3], ``depth`` float32 [h, w] m along the optical axis (inf for none), ``semantic`` and
        ``instance`` int32 [h, w]; the first row is the top.

        Raises:
            NotFoundError: no such camera. UnsupportedError: nothing can draw here; the hint says what to install.
        """
        ...

    def get_state(self) -> SimState:
        """The whole state, exact as ``capabilities().exact_restore`` says."""
        ...

    def set_state(self, state: SimState) -> None:
        """Continue from ``state``; parameters are part of it.

        Raises:
            StateError: of another scene, step or engine version, or damaged. A state of another engine restores its
                neutral part.
        """
        ...

    def get_parameter(self, address: str) -> float:
        """Raises AddressError for what is not a parameter, UnsupportedError for one this engine cannot change."""
        ...

    def set_parameter(self, address: str, value: float) -> None:
        """Change one parameter; takes effect with the next step. Nothing changes when it raises.

        Raises:
            AddressError, UnsupportedError: as `get_parameter`. ParameterError: not finite, or not physical.
        """
        ...

    def set_joint_state(self, articulation: str, positions: FloatArray, velocities: FloatArray) -> None:
        """Overwrite joint positions and velocities [n] (order of ``Articulation.joints``), as assimilation does.

        Raises:
            NotFoundError, CommandError: as `set_joint_command`.
        """
        ...

    def set_body_state(
        self,
        body: str,
        position: FloatArray,
        orientation: FloatArray,
        linear_velocity: FloatArray,
        angular_velocity: FloatArray,
    ) -> None:
        """Overwrite pose ([3] m, quaternion [4]) and velocities ([3] each) of a free body, world frame.

        Raises:
            NotFoundError: no such body. CommandError: the body is not free, wrong shape, or not finite.
        """
        ...

    def fork(self) -> Simulation:
        """An independent copy that continues from here bit for bit; what is done to it does not reach this one."""
        ...

    def close(self) -> None:
        """Release everything; may be called again. Leaving a ``with`` block does it as well."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Batch(Protocol):
    """N worlds of one scene, advanced together with no Python loop over worlds. Arrays lead with the env axis.

    The result of env i depends neither on i nor on ``num_envs``. Joints are all articulated joints of the scene,
    articulation after articulation in the order of ``scene.articulations``; bodies in the order of ``scene.bodies``.
    """

    @property
    def num_envs(self) -> int: ...

    @property
    def scene(self) -> Scene: ...

    @property
    def config(self) -> EngineConfig: ...

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Paths of the joints, the columns of the joint arrays."""
        ...

    @property
    def time(self) -> FloatArray:
        """Simulated seconds [num_envs]."""
        ...

    @property
    def joint_positions(self) -> FloatArray:
        """[num_envs, n_joints], rad or m; a copy."""
        ...

    @property
    def joint_velocities(self) -> FloatArray:
        """[num_envs, n_joints], rad/s or m/s; a copy."""
        ...

    @property
    def body_poses(self) -> FloatArray:
        """[num_envs, n_bodies, 7] position and quaternion (w, x, y, z), world frame; a copy."""
        ...

    def step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> None:
        """Advance all worlds by ``n`` steps; commands [num_envs, n_joints] as in `JointCommand`, held until replaced.

        Raises:
            CommandError: wrong shape or not finite; nothing moved.
        """
        ...

    def rollout(
        self,
        n: int,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Advance by ``n`` steps under time-varying commands [num_envs, n, n_joints].

        Returns joint positions and velocities after each step, [num_envs, n, n_joints] each.
        """
        ...

    def try_step(
        self,
        n: int = 1,
        *,
        positions: FloatArray | None = None,
        velocities: FloatArray | None = None,
        efforts: FloatArray | None = None,
    ) -> BoolArray:
        """As `step`, but a world that diverges is put back to where it was; which ones did, [num_envs].

        Commands may also vary in time: [num_envs, n, n_joints], one for each of the ``n`` steps.
        """
        ...

    def body_states(self, bodies: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Poses [num_envs, n, 7] and velocities [num_envs, n, 6] (linear, then angular) of the ``bodies`` named.

        World frame, at the origins of the body frames. Nothing is computed for other bodies.

        Raises:
            NotFoundError: no such body.
        """
        ...

    def set_joint_states(self, positions: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None) -> None:
        """Overwrite joint positions and velocities [len(env_ids), n_joints]."""
        ...

    def set_body_states(
        self, body: str, poses: FloatArray, velocities: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        """Overwrite poses [len(env_ids), 7] and velocities [len(env_ids), 6] of a free or kinematic body.

        Quaternions are of unit length. Errors as ``Simulation.set_body_state``.
        """
        ...

    def set_start(self) -> None:
        """Make the worlds as they are now what `reset` goes back to; at first that is the scene's start."""
        ...

    def reset(self, env_ids: IntArray | None = None) -> None:
        """Put worlds back to their start, time and held commands included; parameters stay."""
        ...

    def get_state(self, env_ids: Sequence[int] | None = None) -> tuple[SimState, ...]:
        """One exact state per env, interchangeable with those of `Simulation`."""
        ...

    def set_state(self, states: Sequence[SimState], env_ids: Sequence[int] | None = None) -> None:
        """Restore each env of ``env_ids`` (default all) from the state at the same place."""
        ...

    def set_parameters(
        self, addresses: str | Sequence[str], values: FloatArray, env_ids: IntArray | None = None
    ) -> None:
        """Give each env of ``env_ids`` (default all) its own value [len(env_ids)] of one parameter.

        Several addresses are written together, which is cheaper, with values [len(env_ids), len(addresses)].
        Errors as ``Simulation.set_parameter``; nothing changes when it raises.
        """
        ...

    def close(self) -> None:
        """Release everything; may be called again. Leaving a ``with`` block does it as well."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Engine(Protocol):
    """A physics engine, registered under its name in the entry points ``hanzo_twin.engines``."""

    def capabilities(self) -> EngineCapabilities: ...

    def load_scene(self, scene: Scene, config: EngineConfig) -> Simulation:
        """Raises UnsupportedError naming the prim, what is unsupported, and the engines that support it."""
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that advances many worlds at once."""

    def load_batch(self, scene: Scene, config: EngineConfig, num_envs: int, *, threads: int | None = None) -> Batch:
        """``threads`` defaults to the number of processors this process may use."""
        ...


@runtime_checkable
class Diagnoses(Engine, Protocol):
    """An engine that takes scenes with something in them that it does not do as the scene says, and tells so."""

    def diagnose(self, scene: Scene, config: EngineConfig) -> tuple[Diagnosis, ...]:
        """What in ``scene`` it does differently (warnings), and which attributes for engines it ignores (infos)."""
        ...


@runtime_checkable
class KnowsGaps(Engine, Protocol):
    """An engine that does not do all that its capabilities promise, and says so."""

    def known_gaps(self) -> Mapping[str, str]:
        """Why it fails, by name of the test in the suites for engines; a test of these that passes fails the build."""
        ...


def load_engine(name: str) -> Engine:
    """The engine registered as ``name``.

    Raises:
        UnsupportedError: unknown; the hint lists those installed. NotInstalledError: an extra is missing.
    """
    engine: Engine = plugins.load(plugins.ENGINES, name)()
    return engine
