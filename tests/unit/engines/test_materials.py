"""What holds between two materials, and the numbers that give it to engines with rules of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanzo_twin.engines.materials import for_minima, for_products, friction_between, restitution_between
from hanzo_twin.scene.model import CombineRule, Material, Scene
from hanzo_twin.testing import scenes
from hanzo_twin.testing.conformance_contacts import sliding

ICE = Material(path="/World/ice", dynamic_friction=0.2)
RUBBER = Material(path="/World/rubber", dynamic_friction=0.8)


@pytest.mark.parametrize(("rule", "friction"), [("average", 0.5), ("min", 0.2), ("multiply", 0.16), ("max", 0.8)])
def test_rules(rule: CombineRule, friction: float) -> None:
    assert friction_between(replace(ICE, friction_combine=rule), RUBBER) == pytest.approx(friction)


def test_of_two_rules_the_later_one_decides() -> None:
    one, other = replace(ICE, restitution_combine="min"), replace(RUBBER, restitution=1.0, restitution_combine="max")
    assert restitution_between(one, other) == restitution_between(other, one) == 1.0


def test_a_body_on_other_ground_gets_what_the_scene_says() -> None:
    scene = sliding(ICE, RUBBER)
    products, minima = for_products(scene, friction_between), for_minima(scene, friction_between)
    assert products.mismatches == minima.mismatches == ()
    assert products.values[ICE.path] * products.values[RUBBER.path] == pytest.approx(0.5)
    assert min(minima.values[ICE.path], minima.values[RUBBER.path]) == pytest.approx(0.5)


def test_equal_materials_keep_their_own() -> None:
    scene = scenes.falling_box()
    assert for_products(scene, friction_between).values[scenes.MATERIAL] == pytest.approx(0.5**0.5)
    assert for_minima(scene, friction_between).values[scenes.MATERIAL] == 0.5


def three(frictions: tuple[float, float, float]) -> Scene:
    """Three free boxes of three materials."""
    scene = scenes.falling_box()
    (box,) = scene.bodies.values()
    materials = [Material(path=f"/World/m{i}", dynamic_friction=value) for i, value in enumerate(frictions)]
    bodies = {}
    for index, material in enumerate(materials):
        for copy in "ab":
            shape = replace(box.shapes[0], path=f"/World/b{index}{copy}/s", material=material.path)
            body = replace(box, path=f"/World/b{index}{copy}", shapes=(shape,))
            bodies[body.path] = body
    return replace(scene, bodies=bodies, static_shapes={}, materials={one.path: one for one in materials})


def test_what_cannot_be_is_told() -> None:
    scene = three((0.2, 0.5, 0.8))
    for found, between_first_two in (
        (for_products(scene, friction_between), (0.2 * 0.5) ** 0.5),
        (for_minima(scene, friction_between), 0.2),
    ):
        mismatch = next(one for one in found.mismatches if one.second == "/World/m1")
        assert mismatch.first == "/World/m0"
        assert mismatch.wanted == pytest.approx(0.35)
        assert mismatch.got == pytest.approx(between_first_two)
        assert len(found.mismatches) == 3


def test_no_friction_at_all_is_exact() -> None:
    scene = sliding(replace(ICE, dynamic_friction=0.0), replace(RUBBER, dynamic_friction=0.0))
    found = for_products(scene, friction_between)
    assert found.mismatches == ()
    assert found.values[ICE.path] * found.values[RUBBER.path] == 0.0
