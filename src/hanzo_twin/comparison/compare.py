"""One scene under one controller on several engines: how well they agree, where they part, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hanzo_twin import plugins
from hanzo_twin.comparison.causes import find_cause
from hanzo_twin.comparison.differences import Parting, Tolerance, differences, first_parting, moved
from hanzo_twin.comparison.laboratory import Laboratory
from hanzo_twin.comparison.report import Comparison, Divergence, EngineReport, agreements
from hanzo_twin.comparison.run import Controller, Progress, Run, run
from hanzo_twin.engines.port import Engine, EngineConfig, load_engine
from hanzo_twin.errors import HanzoTwinError, InvalidInputError, UnsupportedError, counted
from hanzo_twin.scene.load import check_loaded
from hanzo_twin.scene.model import Scene

DEFAULT_STEP_HZ = 500.0
MAX_VALUES = 100_000_000
"""Numbers that are kept per engine; 800 MB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """What all engines are given."""

    scene: Scene
    config: EngineConfig
    steps: int
    controller: Controller | None
    tolerance: Tolerance
    progress: Progress


def compare_engines(
    scene: Scene,
    engines: Sequence[str],
    *,
    seconds: float,
    step_hz: float | None = None,
    controller: Controller | None = None,
    tolerance: Tolerance | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run ``scene`` from its start on each of ``engines`` and measure them against the first that takes it.

    Example::

        names = plugins.names(plugins.ENGINES)
        found = compare_engines(load_scene("cell.usda"), names, seconds=2.0)
        print(found.engines[names[1]].first_divergence)

    Where an engine differs by more than the tolerance, both run again until then with one thing changed at a time,
    to find the cause.

    Args:
        engines: names, at least two. Those that refuse the scene are reported with the reason.
        seconds: how long; rounded to whole steps.
        step_hz: steps per second of all engines; None takes the scene's own, else 500.
        controller: called before each step with the simulation, such as `read_commands` returns; must depend on the
            simulation alone, for it is called in several runs. None leaves the drives' authored targets.

    Raises:
        UnsupportedError: no engine of that name is installed, or fewer than two take the scene. NotInstalledError: an
            extra is missing. InvalidInputError: fewer than two engines, one twice, a time that is none, or
            no `Scene`.
    """
    check_loaded(scene)
    loaded = _load(engines)
    config = EngineConfig(step_hz=_step_hz(scene, step_hz))
    task = _Task(
        scene=scene,
        config=config,
        steps=_steps(scene, seconds, config),
        controller=controller,
        tolerance=tolerance or Tolerance(),
        progress=progress or _silent,
    )
    runs: dict[str, Run] = {}
    refusals: dict[str, HanzoTwinError] = {}
    for name, engine in loaded.items():
        try:
            runs[name] = _run(task, name, engine)
        except UnsupportedError as refusal:
            refusals[name] = refusal
    if len(runs) < 2:
        told = "; ".join(f"{name}: {refusal.message}" for name, refusal in refusals.items())
        raise UnsupportedError(
            f"Fewer than two of the engines take the scene: {told}",
            hint=f"Installed are: {', '.join(plugins.names(plugins.ENGINES))}. Or change what they refuse.",
        )
    reference = next(iter(runs))
    reports = {
        name: _report(task, loaded, runs, reference, name) if name in runs else _refused(name, engine, refusals[name])
        for name, engine in loaded.items()
    }
    return Comparison(
        scene=scene,
        reference=reference,
        step_s=config.step_seconds,
        seconds=task.steps * config.step_seconds,
        tolerance=task.tolerance,
        engines=reports,
    )


def _load(names: Sequence[str]) -> dict[str, Engine]:
    if isinstance(names, str):
        raise InvalidInputError(f"'{names}' is not a list of engines.", hint=f"Write ['{names}', …].")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise InvalidInputError(f"The engine '{twice[0]}' is named twice.")
    loaded = {name: load_engine(name) for name in names}
    if len(loaded) < 2:
        raise InvalidInputError(
            f"A comparison needs at least two engines, got {len(loaded)}.",
            hint=f"Installed are: {', '.join(plugins.names(plugins.ENGINES))}.",
        )
    return loaded


def _step_hz(scene: Scene, asked: float | None) -> float:
    if asked is None:
        return 1.0 / scene.step_hint if scene.step_hint else DEFAULT_STEP_HZ
    if not 0.0 < asked < 1e6:
        raise InvalidInputError(f"The step rate must be between 0 and a million Hz, got {asked:g} Hz.")
    return asked


def _steps(scene: Scene, seconds: float, config: EngineConfig) -> int:
    if not config.step_seconds <= seconds < float("inf"):
        raise InvalidInputError(f"The time must be at least one step of {config.step_seconds:g} s, got {seconds:g} s.")
    steps = round(seconds * config.step_hz)
    values = 7 * len(scene.bodies) + 3 * len(scene.joints) + 1
    if steps * values > MAX_VALUES:
        raise InvalidInputError(
            f"{steps} steps of {counted(len(scene.bodies), 'body', 'bodies')} and "
            f"{counted(len(scene.joints), 'joint')} are too much to keep.",
            hint=f"Compare at most {MAX_VALUES / values / config.step_hz:.4g} s, or with a longer step.",
        )
    return steps


def _run(task: _Task, name: str, engine: Engine) -> Run:
    done = 0

    def advanced(steps: int) -> None:
        nonlocal done
        done += steps
        task.progress(f"{name} runs", done / task.steps)

    task.progress(f"{name} loads", 0.0)
    return run(engine, task.scene, task.config, task.steps, task.controller, advanced=advanced)


def _refused(name: str, engine: Engine, refusal: HanzoTwinError) -> EngineReport:
    reason = f"{refusal.message} {refusal.hint}".strip()
    version = engine.capabilities().version
    return EngineReport(name=name, version=version, refused=reason, joints={}, positions={}, rotations={})


def _report(task: _Task, loaded: dict[str, Engine], runs: dict[str, Run], reference: str, name: str) -> EngineReport:
    found = differences(runs[reference], runs[name])
    parting = first_parting(task.scene, found, task.tolerance)
    divergence = None
    if parting is not None:
        experiments = Laboratory(
            scene=task.scene,
            config=task.config,
            controller=task.controller,
            reference=loaded[reference],
            other=loaded[name],
            runs=(runs[reference], runs[name]),
            parting=parting,
            progress=task.progress,
        )
        divergence = _divergence(task, experiments, parting)
    joints, positions, rotations = agreements(task.scene, found)
    return EngineReport(
        name=name,
        version=loaded[name].capabilities().version,
        run=runs[name],
        differences=found,
        joints=joints,
        positions=positions,
        rotations=rotations,
        first_divergence=divergence,
        not_compared=() if name == reference else _not_compared(task, loaded, runs, reference, name),
    )


def _not_compared(
    task: _Task, loaded: dict[str, Engine], runs: dict[str, Run], reference: str, name: str
) -> tuple[str, ...]:
    """What agreement says nothing of: forces where an engine has none, motion where nothing moved."""
    found = [
        f"{each} has no dynamics: what gravity, contacts and inertia do was not compared."
        for each in (reference, name)
        if not loaded[each].capabilities().dynamics
    ]
    if not any(moved(run, task.tolerance) for run in (runs[reference], runs[name])):
        found.append(
            "Nothing moved on either by more than the tolerance, so motion was not compared: give a command "
            "(--command), or a scene in which something falls."
        )
    return tuple(found)


def _divergence(task: _Task, experiments: Laboratory, parting: Parting) -> Divergence:
    unit = "rad"
    if parting.measure == "body_position":
        unit = "m"
    if parting.measure == "joint" and task.scene.joints[parting.path].kind == "prismatic":
        unit = "m"
    return Divergence(
        time_s=round(parting.index * task.config.step_seconds, 9),
        path=parting.path,
        measure=parting.measure,
        size=parting.size,
        unit=unit,
        tolerance=getattr(task.tolerance, parting.measure),
        cause=find_cause(experiments),
    )


def _silent(stage: str, fraction: float) -> None:
    """Progress that nobody watches."""
