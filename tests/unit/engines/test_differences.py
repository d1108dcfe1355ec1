"""What engines tell of scenes that they take and do not follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanzo_twin.engines.port import Diagnoses, EngineConfig, load_engine
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.model import EngineValue, Material, Scene
from hanzo_twin.testing import feature_scenes, scenes


def told(engine_name: str, scene: Scene) -> tuple[Diagnosis, ...]:
    engine = load_engine(engine_name)
    assert isinstance(engine, Diagnoses)
    return engine.diagnose(scene, EngineConfig())


@pytest.mark.parametrize("engine", ["mujoco", "gazebo", "pybullet"])
def test_a_velocity_limit_that_is_not_kept_is_told_once(engine: str) -> None:
    (only,) = told(engine, feature_scenes.speed_limited())
    assert str(only).startswith(
        f"warning[velocity-limits-ignored] /World/cart/slide: Engine '{engine}' does not keep joints to their velocity "
        "limits: '/World/cart/slide'. Limit the velocity where commands are made. Engines that have it: "
    )


def two_kinds_of_boxes() -> Scene:
    """Boxes that touch each other and rougher ground: more pairs of materials than numbers of them."""
    scene = scenes.arm6_with_boxes()
    ice = Material(path="/World/ice", dynamic_friction=0.1, static_friction=0.1)
    bodies = {
        path: replace(body, shapes=tuple(replace(shape, material=ice.path) for shape in body.shapes))
        if "box" in path
        else body
        for path, body in scene.bodies.items()
    }
    return replace(scene, bodies=bodies, materials={**scene.materials, ice.path: ice})


@pytest.mark.parametrize(("engine", "got"), [("pybullet", "0.2236"), ("gazebo", "0.1")])
def test_friction_that_is_not_the_scenes_is_told(engine: str, got: str) -> None:
    (only,) = [one for one in told(engine, two_kinds_of_boxes()) if one.code == "friction-differs"]
    assert only.message == (
        f"Engine '{engine}' has a friction of {got} between '/World/ice' and '/World/material'; the scene says 0.3."
    )
    assert told("mujoco", two_kinds_of_boxes()) == ()


def test_attributes_that_an_engine_does_not_use_are_listed() -> None:
    scene = scenes.falling_box()
    attributes: dict[str, EngineValue] = {
        "/World/box/shape.mjc:solref": (0.01, 1.0),
        "/World/box/shape.mjc:group": 3.0,
        "/World/box.physxRigidBody:linearDamping": 0.1,
    }
    scene = replace(scene, engine_attributes=attributes)
    assert [one.message for one in told("mujoco", scene)] == [
        "Engine 'mujoco' does not use mjc:group of '/World/box/shape'.",
        "Engine 'mujoco' does not use physxRigidBody:linearDamping of '/World/box'.",
    ]
    assert len(told("gazebo", scene)) == 3
    assert all(one.severity == "info" for one in told("gazebo", scene))
