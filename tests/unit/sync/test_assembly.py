"""From a definition to parts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.clock import ManualClock
from hanzo_twin.definition.models import TwinDefinition, require_physical
from hanzo_twin.definition.yaml_source import parse_definition_object
from hanzo_twin.errors import HanzoTwinError, UnsupportedError
from hanzo_twin.sync import assembly
from hanzo_twin.sync.port import Inbox

PENDULUM = Path(__file__).parents[3] / "examples" / "pendulum" / "pendulum.usda"
HINGE = "/World/pendulum/hinge"
FILE = {"type": "file", "path": "log.csv", "mapping": {"q": f"{HINGE}.position"}}
MQTT = {"type": "mqtt", "broker": "mqtt://broker.example:1883", "topic": "a/#", "mapping": {"b": f"{HINGE}.position"}}


def definition(uri: str = PENDULUM.name, **sync: Any) -> TwinDefinition:
    engine = {"type": "mujoco", "config": {"step_hz": 500, "substeps": 1}}
    content = {"name": "p", "scene": {"uri": uri}, "engine": engine, "sync": sync}
    return require_physical(parse_definition_object(content))


def test_a_scene_is_found_below_the_base_directory_and_inputs_get_their_delay() -> None:
    twin = assembly.load_twin(definition(input_delay_s=0.02), PENDULUM.parent)
    assert twin.get_parameter(f"{HINGE}.actuatorDelay") == 0.02
    assert twin.parameters_in_force() == {f"{HINGE}.actuatorDelay": 0.02}
    assert twin.simulation.config.step_hz == 500
    twin.close()


def test_a_scene_elsewhere_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="has to be fetched before it can be loaded"):
        assembly.load_twin(definition("s3://bucket/scene.usda"), Path())


def test_the_channels_of_sources() -> None:
    file, mqtt = definition(mode="batch", sources=[FILE, MQTT]).sync.sources
    assert {channel: [b.key for b in bound] for channel, bound in assembly.bindings_of(file).items()} == {"": ["q"]}
    assert list(assembly.bindings_of(mqtt)) == ["a/b"]


def test_a_source_that_no_version_reads_yet_is_refused_with_those_that_are_read() -> None:
    source = {"type": "websocket", "mapping": {"q": f"{HINGE}.position"}}
    with pytest.raises(UnsupportedError, match="'websocket' cannot be opened") as refused:
        assembly.bindings_of(definition(mode="realtime", sources=[source]).sync.sources[0])
    assert "mqtt" in refused.value.hint


def test_a_sink_without_a_broker_takes_that_of_the_source() -> None:
    given = definition(mode="realtime", sources=[MQTT], publish=[{"type": "mqtt", "topic": "out"}])
    sink = assembly.open_sink(given.sync.publish[0], given, ManualClock())
    assert sink.status().name == "mqtt://broker.example:1883/out"


@pytest.mark.parametrize(("mode", "speeds", "rate"), [("replay", (3.0,), 3.0), ("batch", (3.0,), 1.0)])
def test_the_rate_of_a_replay(mode: str, speeds: tuple[float, ...], rate: float) -> None:
    sources = [{**FILE, "speed": speed} for speed in speeds]
    assert assembly.replay_rate(definition(mode=mode, sources=sources).sync) == rate


@pytest.mark.parametrize("mode", ["batch", "replay"])
async def test_a_recording_is_opened_at_the_pace_of_the_mode(tmp_path: Path, mode: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,q\n0,1\n1000,2\n")
    given = definition(mode=mode, sources=[{**FILE, "path": str(log)}])
    inbox, clock = Inbox(10), ManualClock()
    source = assembly.open_source(given.sync.sources[0], given, clock, inbox)
    running = asyncio.create_task(source.run())
    await inbox.wait()
    if mode == "batch":
        await running
    assert len(inbox) == (2 if mode == "batch" else 1)
    running.cancel()


def test_errors_of_the_scene_pass_through() -> None:
    with pytest.raises(HanzoTwinError, match=r"absent\.usda"):
        assembly.load_twin(definition("absent.usda"), PENDULUM.parent)
