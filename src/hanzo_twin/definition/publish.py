"""``sync.publish``: where predictions go, told apart by ``type``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hanzo_twin.definition.base import LocalPath, Model
from hanzo_twin.definition.connection import BrokerUrl, KafkaBrokers, check_tls_scheme
from hanzo_twin.definition.sources import MqttConnection
from hanzo_twin.definition.topics import Topic


class MqttPublish(MqttConnection):
    """Predictions to an MQTT topic."""

    type: Literal["mqtt"]
    topic: Topic = Field(description="Topic to publish to.")
    broker: BrokerUrl | None = Field(
        default=None, description="None takes the broker, user and TLS files of the first source of type mqtt."
    )
    retain: bool = Field(default=False, description="Keep the last prediction at the broker.")

    @model_validator(mode="after")
    def _check(self) -> MqttPublish:
        if self.broker is not None:
            check_tls_scheme(self.broker, self.tls)
        return self


class KafkaPublish(Model):
    """Predictions to a Kafka topic. It can be written and checked; a twin with it cannot be started yet."""

    type: Literal["kafka"]
    topic: Topic = Field(description="Topic to publish to.")
    brokers: KafkaBrokers | None = Field(
        default=None, description="`host:port[,host:port]`; none takes `stream.brokers` of the settings."
    )


class FilePublish(Model):
    """Predictions to a file, one JSON object a line."""

    type: Literal["file"]
    path: LocalPath = Field(description="File to append to.")


Publish = Annotated[MqttPublish | KafkaPublish | FilePublish, Field(discriminator="type")]
