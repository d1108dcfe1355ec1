"""How keys of a mapping name MQTT topics."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from hanzo_twin.definition.target import Target
from hanzo_twin.definition.topics import bind, check_filter, check_keys, check_topic, fixed_part, matches

TARGET = Target(to="/World/a.temperature")


@pytest.mark.parametrize(
    ("subscription", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),  # section 4.7.1.2: '#' includes the parent level
        ("#", "a/b", True),
        ("+/b", "a/b", True),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
    ],
)
def test_matching_follows_the_mqtt_specification(subscription: str, topic: str, expected: bool) -> None:
    assert matches(subscription, topic) is expected


@pytest.mark.parametrize(("subscription", "fixed"), [("a/b/#", "a/b"), ("a/+/c", "a"), ("a/b", "a/b"), ("#", "")])
def test_fixed_part(subscription: str, fixed: str) -> None:
    assert fixed_part(subscription) == fixed


@pytest.mark.parametrize(
    ("subscription", "key", "topic"),
    [
        ("warehouse/east/sensors/#", "sensor/temp_01", "warehouse/east/sensors/sensor/temp_01"),
        ("warehouse/east/sensors/#", "warehouse/east/sensors/sensor/temp_01", "warehouse/east/sensors/sensor/temp_01"),
        ("site/+/temp", "hall_3/temp", "site/hall_3/temp"),
        ("#", "arm/state", "arm/state"),
        ("arm/state", "#position.0", "arm/state"),
        ("arm/#", "state#position.0", "arm/state"),
    ],
)
def test_a_key_names_a_full_topic_or_what_follows_the_fixed_part(subscription: str, key: str, topic: str) -> None:
    assert list(bind([subscription], {key: TARGET})) == [topic]


def test_several_keys_of_one_topic_pick_several_fields() -> None:
    targets = {name: Target(to=f"/World/arm/{name}.position") for name in ("j1", "j2")}

    bound = bind(["arm/#"], {"state#position.0": targets["j1"], "state#position.1": targets["j2"]})

    assert [(each.field, each.target.to) for each in bound["arm/state"]] == [
        (("position", "0"), "/World/arm/j1.position"),
        (("position", "1"), "/World/arm/j2.position"),
    ]


def test_a_field_may_stand_in_the_target() -> None:
    (binding,) = bind(["arm/state"], {"arm/state": Target(to="/World/a.x", field="position.0")})["arm/state"]

    assert binding.field == ("position", "0")


@pytest.mark.parametrize(
    ("subscriptions", "key", "target", "text"),
    [
        (["a/b"], "c", TARGET, "mapping key 'c' can never match: the subscription is 'a/b'"),
        (["a/+/b"], "x/c", TARGET, "can never match"),
        (["a/#", "b"], "+/c", TARGET, "mapping key '+/c' must not contain a wildcard"),
        (["a"], "a#x..y", TARGET, "has an empty step in its field path"),
        (["a"], "a#x", Target(to="/World/a.x", field="y"), "gives a field path, and so does its field"),
    ],
)
def test_keys_that_cannot_work_are_refused(subscriptions: list[str], key: str, target: Target, text: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_keys(subscriptions, {key: target})

    assert text in caught.value.message()


@pytest.mark.parametrize("subscription", ["", "a/#/b", "a#", "a/b+", "a/\0", "x" * 70_000])
def test_malformed_subscriptions_are_refused(subscription: str) -> None:
    with pytest.raises(PydanticCustomError):
        check_filter(subscription)


@pytest.mark.parametrize("topic", ["a/#", "a/+/b", ""])
def test_a_topic_to_publish_to_has_no_wildcard(topic: str) -> None:
    with pytest.raises(PydanticCustomError):
        check_topic(topic)
