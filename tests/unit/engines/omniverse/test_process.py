"""PhysX and the process that it runs in: its threads, its copies, its streams."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("ovphysx")

from hanzo_twin.engines.omniverse import OmniverseEngine
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=500.0)

PROGRAM = """
import multiprocessing

from hanzo_twin.engines.omniverse import OmniverseEngine
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.testing import scenes

def load():
    return OmniverseEngine().load_scene(scenes.falling_box(height=0.01), EngineConfig(step_hz=500.0))

def child():
    try:
        load()
    except UnsupportedError as error:
        print(error, flush=True)

with load() as simulation:
    simulation.step(100)
    print(len(simulation._world.physx.touching()), flush=True)
copy = multiprocessing.get_context("fork").Process(target=child)
copy.start()
copy.join(30)
print(copy.exitcode)
"""


def test_worlds_of_several_threads_do_not_disturb_each_other() -> None:
    def end(_: int) -> bytes:
        last = b""
        for _ in range(3):
            with OmniverseEngine().load_scene(scenes.arm6_with_boxes(), CONFIG) as simulation:
                simulation.step(60)
                state = simulation.get_state()
                simulation.step(20)
                simulation.set_state(state)
                with simulation.fork() as copy:
                    copy.step(5)
                    last = copy.get_state().to_bytes()
        return last

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(end, range(4)))) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only there are processes copied")
def test_it_greets_nobody_and_refuses_to_go_on_in_a_copy_of_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    touching, refusal, hint, code = done.stdout.splitlines()
    assert (int(touching) > 0, code, done.stderr) == (True, "0", "")
    assert refusal.startswith("PhysX was started in process ")
    assert refusal.endswith(", of which this one is a copy: it cannot go on here.")
    assert "get_context('spawn')" in hint
