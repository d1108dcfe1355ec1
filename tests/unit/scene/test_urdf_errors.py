from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.scene.load import inspect_scene

LINKS = '<link name="a"/><link name="b"/>'
JOINT = '<joint name="j" type="{type}"><parent link="{parent}"/><child link="{child}"/>{more}</joint>'


def joint(kind: str = "revolute", parent: str = "a", child: str = "b", more: str = "", name: str = "j") -> str:
    text = JOINT.format(type=kind, parent=parent, child=child, more=more)
    return text.replace('name="j"', f'name="{name}"')


def inertial(mass: str = "1", ixx: str = "1") -> str:
    return (
        f'<link name="a"><inertial><mass value="{mass}"/>'
        f'<inertia ixx="{ixx}" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link>'
    )


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "no-links", "The robot has no link."),
        ("<robotarm/>", "not-urdf", "The root element is <robotarm>, not <robot>."),
        ('<robot name="../../etc/x"><link name="a"/></robot>', "bad-name", "The robot's name is '../../etc/x'."),
        ("<robot><link name='a'/></robot>", "bad-name", "The robot's name is ''."),
        ("<link/>", "bad-name", "This link has no name."),
        ('<link name="a"/><link name="a"/>', "duplicate-name", "The link 'a' is there already, at line 2."),
        (inertial(mass="-1"), "bad-mass", 'The attribute value="-1" of <mass> is negative.'),
        (inertial(mass="heavy"), "bad-number", 'The attribute value="heavy" of <mass> is not one number.'),
        (inertial(mass="nan"), "not-finite", 'The attribute value="nan" of <mass> is not finite.'),
        (inertial(ixx="inf"), "not-finite", 'The attribute ixx="inf" of <inertia> is not finite.'),
        (inertial(ixx="-1"), "bad-inertia", "Its principal moments of inertia are -1, 1, 1."),
        (LINKS + joint(more='<axis xyz="0 0 0"/>'), "bad-axis", "The axis of joint 'j' is zero."),
        (
            LINKS + joint(more='<origin xyz="1 2"/>'),
            "bad-number",
            'The attribute xyz="1 2" of <origin> is not 3 numbers.',
        ),
        (
            LINKS + joint(more='<limit lower="1" upper="-1"/>'),
            "limits-crossed",
            "The lower limit 1 rad of joint 'j' is above its upper limit -1 rad.",
        ),
        (
            LINKS + joint(more='<dynamics damping="-3"/>'),
            "bad-joint-value",
            'The attribute damping="-3" of <dynamics> is negative.',
        ),
        (LINKS + joint("hinge"), "joint-unsupported", "The joint 'j' is of type 'hinge'."),
        (
            LINKS + joint(child="c"),
            "joint-missing-body",
            "The child of joint 'j' is the link 'c', which does not exist.",
        ),
        (LINKS + '<joint name="j" type="fixed"/>', "joint-missing-body", None),
        (LINKS, "several-roots", "The links a, b have no parent, but a URDF has one root."),
        (
            LINKS + joint() + joint(parent="b", child="a", name="k"),
            "joint-cycle",
            "The links a, b hang on each other in a circle.",
        ),
        (LINKS + joint(child="a"), "joint-cycle", "The links a hang on each other in a circle."),
        (
            LINKS + '<link name="c"/>' + joint() + joint(parent="a", child="c", name="k") + joint(parent="c", name="l"),
            "two-parents",
            "The link 'b' is the child of 'l' and of 'j' (line 2).",
        ),
        (
            LINKS + joint(more='<mimic joint="nobody"/>'),
            "mimic-missing-joint",
            "The joint 'j' mimics 'nobody', which is not another joint.",
        ),
        (
            '<link name="a"><collision><geometry><box size="-1 1 1"/></geometry></collision></link>',
            "bad-dimension",
            'The attribute size="-1 1 1" of <box> is negative.',
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(inspect_urdf: Any, text: str, code: str, message: str | None) -> None:
    _, found = inspect_urdf(text) if text != "<robotarm/>" else inspect_urdf("<robotarm><robot/></robotarm>")
    assert found[code][0].severity == "error"
    if message is not None:
        assert found[code][0].message == message
    if code != "bad-inertia":
        assert found[code][0].path.startswith("robot.urdf:")


def test_broken_xml_has_its_line(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf('<robot name="r">\n<link name="a">\n</robot>')
    assert scene is None
    assert found["xml-broken"][0].message == "robot.urdf:3:3: the XML is broken: mismatched tag."


def test_entities_are_refused(inspect_urdf: Any) -> None:
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n<robot name="r"><link name="&b;"/></robot>'
    scene, found = inspect_urdf(bomb)
    assert scene is None
    assert found["xml-entity"][0].message == "robot.urdf:1: it declares the entity 'a'."


def test_every_error_is_listed_at_once(inspect_urdf: Any) -> None:
    scene, found = inspect_urdf(
        inertial(mass="-1") + '<link name="b"/>' + joint(child="nobody", more='<axis xyz="0 0 0"/>')
    )
    assert scene is None
    assert {"bad-mass", "joint-missing-body", "bad-axis"} <= set(found)


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe\x01" * 50, b"\xff\xfe", "<robot name='ü'>".encode("latin-1"), b"hello"]
)
def test_bytes_that_are_no_xml(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "junk.urdf"
    file.write_bytes(content)
    scene, diagnoses = inspect_scene(file)
    assert scene is None
    assert [diagnosis.code for diagnosis in diagnoses] == ["xml-broken"]


def test_a_chain_that_is_too_long(inspect_urdf: Any) -> None:
    count = 1500
    links = "".join(f'<link name="l{i}"/>' for i in range(count))
    joints = "".join(joint("fixed", f"l{i}", f"l{i + 1}", name=f"j{i}") for i in range(count - 1))
    scene, found = inspect_urdf(links + joints)
    assert scene is None
    assert found["too-deep"][0].message == "A chain has more than 200 links."
