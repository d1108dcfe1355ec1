"""``sync.sources``: where readings come from, told apart by ``type``.

All of them parse; a type whose module is not installed is refused when the twin starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from hanzo_twin.definition.base import LocalPath, Model, Name, Number, Text, Whole, problem
from hanzo_twin.definition.connection import BrokerUrl, KafkaBrokers, OpcUaUrl, Tls, check_tls_scheme
from hanzo_twin.definition.secret import Secret
from hanzo_twin.definition.target import MappingTarget
from hanzo_twin.definition.topics import Topic, TopicFilter, check_keys


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class MqttConnection(Model):
    """How to reach an MQTT broker."""

    qos: Literal[0, 1, 2] = Field(default=1, description="Quality of service.")
    client_id: Text | None = Field(default=None, description="None derives one from the twin.")
    username: Text | None = Field(default=None, description="User name at the broker.")
    password: Secret | None = Field(
        default=None, description="`${VARIABLE}`, read when the connection is opened; never the password itself."
    )
    tls: Tls | None = Field(
        default=None, description="Files for `mqtts://`; without it the system's authorities are trusted."
    )

    @model_validator(mode="after")
    def _password_needs_a_name(self) -> MqttConnection:
        if self.password is not None and self.username is None:
            raise problem("password needs a username beside it")
        return self


class MqttSource(MqttConnection):
    """Readings from an MQTT broker."""

    type: Literal["mqtt"]
    broker: BrokerUrl = Field(description="`mqtt://host[:1883]`, or `mqtts://host[:8883]` for TLS.")
    topic: Annotated[tuple[TopicFilter, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])] = (
        Field(min_length=1, description="Topic to subscribe to, or a list of them; `+` and `#` are wildcards.")
    )
    mapping: Mapping[str, MappingTarget] = Field(
        min_length=1, description="`topic#field` to address; see [mapping keys](#mapping-keys)."
    )
    payload: Literal["json"] = Field(default="json", description="A JSON number, array or object.")

    @model_validator(mode="after")
    def _check(self) -> MqttSource:
        check_tls_scheme(self.broker, self.tls)
        check_keys(self.topic, self.mapping)
        return self


class FileSource(Model):
    """Readings from a recorded log."""

    type: Literal["file"]
    path: LocalPath = Field(description="CSV file with a header line.")
    mapping: Mapping[str, MappingTarget] = Field(min_length=1, description="Column to address.")
    time_column: Text = Field(default="time", description="Column of the time stamps, in seconds.")
    speed: Number = Field(default=1.0, gt=0, description="Replay this many times faster than recorded (mode replay).")
    loop: bool = Field(default=False, description="Begin again at the end of the file.")

    @model_validator(mode="after")
    def _check(self) -> FileSource:
        if self.time_column in self.mapping:
            raise problem("column '{column}' is the time_column and cannot be mapped too", column=self.time_column)
        return self


class Ros2Source(Model):
    """Readings from ROS 2 topics. It can be written and checked; a twin with it cannot be started yet."""

    type: Literal["ros2"]
    topics: Mapping[str, MappingTarget] = Field(min_length=1, description="ROS topic to address.")
    domain_id: Whole = Field(default=0, ge=0, le=232, description="DDS domain.")

    @model_validator(mode="after")
    def _check(self) -> Ros2Source:
        for topic in self.topics:
            if not topic.startswith("/"):
                raise problem("ROS topic '{topic}' must start with '/'", topic=topic)
        return self


class OpcUaSecurity(Model):
    """Encryption of an OPC UA session."""

    policy: Literal["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] = Field(
        default="Basic256Sha256", description="Security policy."
    )
    mode: Literal["Sign", "SignAndEncrypt"] = Field(default="SignAndEncrypt", description="Security mode.")
    cert_file: LocalPath = Field(description="Certificate of this client.")
    key_file: LocalPath = Field(description="Its key.")
    server_cert_file: LocalPath | None = Field(default=None, description="Certificate that the server must show.")


class OpcUaSource(Model):
    """Readings from an OPC UA server. It can be written and checked; a twin with it cannot be started yet."""

    type: Literal["opcua"]
    endpoint: OpcUaUrl = Field(description="`opc.tcp://host:port[/path]`.")
    mapping: Mapping[str, MappingTarget] = Field(min_length=1, description="Node id to address.")
    publishing_interval_ms: Number = Field(default=100.0, gt=0, description="Interval of the subscription.")
    security: OpcUaSecurity | None = Field(default=None, description="None: not encrypted.")
    username: Text | None = Field(default=None, description="User name at the server.")
    password: Secret | None = Field(default=None, description="`${VARIABLE}`, read when the session is opened.")


class KafkaSource(Model):
    """Readings from a Kafka topic. It can be written and checked; a twin with it cannot be started yet."""

    type: Literal["kafka"]
    brokers: KafkaBrokers | None = Field(
        default=None, description="`host:port[,host:port]`; none takes `stream.brokers` of the settings."
    )
    topic: Topic = Field(description="Topic to read.")
    group_id: Name | None = Field(default=None, description="Consumer group; none derives one from the twin.")
    mapping: Mapping[str, MappingTarget] = Field(min_length=1, description="`#field` to address.")

    @model_validator(mode="after")
    def _check(self) -> KafkaSource:
        check_keys((self.topic,), self.mapping)
        return self


class WebSocketSource(Model):
    """Readings that devices send in. It can be written and checked; a twin with it cannot be started yet."""

    type: Literal["websocket"]
    host: Text = Field(default="127.0.0.1", description="Address to listen on.")
    port: Whole = Field(default=8765, ge=1, le=65535, description="Port to listen on.")
    mapping: Mapping[str, MappingTarget] = Field(
        min_length=1, description="Field of the message, such as `joint_positions.0`, to address."
    )


Source = Annotated[
    MqttSource | FileSource | Ros2Source | OpcUaSource | KafkaSource | WebSocketSource, Field(discriminator="type")
]
