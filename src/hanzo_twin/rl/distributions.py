"""What a randomized quantity is drawn from, by its quantiles: number in (0, 1) → value, elementwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.rl.chance import normal_of
from hanzo_twin.spatial import FloatArray


class Distribution(Protocol):
    """A distribution of one number."""

    def quantile(self, unit: FloatArray) -> FloatArray:
        """Values at ``unit`` in (0, 1), of the same shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """All values from ``low`` to ``high`` alike."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _check_finite("Uniform", self.low, self.high)

    def quantile(self, unit: FloatArray) -> FloatArray:
        return self.low + (self.high - self.low) * unit


@dataclass(frozen=True, kw_only=True)
class LogUniform:
    """All orders of magnitude from ``low`` to ``high`` alike; both are greater than zero."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _check_finite("LogUniform", self.low, self.high)
        if self.low <= 0.0:
            raise InvalidInputError(f"LogUniform needs low > 0, got {self.low:g}.")

    def quantile(self, unit: FloatArray) -> FloatArray:
        values: FloatArray = np.exp(math.log(self.low) + math.log(self.high / self.low) * unit)
        return np.minimum(np.maximum(values, self.low), self.high)


@dataclass(frozen=True, kw_only=True)
class Normal:
    """Gaussian, cut off at ``low`` and ``high`` by moving what lies beyond onto them."""

    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _check_order(self.low, self.high)
        _check_finite("Normal", self.mean, self.std)
        if not self.std >= 0.0 or not math.isfinite(self.mean):
            raise InvalidInputError(f"Normal needs a finite mean and std ≥ 0, got {self.mean:g} and {self.std:g}.")

    def quantile(self, unit: FloatArray) -> FloatArray:
        return np.minimum(np.maximum(self.mean + self.std * normal_of(unit), self.low), self.high)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of ``values``, all alike."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values or not all(_finite(value) for value in self.values):
            raise InvalidInputError(f"Choice needs at least one finite value, got {list(self.values)}.")

    def quantile(self, unit: FloatArray) -> FloatArray:
        chosen: FloatArray = np.array(self.values)[np.floor(unit * len(self.values)).astype(np.int64)]
        return chosen


def _check_order(low: Any, high: Any) -> None:
    numbers = isinstance(low, Real) and isinstance(high, Real)
    if not numbers or not low <= high:
        raise InvalidInputError(f"A range needs low ≤ high, got {_shown(low)} and {_shown(high)}.")


def _check_finite(kind: str, *values: float) -> None:
    if not all(_finite(value) for value in values):
        listed = " and ".join(_shown(value) for value in values)
        raise InvalidInputError(f"{kind} needs finite numbers, got {listed}.")


def _finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _shown(value: object) -> str:
    return f"{float(value):g}" if isinstance(value, Real) else repr(value)
