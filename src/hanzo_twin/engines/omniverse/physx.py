"""PhysX itself: the only module that calls ovphysx and ovstage, whose interfaces change from version to version.

What is decided once per process, before the first world: worlds run in the thread that steps them (more threads make
small worlds slower, and order matters to rounding), PhysX's schemas are registered, and where a world without a GPU
comes first, CUDA is left alone for good. Cooked meshes go into a temporary directory of the process (PhysX's default).

Threads call it one after the other: ovphysx itself cannot take two at a time. Instances of PhysX are used again: to end
one takes a tenth of a second, which a fork should not wait for.

Quaternions are (x, y, z, w) here, numbers 32-bit floats, velocities those of centres of mass.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import distribution, version
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import finalize

import numpy as np
import ovphysx
import ovstage
from numpy.typing import NDArray
from ovphysx.dlpack import DLDataType, DLDataTypeCode, DLDevice, DLDeviceType, DLTensor
from ovphysx.types import ConfigKey, GlobalConfigKey, LogLevel, SimObjectType, TensorType

from hanzo_twin.engines.quiet import silenced
from hanzo_twin.errors import UnsupportedError

VERSION = version("ovphysx")
_SCHEMA_PACKAGE = distribution("physx-usd-schemas")
Array = NDArray[np.float32]
_IDLE_INSTANCES = 4
_SCHEMAS = ("PhysxSchema", "OmniUsdPhysicsDeformableSchema")

_TOUCH = (
    "contactEventType",
    "contactEventSensorSide",
    "contactEventCollider",
    "contactEventOtherCollider",
    "contactEventOtherBody",
    "contactEventPointCount",
    "contactEventAnchorCount",
    "contactEventPointPosition",
    "contactEventPointNormal",
    "contactEventPointImpulse",
    "contactEventAnchorPosition",
    "contactEventAnchorImpulse",
)
_LOST = 1
# Bodies that PhysX tells contacts of; what stands has none of its own.
_MOVING = ("/body_", "/link_", "/kinematic_")

_idle: list[Any] = []
_numbers = itertools.count(1)
_prepared: list[bool] = []
_forked: list[int] = []
# ovphysx refuses, or ends the process, where one thread builds or frees a world while another steps its own.
_one_at_a_time = RLock()


def _tell_the_child() -> None:
    if _prepared:
        _forked.append(os.getppid())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell_the_child)


def prepare(gpu_id: int | None) -> None:
    """Make the settings of the process.

    Raises:
        UnsupportedError: there is no such GPU, or one is wanted in a process that began without; or the process is a
            copy (``os.fork``) of one that had loaded a world, in which PhysX would wait for threads that it has not.
    """
    if _forked:
        raise UnsupportedError(
            f"PhysX was started in process {_forked[-1]}, of which this one is a copy: it cannot go on here.",
            hint="Start processes by multiprocessing.get_context('spawn'), or before the first world is loaded.",
        )
    gpu = gpu_id is not None
    if gpu_id is not None and not 0 <= gpu_id < _gpu_count():
        raise UnsupportedError(
            f"Engine 'omniverse' finds no GPU {gpu_id} here: there are {_gpu_count()}.",
            hint="Set gpu_id to auto, which runs on the CPU, or install NVIDIA's driver.",
        )
    if _prepared:
        if gpu and not _prepared[0]:
            raise UnsupportedError(
                "This process began without a GPU, and PhysX cannot take one up later.",
                hint="Start a new process and load the world with gpu_id first.",
            )
        return
    _prepared.append(gpu)
    if not gpu:
        ovphysx.set_global_config(GlobalConfigKey.CPU_ONLY, True)
    ovphysx.set_global_config(GlobalConfigKey.NUM_THREADS, 0)
    ovphysx.set_global_config(GlobalConfigKey.LOG_LEVEL, LogLevel.NONE)
    ovphysx.set_global_config(GlobalConfigKey.DEFAULT_LOG_OUTPUT, False)
    paths = [str(_SCHEMA_PACKAGE.locate_file(f"physx_usd_schemas/{name}/resources")) for name in _SCHEMAS]
    ovstage.population.register_usd_schemas([*paths, str(ovphysx.newton_schema_root())])


def _gpu_count() -> int:
    """GPUs that NVIDIA's driver has; PhysX itself would run on the CPU without a word."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    found = cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Touch:
    """Two colliders that touch; impulses are those on ``first``, normals point to it.

    Args:
        first / second: their prims.
        points / normals / impulses: [n, 3] where the surfaces meet; without friction.
        anchors / friction_impulses: [m, 3] where friction acts.
    """

    first: str
    second: str
    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    impulses: NDArray[np.float64]
    anchors: NDArray[np.float64]
    friction_impulses: NDArray[np.float64]


def _quieten_warp() -> None:
    """Start Warp, which ovphysx hands arrays out by, without its greeting and its warning that there is no GPU."""
    if "warp" in sys.modules:
        return
    with silenced():
        warp: Any = import_module("warp")
        warp.config.log_level = warp.LOG_ERROR
        warp.init()


def _touches(prim: str, columns: Mapping[str, Mapping[str, NDArray[Any]]], names: Any) -> Iterator[Touch]:
    """Those that PhysX tells at ``prim``, but for pairs that it tells at the other body too, as its first."""
    none = np.empty((0, 3))
    own = [columns[name].get(prim, none) for name in _TOUCH]
    kinds, sides, colliders, others, bodies, point_counts, anchor_counts, *vectors = own
    ends, anchor_ends = np.cumsum(point_counts), np.cumsum(anchor_counts)
    for index, kind in enumerate(kinds.tolist()):
        second_side, partner = bool(sides[index]), names.path_to_string(int(bodies[index]))
        if kind == _LOST or (second_side and partner.startswith(_MOVING)):
            continue
        points = slice(int(ends[index] - point_counts[index]), int(ends[index]))
        anchors = slice(int(anchor_ends[index] - anchor_counts[index]), int(anchor_ends[index]))
        collider, other = (names.path_to_string(int(handle)) for handle in (colliders[index], others[index]))
        parts = (*(points,) * 3, *(anchors,) * 2)
        arrays = [vector[part].astype(np.float64) for vector, part in zip(vectors, parts, strict=True)]
        yield Touch(
            first=other if second_side else collider,
            second=collider if second_side else other,
            points=arrays[0],
            normals=arrays[1],
            impulses=arrays[2],
            anchors=arrays[3],
            friction_impulses=arrays[4],
        )


class Tensor:
    """One quantity of the objects that a pattern of prim paths names, read and written as a whole."""

    def __init__(self, binding: Any) -> None:
        self._binding = binding
        self._buffer: Array = np.zeros(binding.shape, dtype=np.float32)
        # ovphysx takes arrays too, but looks at each of them for longer than it then reads.
        self._descriptor = _describe(self._buffer)

    @property
    def paths(self) -> Sequence[str]:
        """Prim paths of the rows."""
        return [str(path) for path in self._binding.prim_paths]

    @property
    def freedoms(self) -> Sequence[str]:
        """Names of the degrees of freedom of an articulation."""
        return [str(name) for name in self._binding.dof_names]

    def read(self) -> Array:
        """The present values; overwritten by the next `read` or `write`."""
        with _one_at_a_time:
            self._binding.read(self._descriptor)
        return self._buffer

    def write(self, values: NDArray[Any]) -> None:
        """Set all values, rounded to 32 bits."""
        self._buffer[...] = values
        with _one_at_a_time:
            self._binding.write(self._descriptor)

    def destroy(self) -> None:
        self._binding.destroy()


def _describe(array: Array) -> DLTensor:
    """``array``, which must outlive it, in DLPack's form."""
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    return DLTensor(
        data=array.ctypes.data,
        device=DLDevice(DLDeviceType.kDLCPU, 0),
        ndim=array.ndim,
        dtype=DLDataType(DLDataTypeCode.kDLFloat, 32, 1),
        shape=shape,
        strides=None,
        byte_offset=0,
    )


@dataclass(eq=False)
class _Handles:
    """What PhysX holds for one world."""

    instance: Any
    stage: Any = None
    tensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)

    def detach(self) -> None:
        with _one_at_a_time:
            self._detach()

    def _detach(self) -> None:
        for tensor in self.tensors.values():
            tensor.destroy()
        self.tensors.clear()
        if self.stage is not None and self.instance.is_stage_attached():
            self.instance.wait_task(self.instance.detach_ovstage())

    def free(self) -> None:
        """Free everything but the instance, which waits for the next world."""
        with _one_at_a_time:
            self._detach()
            if self.stage is not None:
                self.stage.destroy()
                self.stage = None
            if len(_idle) < _IDLE_INSTANCES:
                _idle.append(self.instance)
            else:
                self.instance.destroy()


# Of worlds that nobody closed; freed when the next one is made, not in the middle of whatever Python was doing.
_forgotten: list[_Handles] = []


class Physx:
    """One instance of PhysX with one stage, filled from ``layer`` (the bytes of a .usda file)."""

    def __init__(self, layer: bytes, *, gpu_id: int | None) -> None:
        with _one_at_a_time:
            prepare(gpu_id)
            while _forgotten:
                _forgotten.pop().free()
            self._handles = _Handles(_idle.pop() if _idle else ovphysx.PhysX())
        self._finalizer = finalize(self, _forgotten.append, self._handles)
        self._finalizer.atexit = False
        with _one_at_a_time:
            if gpu_id is not None:
                self.instance.set_config(ConfigKey.ACTIVE_CUDA_GPUS, str(gpu_id))
            self._fill(layer)

    @property
    def instance(self) -> Any:
        """The ``ovphysx.PhysX``."""
        return self._handles.instance

    def fill(self, layer: bytes) -> None:
        """Put the stage that ``layer`` describes in place of the present one; `attach` builds from it."""
        with _one_at_a_time:
            self._fill(layer)

    def _fill(self, layer: bytes) -> None:
        handles = self._handles
        handles.detach()
        if handles.stage is not None:
            handles.stage.destroy()
        handles.stage = ovstage.Stage(f"scene_{next(_numbers)}")
        with tempfile.TemporaryDirectory(prefix="hanzo-twin-") as folder:
            file = Path(folder, "scene.usda")
            file.write_bytes(layer)
            ovstage.population.open_usd(handles.stage, str(file), ordinal=1, domains=ovstage.PopulationDomain.PHYSICS)
        handles.stage.advance_write_floor(ordinal=1).wait()

    def attach(self) -> None:
        """Build all objects anew: PhysX then knows nothing of what was before."""
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._handles.detach()
            physx = self.instance
            physx.wait_task(physx.attach_ovstage(self._handles.stage, read_ordinal=1))
            physx.warmup()

    def tensor(self, kind: str, pattern: str) -> Tensor:
        """The quantity named ``kind`` (of ovphysx.types.TensorType) of what ``pattern`` names; valid until `attach`."""
        tensors, key = self._handles.tensors, (kind, pattern)
        if key not in tensors:
            with _one_at_a_time, warnings.catch_warnings():
                # Tensor bindings are deprecated, but what replaces them is sixty times slower in ovphysx 0.7.
                warnings.simplefilter("ignore", DeprecationWarning)
                binding = self.instance.create_tensor_binding(pattern=pattern, tensor_type=TensorType[kind])
            tensors[key] = Tensor(binding)
        return tensors[key]

    @property
    def step(self) -> Callable[[float], None]:
        """Advances by so many seconds."""
        advance: Callable[[float], None] = self.instance.step_sync

        def step(seconds: float) -> None:
            with _one_at_a_time:
                advance(seconds)

        return step

    def place_links(self) -> None:
        """Bring the links of articulations to where their joints are."""
        with _one_at_a_time:
            self.instance.update_articulations_kinematic()

    def touching(self) -> list[Touch]:
        """The pairs of colliders that touched in the last step, in an order that equal worlds have alike.

        Slow (milliseconds): it goes by ovphysx's reading of sessions, of which there is no faster form with this.
        """
        columns: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in _TOUCH}
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            _quieten_warp()
            with self.instance.read_sync(SimObjectType.CONTACT_SENSOR, list(_TOUCH)) as result:
                names = result.dictionary
                for group in result.groups:
                    arrays = [array.numpy().copy() for array in group.tensors]
                    prims = names.get_path_strings(group.prim_list)
                    columns[names.token_to_string(group.attribute)] = dict(zip(prims, arrays, strict=True))
                found = [touch for prim in columns[_TOUCH[0]] for touch in _touches(prim, columns, names)]
        return sorted(found, key=lambda touch: (touch.first, touch.second))

    def close(self) -> None:
        """Free everything but the instance, which waits for the next world."""
        if self._finalizer.detach() is not None:
            self._handles.free()
