"""Attributes of MuJoCo's own reach the model."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.mujoco.model import build_model
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import EngineValue, Material, Scene
from hanzo_twin.testing import scenes

SHAPE = "/World/box/shape"


def box(**attributes: EngineValue) -> Scene:
    owners = {f"{SHAPE}.mjc:{name}": value for name, value in attributes.items()}
    return replace(scenes.falling_box(), engine_attributes=owners)


def test_how_a_shape_touches() -> None:
    scene = box(solref=(0.01, 0.8), solimp=(0.8, 0.9, 0.002, 0.5, 2.0), condim=6, priority=2, torsionalfriction=0.02)
    geom = build_model(scene, EngineConfig()).geom(SHAPE)
    assert geom.solref.tolist() == [0.01, 0.8]
    assert geom.solimp.tolist() == [0.8, 0.9, 0.002, 0.5, 2.0]
    assert geom.condim == 6
    assert geom.priority == 2
    assert geom.friction.tolist() == [0.5, 0.02, 0.0001]


def test_torsional_friction_is_that_of_the_material_unless_the_shape_says_otherwise() -> None:
    scene = box(rollingfriction=0.3)
    (material,) = {shape.material for shape in scene.bodies["/World/box"].shapes}
    of_material = {f"{material}.mjc:torsionalfriction": 0.1, f"{material}.mjc:rollingfriction": 0.2}
    rough = replace(scene, engine_attributes={**scene.engine_attributes, **of_material})
    assert build_model(rough, EngineConfig()).geom(SHAPE).friction[1:].tolist() == [0.1, 0.3]
    assert not any(one.code == "attribute-ignored" for one in MujocoEngine().diagnose(rough, EngineConfig()))


def test_a_shape_with_rules_of_its_own_is_in_no_pair() -> None:
    ice = Material(path="/World/ice", dynamic_friction=0.1)
    for scene, pairs in ((box(), 1), (box(condim=4), 0)):
        ground = replace(scene.static_shapes["/World/ground"], material=ice.path)
        mixed = replace(scene, static_shapes={ground.path: ground}, materials={**scene.materials, ice.path: ice})
        assert build_model(mixed, EngineConfig()).npair == pairs


def test_how_a_limit_feels() -> None:
    scene = replace(scenes.cart(), engine_attributes={"/World/cart/slide.mjc:solreflimit": (0.05, 1.0)})
    assert build_model(scene, EngineConfig()).jnt_solref[0].tolist() == [0.05, 1.0]


def test_how_it_solves() -> None:
    attributes: dict[str, EngineValue] = {
        "/World/physics.mjc:option:integrator": "rk4",
        "/World/physics.mjc:option:cone": "pyramidal",
        "/World/physics.mjc:option:iterations": 7,
        "/World/physics.mjc:option:wind": (1.0, 2.0, 3.0),
    }
    option = build_model(replace(scenes.cart(), engine_attributes=attributes), EngineConfig()).opt
    assert option.integrator == mujoco.mjtIntegrator.mjINT_RK4
    assert option.cone == mujoco.mjtCone.mjCONE_PYRAMIDAL
    assert option.iterations == 7
    assert option.wind.tolist() == [1.0, 2.0, 3.0]
    chosen = build_model(replace(scenes.cart(), engine_attributes=attributes), EngineConfig(solver_iterations=9)).opt
    assert chosen.iterations == 9


def test_an_unknown_name_is_refused() -> None:
    scene = replace(scenes.cart(), engine_attributes={"/World/physics.mjc:option:integrator": "magic"})
    with pytest.raises(UnsupportedError, match=r"no integrator 'magic'(.|\n)*Allowed: euler, rk4"):
        build_model(scene, EngineConfig())
