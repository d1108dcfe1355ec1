"""A cloth catches a ball: a MuJoCo flex, held at its corners, beside the bodies of a scene.

    python examples/extensions/02_mujoco_flex.py

The ball is of the scene and is observed as on any engine; the cloth is MuJoCo's, and is read from its own arrays.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.testing.scenes import falling_sphere

HEIGHT = 0.6
CLOTH = f"""
<mujoco>
  <worldbody>
    <flexcomp name="cloth" type="grid" dim="2" count="9 9 1" spacing="0.1 0.1 0.1" pos="0 0 {HEIGHT}" mass="0.4"
      radius="0.01">
      <edge equality="true" damping="0.1"/>
      <contact selfcollide="none" contype="1" conaffinity="1" condim="3"/>
      <pin id="0 8 72 80"/>
    </flexcomp>
  </worldbody>
</mujoco>
"""


def add_cloth(spec: Any) -> None:
    """A cloth of 0.8 m by 0.8 m, its four corners fixed to the world."""
    spec.attach(mujoco.MjSpec.from_string(CLOTH), frame=spec.worldbody.add_frame(), prefix="")


def main() -> None:
    simulation = MujocoEngine().load_customized(falling_sphere(height=1.0), EngineConfig(step_hz=1000.0), add_cloth)
    simulation.step(3000)
    height = float(simulation.get_observation("/World/ball")["position"][2])
    _, data = simulation.native
    lowest = float(np.min(data.flexvert_xpos[:, 2]))
    # Without the cloth the ball would lie on the ground, its centre at 0.1 m.
    assert 0.2 < height < HEIGHT + 0.15, height
    assert lowest < HEIGHT - 0.01, lowest
    print(f"The ball lies at {height:.3f} m in the cloth, which hangs down to {lowest:.3f} m.")


if __name__ == "__main__":
    main()
