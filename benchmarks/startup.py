"""How long one waits: for the import, for the command line, and for the demonstration to be up; and what that finds.

Run with ``python benchmarks/startup.py [--json]``. The demonstration takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

RUNS = 7
IMPORT = "import time; start = time.perf_counter(); import hanzo_twin; print(time.perf_counter() - start)"


def import_ms() -> float:
    """Median time of ``import hanzo_twin`` in a fresh interpreter, ms."""
    times = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(RUNS)]
    return round(1e3 * median(times), 1)


def help_ms() -> float:
    """Median wall time of the process ``hanzo-twin --help``, ms."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hanzo_twin", "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return round(1e3 * median(times), 1)


def demonstration() -> dict[str, Any]:
    """What ``hanzo-twin demo --exit --json`` reports."""
    said = subprocess.check_output([sys.executable, "-m", "hanzo_twin", "demo", "--exit", "--json"])
    report: dict[str, Any] = json.loads(said)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report = {"import_ms": import_ms(), "help_ms": help_ms(), "demo": demonstration()}
    if arguments.json:
        print(json.dumps(report))
    else:
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
