"""A task of one's own that `hanzo-twin train --task cartpole` finds: balance a pole on a cart.

pip install -e examples/rl/own_task && hanzo-twin train --task cartpole --stop-at-success 0.98 --output runs/cartpole
"""

from pathlib import Path

import numpy as np

from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.rl import terms
from hanzo_twin.rl.task import Actions, EndTerm, Recipe, Task
from hanzo_twin.rl.world import World, joint_columns
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene

SCENE = Path(__file__).parent / "cartpole.xml"
SLIDE, HINGE = "/cartpole/joints/slide", "/cartpole/joints/hinge"  # load_scene(SCENE).joints lists them
MAX_SECONDS = 10.0


def build(scene: Scene) -> Task:
    """Keep the pole within 0.3 rad of upright and the cart on its track for ten seconds."""
    cart, pole = joint_columns(scene, (SLIDE, HINGE))

    def fallen(world: World) -> np.ndarray:
        return np.abs(world.joint_positions[:, pole]) > 0.3

    def off_track(world: World) -> np.ndarray:
        return np.abs(world.joint_positions[:, cart]) > 0.9

    def stood(world: World) -> np.ndarray:
        # Asked at any end of an episode, an early one too: leaving the track upright is no success.
        return ~fallen(world) & ~off_track(world)

    return Task(
        name="cartpole",
        observations=(
            terms.joint_positions(scene, (SLIDE, HINGE)),
            terms.joint_velocities(scene, (SLIDE, HINGE)),
        ),
        rewards=(terms.alive(1.0), terms.action_cost(0.01)),
        ends=(EndTerm(name="fallen", holds=fallen), EndTerm(name="off_track", holds=off_track)),
        start=(terms.spread_joints(scene, (SLIDE, HINGE), position=0.05, velocity=0.05),),
        actions=Actions(kind="effort", joints=(SLIDE,), max_effort=10.0),
        step_hz=50.0,
        max_seconds=MAX_SECONDS,
        success=stood,
    )


CARTPOLE = Recipe(
    name="cartpole",
    summary="balance a pole on a cart",
    scene=lambda: load_scene(SCENE),
    build=build,
    config=EngineConfig(step_hz=250.0),  # a multiple of the 50 decisions a second
)
