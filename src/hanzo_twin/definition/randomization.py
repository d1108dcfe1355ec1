"""``domain_randomization``: ranges that training draws from, for transfer from simulation to reality."""

from __future__ import annotations

from pydantic import Field, model_validator

from hanzo_twin.definition.base import Model, Number, problem


class Range(Model):
    """A closed interval."""

    min: Number = Field(description="Least value.")
    max: Number = Field(description="Greatest value.")

    @model_validator(mode="after")
    def _check(self) -> Range:
        if self.min > self.max:
            raise problem("min must not exceed max, got {got}", got=f"{self.min:g} and {self.max:g}")
        return self


class PositiveRange(Range):
    """A closed interval of values of zero or more."""

    min: Number = Field(ge=0, description="Least value, 0 or more.")


class GravityPerturbation(Model):
    """A tilt of gravity."""

    max_angle_deg: Number = Field(ge=0, le=180, description="Largest angle from the scene's gravity.")


class RandomizedParameters(Model):
    """What is drawn anew for each episode; what is left out stays as the scene has it."""

    friction: PositiveRange | None = Field(default=None, description="Friction coefficient of the materials.")
    mass_scale: PositiveRange | None = Field(default=None, description="Factor on the masses.")
    lighting_intensity: PositiveRange | None = Field(default=None, description="Factor on the lights.")
    camera_noise_stddev: PositiveRange | None = Field(default=None, description="Noise of the images, 0 to 1.")
    actuator_delay_ms: PositiveRange | None = Field(default=None, description="Delay of the commands.")
    gravity_perturbation: GravityPerturbation | None = Field(default=None, description="A tilt of gravity.")


class DomainRandomization(Model):
    """Ranges that training draws from."""

    enabled: bool = Field(default=False, description="Whether training draws from them.")
    parameters: RandomizedParameters = Field(default=RandomizedParameters(), description="The ranges.")
