"""MQTT topics, and the rule by which the keys of a mapping name them.

A key is ``topic#field``. ``#field`` picks a value from a JSON payload (``arm/state#position.0`` is element 0 of
``position``); left out, the payload is the value. The topic of a key is a full topic or, if it is none, what
follows the fixed part of a subscription, which is the levels before its first wildcard: under
``warehouse/east/sensors/#`` the keys ``sensor/temp_01`` and ``warehouse/east/sensors/sensor/temp_01`` name the same
topic. An empty topic names the subscribed topic itself, where it has no wildcard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from hanzo_twin.definition.base import problem
from hanzo_twin.definition.target import Target

_MAX_BYTES = 65535


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One entry of a mapping, tied to the topic it was found to name.

    Args:
        key: as the definition has it.
        field: path of the value in the payload, keys and indices; empty for the payload itself.
    """

    key: str
    field: tuple[str, ...]
    target: Target


def check_topic(value: str) -> str:
    """A topic to publish to: not empty, no wildcard."""
    _check_text(value)
    if "+" in value or "#" in value:
        raise problem("must not contain the wildcards + and #, got '{got}'", got=value)
    return value


def check_filter(value: str) -> str:
    """A topic to subscribe to; ``+`` stands for one whole level, ``#`` for all levels from the last on."""
    _check_text(value)
    levels = value.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index != len(levels) - 1):
            raise problem("the wildcard # must be the whole last level, such as plant/#; got '{got}'", got=value)
        if "+" in level and level != "+":
            raise problem("the wildcard + must be a whole level, such as plant/+/state; got '{got}'", got=value)
    return value


def _check_text(value: str) -> None:
    if not value:
        raise problem("must not be empty")
    if "\0" in value or len(value.encode()) > _MAX_BYTES:
        raise problem("must have at most 65535 bytes and no NUL character")


Topic = Annotated[str, AfterValidator(check_topic)]
TopicFilter = Annotated[str, AfterValidator(check_filter)]


def matches(subscription: str, topic: str) -> bool:
    """Whether a message on ``topic`` reaches ``subscription`` (MQTT 5, section 4.7)."""
    wanted, given = subscription.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def fixed_part(subscription: str) -> str:
    """The levels before the first wildcard."""
    levels = subscription.split("/")
    first = next((index for index, level in enumerate(levels) if level in ("+", "#")), len(levels))
    return "/".join(levels[:first])


def split_key(key: str) -> tuple[str, tuple[str, ...]]:
    """Topic and field path of a mapping's key."""
    topic, _, field = key.partition("#")
    return topic, tuple(field.split(".")) if field else ()


def topics_of_key(subscriptions: Sequence[str], key: str) -> tuple[str, ...]:
    """The full topics that ``key`` names under ``subscriptions``; empty if no message can ever reach it."""
    topic, _ = split_key(key)
    found = []
    for subscription in subscriptions:
        fixed = fixed_part(subscription)
        after = f"{fixed}/{topic}" if fixed and topic else topic or fixed
        full = next((name for name in (topic, after) if name and matches(subscription, name)), None)
        found += [] if full is None else [full]
    return tuple(dict.fromkeys(found))


def bind(subscriptions: Sequence[str], mapping: Mapping[str, Target]) -> Mapping[str, tuple[Binding, ...]]:
    """What to do with a message, by its full topic."""
    bound: dict[str, tuple[Binding, ...]] = {}
    for key, target in mapping.items():
        field = split_key(key)[1] or (tuple(target.field.split(".")) if target.field else ())
        for topic in topics_of_key(subscriptions, key):
            bound[topic] = (*bound.get(topic, ()), Binding(key=key, field=field, target=target))
    return bound


def check_keys(subscriptions: Sequence[str], mapping: Mapping[str, Target]) -> None:
    """Refuse keys that no message can reach, and fields that are given twice."""
    for key, target in mapping.items():
        topic, field = split_key(key)
        if "+" in topic:
            raise problem("mapping key '{key}' must not contain a wildcard", key=key)
        if "" in field:
            raise problem("mapping key '{key}' has an empty step in its field path", key=key)
        if field and target.field is not None:
            raise problem("mapping key '{key}' gives a field path, and so does its field; give it once", key=key)
        if not topics_of_key(subscriptions, key):
            raise problem(
                "mapping key '{key}' can never match: the subscription is {subscribed}. A key is a full topic, or what "
                "follows the levels before the first wildcard",
                key=key,
                subscribed=", ".join(f"'{each}'" for each in subscriptions),
            )
