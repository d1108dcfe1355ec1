"""Drawing what varies and putting it into the worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from hanzo_twin.engines.parameters import authored_value
from hanzo_twin.engines.port import Batch
from hanzo_twin.errors import InvalidInputError, UnsupportedError, nearest
from hanzo_twin.rl.chance import Draws
from hanzo_twin.rl.delay import MAX_DELAY_S
from hanzo_twin.rl.randomization import (
    ACTUATOR_DELAY,
    CAMERA_NOISE,
    GRAVITY_TILT,
    LIGHTING,
    OBSERVATION_NOISE,
    Randomization,
    Variation,
)
from hanzo_twin.scene.addresses import Address
from hanzo_twin.spatial import FloatArray, IntArray

Values = dict[str, FloatArray]
AZIMUTH = "_azimuth"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Written:
    """A variation of parameters: its addresses and what they are before anything is drawn [k]."""

    variation: Variation
    addresses: tuple[str, ...]
    authored: FloatArray


class Randomizer:
    """Draws ``spec`` for the worlds of ``batch``.

    Attributes:
        values: what is in force, by name: [N], or [N, k] of a variation that draws for each address.
        delays: of the actuators [N] s. noise: standard deviation of each observation term, by name [N].
        camera_noise / lighting: of images [N]: standard deviation of pixels, and factor on the lights.

    Of two variations of one thing the later holds; gravity.tilt comes after all parameters.

    Raises:
        AddressError, UnsupportedError: a variation matches nothing, or the engine or scene cannot vary it.
        InvalidInputError: nothing of a variation is left, since later ones take all that it is for.
    """

    def __init__(self, spec: Randomization, batch: Batch, observations: Sequence[str]) -> None:
        self._spec = spec
        self.batch = batch
        self._mixing = spec.mixing()
        # Where the worlds start, such as the state of a live twin, parameters may differ from the scene's.
        self._in_force = dict(batch.get_state([0])[0].parameters)
        self._parameters = [self._resolve(item) for item in spec.variations if not item.is_special]
        gravity_path = batch.scene.gravity_path
        self._gravity_addresses = [f"{gravity_path}.gravity.{axis}" for axis in "xyz"]
        self._gravity = self._base(self._gravity_addresses)
        self.values: Values = {}
        for item in spec.variations:
            self.values[item.name] = np.zeros((batch.num_envs, *self._width(item)))
            if item.target == GRAVITY_TILT:
                self.values[item.name + AZIMUTH] = np.zeros(batch.num_envs)
        self.delays = np.zeros(batch.num_envs)
        self.camera_noise, self.lighting = np.zeros(batch.num_envs), np.ones(batch.num_envs)
        self.noise = {name: np.zeros(batch.num_envs) for name in observations}
        self.max_delay_s = self._check_special(observations)
        self._check_effect()

    def _resolve(self, variation: Variation) -> _Written:
        addresses = variation.matches(self.batch.scene)
        if any(address.endswith(".actuatorDelay") for address in addresses):
            raise UnsupportedError(
                f"Variation '{variation.name}' asks for the delay of single joints.",
                hint=f"Training delays all commands alike: use the target '{ACTUATOR_DELAY}'.",
            )
        authored = self._base(addresses)
        # Where the engine cannot change one of them, say so now and not at the first reset.
        self.batch.set_parameters(addresses, np.tile(authored, (self.batch.num_envs, 1)))
        return _Written(variation=variation, addresses=addresses, authored=authored)

    def _base(self, addresses: Sequence[str]) -> FloatArray:
        """What the parameters are before anything is drawn."""
        scene = self.batch.scene
        return np.array([self._in_force.get(a, authored_value(scene, Address.parse(a))) for a in addresses])

    def _check_effect(self) -> None:
        """Raise InvalidInputError for a variation whose draws would be told and do nothing."""
        written: list[tuple[Variation, Sequence[str]]] = [(item.variation, item.addresses) for item in self._parameters]
        several = {
            GRAVITY_TILT: self._gravity_addresses,
            OBSERVATION_NOISE: [f"{OBSERVATION_NOISE}.{term}" for term in self.noise],
        }
        special = [item for item in self._spec.variations if item.is_special]
        written += [(item, several.get(item.target, (item.target,))) for item in special]
        later: dict[str, str] = {}
        for variation, things in reversed(written):
            if all(thing in later for thing in things):
                raise InvalidInputError(
                    f"Variation '{variation.name}' would do nothing: '{later[things[0]]}' overwrites '{things[0]}'.",
                    hint="Leave one of the two out, or name less by the one that comes later.",
                )
            later |= dict.fromkeys(things, variation.name)

    def _width(self, variation: Variation) -> tuple[int, ...]:
        if not variation.each or variation.is_special:
            return ()
        return (len(next(item.addresses for item in self._parameters if item.variation is variation)),)

    def _check_special(self, observations: Sequence[str]) -> float:
        """Returns the longest delay that can be drawn."""
        longest = 0.0
        for item in self._spec.variations:
            term = item.target.removeprefix(f"{OBSERVATION_NOISE}.")
            if term != item.target and term not in observations:
                raise InvalidInputError(
                    f"Variation '{item.name}' adds noise to the observation '{term}'.",
                    hint=nearest(term, observations),
                )
            if item.target == ACTUATOR_DELAY:
                shortest = float(item.distribution.quantile(np.array([2.0**-53]))[0])
                if shortest < 0.0:
                    raise InvalidInputError(
                        f"Variation '{item.name}' delays commands by {shortest:g} s.", hint="Allowed: 0 s and more."
                    )
                longest = float(item.distribution.quantile(np.array([1.0 - 2.0**-53]))[0])
                if longest > MAX_DELAY_S:
                    raise InvalidInputError(
                        f"Variation '{item.name}' delays commands by up to {longest:g} s.",
                        hint=f"Allowed: at most {MAX_DELAY_S:g} s.",
                    )
        return longest

    def draw(self, envs: IntArray, draws: Draws, level: FloatArray, pinned: Mapping[str, object]) -> None:
        """Draw for ``envs`` and put it into their worlds; ``level`` [n] scales how far from the scene's values.

        Args:
            pinned: values to take in place of drawn ones, by name: one for all envs, or [n …].

        Raises:
            InvalidInputError: a pin names nothing, or does not fit. ParameterError: a value is not physical.
        """
        for name in pinned:
            if name not in self.values:
                raise InvalidInputError(f"No variation is named '{name}'.", hint=nearest(name, self.values))
        units = self._units(draws)
        for column, item in enumerate(self._spec.variations):
            values = self._drawn(item, draws, units[:, column], level)
            self.values[item.name][envs] = self._pinned(item.name, values, pinned)
            if item.target == GRAVITY_TILT:
                name = item.name + AZIMUTH
                azimuth = draws.uniform(name, low=-np.pi, high=np.pi)[:, 0]
                self.values[name][envs] = self._pinned(name, azimuth, pinned)
        self._write(envs)

    def _units(self, draws: Draws) -> FloatArray:
        columns = [draws.uniform(f"randomization.{item.name}")[:, 0] for item in self._spec.variations]
        units = np.stack(columns, axis=1) if columns else np.zeros((draws.count, 0))
        if self._mixing is None:
            return units
        normal = np.stack([draws.normal(f"randomization.{v.name}")[:, 0] for v in self._spec.variations], axis=1)
        mixed = np.zeros_like(normal)
        for row, weights in enumerate(self._mixing):
            for column, weight in enumerate(weights[: row + 1]):
                mixed[:, row] += weight * normal[:, column]
        correlated: FloatArray = ndtr(mixed)
        return np.minimum(np.maximum(correlated, 2.0**-53), 1.0 - 2.0**-53)

    def _drawn(self, item: Variation, draws: Draws, unit: FloatArray, level: FloatArray) -> FloatArray:
        written = next((each for each in self._parameters if each.variation is item), None)
        if written is None:
            neutral = 1.0 if item.target == LIGHTING else 0.0
            return neutral + level * (item.distribution.quantile(unit) - neutral)
        if item.each:
            unit = draws.uniform(f"randomization.{item.name}", len(written.addresses))
            level = level[:, None]
        drawn = item.distribution.quantile(unit)
        if item.how == "set":
            # A value that is set: at level 0 it is the scene's; of several addresses with several, the first's.
            start = written.authored if item.each else written.authored[0]
            return start + level * (drawn - start) if (level < 1.0).any() else drawn
        neutral = 1.0 if item.how == "scale" else 0.0
        return neutral + level * (drawn - neutral)

    def _pinned(self, name: str, values: FloatArray, pinned: Mapping[str, object]) -> FloatArray:
        if name not in pinned:
            return values
        try:
            given = np.broadcast_to(np.asarray(pinned[name], dtype=np.float64), values.shape)
        except (ValueError, TypeError) as wrong:
            raise InvalidInputError(
                f"The pinned value of '{name}' does not fit: {pinned[name]!r}.",
                hint=f"Give one number, or an array of shape {list(values.shape)}.",
            ) from wrong
        if not np.isfinite(given).all():
            raise InvalidInputError(f"The pinned value of '{name}' is not finite.")
        return given

    def _write(self, envs: IntArray) -> None:
        addresses: list[str] = []
        columns: list[FloatArray] = []
        for item in self._parameters:
            values = self.values[item.variation.name][envs]
            values = values if item.variation.each else values[:, None]
            how = item.variation.how
            table = values if how == "set" else values * item.authored if how == "scale" else values + item.authored
            addresses += item.addresses
            columns.append(np.broadcast_to(table, (len(envs), len(item.addresses))))
        for variation in self._spec.variations:
            if variation.target == GRAVITY_TILT:
                addresses += self._gravity_addresses
                columns.append(self._tilted(variation.name, envs))
            elif variation.target == ACTUATOR_DELAY:
                self.delays[envs] = self._checked_delay(variation.name, self.values[variation.name][envs])
            elif variation.target == CAMERA_NOISE:
                self.camera_noise[envs] = self.values[variation.name][envs]
            elif variation.target == LIGHTING:
                self.lighting[envs] = self.values[variation.name][envs]
            elif variation.target == OBSERVATION_NOISE:
                for noise in self.noise.values():
                    noise[envs] = self.values[variation.name][envs]
            elif variation.target.startswith(f"{OBSERVATION_NOISE}."):
                term = variation.target.removeprefix(f"{OBSERVATION_NOISE}.")
                self.noise[term][envs] = self.values[variation.name][envs]
        if addresses:
            self.batch.set_parameters(addresses, np.concatenate(columns, axis=1), envs)

    def _checked_delay(self, name: str, delays: FloatArray) -> FloatArray:
        if (delays > self.max_delay_s).any() or (delays < 0.0).any():
            raise InvalidInputError(
                f"'{name}' was given as {float(np.max(np.abs(delays))):g} s.",
                hint=f"Allowed: from 0 to the longest that can be drawn, {self.max_delay_s:g} s.",
            )
        return delays

    def _tilted(self, name: str, envs: IntArray) -> FloatArray:
        """Gravity turned by the tilt about the horizontal direction at the azimuth [n, 3] (Rodrigues' formula)."""
        tilt, azimuth = self.values[name][envs], self.values[name + AZIMUTH][envs]
        axis = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros_like(azimuth)], axis=1)
        cosine, sine = np.cos(tilt)[:, None], np.sin(tilt)[:, None]
        along = axis[:, 0] * self._gravity[0] + axis[:, 1] * self._gravity[1]
        across = np.stack(
            [
                axis[:, 1] * self._gravity[2],
                -axis[:, 0] * self._gravity[2],
                axis[:, 0] * self._gravity[1] - axis[:, 1] * self._gravity[0],
            ],
            axis=1,
        )
        tilted: FloatArray = self._gravity * cosine + across * sine + axis * (along[:, None] * (1.0 - cosine))
        return tilted
