"""Experiments: the same scene on two engines with one thing changed, to see whether their difference goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from hanzo_twin.comparison.differences import Parting, differences
from hanzo_twin.comparison.run import Advanced, Controller, Progress, Run, run
from hanzo_twin.engines.port import Engine, EngineConfig, Simulation
from hanzo_twin.errors import HanzoTwinError
from hanzo_twin.scene.model import Body, Joint, Scene

INFINITE = float("inf")
T = TypeVar("T")
Change = Callable[[Scene], Scene]


@dataclass(frozen=True, kw_only=True, eq=False)
class Laboratory:
    """Runs two engines again, until the sample at which they parted.

    Args:
        runs: of the reference and of the other engine, as first compared.
        progress: told which experiment is made and which fraction of it is done.
    """

    scene: Scene
    config: EngineConfig
    controller: Controller | None
    reference: Engine
    other: Engine
    runs: tuple[Run, Run]
    parting: Parting
    progress: Progress

    def without(self, change: Change, what: str) -> float | None:
        """The difference that is left where both run ``change`` of the scene; None where one of them does not."""
        again = self._again(what, change(self.scene), self.config, self.parting.index)
        return None if again is None else self.difference(*again)

    def refined(self, factor: int) -> float | None:
        """The difference that is left with a step that is shorter by ``factor``."""
        config = replace(self.config, step_hz=factor * self.config.step_hz)
        again = self._again(f"1/{factor} of the step", self.scene, config, factor * self.parting.index)
        return None if again is None else self.difference(*again)

    def changed_by(self, change: Change, what: str) -> tuple[float, float] | None:
        """From when on ``change`` alters what parts, in the reference and in the other; infinite for never."""
        again = self._again(what, change(self.scene), self.config, self.parting.index)
        if again is None:
            return None
        first, second = (self._first_change(one, two) for one, two in zip(self.runs, again, strict=True))
        return first, second

    def nudged(self, size: float) -> float | None:
        """How far the reference parts from itself, where what moves starts ``size`` rad or m off."""

        def nudge(simulation: Simulation) -> None:
            _nudge(simulation, size)

        steps = self.parting.index
        try:
            moved = run(
                self.reference,
                self.scene,
                self.config,
                steps,
                self.controller,
                prepare=nudge,
                advanced=self._watch("another start", steps),
            )
        except HanzoTwinError:
            return None
        return self.difference(self.runs[0], moved)

    def difference(self, one: Run, other: Run) -> float:
        """The largest difference of what parted, until then."""
        measured = differences(one, other).of(self.parting.measure)
        return float(measured[:, self.parting.column].max())

    def _again(self, what: str, scene: Scene, config: EngineConfig, steps: int) -> tuple[Run, Run] | None:
        """Both engines on ``scene``; None where one of them refuses it or stops early."""
        advanced = self._watch(what, 2 * steps)
        try:
            again = [
                run(engine, scene, config, steps, self.controller, advanced=advanced)
                for engine in (self.reference, self.other)
            ]
        except HanzoTwinError:
            return None
        return None if again[0].failure or again[1].failure else (again[0], again[1])

    def _watch(self, what: str, steps: int) -> Advanced:
        stage = f"{self.other.capabilities().name}, looking for the cause: {what}"
        done = 0

        def advanced(taken: int) -> None:
            nonlocal done
            done += taken
            self.progress(stage, done / steps)

        self.progress(stage, 0.0)
        return advanced

    def _first_change(self, one: Run, other: Run) -> float:
        measured = differences(one, other)
        values = measured.of(self.parting.measure)[:, self.parting.column]
        changed = values > 1e-2 * self.parting.size
        return float(measured.times[int(np.argmax(changed))]) if changed.any() else INFINITE


def _nudge(simulation: Simulation, size: float) -> None:
    scene = simulation.scene
    for path, articulation in scene.articulations.items():
        if articulation.joints:
            seen = simulation.get_observation(path)
            simulation.set_joint_state(path, seen["positions"] + size, seen["velocities"])
    held = {joint.child for joint in scene.joints.values() if not joint.closes_loop}
    for path, body in scene.bodies.items():
        if path not in held and not body.kinematic:
            seen = simulation.get_observation(path)
            simulation.set_body_state(
                path,
                seen["position"] + np.array([size, size, 0.0]),
                seen["orientation"],
                seen["linear_velocity"],
                seen["angular_velocity"],
            )


def nothing_collides(scene: Scene) -> Scene:
    """The scene with shapes that are only seen."""

    def freed(body: Body) -> Body:
        return replace(body, shapes=tuple(replace(shape, collides=False) for shape in body.shapes))

    static = {path: replace(shape, collides=False) for path, shape in scene.static_shapes.items()}
    return replace(scene, bodies=_each(scene.bodies, freed), static_shapes=static)


def no_limits(scene: Scene) -> Scene:
    """The scene with joints that move without end."""
    return replace(scene, joints=_each(scene.joints, lambda one: replace(one, lower=-INFINITE, upper=INFINITE)))


def unlimited_efforts(scene: Scene) -> Scene:
    """The scene with drives and actuators of any strength."""

    def freed(joint: Joint) -> Joint:
        drive = replace(joint.drive, max_effort=INFINITE) if joint.drive else None
        return replace(joint, max_effort=INFINITE, drive=drive)

    return replace(scene, joints=_each(scene.joints, freed))


def no_joint_friction(scene: Scene) -> Scene:
    """The scene with joints that no dry friction holds."""
    return replace(scene, joints=_each(scene.joints, lambda one: replace(one, friction=0.0)))


def one_friction(scene: Scene) -> Scene:
    """All materials with the mean of their frictions, so that no rule for combining them matters."""
    mean = float(np.mean([material.dynamic_friction for material in scene.materials.values()]))
    return replace(
        scene,
        materials=_each(scene.materials, lambda one: replace(one, dynamic_friction=mean, static_friction=mean)),
    )


def _each(items: Mapping[str, T], change: Callable[[T], T]) -> dict[str, T]:
    return {path: change(item) for path, item in items.items()}
