"""How fast the history is written, read and verified: ``python benchmarks/history.py [--rows 3000000]``."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from hanzo_twin.stores.history import AddressTable, HistoryBatch, HistoryWriter, Kind
from hanzo_twin.stores.history.reader import HistoryReader

BATCH = 300


def write(directory: Path, rows: int) -> dict[str, float]:
    """Append ``rows`` rows in batches of 300 as the sync loop does: one table of addresses, one batch a tick."""
    table = AddressTable([f"/World/line_{i // 10}/sensor_{i:03d}.temperature" for i in range(BATCH)])
    values = np.random.default_rng(0).normal(20.0, 1.0, BATCH)
    latencies = []
    began, cpu = time.perf_counter(), time.thread_time()
    with HistoryWriter(directory) as writer:
        for tick in range(rows // BATCH):
            now = 1.75e9 + tick / 30
            start = time.perf_counter()
            batch = HistoryBatch(kind=Kind.READING, addresses=table, time=now, received=now + 0.01, value=values + tick)
            writer.append(batch)
            latencies.append(time.perf_counter() - start)
        spent, thread = time.perf_counter() - began, time.thread_time() - cpu
    closed = time.perf_counter() - began
    p50, p99, worst = np.percentile(latencies, [50, 99, 100]) * 1e6
    return {
        "rows_per_s": rows / spent,
        "rows_per_cpu_s_of_the_caller": rows / thread,
        "append_us_p50": p50,
        "append_us_p99": p99,
        "append_us_max": worst,
        "s_until_closed": closed,
    }


def read(directory: Path) -> dict[str, float]:
    """Verify, aggregate by SQL, export."""
    reader = HistoryReader(directory)
    timings = {}
    for name, action in {
        "verify_s": reader.verify,
        "sql_group_by_s": lambda: reader.query("SELECT address, avg(value), count(*) FROM history GROUP BY ALL"),
        "read_one_address_s": lambda: reader.read(addresses=["/World/line_0/sensor_003.temperature"]),
        "export_parquet_s": lambda: reader.export(directory / "export.parquet"),
    }.items():
        start = time.perf_counter()
        action()
        timings[name] = time.perf_counter() - start
    return timings


def main() -> None:
    """Run and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--json", action="store_true", help="print JSON, as it does anyway")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "history"
        result = write(directory, rows)
        result["bytes_per_row"] = sum(file.stat().st_size for file in directory.iterdir()) / rows
        result |= read(directory)
    print(json.dumps({name: round(value, 3) for name, value in result.items()}, indent=1))


if __name__ == "__main__":
    main()
