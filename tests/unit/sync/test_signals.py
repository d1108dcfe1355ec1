"""What mappings name, as columns."""

from __future__ import annotations

import pytest

from hanzo_twin.definition.target import Target
from hanzo_twin.errors import AddressError
from hanzo_twin.sync.signals import SignalTable, expand
from hanzo_twin.testing.scenes import arm6, falling_box, pendulum

HINGE = "/World/pendulum/hinge"


def target(to: str, **fields: str) -> Target:
    return Target.model_validate({"to": to, **fields})


def test_a_quantity_has_one_column_for_each_role() -> None:
    table = SignalTable(pendulum())
    assert table.resolve(target(f"{HINGE}.position")) == table.resolve(target(f"{HINGE}.position")) == (0,)
    assert table.resolve(target(f"{HINGE}.effort")) == (1,)
    assert table.resolve(target(f"{HINGE}.effort", role="measurement")) == (2,)
    assert table.columns("measurement", ["state", "input"]) == [0, 2]
    assert table.columns("input", ["input"]) == [1]


def test_vectors_have_a_column_for_each_component() -> None:
    scene = falling_box()
    assert expand(scene, "/World/box.xformOp:translate") == [f"/World/box.xformOp:translate.{c}" for c in "xyz"]
    assert expand(scene, "/World/box.xformOp:translate.y") == ["/World/box.xformOp:translate.y"]
    arm = arm6()
    (articulation,) = arm.articulations.values()
    joints = [f"{joint}.position" for joint in articulation.joints]
    assert expand(arm, "/World/arm/joints") == expand(arm, articulation.path) == joints


def test_what_is_no_articulation_is_refused_with_what_there_is() -> None:
    with pytest.raises(AddressError, match="names no articulation's joints") as refused:
        expand(arm6(), "/World/leg/joints")
    assert "/World/arm/joints" in refused.value.hint


def test_the_unit_is_the_scenes_or_the_mappings() -> None:
    table = SignalTable(pendulum())
    for item in (target(f"{HINGE}.position", unit="deg"), target("/World/pendulum/bob.temperature", unit="degC")):
        table.resolve(item)
    assert [signal.unit for signal in table.signals] == ["rad", "degC"]
    assert table.signals[1].quantity.kind == "reading"


def test_a_unit_of_something_else_is_refused() -> None:
    scene = pendulum()
    joint = next(path for art in scene.articulations.values() for path in art.joints)
    with pytest.raises(AddressError, match="is measured in rad/s, and 'kg' is not a unit of that") as refused:
        SignalTable(scene).resolve(Target.model_validate({"to": f"{joint}.velocity", "unit": "kg"}))
    assert refused.value.hint == "Allowed: rad/s, deg/s, rpm."


def test_the_second_mapping_of_an_address_is_checked_as_the_first() -> None:
    table = SignalTable(pendulum())
    table.resolve(target(f"{HINGE}.position", unit="deg"))
    with pytest.raises(AddressError, match="is measured in rad, and 'mm' is not a unit of that"):
        table.resolve(target(f"{HINGE}.position", unit="mm"))
