"""A machine, a broker, and the runtime process of its twin: for tests of live synchronization.

The machine is a pendulum with parameters of its own, simulated in step with the wall clock and published over MQTT.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
from tests.live.mqtt_peer import publish
from tests.live.runtimes import HINGE, PENDULUM, end_all, wait_serving
from tests.live.waiting import until_async, until_seen

from hanzo_twin.broker import LocalBroker
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.runtime.client import RuntimeClient
from hanzo_twin.runtime.launcher import LocalLauncher
from hanzo_twin.runtime.spec import RuntimeSpec
from hanzo_twin.scene.load import load_scene
from hanzo_twin.stores.history.batch import Kind
from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.sync.events import SyncEvent
from hanzo_twin.twin.twin import Twin

POSITION, VELOCITY, EFFORT = (f"{HINGE}.{name}" for name in ("position", "velocity", "effort"))
MASS, FRICTION = "/World/pendulum/bob.mass", f"{HINGE}.friction"
TOPIC = "pendulum/state"
MAPPING = {f"{TOPIC}#position": POSITION, f"{TOPIC}#velocity": VELOCITY, f"{TOPIC}#effort": EFFORT}
STEPS = {"type": "mujoco", "config": {"step_hz": 500, "substeps": 1}}
UNCHECKED = {"enabled": False}


def definition(url: str, *, mapping: Mapping[str, Any] = MAPPING, **sync: Any) -> dict[str, Any]:
    """A twin of the machine that listens at the broker ``url``."""
    return {
        "id": "00000000-0000-4000-8000-000000000001",
        "name": "pendulum",
        "scene": {"uri": str(PENDULUM)},
        "engine": STEPS,
        "sync": {
            "mode": "realtime",
            "rate_hz": 30,
            "buffer_size": 500,
            "reconnect_backoff_ms": [50, 100, 200],
            "sources": [{"type": "mqtt", "broker": url, "topic": "pendulum/#", "mapping": dict(mapping)}],
            "drift_detection": UNCHECKED,
            **sync,
        },
    }


class Machine:
    """The real pendulum: swings, is pushed, and publishes what its sensors and its motor say.

    ``confirmed`` are the time stamps for which the broker has taken the responsibility. ``clock_offset`` is how far its
    clock is off.
    """

    def __init__(self, url: str, *, rate_hz: float = 50.0, parameters: Mapping[str, float] | None = None) -> None:
        self._url = url
        self._period = 1.0 / rate_hz
        scene = load_scene(str(PENDULUM))
        self._twin = Twin.load(scene, engine="mujoco", config=EngineConfig(step_hz=500.0, substeps=1))
        self._twin.assimilate({POSITION: 1.0})
        for address, value in (parameters or {}).items():
            self._twin.set_parameter(address, value)
        self.confirmed: list[float] = []
        self.clock_offset = 0.0
        self.silent = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Machine:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def sent(self, count: int) -> None:
        """Wait until the broker has taken so many more."""
        assert self._task is not None
        before = len(self.confirmed)
        async with asyncio.timeout(30):
            while len(self.confirmed) < before + count:
                await asyncio.wait({self._task}, timeout=0.01)
                if self._task.done():
                    self._task.result()

    async def _run(self) -> None:
        """Publish until cancelled; while the broker is away nobody hears it."""
        parts = urlsplit(self._url)
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(parts.hostname or "", parts.port or 1883, timeout=2.0) as client:
                    await self._publish(client)
            await asyncio.sleep(0.05)

    async def _publish(self, client: aiomqtt.Client) -> None:
        begin, passed = time.monotonic(), self._twin.time
        while True:
            stamp, reading = self._read(passed + time.monotonic() - begin)
            if not self.silent:
                await client.publish(TOPIC, json.dumps(reading), qos=1)
                self.confirmed.append(stamp)
            await asyncio.sleep(self._period)

    def _read(self, now: float) -> tuple[float, dict[str, float]]:
        effort = 1.5 * math.sin(2.1 * now) + 1.0 * math.sin(5.3 * now)
        self._twin.set_input(EFFORT, effort)
        self._twin.advance_to(now)
        position, velocity = self._twin.read([POSITION, VELOCITY]).tolist()
        stamp = round(time.time() + self.clock_offset, 6)
        return stamp, {"position": position, "velocity": velocity, "effort": effort, "timestamp": stamp}


class Rig:
    """One twin in its runtime process. ``client`` is how to ask it; `launch` makes a new one after `kill`."""

    def __init__(self, folder: Path, broker: LocalBroker, twin: dict[str, Any]) -> None:
        self.broker = broker
        self.launcher = LocalLauncher(folder / "runtimes")
        self.spec = RuntimeSpec(
            twin_id="t1",
            name="pendulum",
            definition=twin,
            base_directory=folder,
            directory=folder / "runtimes" / "t1",
            history_directory=folder / "history",
            checkpoint_seconds=0.5,
        )
        self.client: RuntimeClient
        self.pid = 0

    async def launch(self) -> None:
        await self.launcher.launch(self.spec)
        ready = await wait_serving(self.launcher, "t1")
        self.client, self.pid = RuntimeClient(ready.address, ready.token), ready.pid

    async def kill(self) -> None:
        """SIGKILL."""
        await self.client.close()
        self.launcher.kill("t1")
        await until_seen("it is dead", lambda: self.launcher.observe("t1").pid is None)

    async def stop(self) -> None:
        """As a user would."""
        await self.client.stop()
        await self.client.close()
        await until_seen("it has ended", lambda: self.launcher.observe("t1").state == "absent")

    async def sync(self) -> dict[str, Any]:
        status: dict[str, Any] = (await self.client.status())["sync"]
        return status

    async def until_sync(self, what: str, found: Callable[[dict[str, Any]], bool], within_s: float = 30.0) -> Any:
        """The first status for which ``found`` holds."""

        async def look() -> dict[str, Any] | None:
            status = await self.sync()
            return status if found(status) else None

        try:
            return await until_async(what, look, within_s=within_s)
        except AssertionError as missed:
            raise AssertionError(f"{missed}; {await self.sync()}; {await self.kinds()}") from None

    async def synchronized(self) -> dict[str, Any]:
        status: dict[str, Any] = await self.until_sync("synchronized", lambda s: s["health"] == "synchronized")
        return status

    async def events(self) -> list[SyncEvent]:
        return [event async for event in self.client.events(limit=1000)]

    async def kinds(self) -> list[str]:
        return [event.kind for event in await self.events()]

    async def event(self, kind: str, within_s: float = 30.0) -> SyncEvent:
        """The first event of that kind, once there is one."""

        async def look() -> SyncEvent | None:
            return next((event for event in await self.events() if event.kind == kind), None)

        return await until_async(f"event {kind}", look, within_s=within_s)

    async def publish(self, payloads: Iterable[bytes | dict[str, Any]], topic: str = TOPIC) -> None:
        encoded = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in payloads]
        await publish(self.broker.url, topic, encoded)

    @property
    def history(self) -> HistoryReader:
        return HistoryReader(self.spec.history_directory)

    def stored_stamps(self, address: str = POSITION) -> list[float]:
        """Time stamps of the readings of ``address`` in the history, in the order in which they were stored."""
        table = self.history.read(kinds=[Kind.READING], addresses=[address])
        return [each.timestamp() for each in table.column("time").to_pylist()]

    def missing(self, stamps: Iterable[float], address: str = POSITION) -> list[float]:
        """Those of ``stamps`` that are not in the history."""
        stored = {round(stamp * 1e6) for stamp in self.stored_stamps(address)}
        return [stamp for stamp in stamps if round(stamp * 1e6) not in stored]

    async def until_stored(self, stamps: list[float], within_s: float = 30.0) -> None:
        await until_seen("all of them are in the history", lambda: not self.missing(stamps), within_s=within_s)


@asynccontextmanager
async def rig(folder: Path, broker: LocalBroker, **sync: Any) -> AsyncIterator[Rig]:
    """A twin of the machine that runs; it is killed at the end."""
    async with rig_of(folder, broker, definition(broker.url, **sync)) as made:
        yield made


@asynccontextmanager
async def rig_of(folder: Path, broker: LocalBroker, twin: dict[str, Any]) -> AsyncIterator[Rig]:
    """The twin of that definition, running; it is killed at the end."""
    made = Rig(folder, broker, twin)
    try:
        await made.launch()
        yield made
    finally:
        await end_all(made.launcher)
        if hasattr(made, "client"):
            await made.client.close()
