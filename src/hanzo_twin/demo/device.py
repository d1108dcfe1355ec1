"""The demonstration's machine: a process of its own that plays a robot arm and publishes over MQTT.

It is the twin's scene with another payload and other joint friction, which only this process knows, plus what real
machines add: sensor noise, latency, and stretches in which nothing is sent. Run as
``python -m hanzo_twin.demo.device SPEC.json``; it ends on SIGTERM and then prints how much it published as JSON.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.load import load_scene
from hanzo_twin.twin.twin import Twin

TRUE_PARAMETERS = {
    "/World/arm/payload.mass": 2.0,
    "/World/arm/joint_1.friction": 5.0,
    "/World/arm/joint_2.friction": 7.0,
    "/World/arm/joint_3.friction": 4.0,
}
"""What the twin is to find out."""


@dataclass(frozen=True, kw_only=True)
class DeviceSpec:
    """How the machine behaves.

    Args:
        rate_hz: joint states published per second.
        position_noise / velocity_noise: standard deviation, rad and rad/s.
        latency_s / jitter_s: least delay of a message, and the mean of what is added at random.
        dropout_every_s / dropout_s: mean time between stretches without messages, and how long one lasts.
    """

    scene: str
    engine: str
    host: str
    port: int
    topic: str = "cell/arm/state"
    seed: int = 7
    rate_hz: float = 100.0
    position_noise: float = 5e-5
    velocity_noise: float = 2e-3
    latency_s: float = 0.004
    jitter_s: float = 0.003
    dropout_every_s: float = 8.0
    dropout_s: float = 0.25

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))


class Device:
    """The arm, its controller's targets and its sensors."""

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self._random = np.random.default_rng(spec.seed)
        scene = load_scene(spec.scene)
        self._arm = Twin.load(
            scene, engine=spec.engine, config=EngineConfig(step_hz=1000.0, substeps=1), epoch=time.time()
        )
        for address, value in TRUE_PARAMETERS.items():
            self._arm.set_parameter(address, value)
        self._joints = self._arm.inputs.joints
        self._start = self._arm.time
        self._frequencies = 0.23 + 0.07 * np.arange(len(self._joints))
        self._silent_until = 0.0
        self.published = 0

    def targets(self, now: float) -> np.ndarray:
        """Where the controller wants the joints at ``now`` [n], rad: slow sines that fade in over two seconds."""
        elapsed = now - self._start
        fade = min(1.0, elapsed / 2.0)
        amplitude = np.array([0.7, 0.5, 0.6, 0.5, 0.5, 0.6])[: len(self._joints)]
        centre = np.array([0.0, 0.5, 0.6, 0.0, 0.4, 0.0])[: len(self._joints)]
        wave: np.ndarray = centre + amplitude * np.sin(2 * np.pi * self._frequencies * elapsed)
        return fade * wave

    def sample(self, now: float) -> dict[str, Any]:
        """Move on to ``now``, read the sensors and give the drives their next targets."""
        self._arm.advance_to(now)
        target = self.targets(self._arm.time + 0.5 / self.spec.rate_hz)
        for joint, value in zip(self._joints, target, strict=True):
            self._arm.set_input(f"{joint}.targetPosition", float(value))
        count = len(self._joints)
        state = self._arm.read([f"{j}.{name}" for name in ("position", "velocity") for j in self._joints])
        noise = np.repeat([self.spec.position_noise, self.spec.velocity_noise], count)
        state = state + noise * self._random.standard_normal(2 * count)
        return {
            "timestamp": self._arm.time,
            "position": state[:count].tolist(),
            "velocity": state[count:].tolist(),
            "target": target.tolist(),
        }

    def silent(self, now: float) -> bool:
        """Whether the network swallows what is sent at ``now``."""
        if now > self._silent_until and self._random.random() < 1 / (self.spec.dropout_every_s * self.spec.rate_hz):
            self._silent_until = now + self.spec.dropout_s
        return now < self._silent_until

    def delay(self) -> float:
        return self.spec.latency_s + float(self._random.exponential(self.spec.jitter_s))


async def run(spec: DeviceSpec, stop: asyncio.Event) -> int:
    """Publish until ``stop``; returns the number of messages that the broker has confirmed."""
    device = Device(spec)
    async with aiomqtt.Client(spec.host, spec.port, protocol=aiomqtt.ProtocolVersion.V311) as client:

        async def send(message: dict[str, Any], delay: float) -> None:
            await asyncio.sleep(delay)
            await client.publish(spec.topic, json.dumps(message), qos=1, timeout=30)
            device.published += 1

        async with asyncio.TaskGroup() as sending:
            due = time.time()
            while not stop.is_set():
                due += 1 / spec.rate_hz
                await asyncio.sleep(max(0.0, due - time.time()))
                message = device.sample(time.time())
                if not device.silent(time.time()):
                    sending.create_task(send(message, device.delay()))
    return device.published


def main() -> None:
    spec = DeviceSpec(**json.loads(Path(sys.argv[1]).read_text()))

    async def until_terminated() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        return await run(spec, stop)

    sys.stdout.write(json.dumps({"published": asyncio.run(until_terminated())}) + "\n")


if __name__ == "__main__":
    main()
