"""A cloth falls on a box: a soft body of Bullet beside the bodies of a scene.

    python examples/extensions/03_pybullet_cloth.py

``simulation.native`` is Bullet's client and where it has each body. Bullet cannot restore soft bodies, so a world for
them has no states and no forks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pybullet

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.engines.pybullet import PybulletEngine
from hanzo_twin.testing.scenes import falling_box

SIDE = 11
SPACING = 0.05


def write_cloth(file: Path) -> None:
    """A square of ``SIDE`` by ``SIDE`` corners as triangles."""
    half = SPACING * (SIDE - 1) / 2
    lines = [f"v {SPACING * i - half} {SPACING * j - half} 0" for i in range(SIDE) for j in range(SIDE)]
    for i in range(SIDE - 1):
        for j in range(SIDE - 1):
            a = i * SIDE + j + 1
            lines += [f"f {a} {a + SIDE} {a + 1}", f"f {a + 1} {a + SIDE} {a + SIDE + 1}"]
    file.write_text("\n".join([*lines, ""]))


def main() -> None:
    simulation = PybulletEngine().load_deformable(falling_box(height=0.1), EngineConfig(step_hz=1000.0))
    client, _ = simulation.native
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cloth.obj"
        write_cloth(file)
        cloth = pybullet.loadSoftBody(
            str(file),
            basePosition=[0, 0, 0.4],
            mass=0.2,
            useMassSpring=1,
            useBendingSprings=1,
            springElasticStiffness=20,
            springDampingStiffness=0.1,
            collisionMargin=0.01,
            useFaceContact=1,
            frictionCoeff=0.5,
            physicsClientId=client,
        )
    simulation.step(1500)
    seen = pybullet.getMeshData(cloth, -1, flags=pybullet.MESH_DATA_SIMULATION_MESH, physicsClientId=client)
    corners = np.array(seen[1])
    middle = corners[len(corners) // 2]
    # The box is 0.2 m high; the cloth lies on it and hangs down around it.
    assert abs(middle[2] - 0.2) < 0.05, middle
    assert corners[:, 2].min() < 0.15, corners[:, 2].min()
    assert abs(simulation.get_observation("/World/box")["position"][2] - 0.1) < 0.01
    print(f"The cloth lies on the box at {middle[2]:.3f} m; its corners hang down to {corners[:, 2].min():.3f} m.")


if __name__ == "__main__":
    main()
