from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Scene

Inspect = Callable[..., tuple[Scene | None, dict[str, list[Any]]]]

LINK = '<link name="a"><inertial><mass>1</mass></inertial></link>'
LINKS = LINK + LINK.replace('"a"', '"b"')


def joint(content: str = "", kind: str = "revolute", child: str = "b") -> str:
    return f'<joint name="j" type="{kind}"><parent>a</parent><child>{child}</child>{content}</joint>'


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('<sdf version="1.9"><actor name="x"/></sdf>', "not-sdf", "file.sdf:1: there is no <world> and no <model>."),
        (LINK + LINK, "duplicate-name", "<link> 'a' (file.sdf:2) has the name of <link> at file.sdf:2."),
        (LINKS + joint(kind="screw"), "joint-unsupported", "The joint 'j' is of type 'screw'."),
        (
            LINKS + joint(child="c"),
            "frame-missing",
            "<joint> 'j' (file.sdf:2) refers to 'c', which is not a frame there.",
        ),
        (LINKS + joint(child="a"), "joint-between-nothing", "The joint 'j' connects 'm::a' to itself."),
        (LINKS + joint("<axis><xyz>0 0 0</xyz></axis>"), "bad-axis", "The axis of joint 'j' is zero."),
        (
            LINKS + joint("<axis><limit><lower>1</lower><upper>-1</upper></limit></axis>"),
            "limits-crossed",
            "The lower limit 1 rad of joint 'j' is above its upper limit -1 rad.",
        ),
        (
            LINKS + joint('<axis><mimic joint="k"/></axis>'),
            "mimic-missing-joint",
            "The joint 'm::j' mimics 'k', which is not a joint of its model.",
        ),
        ('<link name="a"><pose>1 2 3</pose></link>', "bad-number", "<pose> (file.sdf:2) is '1 2 3'."),
        (
            '<link name="a"><sensor name="s" type="camera"><camera><image><width>0</width></image></camera></sensor>'
            "</link>",
            "bad-dimension",
            "<camera/image/width> (file.sdf:2) is 0.",
        ),
        (
            '<link name="a"><sensor name="s" type="lidar"><lidar><scan><horizontal><samples>1e39</samples></horizontal>'
            "</scan></lidar></sensor></link>",
            "bad-dimension",
            "<lidar/scan/horizontal/samples> (file.sdf:2) is 1e+39.",
        ),
        ('<link name="a"><pose>nan 2 3 0 0 0</pose></link>', "not-finite", "<pose> (file.sdf:2) is not finite."),
        (
            '<link name="a"><pose relative_to="x"/></link>',
            "frame-missing",
            "refers to 'x', which is not a frame there.",
        ),
        (
            '<link name="a"><pose relative_to="f"/></link><frame name="f"><pose relative_to="a"/></frame>',
            "frame-cycle",
            "Frames stand on each other in a circle: m::a → m::f → m::a.",
        ),
        (LINK.replace("1<", "-1<"), "bad-mass", "The mass at file.sdf:2 is -1 kg."),
        (LINK.replace('name="a"', 'name=""'), "bad-name", "<link> (file.sdf:2) has no name."),
        (
            '<link name="a"><inertial auto="1"><density>0</density></inertial><collision name="c"><geometry>'
            "<sphere/></geometry></collision></link>",
            "bad-mass",
            "The mass of the collision at file.sdf:2 is 0 kg.",
        ),
        (LINK.replace("1<", "heavy<"), "bad-number", "<mass> (file.sdf:2) is 'heavy'."),
        (
            '<link name="a"><collision><geometry><sphere><radius>-1</radius></sphere></geometry></collision></link>',
            "bad-dimension",
            "<radius> (file.sdf:2) is -1.",
        ),
        ("<static>perhaps</static>" + LINK, "bad-number", "<static> (file.sdf:2) is 'perhaps'."),
        ("<include><uri>gone</uri></include>" + LINK, "include-missing", "'gone' is not there."),
        ("<include><uri>https://x/y</uri></include>" + LINK, "include-missing", "'https://x/y' is on a server."),
        ("<include/>" + LINK, "include-missing", "The include names no <uri>."),
        (
            "<include><uri>file.sdf</uri></include>",
            "include-cycle",
            "The files include each other: file.sdf → file.sdf.",
        ),
    ],
)
def test_bad_content_is_named_with_its_place(inspect_sdf: Inspect, text: str, code: str, message: str) -> None:
    scene, found = inspect_sdf(text)
    assert scene is None
    assert message in found[code][0].message, found
    assert found[code][0].severity == "error"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("<sdf", "xml-broken", "file.sdf:1:1: the XML is broken: unclosed token."),
        ("no <sdf", "xml-broken", "file.sdf:1:1: the XML is broken: syntax error."),
        (
            '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><sdf version="1.9">&b;</sdf>',
            "xml-entity",
            "file.sdf:1: it declares the entity 'a'.",
        ),
        ("<robot name='sdf'><sdf/></robot>", "not-sdf", "file.sdf:1: the root element is <robot>, not <sdf>."),
    ],
)
def test_what_is_no_sdf(inspect_sdf: Inspect, text: str, code: str, message: str) -> None:
    scene, found = inspect_sdf(text)
    assert scene is None
    assert found[code][0].message == message


def test_all_errors_are_reported_at_once(inspect_sdf: Inspect) -> None:
    _, found = inspect_sdf(LINKS.replace("1<", "-1<").replace("<link", "\n<link") + joint(kind="hinge") + "<include/>")
    assert {"bad-mass", "joint-unsupported", "include-missing"} <= set(found)
    assert len(found["bad-mass"]) == 2


def test_deep_chains_are_refused_and_not_recursed(inspect_sdf: Inspect) -> None:
    frames = "".join(f'<frame name="f{i}" attached_to="f{i + 1}"/>' for i in range(2000))
    _, found = inspect_sdf(f'<link name="a"><pose relative_to="f0"/></link>{frames}<frame name="f2000"/>')
    assert "More than 200 frames stand on each other" in found["too-deep"][0].message
    _, found = inspect_sdf('<model name="n">' * 600 + LINK + "</model>" * 600)
    assert "nested more than" in found["too-deep"][0].message


def test_includes_that_grow_without_bound(inspect_sdf: Inspect, tmp_path: Path) -> None:
    for number in range(25):
        twice = "".join(f"<include><uri>{number - 1}.sdf</uri><name>{name}</name></include>" for name in "ab")
        text = f'<sdf version="1.9"><model name="m{number}">{twice if number else LINK}</model></sdf>'
        (tmp_path / f"{number}.sdf").write_text(text)
    _, found = inspect_sdf("<include><uri>24.sdf</uri></include>")
    assert found["too-large"][0].message == "The includes make more than 200000 elements."


def test_include_that_includes_its_user(inspect_sdf: Inspect, tmp_path: Path) -> None:
    (tmp_path / "other.sdf").write_text(
        '<sdf version="1.9"><model name="o"><include><uri>file.sdf</uri></include></model></sdf>'
    )
    _, found = inspect_sdf("<include><uri>other.sdf</uri></include>")
    assert found["include-cycle"][0].message == "The files include each other: file.sdf → other.sdf → file.sdf."


def test_what_a_world_has_that_is_not_kept(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(
        '<sdf version="2.0"><world name="w"><physics type="ode"><max_step_size>0.003</max_step_size></physics>'
        f'<road name="r"/><gui/><model name="m"><gripper name="g"/>{LINK}</model></world><world name="second"/></sdf>'
    )
    assert scene is not None
    assert scene.step_hint == pytest.approx(1 / 333)
    assert scene.gravity == pytest.approx((0, 0, -9.8))
    lost = {diagnosis.message for diagnosis in found["sdf-lost"]}
    assert "<road> of 'w' is not kept." in lost
    assert "<gripper> of 'm' is not kept." in lost
    assert "The step of 0.003 s became 1/333 s." in lost
    assert any("The world 'second' is not read" in text for text in lost)
    assert "The file is of version '2.0'" in found["sdf-version"][0].message


def test_load_scene_says_the_first_error(tmp_path: Path) -> None:
    file = tmp_path / "robot.sdf"
    file.write_text(f'<sdf version="1.9"><model name="m">\n{LINKS}\n{joint(kind="hinge")}</model></sdf>')
    with pytest.raises(SceneError, match=r"robot\.sdf:3: The joint 'j' is of type 'hinge'\."):
        load_scene(file)


def test_a_name_that_the_system_refuses(tmp_path: Path) -> None:
    file = tmp_path / "file.sdf"
    file.write_text(
        f'<sdf version="1.9"><model name="m">{LINK}<include><uri>{"a" * 5000}</uri></include></model></sdf>'
    )

    with pytest.raises(SceneError) as refused:
        load_scene(file)

    (only,) = (found for found in refused.value.diagnoses if found.severity == "error")
    assert (only.code, only.path) == ("file-unreadable", "file.sdf:1")
    assert only.message.endswith("…' cannot be read: File name too long.")


@pytest.mark.parametrize("normal", ["1e-320 0 0", "1e308 1e308 0"])
def test_normals_of_any_length(inspect_sdf: Inspect, normal: str) -> None:
    plane = f"<geometry><plane><normal>{normal}</normal><size>1 1</size></plane></geometry>"

    scene, _ = inspect_sdf(f'<link name="a"><visual name="v">{plane}</visual></link>')

    assert scene is not None
    assert scene.bodies["/m/a"].shapes


def test_a_mesh_that_is_no_plain_file(tmp_path: Path, inspect_sdf: Inspect) -> None:
    os.mkfifo(tmp_path / "pipe.stl")
    mesh = "<geometry><mesh><uri>pipe.stl</uri></mesh></geometry>"

    _, found = inspect_sdf(f'{LINK.replace("</link>", "")}<visual name="v">{mesh}</visual></link>')

    assert "'pipe.stl' is not a plain file." in found["mesh-lost"][0].message
