from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.live.waiting import until

from hanzo_twin.stores.history.reader import HistoryReader
from hanzo_twin.stores.history.segments import list_segments

pytestmark = pytest.mark.live

KILLED = """
import sys
from pathlib import Path
from hanzo_twin.stores.history import HistoryBatch, HistoryWriter, Kind

def readings(tick):
    names = [f"/World/sensor_{number}.temperature" for number in range(10)]
    return HistoryBatch(kind=Kind.READING, addresses=names, time=tick, received=tick, value=[tick] * 10)


writer = HistoryWriter(Path(sys.argv[1]), segment_rows=400, fsync_interval_s=0.002)
tick = int(sys.argv[2])
while True:
    writer.append(readings(tick))
    tick += 1
    sys.stdout.write(f"{tick}\\n")
    sys.stdout.flush()
"""


def test_killed_at_any_moment_it_keeps_every_frame_it_confirmed(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    begun = 0
    for last in [False] * 8 + [True]:
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(begun)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0.0, 0.4))  # the moment of death is the subject
            if last:
                until("a journal has become a segment", lambda: bool(list_segments(tmp_path)))
            process.kill()
            lines = [line for line in process.stdout.read().split("\n") if line]
        confirmed = int(lines[-2]) if len(lines) > 1 else begun + 1
        table = HistoryReader(tmp_path).read()
        assert table.num_rows % 10 == 0
        found = table["value"].to_numpy()[::10].tolist()
        assert found == list(range(len(found)))
        assert len(found) >= confirmed
        assert HistoryReader(tmp_path).verify().ok
        begun = len(found)
    assert list_segments(tmp_path)
