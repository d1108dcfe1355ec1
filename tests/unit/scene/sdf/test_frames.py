from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.scene.model import Scene

Inspect = Callable[..., tuple[Scene, dict[str, list[Any]]]]

I = "<inertial><mass>1</mass></inertial>"  # noqa: E741


def position(scene: Scene, path: str) -> list[float]:
    return [round(float(value), 9) + 0.0 for value in scene.bodies[path].pose_world_body.position]


def test_poses_relative_to_frames_links_and_joints(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        f'<link name="a"><pose degrees="true">1 0 0 0 0 90</pose>{I}</link>'
        f'<frame name="f" attached_to="a"><pose>1 0 0 0 0 0</pose></frame>'
        f'<link name="b"><pose relative_to="f">0 1 0 0 0 0</pose>{I}</link>'
        f'<link name="c"><pose relative_to="j">0 0 2 0 0 0</pose>{I}</link>'
        '<joint name="j" type="fixed"><pose relative_to="a">0 0 5 0 0 0</pose><parent>a</parent><child>b</child>'
        "</joint>"
    )
    assert position(scene, "/m/a") == [1, 0, 0]
    assert position(scene, "/m/b") == [0, 1, 0]
    assert position(scene, "/m/c") == [1, 0, 7]


def test_placement_frame_puts_that_frame_at_the_pose(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        '<sdf version="1.9"><world name="w"><model name="m" placement_frame="b">'
        '<pose degrees="true">0 0 1 0 0 90</pose>'
        f'<link name="a">{I}</link><link name="b"><pose>2 0 0 0 0 0</pose>{I}</link></model></world></sdf>'
    )
    assert position(scene, "/World/m/b") == [0, 0, 1]
    assert position(scene, "/World/m/a") == [0, -2, 1]


def test_nested_models_and_quaternions(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        '<model name="inner"><pose rotation_format="quat_xyzw">0 0 1 0 0 1 0</pose>'
        f'<link name="a"><pose>1 0 0 0 0 0</pose>{I}</link></model>'
        f'<link name="b"><pose relative_to="inner::a">1 0 0 0 0 0</pose>{I}</link>'
        '<joint name="j" type="revolute"><parent>b</parent><child>inner::a</child><axis><xyz>0 0 1</xyz></axis></joint>'
    )
    assert position(scene, "/m/inner/a") == [-1, 0, 1]
    assert position(scene, "/m/b") == [-2, 0, 1]
    assert {scene.joints["/m/j"].parent, scene.joints["/m/j"].child} == {"/m/b", "/m/inner/a"}


def model(folder: Path, name: str, content: str) -> None:
    (folder / name).mkdir()
    (folder / name / "model.config").write_text(
        '<model><sdf version="1.9">old.sdf</sdf><sdf version="1.10">new.sdf</sdf></model>'
    )
    (folder / name / "old.sdf").write_text("nonsense")
    (folder / name / "new.sdf").write_text(f'<sdf version="1.10"><model name="{name}">{content}</model></sdf>')


def test_included_models_are_renamed_and_moved(
    inspect_sdf: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    model(tmp_path, "box", f'<pose>9 9 9 0 0 0</pose><link name="l">{I}</link>')
    model(tmp_path / "elsewhere", "ball", f'<link name="l">{I}</link>')
    monkeypatch.setenv("GZ_SIM_RESOURCE_PATH", str(tmp_path / "elsewhere"))
    scene, _ = inspect_sdf(
        '<sdf version="1.9"><world name="w"><include><uri>model://box</uri><name>b1</name><pose>1 0 0 0 0 0</pose>'
        "</include><include><uri>box</uri></include><include><uri>model://ball</uri><static>true</static></include>"
        "</world></sdf>"
    )
    assert position(scene, "/World/b1/l") == [1, 0, 0]
    assert position(scene, "/World/box/l") == [9, 9, 9]
    assert len(scene.bodies) == 2


def test_merged_models_keep_their_place_and_can_be_joined(inspect_sdf: Inspect, tmp_path: Path) -> None:
    model(tmp_path, "hand", f'<link name="palm"><pose>0 0 1 0 0 0</pose>{I}</link>')
    scene, _ = inspect_sdf(
        f'<link name="a">{I}</link><include merge="true"><uri>hand</uri><pose>1 0 0 0 0 0</pose></include>'
        '<joint name="j" type="revolute"><parent>a</parent><child>palm</child></joint>'
    )
    assert position(scene, "/m/palm") == [1, 0, 1]
    assert scene.joints["/m/j"].child == "/m/palm"


def test_static_models_have_no_bodies(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(
        f'<static>true</static><link name="a">{I}<collision name="c"><geometry><box><size>1 1 1</size></box></geometry>'
        f'</collision></link><link name="b">{I}</link>'
        '<joint name="j" type="fixed"><parent>a</parent><child>b</child></joint>'
    )
    assert not scene.bodies
    assert list(scene.static_shapes) == ["/m/a/c"]
    assert "in a static model" in found["joint-static"][0].message


def test_names_that_usd_does_not_allow_stay_apart(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(f'<link name="a b">{I}</link><link name="a-b">{I}</link>')
    assert list(scene.bodies) == ["/m/a_b", "/m/a_b_2"]
