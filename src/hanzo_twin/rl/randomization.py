"""Domain randomization: what is drawn anew for each episode, as a value.

Example::

    Randomization(
        variations=(
            Variation(name="mass", target="*.mass", how="scale", distribution=Uniform(low=0.8, high=1.2)),
            Variation(name="delay", target=ACTUATOR_DELAY, distribution=Uniform(low=0.0, high=0.02)),
        )
    )
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

import numpy as np

from hanzo_twin.definition.randomization import DomainRandomization, PositiveRange
from hanzo_twin.engines.parameters import authored_value
from hanzo_twin.errors import AddressError, InvalidInputError, nearest
from hanzo_twin.rl.distributions import Distribution, Uniform
from hanzo_twin.scene.addresses import Address, parameter_addresses
from hanzo_twin.scene.model import Scene
from hanzo_twin.spatial import FloatArray

GRAVITY_TILT = "gravity.tilt"
ACTUATOR_DELAY = "actuator.delay"
OBSERVATION_NOISE = "observation.noise"
CAMERA_NOISE = "camera.noise"
LIGHTING = "lighting.intensity"
SPECIAL_TARGETS = (GRAVITY_TILT, ACTUATOR_DELAY, OBSERVATION_NOISE, CAMERA_NOISE, LIGHTING)
How = Literal["set", "scale", "add"]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One quantity, or several that vary alike.

    Args:
        name: what it is called in ``info["randomization"]``, in pins and in the log.
        target: address of a parameter, with ``*`` for any text (``/World/arm/*.damping``, ``*.mass``); or one of
            ``gravity.tilt`` (rad from the scene's gravity, in any direction), ``actuator.delay`` (s),
            ``observation.noise`` (standard deviation, of all terms or as ``observation.noise.<term>``),
            ``camera.noise`` (standard deviation of pixels, 0 to 1), ``lighting.intensity`` (factor).
        how: whether the number drawn is the value, a factor on the scene's value, or is added to it.
        each: draw for each address that matches, instead of once for all.
    """

    name: str
    target: str
    distribution: Distribution
    how: How = "set"
    each: bool = False

    def __post_init__(self) -> None:
        texts: tuple[object, ...] = (self.name, self.target)  # what callers without types give, too
        if not all(isinstance(text, str) for text in texts) or not self.name:
            raise InvalidInputError(
                f"A variation has the name {self.name!r} and the target {self.target!r}.",
                hint="Both are texts, such as name='mass', target='*.mass'.",
            )
        if self.how not in get_args(How):
            raise InvalidInputError(
                f"Variation '{self.name}' says how={self.how!r}.", hint=nearest(self.how, get_args(How))
            )
        if not hasattr(self.distribution, "quantile"):
            raise InvalidInputError(
                f"The distribution of variation '{self.name}' is {self.distribution!r}.",
                hint="Such as Uniform(low=0.8, high=1.2); see hanzo_twin.rl.distributions.",
            )

    def matches(self, scene: Scene) -> tuple[str, ...]:
        """The parameter addresses it stands for.

        Raises:
            AddressError: there is none.
        """
        known = parameter_addresses(scene)
        found = tuple(address for address in known if fnmatchcase(address, self.target))
        if not found:
            raise AddressError(
                f"Variation '{self.name}' matches no parameter: '{self.target}'.",
                hint=nearest(self.target, [*known, *SPECIAL_TARGETS]),
            )
        return found

    @property
    def is_special(self) -> bool:
        """Whether the target is not a parameter of the engine."""
        return self.target in SPECIAL_TARGETS or self.target.startswith(f"{OBSERVATION_NOISE}.")


@dataclass(frozen=True, kw_only=True)
class Randomization:
    """What varies between episodes.

    Args:
        correlation: of pairs of names, −1 … 1: ranks are correlated by a Gaussian copula; the distributions stay.
    """

    variations: tuple[Variation, ...] = ()
    correlation: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [variation.name for variation in self.variations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidInputError(f"Two variations are named '{twice[0]}'.", hint="Give each its own name.")
        for pair in self.correlation:
            if len(set(pair)) != 2:
                raise InvalidInputError(
                    f"The correlation has the pair {pair!r}.", hint="Give two names, such as ('mass', 'tilt')."
                )
            for name in pair:
                if name not in names:
                    raise InvalidInputError(f"The correlation names '{name}'.", hint=nearest(name, names))
                if next(v for v in self.variations if v.name == name).each:
                    raise InvalidInputError(
                        f"Variation '{name}' draws for each address and cannot be correlated.",
                        hint="Give each address a variation of its own.",
                    )
        self.mixing()

    def mixing(self) -> FloatArray | None:
        """Lower triangle L with L·Lᵀ the correlation of all variations [n, n]; None where there is no correlation.

        Raises:
            InvalidInputError: the correlations contradict each other.
        """
        if not self.correlation:
            return None
        names = [variation.name for variation in self.variations]
        matrix = np.eye(len(names))
        for (first, second), value in self.correlation.items():
            row, column = names.index(first), names.index(second)
            matrix[row, column] = matrix[column, row] = value
        try:
            return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        except np.linalg.LinAlgError as impossible:
            raise InvalidInputError(
                f"The correlations contradict each other: {dict(self.correlation)}.",
                hint="Their matrix must be positive definite; bring them nearer to zero.",
            ) from impossible


def from_definition(ranges: DomainRandomization) -> Randomization:
    """The ranges of a twin definition as variations."""
    given = ranges.parameters
    variations = [
        *_range("friction", "*.dynamicFriction", given.friction),
        *_range("mass_scale", "*.mass", given.mass_scale, how="scale"),
        *_range("lighting_intensity", LIGHTING, given.lighting_intensity),
        *_range("camera_noise_stddev", CAMERA_NOISE, given.camera_noise_stddev),
        *_range("actuator_delay_s", ACTUATOR_DELAY, given.actuator_delay_ms, unit=1e-3),
    ]
    if given.gravity_perturbation is not None:
        largest = math.radians(given.gravity_perturbation.max_angle_deg)
        tilt = Variation(name="gravity_tilt", target=GRAVITY_TILT, distribution=Uniform(low=0.0, high=largest))
        variations.append(tilt)
    return Randomization(variations=tuple(variations))


def usual(scene: Scene) -> Randomization:
    """What ``domain_randomization=True`` means where the definition has no ranges: moderate, of what there is."""
    known = parameter_addresses(scene)
    variations = [Variation(name="mass_scale", target="*.mass", how="scale", distribution=Uniform(low=0.8, high=1.2))]
    if any(address.endswith(".dynamicFriction") for address in known):
        friction = Uniform(low=0.7, high=1.3)
        variations.append(
            Variation(name="friction_scale", target="*.dynamicFriction", how="scale", distribution=friction)
        )
    damped = [a for a in known if a.endswith(".damping") and authored_value(scene, Address.parse(a)) > 0.0]
    if damped:
        factor = Uniform(low=0.7, high=1.3)
        variations.append(Variation(name="damping_scale", target="*.damping", how="scale", distribution=factor))
    variations += [
        Variation(name="gravity_tilt", target=GRAVITY_TILT, distribution=Uniform(low=0.0, high=math.radians(2.0))),
        Variation(name="actuator_delay_s", target=ACTUATOR_DELAY, distribution=Uniform(low=0.0, high=0.02)),
    ]
    return Randomization(variations=tuple(variations))


def _range(
    name: str, target: str, given: PositiveRange | None, *, how: How = "set", unit: float = 1.0
) -> list[Variation]:
    if given is None:
        return []
    distribution = Uniform(low=given.min * unit, high=given.max * unit)
    return [Variation(name=name, target=target, how=how, distribution=distribution)]
