"""Files that cannot be read end in designed errors with MuJoCo's own reason and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.mjcf import parse


def failure(tmp_path: Path, text: str | bytes, name: str = "robot.xml") -> tuple[str, str, str]:
    """Code, message and remedy of the only error."""
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SceneError) as refused:
        load_scene(file)
    (only,) = [diagnosis for diagnosis in refused.value.diagnoses if diagnosis.severity == "error"]
    assert str(refused.value).startswith(f"The scene '{file}' cannot be loaded: {only.message}")
    return only.code, only.message, only.remedy


def test_what_is_no_xml(tmp_path: Path) -> None:
    assert failure(tmp_path, "garbage")[0] == "xml-broken"
    assert failure(tmp_path, b"\x00\xff\xfe" * 100)[0] == "xml-broken"
    assert "line 1" in failure(tmp_path, "<mujoco")[1]


def test_another_root_element(tmp_path: Path) -> None:
    code, message, remedy = failure(tmp_path, "<svg/>")

    assert (code, message) == ("unknown-format", "The root element of 'robot.xml' is <svg>.")
    assert "<mujoco>" in remedy
    assert "<robot>" in remedy


def test_xml_that_breaks_after_its_root(tmp_path: Path) -> None:
    code, message, _ = failure(tmp_path, "<mujoco>\n<worldbody>\n</mujoco>")

    assert (code, message) == ("xml-broken", "robot.xml:2: It is not XML: mismatched element (<worldbody>).")


def test_an_unknown_element_is_named_with_its_line(tmp_path: Path) -> None:
    code, message, _ = failure(tmp_path, "<mujoco>\n<worldbody>\n<boddy/>\n</worldbody>\n</mujoco>")

    assert code == "mjcf-refused"
    assert message.startswith("robot.xml:3: MuJoCo refuses it: Schema violation: unrecognized element")
    assert "'boddy'" in message


def test_a_body_without_mass_is_named_with_its_line(tmp_path: Path) -> None:
    text = "<mujoco>\n<worldbody>\n<body name='arm'>\n<joint/>\n</body>\n</worldbody>\n</mujoco>"
    code, message, _ = failure(tmp_path, text)

    assert code == "mjcf-refused"
    assert message == (
        "robot.xml:3: MuJoCo refuses it: mass and inertia of moving bodies must be larger than mjMINVAL; "
        "Element name 'arm'"
    )


def test_a_missing_mesh_is_named(tmp_path: Path) -> None:
    text = (
        "<mujoco><asset><mesh name='m' file='no.stl'/></asset>"
        "<worldbody><geom type='mesh' mesh='m'/></worldbody></mujoco>"
    )
    code, message, remedy = failure(tmp_path, text)

    assert code == "asset-missing"
    assert message == "robot.xml: Error opening file 'no.stl'"
    assert "meshdir" in remedy


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    code, message, _ = failure(tmp_path, "<mujoco>\n<include file='no.xml'/></mujoco>")

    assert (code, message) == ("asset-missing", "robot.xml:2: Error opening file 'no.xml'; Element 'include'")


def test_files_that_include_each_other(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text("<mujoco><include file='robot.xml'/></mujoco>")
    code, message, _ = failure(tmp_path, "<mujoco><include file='other.xml'/></mujoco>")

    assert code == "include-loop"
    assert "already included" in message


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "LARGEST_FILE", 100)
    code, message, _ = failure(tmp_path, "<mujoco>" + " " * 100 + "</mujoco>")

    assert code == "file-too-large"
    assert "'robot.xml' has" in message


def test_numbers_that_are_none(tmp_path: Path) -> None:
    text = "<mujoco><worldbody><body><freejoint/><geom size='nan'/></body></worldbody></mujoco>"
    file = tmp_path / "robot.xml"
    file.write_text(text)
    with pytest.raises(SceneError, match=r"robot\.xml:1: MuJoCo refuses it: nan size in geom"):
        load_scene(file)


def test_a_urdf_that_is_called_xml_is_read_as_one(tmp_path: Path) -> None:
    file = tmp_path / "robot.xml"
    file.write_text(
        '<robot name="r"><link name="base"><inertial><mass value="1"/>'
        '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial></link></robot>'
    )

    assert len(load_scene(file).bodies) == 1


def test_a_quaternion_that_overflows(tmp_path: Path) -> None:
    ball = "<geom size='1' name='ball'/>"
    text = f"<mujoco><worldbody>{ball}<geom size='1' quat='1e308 0 0 0' name='odd'/></worldbody></mujoco>"

    assert failure(tmp_path, text) == (
        "bad-quaternion",
        "robot.xml: The quat of geom 'odd' is no rotation.",
        "Author a unit quaternion, such as 1 0 0 0.",
    )


def test_copies_without_end_are_refused_before_they_are_made(tmp_path: Path) -> None:
    """Copies of copies of copies: MuJoCo would fill the memory."""
    start, end = '<replicate count="1000">\n' * 4, "</replicate>" * 4
    text = f"<mujoco><worldbody>{start}<body><geom size='1'/></body>{end}</worldbody></mujoco>"

    code, message, _ = failure(tmp_path, text)

    assert (code, message) == ("too-large", "robot.xml:2: <replicate> makes more than 200000 elements.")
