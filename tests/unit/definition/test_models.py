"""The schema of HIP-0082, its defaults, and what hangs together across fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hanzo_twin.definition.infrastructure import StressCpu, duration_seconds
from hanzo_twin.definition.models import InfrastructureTwinDefinition, TwinDefinition, require_physical
from hanzo_twin.definition.sources import MqttSource, Ros2Source
from hanzo_twin.definition.yaml_source import load_definition, parse_definition_object
from hanzo_twin.errors import DefinitionError, UnsupportedError

EXAMPLES = Path(__file__).parents[3] / "examples" / "warehouse"

MINIMAL: dict[str, Any] = {"name": "cell-7", "scene": {"uri": "s3://b/cell.usda"}, "engine": {"type": "anything"}}
MQTT: dict[str, Any] = {"type": "mqtt", "broker": "mqtt://h", "topic": "a/#", "mapping": {"b": "/World/b.temperature"}}


def minimal(**fields: Any) -> TwinDefinition:
    return require_physical(parse_definition_object({**MINIMAL, **fields}))


def problems_of(**fields: Any) -> tuple[str, ...]:
    with pytest.raises(DefinitionError) as caught:
        minimal(**fields)
    return tuple(problem.removeprefix("definition: ") for problem in caught.value.problems)


def test_the_example_of_hip_0082_is_read_as_it_stands() -> None:
    twin = require_physical(load_definition(EXAMPLES / "twin.yaml"))

    assert (twin.name, twin.organization, twin.type) == ("warehouse-east", "acme", "physical")
    assert twin.scene.version == 3
    assert [part.path for part in twin.scene.composition] == ["/World/Robot_01", "/World/Conveyor_01"]
    assert twin.engine.config.gravity == (0.0, 0.0, -9.81)
    mqtt, ros2 = twin.sync.sources
    assert isinstance(mqtt, MqttSource)
    assert mqtt.topic == ("warehouse/east/sensors/#",)
    assert mqtt.mapping["sensor/cam_01"].to == "/World/Camera_01.rgb"
    assert isinstance(ros2, Ros2Source)
    assert ros2.topics["/robot/ee_pose"].to == "/World/Robot_01/end_effector.xformOp:translate"
    assert [sink.type for sink in twin.sync.publish] == ["mqtt", "kafka"]
    friction = twin.domain_randomization.parameters.friction
    assert friction is not None
    assert (friction.min, friction.max) == (0.3, 0.9)
    # A date is text, as in JSON: metadata must survive the way through the API unchanged.
    assert twin.metadata == {"site": "east", "commissioned": "2026-02-23"}


def test_the_infrastructure_example_is_read_and_cannot_be_started() -> None:
    twin = load_definition(EXAMPLES / "cloud.yaml")

    assert isinstance(twin, InfrastructureTwinDefinition)
    stress = twin.failure_injection.scenarios[2]
    assert isinstance(stress, StressCpu)
    assert (stress.load_percent, duration_seconds(stress.duration)) == (95, 300)
    assert twin.assertions[2] == "no data loss during network partition"
    with pytest.raises(UnsupportedError, match="'hanzo-cloud-twin' is an infrastructure twin"):
        require_physical(twin)


def test_defaults_are_those_of_hip_0082() -> None:
    twin = minimal()

    config, sync = twin.engine.config, twin.sync
    assert (config.step_hz, config.substeps, config.solver_iterations, config.gpu_id) == (240, 4, 50, "auto")
    assert config.gravity is None
    assert (sync.mode, sync.rate_hz, sync.latency_budget_ms, sync.buffer_size) == ("standalone", 30, 50, 100)
    assert sync.reconnect_backoff_ms == (100, 500, 2000, 10000)
    assert sync.drift_detection.window_seconds == 10
    assert sync.drift_detection.response == "auto_recalibrate"
    assert sync.assimilation == "overwrite"
    assert sync.prediction.horizon_s == (0.0,)
    assert twin.domain_randomization.enabled is False
    assert twin.organization == "default"
    assert minimal().id != twin.id


def test_a_definition_is_a_frozen_value() -> None:
    twin = minimal()

    with pytest.raises(ValidationError, match="frozen"):
        twin.name = "other"
    assert twin == parse_definition_object({**MINIMAL, "id": str(twin.id)})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "a b"}, "name: must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit"),
        ({"name": "0af9bc7e-3b0e-4a8e-9a3c-3f3c8b0d2b55"}, "name: must not have the form of a UUID"),
        ({"sync": {"mode": "realtime"}}, "sync: mode realtime needs at least one entry in sources"),
        (
            {"sync": {"publish": [{"type": "kafka", "topic": "t"}, {"type": "mqtt", "topic": "t"}]}},
            "sync: publish[1] names no broker, and there is no source of type mqtt to take it from",
        ),
        (
            {"sync": {"sources": [{**MQTT, "tls": {"ca_file": "ca.pem"}}]}},
            "sync.sources[0]: tls needs an encrypted connection: write the broker as mqtts://…, got 'mqtt://h'",
        ),
        (
            {"sync": {"sources": [{**MQTT, "broker": "mqtts://h", "tls": {"cert_file": "c.pem"}}]}},
            "sync.sources[0].tls: cert_file and key_file belong together; give both or none",
        ),
        (
            {"sync": {"sources": [{**MQTT, "broker": "http://h"}]}},
            "sync.sources[0].broker: must be a URL such as mqtt://127.0.0.1:1883 (mqtt:// or mqtts://), got 'http://h'",
        ),
        (
            {"sync": {"sources": [{**MQTT, "broker": "mqtt://h:99999"}]}},
            "sync.sources[0].broker: must be a URL such as mqtt://127.0.0.1:1883",
        ),
        ({"sync": {"sources": [{**MQTT, "qos": 3}]}}, "sync.sources[0].qos: must be one of the allowed values, got 3."),
        ({"sync": {"assimilation": 1.5}}, "sync.assimilation: must be overwrite, none, or a gain greater than 0"),
        ({"sync": {"recalibration": {"parameters": ["/World/a"]}}}, "must be an address: a prim path, a dot and an"),
        (
            {"sync": {"recalibration": {"parameters": ["/World/a.mass", "/World/a.mass"]}}},
            "sync.recalibration: parameters names '/World/a.mass' twice",
        ),
        (
            {"sync": {"sources": [{"type": "file", "path": "l.csv", "mapping": {"time": "/World/a.x"}}]}},
            "sync.sources[0]: column 'time' is the time_column and cannot be mapped too",
        ),
        (
            {"domain_randomization": {"parameters": {"mass_scale": {"min": 2, "max": 1}}}},
            "domain_randomization.parameters.mass_scale: min must not exceed max, got 2 and 1",
        ),
        (
            {"domain_randomization": {"parameters": {"friction": {"min": -0.1, "max": 1}}}},
            "domain_randomization.parameters.friction.min: must be at least 0, got -0.1",
        ),
        (
            {"scene": {"uri": "gs://b/x"}},
            "scene.uri: must be a local path, a file: URI, an s3:// URI or library:NAME, got the scheme",
        ),
        (
            {"scene": {"uri": "x", "composition": [{"ref": "y", "path": "/W", "orient": [0, 0, 0, 0]}]}},
            "scene.composition[0].orient: must not be zero; no turn is [1, 0, 0, 0]",
        ),
        (
            {"scene": {"uri": "x", "composition": [{"ref": "y", "path": "World"}]}},
            "scene.composition[0].path: must be a prim path such as /World/Robot_01, got 'World'",
        ),
        ({"created_at": "2026-01-01T00:00:00"}, "created_at: must be a date and time with a time zone"),
        ({"metadata": {"a": [1, float("nan")]}}, "metadata.a[1]: must be a finite number, got nan"),
        (
            {"engine": {"type": "x", "config": {"step_hz": float("inf")}}},
            "engine.config.step_hz: must be a finite number",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], problem: str) -> None:
    found = problems_of(**fields)

    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize("mode", ["realtime", "batch", "replay"])
def test_modes_other_than_standalone_need_sources(mode: str) -> None:
    assert minimal(sync={"mode": mode, "sources": [MQTT]}).sync.mode == mode


def test_mqtt_publish_takes_the_broker_of_the_source() -> None:
    sync = minimal(sync={"sources": [MQTT], "publish": [{"type": "mqtt", "topic": "p"}]}).sync

    assert sync.publish[0].type == "mqtt"


def test_every_kind_of_source_and_sink_is_parsed() -> None:
    mapping = {"#joints.0": "/World/arm/joint_1.position"}
    sync = minimal(
        sync={
            "sources": [
                MQTT,
                {"type": "file", "path": "log.csv", "mapping": {"q": "/World/arm/joint_1.position"}},
                {"type": "ros2", "topics": {"/joint_states": "/World/arm/joints"}},
                {
                    "type": "opcua",
                    "endpoint": "opc.tcp://plc:4840",
                    "mapping": {"ns=2;s=T": "/World/T.temperature"},
                    "security": {"cert_file": "c.der", "key_file": "k.pem"},
                },
                {"type": "kafka", "brokers": "k1:9092,k2:9092", "topic": "t", "mapping": mapping},
                {"type": "websocket", "mapping": {"joint_positions.0": "/World/arm/joint_1.position"}},
            ],
            "publish": [MQTT | {"topic": "p"}, {"type": "kafka", "topic": "t"}, {"type": "file", "path": "out.jsonl"}],
        }
        | {"publish": [{"type": "mqtt", "topic": "p"}, {"type": "kafka", "topic": "t"}, {"type": "file", "path": "o"}]}
    ).sync

    assert [source.type for source in sync.sources] == ["mqtt", "file", "ros2", "opcua", "kafka", "websocket"]
    assert [sink.type for sink in sync.publish] == ["mqtt", "kafka", "file"]


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("1.5h", 5400), ("250ms", 0.25)])
def test_durations(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


def test_a_component_has_a_pose_and_a_base() -> None:
    part = {"ref": "library:arm", "path": "/World/arm", "translate": [1, 2, 0.5], "floating_base": False}
    scene = {"uri": "library:room", "composition": [part], "floating_base": True, "default_drives": True}
    twin = require_physical(parse_definition_object({**MINIMAL, "scene": scene}))
    [placed] = twin.scene.composition
    assert (placed.ref, placed.translate, placed.orient) == ("library:arm", (1.0, 2.0, 0.5), (1.0, 0.0, 0.0, 0.0))
    assert (placed.floating_base, twin.scene.floating_base, twin.scene.default_drives) == (False, True, True)
