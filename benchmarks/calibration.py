"""How well and how fast calibration finds what a twin does not know.

    PENDULUM_DATA=FOLDER python benchmarks/calibration.py [--json] [--recordings 8]

A simulated six-joint arm with another payload and other joint frictions than its twin, noisy sensors, 10 s at 100 Hz:
how often the true values lie in their intervals, by parameter and all at once. And, where PENDULUM_DATA names the
recordings of a real pendulum, the 0.3 s-ahead error on the log that the fit does not see.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.engines.port import EngineConfig, JointCommand, load_engine
from hanzo_twin.scene.model import Scene
from hanzo_twin.service.calibrate import calibrate_files
from hanzo_twin.sync.calibration import CalibrationPlan, calibrate
from hanzo_twin.testing.scenes import ARM, PAYLOAD, arm6
from hanzo_twin.twin.recording import Recording, Track

CONFIG = EngineConfig(step_hz=240.0, substeps=4)
TRUTH = {f"{PAYLOAD}.mass": 1.3} | {
    f"{ARM}/joint_{index}.friction": value for index, value in enumerate((2.0, 1.5, 1.0, 0.4, 0.3, 0.2), start=1)
}
PENDULUM = Path(__file__).parent.parent / "examples" / "real_pendulum" / "twin.yaml"


def record(scene: Scene, seed: int, *, seconds: float = 10.0, noise: float = 5e-4) -> Recording:
    """The arm with ``TRUTH``, following sines, its positions and velocities measured with ``noise`` rad."""
    simulation = load_engine("mujoco").load_scene(scene, CONFIG)
    for address, value in TRUTH.items():
        simulation.set_parameter(address, value)
    joints = scene.articulations[ARM].joints
    start = np.array([scene.joints[joint].initial_position for joint in joints])
    phase = np.arange(len(joints), dtype=np.float64)
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(int(seconds * CONFIG.step_hz)):
        if step % 2 == 0:
            time = step * CONFIG.step_seconds
            target = start + 0.5 * (np.sin((1.5 + 0.6 * phase) * time + phase) - np.sin(phase))
            seen = simulation.get_observation(ARM)
            position = seen["positions"] + noise * rng.normal(size=len(joints))
            velocity = seen["velocities"] + 20 * noise * rng.normal(size=len(joints))
            rows.append((time, position, velocity, target))
            simulation.set_joint_command(ARM, JointCommand(positions=target))
        simulation.step()
    simulation.close()
    times = np.array([row[0] for row in rows])
    columns = [np.array([row[part] for row in rows]).T for part in (1, 2, 3)]
    measurements, inputs = {}, {}
    for index, joint in enumerate(joints):
        measurements[f"{joint}.position"] = Track(times=times, values=columns[0][index])
        measurements[f"{joint}.velocity"] = Track(times=times, values=columns[1][index])
        inputs[f"{joint}.targetPosition"] = Track(times=times, values=columns[2][index], interpolation="hold")
    return Recording(name=f"arm {seed}", measurements=measurements, inputs=inputs)


def measure_arm(recordings: int) -> dict[str, Any]:
    scene = arm6(payload=0.5)
    plan = CalibrationPlan(parameters=tuple(TRUTH))
    inside: list[list[bool]] = []
    results = []
    for seed in range(recordings):
        result = calibrate(scene, "mujoco", CONFIG, [record(scene, seed)], plan)
        results.append(result)
        inside.append(
            [
                p.low is not None and p.high is not None and p.low <= TRUTH[address] <= p.high
                for address, p in result.parameters.items()
            ]
        )
    errors = [abs(p.estimate / TRUTH[address] - 1) for result in results for address, p in result.parameters.items()]
    return {
        "recordings": recordings,
        "parameters": len(TRUTH),
        "accepted": sum(result.accepted for result in results),
        "inside_interval": float(np.mean(inside)),
        "all_inside_at_once": float(np.mean([all(each) for each in inside])),
        "median_relative_error": statistics.median(errors),
        "evaluations": statistics.median(result.evaluations for result in results),
        "seconds": statistics.median(result.seconds for result in results),
    }


def measure_pendulum(folder: Path) -> dict[str, Any]:
    result = calibrate_files(PENDULUM, logs=[folder / "swingup_ddp.csv"], validation=[folder / "swingup_dircol.csv"])
    return {
        "rmse_before_rad": result.headline.rmse_before,
        "rmse_after_rad": result.headline.rmse_after,
        "target_rad": 0.06,
        "evaluations": result.evaluations,
        "seconds": result.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--recordings", type=int, default=8)
    arguments = parser.parse_args()
    results: dict[str, Any] = {"arm": measure_arm(arguments.recordings)}
    folder = os.environ.get("PENDULUM_DATA")
    results["real_pendulum"] = measure_pendulum(Path(folder)) if folder else "skipped: PENDULUM_DATA is not set"
    print(json.dumps(results, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
