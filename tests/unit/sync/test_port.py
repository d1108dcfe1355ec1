from __future__ import annotations

import asyncio

from hanzo_twin.sync.port import Inbox, LinkLimits, Message


def message(number: int, *, token: object = None) -> Message:
    return Message(channel=str(number), payload=b"", received=0.0, token=token)


def channels(messages: list[Message]) -> list[str]:
    return [each.channel for each in messages]


def test_offer_drops_the_oldest_that_nobody_waits_to_have_acknowledged() -> None:
    inbox = Inbox(3)
    for number, token in ((0, "owed"), (1, None), (2, None)):
        inbox.offer(message(number, token=token))
    inbox.offer(message(3))
    inbox.offer(message(4))
    assert inbox.dropped == 2
    assert channels(inbox.take()) == ["0", "3", "4"]


def test_offer_drops_the_new_message_where_all_others_must_be_acknowledged() -> None:
    inbox = Inbox(2)
    assert inbox.try_put(message(0, token="owed"))
    assert inbox.try_put(message(1, token="owed"))
    assert not inbox.try_put(message(2, token="owed"))
    inbox.offer(message(3))
    assert inbox.dropped == 1
    assert channels(inbox.take()) == ["0", "1"]


async def test_put_waits_for_room_and_wait_for_messages() -> None:
    inbox = Inbox(1)
    await inbox.put(message(0))
    putting = asyncio.create_task(inbox.put(message(1)))
    await asyncio.sleep(0)
    assert not putting.done()
    assert channels(inbox.take()) == ["0"]
    await putting
    await inbox.wait()
    assert channels(inbox.take()) == ["1"]


def test_the_last_backoff_is_repeated() -> None:
    limits = LinkLimits(reconnect_backoff_ms=(100, 500))
    assert [limits.backoff_seconds(attempt) for attempt in range(4)] == [0.1, 0.5, 0.5, 0.5]
