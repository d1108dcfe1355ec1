"""Links of mass zero in SDFormat: held as Bullet, which writes them, holds them; and names that USD does not allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

INERTIAL = "<inertial><mass>{}</mass><inertia><ixx>1</ixx><iyy>1</iyy><izz>1</izz></inertia></inertial>"
BALL = '<collision name="ball"><geometry><sphere><radius>0.1</radius></sphere></geometry></collision>'


def link(name: str, mass: str) -> str:
    return f'<link name="{name}">{INERTIAL.format(mass)}{BALL}</link>'


def joint(kind: str, parent: str, child: str) -> str:
    return f'<joint name="j" type="{kind}"><parent>{parent}</parent><child>{child}</child></joint>'


Inspect = Callable[..., tuple[Any, dict[str, list[Any]]]]


def test_a_base_of_mass_zero_is_held_where_it_stands(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(
        f"<pose>0 -2 0.5 0 0 0</pose>{link('base', '0')}{link('arm', '1')}{joint('revolute', 'base', 'arm')}"
    )
    [articulation] = scene.articulations.values()
    assert (articulation.root_body, articulation.fixed_base) == ("/m/base", True)
    assert scene.bodies["/m/base"].mass == pytest.approx(1e-9)
    assert scene.bodies["/m/base"].pose_world_body.position.tolist() == [0.0, -2.0, 0.5]
    [told] = found["link-held"]
    assert told.message == (
        "The link 'base' has the mass 0, which SDFormat does not allow; it is held where it stands, as Bullet does."
    )


def test_a_model_of_one_link_of_mass_zero_is_static(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(link("floor", "0"))
    assert not scene.bodies
    assert list(scene.static_shapes) == ["/m/floor/ball"]


def test_a_welded_link_of_mass_zero_weighs_next_to_nothing(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(link("base", "1") + link("tip", "0") + joint("fixed", "base", "tip"))
    assert scene.bodies["/m/tip"].mass == pytest.approx(1e-9)
    assert found["link-held"][0].message.endswith("it weighs next to nothing.")


def test_a_link_of_mass_zero_that_a_joint_moves_is_refused(inspect_sdf: Inspect) -> None:
    _, found = inspect_sdf(link("base", "1") + link("tip", "0") + joint("revolute", "base", "tip"))
    assert found["bad-mass"][0].severity == "error"
    assert "link-held" not in found


def test_names_that_usd_does_not_allow_are_told(inspect_sdf: Inspect) -> None:
    _, found = inspect_sdf(
        '<sdf version="1.9"><model name="my-robot">' + link("left leg", "1") + "</model></sdf>", name="robot.sdf"
    )
    [told] = found["renamed"]
    assert "'my-robot' is /my_robot" in told.message
    assert "'left leg' is /my_robot/left_leg" in told.message
