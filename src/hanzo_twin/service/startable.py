"""Whether a twin can be started: everything that its definition may say but this installation may lack."""

from __future__ import annotations

import asyncio

from hanzo_twin import plugins
from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import ConflictError, UnsupportedError, nearest
from hanzo_twin.service.context import Platform
from hanzo_twin.stores.records import TwinRecord


async def check_startable(platform: Platform, record: TwinRecord) -> TwinDefinition:
    """The definition of a twin that can be started.

    Raises:
        UnsupportedError: it is not a twin that an engine simulates, or its engine, a source or a sink is not there or
            is disabled. ConflictError: as many twins as allowed run on its engine already.
    """
    definition = require_physical(parse_definition_object(dict(record.definition), f"twin '{record.name}'"))
    name = definition.engine.type
    await asyncio.to_thread(load_engine, name)
    _check_links(definition)
    allowed = platform.settings.engine(name)
    if not allowed.enabled:
        raise UnsupportedError(f"The engine '{name}' is disabled here.", hint=f"Set engines.{name}.enabled to true.")
    if record.desired != "running":
        running = await platform.twins.list(organization=None, engine=name, desired="running", limit=1000)
        if len(running.items) >= allowed.max_instances:
            raise ConflictError(
                f"{len(running.items)} twins run on '{name}' already, and no more are allowed.",
                hint=f"Stop one, or raise engines.{name}.max_instances.",
            )
    return definition


def _check_links(definition: TwinDefinition) -> None:
    kinds = ((plugins.SOURCES, "source", definition.sync.sources), (plugins.SINKS, "sink", definition.sync.publish))
    for group, kind, links in kinds:
        for link in links:
            if link.type not in plugins.names(group):
                raise UnsupportedError(
                    f"The {kind} type '{link.type}' of twin '{definition.name}' is not installed.",
                    hint=nearest(link.type, plugins.names(group)),
                )
