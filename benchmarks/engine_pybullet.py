"""Speed of the PyBullet engine's contract against a bare PyBullet loop, as ratios measured in one run.

    python benchmarks/engine_pybullet.py [--json] [--repeats 15]

The bare loop reads the joints, solves the implicit drive with numpy (no dry friction, no effort limits: less work than
the drive law does), applies its efforts and steps. Scene and method are those of ``engine.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics

import numpy as np
import pybullet
from engine import CONFIG, TARGETS, alternate, seconds

from hanzo_twin.engines.drive import JointDynamics
from hanzo_twin.engines.port import Engine, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes

COUNT = 500
TARGET_RATIO = 0.7


def measure_step(engine: Engine, scene: Scene, repeats: int) -> dict[str, float]:
    """Command, step and read through the contract against the bare loop on the same world."""
    simulation = engine.load_scene(scene, CONFIG)
    simulation.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
    simulation.step(500)
    twin = simulation.fork()
    client, places = twin.native
    joints = [scene.joints[path] for path in scene.articulations[scenes.ARM].joints]
    uid, links = places[joints[0].child][0], [places[joint.child][1] for joint in joints]
    law, h, none = JointDynamics.of(joints), CONFIG.step_seconds, [0.0] * len(joints)
    damping = law.drive_damping + law.damping
    inertia = np.diag(law.armature + h * damping + h * h * law.drive_stiffness)

    def bare() -> None:
        for _ in range(COUNT):
            states = pybullet.getJointStates(uid, links, physicsClientId=client)
            positions, velocities = [state[0] for state in states], [state[1] for state in states]
            mass = np.array(pybullet.calculateMassMatrix(uid, positions, physicsClientId=client))
            bias = np.array(pybullet.calculateInverseDynamics(uid, positions, velocities, none, physicsClientId=client))
            speed = np.array(velocities)
            wanted = law.drive_stiffness * (TARGETS - np.array(positions) - h * speed) - damping * speed
            efforts = mass @ np.linalg.solve(mass + inertia, wanted - bias) + bias
            pybullet.setJointMotorControlArray(
                uid, links, pybullet.TORQUE_CONTROL, forces=efforts.tolist(), physicsClientId=client
            )
            pybullet.stepSimulation(physicsClientId=client)
            pybullet.getJointStates(uid, links, physicsClientId=client)

    def ours() -> None:
        for _ in range(COUNT):
            simulation.set_joint_command(scenes.ARM, JointCommand(positions=TARGETS))
            simulation.step()
            simulation.get_observation(scenes.ARM)["positions"]

    ratio, bare_s, ours_s = alternate(bare, ours, repeats)
    return {"step_ratio": ratio, "bare_step_us": bare_s / COUNT * 1e6, "step_us": ours_s / COUNT * 1e6}


def measure_rest(engine: Engine, scene: Scene, repeats: int) -> dict[str, float]:
    """Fork, state and load."""
    simulation = engine.load_scene(scene, CONFIG)
    simulation.step(100)
    state = simulation.get_state()
    calls = {
        "fork_ms": lambda: simulation.fork().close(),
        "get_state_ms": simulation.get_state,
        "set_state_ms": lambda: simulation.set_state(state),
        "load_ms": lambda: engine.load_scene(scene, CONFIG).close(),
    }
    return {name: 1e3 * statistics.median(seconds(call) for _ in range(repeats)) for name, call in calls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON line instead of a table")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    engine, scene = load_engine("pybullet"), scenes.arm6_with_boxes()
    numbers = {**measure_step(engine, scene, options.repeats), **measure_rest(engine, scene, options.repeats)}
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in numbers.items()}))
        return
    for name, value in numbers.items():
        print(f"{name:24} {value:12.3f}{f'  (wanted ≥ {TARGET_RATIO})' if name == 'step_ratio' else ''}")


if __name__ == "__main__":
    main()
