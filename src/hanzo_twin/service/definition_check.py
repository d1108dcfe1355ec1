"""Whether a definition fits its scene: the scene loads, the engine takes it, and every address in it names something.

All of this would stop the twin when it starts; told when it is created, it is told to the one who wrote it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from hanzo_twin.definition.document import Location, Trouble, problem_lines, problem_message
from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.sources import Ros2Source
from hanzo_twin.definition.yaml_source import definition_object, parse_definition_object
from hanzo_twin.engines.port import Engine, load_engine
from hanzo_twin.errors import (
    AddressError,
    DefinitionError,
    HanzoTwinError,
    InvalidInputError,
    NotFoundError,
    SceneError,
    UnsupportedError,
)
from hanzo_twin.scene.addresses import describe
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import Scene
from hanzo_twin.service import isolation
from hanzo_twin.service.context import Platform
from hanzo_twin.service.scene_check import refusals
from hanzo_twin.sync.assembly import engine_config, load_definition_scene
from hanzo_twin.sync.signals import SignalTable
from hanzo_twin.twin.twin import Twin

CHILD = ("-m", "hanzo_twin.service.definition_check")
"""How the interpreter starts the checking process."""

TIMEOUT_S = 60.0
_SCENE: Location = ("scene", "uri")
_LATER = "If the scene comes later, say so: 'hanzo-twin create --scene-later', or '?scene_later=true' of the API."


async def check_definition(platform: Platform, definition: TwinDefinition, source: str) -> None:
    """Load the scene of ``definition`` where it lies, and look up in it all that the definition names.

    Args:
        source: stands for the definition's file in messages.

    Raises:
        DefinitionError: something does not fit; ``problems`` lists all of it, each with its field.
        StoreUnavailableError: the scene is stored, and the store does not answer.
    """
    data = definition_object(definition)
    folders: dict[str, str] = {}
    troubles: list[Trouble] = []
    for location, part, field in _places(data):
        uri = part[field]
        if not uri.startswith("s3://"):
            continue
        try:
            part[field] = str(await platform.scene_files.local(uri))
        except (NotFoundError, InvalidInputError) as error:
            troubles.append(_trouble(location, error))
            continue
        folders[str(Path(part[field]).parent)] = uri.rpartition("/")[0]
    if not troubles:
        uri = definition.scene.uri
        found = await asyncio.to_thread(isolation.ask, CHILD, data, source=uri, timeout_s=TIMEOUT_S)
        troubles = [_of_scene(found)] if isinstance(found, Diagnosis) else [_named(each, folders) for each in found]
    if troubles:
        problems = problem_lines(troubles, source)
        hint = _LATER if any(each.location[:1] == ("scene",) for each in troubles) else ""
        raise DefinitionError(problem_message("The definition has", problems), hint=hint, problems=problems)


def scene_troubles(definition: TwinDefinition) -> list[Trouble]:
    """What `check_definition` tells, found in this process, where all files that the definition names lie."""
    try:
        scene = load_definition_scene(definition, Path("/"))
    except SceneError as error:
        stops = [each for each in error.diagnoses if each.severity == "error"]
        return [_of_scene(each) for each in stops] or [_trouble(_SCENE, error)]
    engine, config = _installed(definition.engine.type), engine_config(definition)
    refused = refusals(scene, engine, config) if engine else ()
    troubles = [_told(("engine", "type"), each.message, each.remedy) for each in refused]
    twin = Twin.load(scene, engine=definition.engine.type, config=config) if engine and not refused else None
    for location, look_up in _addresses(definition, scene, twin):
        try:
            look_up()
        except HanzoTwinError as error:
            troubles.append(_trouble(location, error))
    return troubles


def _places(data: dict[str, Any]) -> Iterator[tuple[Location, dict[str, Any], str]]:
    """Where ``data`` names scene files: location, what holds the name, and its key there."""
    scene = data["scene"]
    yield _SCENE, scene, "uri"
    for index, each in enumerate(scene.get("composition", ())):
        yield ("scene", "composition", index, "ref"), each, "ref"


def _installed(name: str) -> Engine | None:
    """The engine; None where it is not installed, which is told when the twin starts."""
    try:
        return load_engine(name)
    except UnsupportedError:
        return None


def _addresses(
    definition: TwinDefinition, scene: Scene, twin: Twin | None
) -> Iterator[tuple[Location, Callable[[], object]]]:
    """Every address in ``definition``, and what raises if the scene has nothing there that can play its part."""
    sync, table = definition.sync, SignalTable(scene)
    for index, source in enumerate(sync.sources):
        field, mapping = ("topics", source.topics) if isinstance(source, Ros2Source) else ("mapping", source.mapping)
        for key, target in mapping.items():
            yield ("sync", "sources", index, field, key), partial(table.resolve, target)
    for index, address in enumerate(sync.recalibration.parameters or ()):
        known = twin.get_parameter if twin else partial(_parameter, scene)
        yield ("sync", "recalibration", "parameters", index), partial(known, address)
    for name in sync.drift_detection.threshold:
        if name.startswith("/"):
            yield ("sync", "drift_detection", "threshold", name), partial(describe, scene, name)


def _parameter(scene: Scene, address: str) -> None:
    if describe(scene, address).kind != "parameter":
        raise AddressError(f"'{address}' is not a parameter, so it cannot be fitted.")


def _of_scene(diagnosis: Diagnosis) -> Trouble:
    return _told(_SCENE, f"the scene cannot be loaded: {diagnosis.path}: {diagnosis.message}", diagnosis.remedy)


def _trouble(location: Location, error: HanzoTwinError) -> Trouble:
    return _told(location, error.message, error.hint)


def _told(location: Location, message: str, hint: str) -> Trouble:
    return Trouble(line=None, location=location, text=f"{message} {hint}".strip())


def _named(fields: dict[str, Any], folders: dict[str, str]) -> Trouble:
    """A trouble as it was sent; instead of a folder of this server it names the stored scene that lies there."""
    text = str(fields["text"])
    for folder, uri in folders.items():
        text = text.replace(folder, uri)
    return Trouble(line=None, location=tuple(fields["location"]), text=text)


def _respond(definition: dict[str, Any]) -> list[dict[str, Any]]:
    troubles = scene_troubles(require_physical(parse_definition_object(definition)))
    return [{"location": list(each.location), "text": each.text} for each in troubles]


if __name__ == "__main__":
    isolation.answer(_respond)
