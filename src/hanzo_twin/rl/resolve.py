"""From what a caller names (a twin, an engine, a task) to the scene, engine and task values they stand for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, Protocol

from hanzo_twin import plugins
from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.randomization import DomainRandomization, RandomizedParameters
from hanzo_twin.definition.yaml_source import load_definition
from hanzo_twin.engines.port import BatchEngine, Engine, EngineConfig, load_engine
from hanzo_twin.engines.state import SimState
from hanzo_twin.errors import (
    HanzoTwinError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
    nearest,
)
from hanzo_twin.rl.randomization import Randomization, from_definition, usual
from hanzo_twin.rl.task import Recipe, Task
from hanzo_twin.rl.task_check import failure
from hanzo_twin.scene.library import SCHEME
from hanzo_twin.scene.load import FORMATS, load_scene
from hanzo_twin.scene.model import Scene
from hanzo_twin.sync.assembly import engine_config, load_definition_scene

DEFAULT_TASK = "free"
_DEFINITION_SUFFIXES = (".yaml", ".yml", ".json")
TwinId = str | os.PathLike[str] | TwinDefinition


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A twin that was found: its scene, how it is run, and where it is now if it runs.

    Args:
        engine: "" where nobody said.
        state: of a twin that runs; episodes start from it.
    """

    name: str
    scene: Scene
    config: EngineConfig
    engine: str = ""
    task: str | None = None
    ranges: DomainRandomization | None = None
    state: SimState | None = None


class Lookup(Protocol):
    """Finds twins by name elsewhere, such as on a server; registered in the entry points ``hanzo_twin.lookups``."""

    def __call__(self, name: str) -> Found:
        """Raises NotFoundError where there is none, UnavailableError where nobody answers."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """All that an environment is made of.

    Args:
        engine_steps: of the engine in each step of the environment.
    """

    scene: Scene
    engine: Engine
    engine_name: str
    config: EngineConfig
    task: Task
    engine_steps: int
    randomization: Randomization | None
    state: SimState | None


def resolve(
    twin_id: TwinId | None,
    *,
    engine: str | None,
    task: str | Task | Recipe | None,
    step_hz: float | None,
    domain_randomization: bool | Randomization | DomainRandomization | Mapping[str, object],
) -> Setup:
    """Everything that these names stand for.

    Raises:
        NotFoundError, UnsupportedError, InvalidInputError: a name stands for nothing, or things do not fit.
        DefinitionError, SceneError: the files of the twin are wrong.
    """
    recipe = _recipe(task)
    found = _of_recipe(recipe, task) if twin_id is None else find_twin(twin_id)
    if recipe is None and not isinstance(task, Task):
        recipe = _load_recipe(found.task or DEFAULT_TASK)
    chosen = task if isinstance(task, Task) else _build(recipe or _load_recipe(DEFAULT_TASK), found.scene)
    if not isinstance(chosen, Task):
        raise InvalidInputError(
            f"The recipe '{found.task if recipe is None else recipe.name}' built {type(chosen).__name__}.",
            hint="Its build takes a Scene and returns a Task.",
        )
    engine_name = (found.engine or default_engine()) if engine is None else engine
    return Setup(
        scene=found.scene,
        engine=load_engine(engine_name),
        engine_name=engine_name,
        config=found.config,
        task=chosen,
        engine_steps=engine_steps(found.config, chosen.step_hz if step_hz is None else step_hz),
        randomization=randomization_of(domain_randomization, found),
        state=found.state,
    )


def find_twin(twin_id: TwinId) -> Found:
    """The twin in a definition or scene file, of a local name (``NAME.yaml``, ``NAME/twin.yaml``), or on a server.

    ``library:NAME`` is a scene of the library.

    Raises:
        NotFoundError: none of these, or no server answers.
    """
    if isinstance(twin_id, TwinDefinition):
        return found_of(twin_id, Path.cwd())
    given: object = twin_id  # what callers without types give, too
    if not isinstance(given, str | os.PathLike) or not str(given):
        raise InvalidInputError(
            f"twin_id is {given!r}.", hint="Allowed: the path of a definition or scene file, or the name of a twin."
        )
    path = Path(os.fspath(twin_id))
    name = str(twin_id)
    if path.suffix.lower() in FORMATS or name.startswith(SCHEME):
        return Found(name=path.stem, scene=load_scene(name), config=EngineConfig())
    candidates = [path] if path.suffix.lower() in _DEFINITION_SUFFIXES else []
    candidates += [Path(f"{name}{suffix}") for suffix in _DEFINITION_SUFFIXES] + [path / "twin.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return found_of(require_physical(load_definition(candidate)), candidate.resolve().parent)
    if path.suffix.lower() in _DEFINITION_SUFFIXES or len(path.parts) > 1:
        raise NotFoundError(f"There is no twin definition '{name}'.", hint="Give the path of a YAML or JSON file.")
    return _look_up(name, candidates)


def _look_up(name: str, candidates: Sequence[Path]) -> Found:
    looked_for = f"There is no file {', '.join(str(candidate) for candidate in candidates)}"
    failed: HanzoTwinError | None = None
    for place in plugins.names(plugins.LOOKUPS):
        lookup: Lookup = plugins.load(plugins.LOOKUPS, place)
        try:
            return lookup(name)
        except (NotFoundError, UnavailableError) as missing:
            failed = missing
    raise NotFoundError(
        f"There is no twin '{name}'.",
        hint=looked_for + (f"; and: {failed.message}" if failed is not None else "."),
    )


def found_of(definition: TwinDefinition, folder: Path, *, state: SimState | None = None) -> Found:
    """The twin of ``definition``, whose relative paths are below ``folder``. Errors as the loading of its scene."""
    return Found(
        name=definition.name,
        scene=load_definition_scene(definition, folder),
        config=engine_config(definition),
        engine=definition.engine.type,
        task=definition.task,
        ranges=definition.domain_randomization,
        state=state,
    )


def _recipe(task: str | Task | Recipe | None) -> Recipe | None:
    if isinstance(task, str):
        return _load_recipe(task)
    if isinstance(task, Recipe):
        return task
    if task is None or isinstance(task, Task):
        return None
    raise InvalidInputError(
        f"task must be a name, a Task or a Recipe, got {type(task).__name__}.",
        hint=f"Names: {', '.join(plugins.names(plugins.TASKS))}.",
    )


def _build(recipe: Recipe, scene: Scene) -> Task:
    try:
        return recipe.build(scene)
    except HanzoTwinError:
        raise
    except Exception as failed:  # code of whoever wrote the task: what it raises is told with its place
        raise failure(recipe.name, "build", failed) from failed


def _load_recipe(name: str) -> Recipe:
    recipe = plugins.load(plugins.TASKS, name)
    if not isinstance(recipe, Recipe):
        raise InvalidInputError(
            f"The entry point '{name}' of {plugins.TASKS} leads to {type(recipe).__name__}.",
            hint="Let it name a hanzo_twin.rl.task.Recipe.",
        )
    return recipe


def _of_recipe(recipe: Recipe | None, task: str | Task | Recipe | None) -> Found:
    if recipe is None:
        given = "a Task has no scene of its own" if isinstance(task, Task) else "neither a twin nor a task is named"
        raise InvalidInputError(
            f"There is nothing to simulate: {given}.",
            hint=f"Give twin_id=…, or a task by name: {', '.join(plugins.names(plugins.TASKS))}.",
        )
    scene = recipe.scene()
    if not isinstance(scene, Scene):
        raise InvalidInputError(
            f"The scene of the recipe '{recipe.name}' is {type(scene).__name__}.",
            hint="Give a function that loads one, such as scene=lambda: load_scene(path).",
        )
    return Found(name=recipe.name, scene=scene, config=recipe.config)


def default_engine() -> str:
    """The first installed engine that has dynamics and contacts and advances many worlds at once.

    Raises:
        UnsupportedError: none is installed.
    """
    for name in plugins.names(plugins.ENGINES):
        capabilities_known = _loaded(name)
        if capabilities_known is not None:
            return name
    raise UnsupportedError("No installed engine advances many worlds at once.", hint="Name one with engine=….")


def _loaded(name: str) -> Engine | None:
    try:
        engine = load_engine(name)
    except UnsupportedError:
        return None
    capable = engine.capabilities()
    return engine if isinstance(engine, BatchEngine) and capable.dynamics and capable.contacts else None


def engine_steps(config: EngineConfig, step_hz: float) -> int:
    """How many steps of the engine make one of the environment.

    Raises:
        InvalidInputError: not a whole number; the hint has rates that fit.
    """
    given: Any = step_hz  # what callers without types give, too
    if isinstance(given, bool) or not isinstance(given, Real) or not 0.0 < step_hz <= config.step_hz + 1e-9:
        raise InvalidInputError(
            f"step_hz is {given!r}.", hint=f"Allowed: more than 0, and at most the engine's {config.step_hz:g} Hz."
        )
    ratio = config.step_hz / step_hz
    count = max(1, round(ratio))
    if abs(ratio - count) > 1e-6 * ratio:
        near = sorted({config.step_hz / max(1, count + shift) for shift in (-1, 0, 1)})
        raise InvalidInputError(
            f"step_hz {step_hz:g} does not divide the engine's {config.step_hz:g} Hz.",
            hint=f"Near ones that do: {', '.join(f'{rate:g}' for rate in near)}. Or run the engine at "
            f"{max(1, round(ratio)) * step_hz:g} Hz: engine.config.step_hz of the definition, config of the Recipe.",
        )
    return count


def randomization_of(
    given: bool | Randomization | DomainRandomization | Mapping[str, object], found: Found
) -> Randomization | None:
    """What ``domain_randomization=`` stands for: True takes the twin's own ranges, or the usual ones.

    Raises:
        InvalidInputError: it is none of the kinds allowed. DefinitionError: ranges given as data are wrong.
    """
    if given is False or given is None:
        return None
    if given is True:
        ranges = found.ranges
        known = ranges is not None and any(value is not None for value in dict(ranges.parameters).values())
        return from_definition(ranges) if ranges is not None and known else usual(found.scene)
    if isinstance(given, Randomization):
        return given
    if isinstance(given, DomainRandomization):
        return from_definition(given)
    if isinstance(given, Mapping):
        return _of_mapping(given, found)
    raise InvalidInputError(
        f"domain_randomization is {type(given).__name__}.",
        hint="Allowed: True, False, a Randomization, or ranges as in a twin definition.",
    )


def _of_mapping(given: Mapping[str, object], found: Found) -> Randomization | None:
    """Ranges by name, or the whole block of a definition with ``enabled`` and ``parameters``."""
    enabled = given.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidInputError(f"domain_randomization.enabled is {enabled!r}.", hint="Allowed: true and false.")
    if not enabled:
        return None
    if set(given) == {"enabled"}:
        return randomization_of(True, found)
    return from_definition(_ranges(given))


def _ranges(given: Mapping[str, object]) -> DomainRandomization:
    from pydantic import ValidationError

    parameters = given.get("parameters", given)
    try:
        return DomainRandomization.model_validate({"enabled": True, "parameters": parameters})
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        unknown = first["type"] == "extra_forbidden"
        message = "unknown field" if unknown else first["msg"]
        known = RandomizedParameters.model_fields if len(first["loc"]) == 2 else ()
        raise InvalidInputError(
            f"domain_randomization.{where}: {message}.",
            hint=nearest(first["loc"][-1], known) if unknown and known else "Such as friction: {min: 0.4, max: 0.9}.",
        ) from wrong
