"""A tendon over two joints: one string of fixed length couples the hinges of a double pendulum.

    python examples/extensions/01_mujoco_tendon.py

Scenes have no tendons; MuJoCo has. `load_customized` loads the same scene as any engine does, and hands over MuJoCo's
``MjSpec`` to add to it. Things in it are named by prim path.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.testing.scenes import double_pendulum

PENDULUM = "/World/double_pendulum"
# Radii of the pulleys at shoulder and elbow, m.
RADII = {f"{PENDULUM}/shoulder": 0.05, f"{PENDULUM}/elbow": 0.03}
SLACK = 0.01


def add_string(spec: Any) -> None:
    """A string of fixed length over both pulleys."""
    string = spec.add_tendon(name=f"{PENDULUM}/string", limited=True, range=[-SLACK, SLACK])
    for joint, radius in RADII.items():
        string.wrap_joint(joint, radius)


def main() -> None:
    scene = double_pendulum(initial_positions=(0.3, -0.5))
    simulation = MujocoEngine().load_customized(scene, EngineConfig(step_hz=1000.0), add_string)
    longest = 0.0
    for _ in range(2000):
        simulation.step()
        positions = simulation.get_observation(PENDULUM)["positions"]
        longest = max(longest, abs(float(np.dot(list(RADII.values()), positions))))
    _, data = simulation.native
    assert abs(float(data.ten_length[0]) - float(np.dot(list(RADII.values()), positions))) < 1e-3
    # MuJoCo's limits are soft: the string gives way by a part of a millimetre.
    assert 0.8 * SLACK < longest < 1.1 * SLACK, longest
    print(f"The string was {1000 * longest:.2f} mm from its middle at most; it is {1000 * SLACK:g} mm slack.")


if __name__ == "__main__":
    main()
