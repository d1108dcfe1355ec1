from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.scene.load import inspect_scene
from hanzo_twin.scene.model import Scene

LINK = (
    '<link name="{}"><inertial><mass value="{}"/>'
    '<inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link>'
)


def inspect(folder: Path, content: str, **arguments: str) -> tuple[Scene | None, dict[str, list[Any]]]:
    file = folder / "robot.urdf.xacro"
    file.write_text(f'<robot name="r" xmlns:xacro="http://www.ros.org/wiki/xacro">\n{content}\n</robot>')
    scene, diagnoses = inspect_scene(file, xacro_arguments=arguments)
    found: dict[str, list[Any]] = {}
    for diagnosis in diagnoses:
        found.setdefault(diagnosis.code, []).append(diagnosis)
    return scene, found


def test_macros_and_arguments(tmp_path: Path) -> None:
    content = (
        '<xacro:arg name="mass" default="1"/><xacro:macro name="part" params="name">'
        f"{LINK.format('${name}', '${2 * $(arg mass)}')}</xacro:macro><xacro:part name='base'/>"
    )
    scene, _ = inspect(tmp_path, content)
    assert scene is not None
    assert scene.bodies["/r/Geometry/base"].mass == 2
    scene, _ = inspect(tmp_path, content, mass="5")
    assert scene is not None
    assert scene.bodies["/r/Geometry/base"].mass == 10


@pytest.mark.parametrize("by", ["name of the directory", "package.xml", "ROS_PACKAGE_PATH"])
def test_packages_are_found_without_ros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    folder = tmp_path / "robots" / ("arm_description" if by == "name of the directory" else "checkout")
    (folder / "urdf").mkdir(parents=True)
    package = folder
    if by == "package.xml":
        (folder / "package.xml").write_text("<package><name>arm_description</name></package>")
    elif by == "ROS_PACKAGE_PATH":
        package = tmp_path / "elsewhere" / "arm_description"
        package.mkdir(parents=True)
        monkeypatch.setenv("ROS_PACKAGE_PATH", str(tmp_path / "elsewhere"))
    (package / "part.xacro").write_text(f"<robot>{LINK.format('base', 3)}</robot>")
    (package / "ball.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    mesh = '<visual><geometry><mesh filename="package://arm_description/ball.obj"/></geometry></visual></link>'
    (package / "part.xacro").write_text(f"<robot>{LINK.format('base', 3).replace('</link>', mesh)}</robot>")
    scene, found = inspect(folder / "urdf", '<xacro:include filename="$(find arm_description)/part.xacro"/>')
    assert scene is not None, found
    body = scene.bodies["/r/Geometry/base"]
    assert body.mass == 3
    assert len(body.shapes) == 1
    assert "mesh-lost" not in found


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (
            '<xacro:macro name="leg" params="n"><link name="${wrong}"/></xacro:macro>'
            '<xacro:macro name="legs"><xacro:leg n="1"/></xacro:macro><xacro:legs/>',
            "xacro-failed",
            "robot.urdf.xacro: name 'wrong' is not defined when evaluating expression 'wrong' in macro 'leg', "
            "called by 'legs'.",
        ),
        ('<link name="$(arg side)"/>', "xacro-failed", "robot.urdf.xacro: the argument 'side' has no value"),
        (
            '<xacro:include filename="$(find nowhere)/a.xacro"/>',
            "xacro-failed",
            "robot.urdf.xacro: the package 'nowhere' was not found; name its directory in ROS_PACKAGE_PATH",
        ),
        ('<xacro:include filename="gone.xacro"/>', "xacro-failed", "No such file or directory"),
        (
            '<xacro:include filename="broken.xacro"/>',
            "xml-broken",
            "broken.xacro:1:1: the XML is broken: syntax error.",
        ),
        (
            '<xacro:macro name="a"><xacro:a/></xacro:macro><xacro:a/>',
            "xacro-failed",
            "robot.urdf.xacro: macros call each other without end in macro 'a'",
        ),
        ("<link name=", "xml-broken", "robot.urdf.xacro:3:1: the XML is broken"),
        (LINK.format("a", "-1"), "bad-mass", 'attribute value="-1" of <mass> is negative.'),
    ],
)
def test_failures_name_file_and_macro(tmp_path: Path, content: str, code: str, message: str) -> None:
    (tmp_path / "broken.xacro").write_text("nonsense")
    scene, found = inspect(tmp_path, content)
    assert scene is None
    assert message in found[code][0].message


def test_argument_that_nobody_declares(tmp_path: Path) -> None:
    _, found = inspect(tmp_path, '<xacro:arg name="side" default="a"/>' + LINK.format("a", 1), sied="b")
    assert found["xacro-argument"][0].message == "The argument 'sied' is not declared in the file."
    assert found["xacro-argument"][0].remedy.startswith("Did you mean 'side'?")


def test_what_xacro_complains_of_is_a_diagnosis(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, found = inspect(tmp_path, '<xacro:property name="pi" value="3"/>' + LINK.format("a", 1))
    assert "redefining global symbol: pi" in found["xacro-warning"][0].message
    assert capfd.readouterr().err == ""


def test_what_is_no_robot_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "world.sdf.xacro"
    file.write_text('<sdf version="1.9" xmlns:xacro="http://www.ros.org/wiki/xacro"/>')
    _, diagnoses = inspect_scene(file)
    assert diagnoses[0].message == "world.sdf.xacro expands to <sdf>, not <robot>."
