"""From a definition to the parts of a live twin: scene, engine, mapping, sources and sinks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hanzo_twin import plugins
from hanzo_twin.clock import Clock
from hanzo_twin.definition import sources as source_models
from hanzo_twin.definition.models import TwinDefinition
from hanzo_twin.definition.publish import MqttPublish, Publish
from hanzo_twin.definition.sync import Sync
from hanzo_twin.definition.topics import Binding, bind
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError, nearest
from hanzo_twin.scene import library
from hanzo_twin.scene.load import Reference, load_scene
from hanzo_twin.sync.port import Inbox, LinkLimits, Sink, Source
from hanzo_twin.twin.twin import Twin

if TYPE_CHECKING:
    from hanzo_twin.scene.model import Scene


def engine_config(definition: TwinDefinition) -> EngineConfig:
    """How the definition wants its scene to be run."""
    options = definition.engine.config
    return EngineConfig(
        step_hz=options.step_hz,
        substeps=options.substeps,
        gravity=options.gravity,
        solver_iterations=options.solver_iterations,
        gpu_id="auto" if options.gpu_id == "auto" else int(options.gpu_id),
    )


def load_definition_scene(definition: TwinDefinition, base_directory: Path) -> Scene:
    """The scene of a definition; relative paths are below ``base_directory``.

    Raises:
        SceneError: it cannot be loaded. UnsupportedError: it is at a place that cannot be read from here.
    """
    scene = definition.scene
    references = tuple(
        Reference(
            ref=_local(item.ref, base_directory),
            path=item.path,
            translate=item.translate,
            orient=item.orient,
            floating_base=item.floating_base,
        )
        for item in scene.composition
    )
    return load_scene(
        _local(scene.uri, base_directory),
        composition=references,
        floating_base=scene.floating_base,
        default_drives=scene.default_drives,
    )


def load_twin(definition: TwinDefinition, base_directory: Path) -> Twin:
    """The twin of a definition, at the scene's initial state. Errors as the scene's and the engine's loading."""
    scene = load_definition_scene(definition, base_directory)
    twin = Twin.load(scene, engine=definition.engine.type, config=engine_config(definition))
    twin.inputs.delays[:] = definition.sync.input_delay_s
    return twin


def bindings_of(source: source_models.Source) -> Mapping[str, tuple[Binding, ...]]:
    """What a source's mapping says, by channel.

    Raises:
        UnsupportedError: nothing reads sources of this type yet.
    """
    if isinstance(source, source_models.MqttSource | source_models.KafkaSource):
        topics = source.topic if isinstance(source.topic, tuple) else (source.topic,)
        return bind(topics, source.mapping)
    if isinstance(source, source_models.FileSource):
        columns = tuple(
            Binding(key=column, field=(column,), target=target) for column, target in source.mapping.items()
        )
        return {"": columns}
    raise UnsupportedError(
        f"Sources of type '{source.type}' cannot be opened by this version.",
        hint=nearest(source.type, plugins.names(plugins.SOURCES)),
    )


def open_source(config: source_models.Source, definition: TwinDefinition, clock: Clock, inbox: Inbox) -> Source:
    """The source of a definition, not yet running. Errors as `plugins.load`."""
    factory = plugins.load(plugins.SOURCES, config.type)
    identity = str(definition.id)
    source: Source = factory(config, identity=identity, clock=clock, inbox=inbox, limits=limits_of(definition.sync))
    return source


def open_sink(config: Publish, definition: TwinDefinition, clock: Clock) -> Sink:
    """The sink of a definition, not yet running. Errors as `plugins.load`."""
    sync = definition.sync
    if isinstance(config, MqttPublish) and config.broker is None:
        first = next(source for source in sync.sources if isinstance(source, source_models.MqttSource))
        inherited = {name: getattr(first, name) for name in ("broker", "username", "password", "tls")}
        config = config.model_copy(update=inherited)
    sink: Sink = plugins.load(plugins.SINKS, config.type)(
        config, identity=str(definition.id), clock=clock, limits=limits_of(sync)
    )
    return sink


def replay_rate(sync: Sync) -> float:
    """Device seconds that pass in a second of ours: the speed at which recordings are replayed, else 1.

    Raises:
        UnsupportedError: recordings of one twin are to be replayed at different speeds.
    """
    speeds = {item.speed for item in sync.sources if isinstance(item, source_models.FileSource)}
    if sync.mode != "replay" or not speeds:
        return 1.0
    if len(speeds) > 1:
        raise UnsupportedError(
            f"The recordings of one twin are to be replayed at different speeds: {sorted(speeds)}.",
            hint="Give all sources of type file the same 'speed'.",
        )
    return speeds.pop()


def limits_of(sync: Sync) -> LinkLimits:
    """What a definition lets its sources take."""
    return LinkLimits(
        buffer_size=sync.buffer_size,
        reconnect_backoff_ms=sync.reconnect_backoff_ms,
        paced=sync.mode != "batch",
    )


def _local(uri: str, base_directory: Path) -> str:
    if uri.startswith("s3://"):
        raise UnsupportedError(
            f"The scene {uri} has to be fetched before it can be loaded.",
            hint="Upload it with 'hanzo-twin scene upload', or name a local file.",
        )
    if uri.startswith(library.SCHEME):
        return uri
    path = Path(uri.removeprefix("file://").removeprefix("file:"))
    return str(path if path.is_absolute() else base_directory / path)
