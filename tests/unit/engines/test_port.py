"""Settings and counts that no engine can run are refused before an engine sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hanzo_twin.engines.port import EngineConfig, load_engine
from hanzo_twin.engines.vectors import checked_steps
from hanzo_twin.errors import CommandError, InvalidInputError, UnsupportedError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"step_hz": 0.0}, "EngineConfig.step_hz is 0.0"),
        ({"step_hz": float("nan")}, "EngineConfig.step_hz is nan"),
        ({"step_hz": "fast"}, "EngineConfig.step_hz is 'fast'"),
        ({"substeps": 0}, "EngineConfig.substeps is 0"),
        ({"solver_iterations": 1.5}, "EngineConfig.solver_iterations is 1.5"),
        ({"gpu_id": "cuda"}, r"EngineConfig.gpu_id is 'cuda'\.\n  Allowed: auto"),
        ({"gpu_id": -1}, "EngineConfig.gpu_id is -1"),
        ({"gravity": (0.0, 0.0)}, r"EngineConfig.gravity is \(0.0, 0.0\)"),
        ({"gravity": (0.0, 0.0, float("inf"))}, "EngineConfig.gravity"),
        ({"gravity": -9.81}, "EngineConfig.gravity is -9.81"),
        ({"gravity": "down"}, "EngineConfig.gravity is 'down'"),
    ],
)
def test_settings_that_no_engine_can_run_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        EngineConfig(**given)


@pytest.mark.parametrize("n", [-1, 2.5, float("nan"), "3", True])
def test_what_is_no_number_of_steps_is_refused(n: object) -> None:
    with pytest.raises(CommandError, match="The number of steps must"):
        checked_steps(n)


def test_numpy_counts_steps_too() -> None:
    assert checked_steps(np.int64(3)) == 3


def test_an_engine_in_other_letters_is_the_nearest() -> None:
    with pytest.raises(UnsupportedError, match="No engine named 'MuJoCo' is installed") as refused:
        load_engine("MuJoCo")
    assert refused.value.hint.startswith("Did you mean 'mujoco'?")
