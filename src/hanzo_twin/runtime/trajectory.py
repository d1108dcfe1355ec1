"""What a twin would do from here on: a fork is advanced, the twin itself is left alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.scene.addresses import describe
from hanzo_twin.spatial import FloatArray
from hanzo_twin.twin.probe import Probe
from hanzo_twin.twin.twin import Twin

MAX_STEPS = 1_000_000
MAX_SAMPLES = 4_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Predicted values by address.

    Args:
        addresses: the columns of ``values``.
        times: device time of each sample [n], s; the first is the present.
        units: of the columns, as `hanzo_twin.scene.addresses` tells them.
        values: [n, n_addresses], SI.
    """

    addresses: tuple[str, ...]
    units: tuple[str, ...]
    times: FloatArray
    values: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two twins over the same horizon, each from its own present.

    Args:
        own: of the twin that was asked.
        other: of the twin it is compared with.
    """

    own: Trajectory
    other: Trajectory

    @property
    def offsets(self) -> FloatArray:
        """Seconds since the start of the comparison [n]."""
        offsets: FloatArray = self.own.times - self.own.times[0]
        return offsets

    @property
    def difference(self) -> FloatArray:
        """other − own [n, n_addresses], sample by sample."""
        difference: FloatArray = self.other.values - self.own.values
        return difference


def predict(twin: Twin, *, horizon_s: float, addresses: Sequence[str], interval_s: float = 0.0) -> Trajectory:
    """Advance ``twin`` (a fork: it is moved) over ``horizon_s`` and record ``addresses`` on the way.

    The first sample is the present, the last is the end of the horizon. ``interval_s`` is rounded to whole steps; 0
    records each step.

    Raises:
        InvalidInputError: the horizon or the interval is not positive, or there would be too many steps or samples.
        AddressError: an address is not a state that the engine computes.
    """
    step = twin.simulation.config.step_seconds
    count, stride = plan(step, horizon_s=horizon_s, interval_s=interval_s, columns=len(addresses))
    probe = Probe(twin.scene, addresses)
    times, values = [np.array([twin.time])], [probe.read(twin.simulation)[np.newaxis]]
    done = 0
    while done < count:
        n = min(stride, count - done)
        twin.advance_to(twin.time + (n + 0.5) * step)
        done += n
        times.append(np.array([twin.time]))
        values.append(probe.read(twin.simulation)[np.newaxis])
    units = tuple(describe(twin.scene, address).unit for address in addresses)
    return Trajectory(
        addresses=tuple(addresses), units=units, times=np.concatenate(times), values=np.concatenate(values)
    )


def plan(step: float, *, horizon_s: float, interval_s: float, columns: int) -> tuple[int, int]:
    """Steps to take and steps between samples. Raises InvalidInputError as `predict`."""
    if not columns:
        raise InvalidInputError("There is nothing to predict: no address was given.")
    if not math.isfinite(horizon_s) or horizon_s < step:
        raise InvalidInputError(f"The horizon must be at least one step of {step:g} s, got {horizon_s:g} s.")
    if not math.isfinite(interval_s) or interval_s < 0:
        raise InvalidInputError(f"The interval between samples must not be negative, got {interval_s:g} s.")
    if horizon_s / step > MAX_STEPS:
        raise InvalidInputError(
            f"A horizon of {horizon_s:g} s is more than {MAX_STEPS} steps of {step:g} s.",
            hint=f"Give at most {MAX_STEPS * step:g} s.",
        )
    count = math.floor(horizon_s / step + 1e-6)
    stride = max(1, round(interval_s / step))
    if count // stride * columns > MAX_SAMPLES:
        raise InvalidInputError(
            f"{count // stride} samples of {columns} addresses are more than {MAX_SAMPLES} values.",
            hint=f"Give an interval of at least {count * columns / MAX_SAMPLES * step:g} s, or fewer addresses.",
        )
    return count, stride
