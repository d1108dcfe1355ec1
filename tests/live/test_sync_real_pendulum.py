"""A real pendulum's recordings, sent over MQTT at their pace: its CAD model drifts, is recalibrated, and follows."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.live.conftest import MakeBroker
from tests.live.runtimes import ROOT
from tests.live.sync_rig import rig_of

from hanzo_twin.definition.yaml_source import definition_object, load_definition
from hanzo_twin.stores.history.batch import Kind

DATA = Path(os.environ.get("PENDULUM_DATA", ROOT.parent / "shared" / "data" / "dfki_pendulum"))
EXAMPLE = ROOT / "examples" / "real_pendulum"
POSITION = "/Einfachpendel_1/Physics/Joint_1.position"
ROWS = {"swingup_ddp.csv": 3000, "swingup_dircol.csv": 1170}

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the pendulum recordings are not here (PENDULUM_DATA names them)"),
]


async def send(url: str, *logs: str) -> int:
    """Send recordings as the example does; returns the number of rows."""
    command = [str(EXAMPLE / "replay_over_mqtt.py"), url, *(str(DATA / log) for log in logs)]
    device = await asyncio.create_subprocess_exec(sys.executable, *command)
    assert await device.wait() == 0
    return sum(ROWS[log] for log in logs)


async def test_drift_within_three_seconds_then_recalibrated_then_below_the_threshold(
    tmp_path: Path, make_mosquitto: MakeBroker
) -> None:
    broker = make_mosquitto()
    environ = {"PENDULUM_DATA": str(DATA), "PENDULUM_BROKER": broker.url}
    twin_definition = definition_object(load_definition(EXAMPLE / "live.yaml", environ=environ))
    async with rig_of(tmp_path, broker, twin_definition) as twin:
        await twin.until_sync("connected", lambda s: s["links"][0]["state"] == "connected")
        count = await send(broker.url, "swingup_ddp.csv", "swingup_dircol.csv")
        await twin.event("recalibrated")
        count += await send(broker.url, "swingup_dircol.csv")
        status = await twin.until_sync("all of them", lambda s: s["readings"]["received"] == 3 * count)
        events = {event.kind: event for event in reversed(await twin.events())}
    assert events["drift-began"].time - events["synchronized"].time < 3.0
    assert events["drift-began"].detail["address"] == POSITION
    assert events["recalibrated"].time > events["recalibration-started"].time
    (position,) = [item for item in status["drift"] if item["address"] == POSITION]
    assert position["rms"] < position["threshold"] == 0.033
    assert not position["drifting"]
    assert status["health"] == "synchronized"
    assert status["readings"]["late"] < 0.1 * status["readings"]["received"]
    assert len(twin.history.read(kinds=[Kind.READING], addresses=[POSITION])) == count
    assert len(twin.history.read(kinds=[Kind.PARAMETER])) >= 2
    assert twin.history.verify().ok
