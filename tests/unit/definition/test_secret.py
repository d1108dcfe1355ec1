"""A definition names secrets and never holds them."""

from __future__ import annotations

import pytest

from hanzo_twin.definition.models import require_physical
from hanzo_twin.definition.secret import Secret
from hanzo_twin.definition.sources import MqttSource
from hanzo_twin.definition.yaml_source import dump_definition, parse_definition
from hanzo_twin.errors import DefinitionError

TEXT = """
name: cell
scene: {uri: s3://b/cell.usda}
engine: {type: anything}
sync:
  sources:
    - type: mqtt
      broker: mqtts://h
      username: twin
      password: PASSWORD
      topic: a/#
      mapping: {b: /World/b.temperature}
"""


def test_the_secret_is_read_where_it_is_used() -> None:
    definition = require_physical(parse_definition(TEXT.replace("PASSWORD", "${BROKER_PASSWORD}"), environ={}))

    (source,) = definition.sync.sources
    assert isinstance(source, MqttSource)
    assert source.password == Secret("BROKER_PASSWORD")
    assert source.password.resolve({"BROKER_PASSWORD": "s3cret"}) == "s3cret"
    assert 'password: "${BROKER_PASSWORD}"' in dump_definition(definition)


def test_a_definition_read_where_the_secret_is_known_does_not_hold_it() -> None:
    definition = parse_definition(TEXT.replace("PASSWORD", "${BROKER_PASSWORD}"), environ={"BROKER_PASSWORD": "s3cret"})

    assert "s3cret" not in repr(definition) + dump_definition(definition)


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(DefinitionError) as caught:
        Secret("BROKER_PASSWORD").resolve({})

    assert "The environment variable BROKER_PASSWORD, which a definition names as a secret, is not set." in str(
        caught.value
    )


def test_a_literal_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_definition(TEXT.replace("PASSWORD", "hunter2"), "t.yaml")

    assert caught.value.problems == (
        "t.yaml:10: sync.sources[0].password: must name an environment variable, such as ${MQTT_PASSWORD}; the secret "
        "itself may not stand in a definition, which is stored and shown",
    )
    assert "hunter2" not in str(caught.value)


def test_the_platforms_own_settings_cannot_be_sent_to_a_broker() -> None:
    with pytest.raises(DefinitionError, match="may not name HANZO_TWIN_DATABASE_URL"):
        parse_definition(TEXT.replace("PASSWORD", "${HANZO_TWIN_DATABASE_URL}"))


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(DefinitionError, match="must not contain a user name or password") as caught:
        parse_definition(TEXT.replace("mqtts://h", "mqtts://u:hunter2@h").replace("PASSWORD", "${P}"))

    assert "hunter2" not in str(caught.value)
