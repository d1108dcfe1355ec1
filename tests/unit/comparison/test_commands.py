"""Joint commands from files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hanzo_twin.comparison import read_commands
from hanzo_twin.engines.port import EngineConfig, load_engine
from hanzo_twin.errors import AddressError, CommandError, HanzoTwinError, RecordingError
from hanzo_twin.scene.model import Scene
from hanzo_twin.testing import scenes

FIRST, SECOND = f"{scenes.ARM}/joint_1", f"{scenes.ARM}/joint_2"
SCENE = scenes.arm6()
HELD = [SCENE.joints[path].drive.target_position for path in SCENE.articulations[scenes.ARM].joints]  # type: ignore[union-attr]


def written(folder: Path, text: str, name: str = "commands.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_csv_holds_values_and_keeps_what_is_not_given(tmp_path: Path) -> None:
    path = written(tmp_path, f"time,{SECOND}.targetPosition,{FIRST}.effort\n0.5,0.7,\n1,,2.5\n")
    arrays = read_commands(path, SCENE).arrays[scenes.ARM]
    assert sorted(arrays) == ["efforts", "positions"]
    assert arrays["positions"].tolist() == [[HELD[0], 0.7, *HELD[2:]]] * 2
    assert arrays["efforts"][:, 0].tolist() == [0.0, 2.5]


@pytest.mark.parametrize("by_row", [False, True])
def test_json_is_the_same_as_csv(tmp_path: Path, by_row: bool) -> None:
    columns = {"time": [0.0, 1.0], f"{FIRST}.targetVelocity": [0.1, None]}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = read_commands(written(tmp_path, json.dumps(rows if by_row else columns), "commands.json"), SCENE)
    assert found.times.tolist() == [0.0, 1.0]
    assert found.arrays[scenes.ARM]["velocities"][:, 0].tolist() == [0.1, 0.1]


def test_a_command_acts_from_its_time_on(tmp_path: Path) -> None:
    commands = read_commands(written(tmp_path, f"time,{FIRST}.targetPosition\n0.1,0.4\n0.3,-0.2\n"), SCENE)
    simulation = load_engine("kinematic").load_scene(SCENE, EngineConfig(step_hz=100.0))
    targets = []
    for _ in range(40):
        commands(simulation)
        targets.append(float(simulation.get_state().command_positions[0]))
        simulation.step()
    assert targets == [HELD[0]] * 10 + [0.4] * 20 + [-0.2] * 10


def without_drive(scene: Scene) -> Scene:
    return replace(scene, joints={**scene.joints, FIRST: replace(scene.joints[FIRST], drive=None)})


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("time,{joint}.targetPosition\n0,1\n1,x\n", RecordingError, ".csv:3: column"),
        ("time,{joint}.targetPosition\n0,1\n-1,2\n", RecordingError, ".csv:3: the time -1.0 is before"),
        ("time,{joint}.targetPosition\n0,1,2\n", RecordingError, ".csv:2: there are 3 cells"),
        ("time\n0\n", RecordingError, "no column beside 'time'"),
        ("t,{joint}.effort\n0,1\n", RecordingError, "no column 'time'"),
        ("time,{joint}.targetPositon\n0,1\n", AddressError, "Did you mean 'targetPosition'?"),
        ("time,{joint}.effort.x\n0,1\n", AddressError, "is not an input of a joint"),
        ("time,joint_1\n0,1\n", AddressError, "column 'joint_1': 'joint_1' is not an address"),
        ("time,/World/arm/joint_9.effort\n0,1\n", AddressError, "is not a joint that can be commanded"),
        ("time,{joint}.targetPosition\n0,inf\n", RecordingError, "row 1: column"),
        ("", RecordingError, "is empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, kind: type[HanzoTwinError], told: str) -> None:
    with pytest.raises(kind) as caught:
        read_commands(written(tmp_path, text.format(joint=FIRST)), SCENE)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"time": [0],\n "a" 1}', ".json:2: this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ("3", "these are not columns"),
        ("[1]", "row 1 is not an object"),
        ('{"time": [0, 1], "JOINT.effort": [1]}', "not equally long: 'time' 2, "),
        ('{"time": [], "JOINT.effort": []}', "there are no rows"),
        ('{"time": [0, 1], "JOINT.effort": [1, "x"]}', "row 2: column 'JOINT.effort' has 'x'"),
        ('{"time": [null], "JOINT.effort": [1]}', "row 1: column 'time' has None"),
        ('{"time": [1, 0], "JOINT.effort": [1, 2]}', "row 2: the time goes back to 0 s"),
    ],
)
def test_json_that_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read_commands(written(tmp_path, text.replace("JOINT", FIRST), "commands.json"), SCENE)
    assert told.replace("JOINT", FIRST) in str(caught.value)


def test_a_target_needs_a_drive(tmp_path: Path) -> None:
    path = written(tmp_path, f"time,{FIRST}.targetPosition\n0,1\n")
    with pytest.raises(CommandError, match=r"has no drive that could follow a target\.\n  Command .*effort"):
        read_commands(path, without_drive(SCENE))
    effort = read_commands(written(tmp_path, f"time,{FIRST}.effort\n0,1\n"), without_drive(SCENE))
    assert np.count_nonzero(effort.arrays[scenes.ARM]["efforts"]) == 1
