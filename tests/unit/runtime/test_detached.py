"""What a process that outlives this one takes along."""

from __future__ import annotations

import os
from pathlib import Path

from hanzo_twin.runtime.detached import start_detached

LISTING = """
import os, sys
known = {int(name) for name in os.listdir("/proc/self/fd")}
print(sorted(known & {int(each) for each in sys.argv[1:]}), os.getsid(0) == os.getpid(), os.environ["WORD"])
"""


def test_it_inherits_its_output_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "listing.py").write_text(LISTING)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # as is what a shell opened: hanzo-twin serve 9> lock
    try:
        environment = {"PYTHONPATH": str(tmp_path), "WORD": "passed"}
        with (tmp_path / "output").open("wb") as output:
            pid = start_detached("listing", (str(writing), "1"), environment=environment, output=output)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, (tmp_path / "output").read_text()
    finally:
        os.close(reading)
        os.close(writing)
    assert (tmp_path / "output").read_text() == "[1] True passed\n"
