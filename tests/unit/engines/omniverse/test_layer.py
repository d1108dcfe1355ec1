"""The layer that PhysX reads: trees, frames, units, what does not collide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ovphysx")

from pxr import Sdf, Usd, UsdPhysics

from hanzo_twin.engines.omniverse.layer import Layers
from hanzo_twin.engines.omniverse.link_motion import rotated
from hanzo_twin.engines.omniverse.trees import simplified, trees_of
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Axis, Material, Scene
from hanzo_twin.testing import feature_scenes, scenes

CONFIG = EngineConfig(step_hz=500.0)


def stage_of(scene: Scene, config: EngineConfig = CONFIG) -> Usd.Stage:
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.ImportFromString(Layers(scene, config).of(scene).data.decode())
    return Usd.Stage.Open(layer)


def value(stage: Usd.Stage, prim: str, name: str) -> object:
    return stage.GetPrimAtPath(prim).GetAttribute(name).Get()


def test_a_tree_hinged_to_the_world_hangs_on_a_fixed_base() -> None:
    stage = stage_of(scenes.pendulum())
    assert stage.GetPrimAtPath("/weld_0").HasAPI(UsdPhysics.ArticulationRootAPI)
    assert stage.GetPrimAtPath("/joint_0").GetRelationship("physics:body0").GetTargets() == ["/base_0"]


def test_a_floating_tree_has_its_root_at_its_first_body() -> None:
    stage = stage_of(scenes.floating_chain())
    assert stage.GetPrimAtPath("/link_0_link_0").HasAPI(UsdPhysics.ArticulationRootAPI)
    assert not stage.GetPrimAtPath("/weld_0")


def test_limits_are_degrees_and_axes_are_x() -> None:
    stage = stage_of(scenes.arm6())
    assert value(stage, "/joint_1", "physics:lowerLimit") == pytest.approx(np.degrees(-3.0), rel=1e-6)
    assert value(stage, "/joint_1", "physics:axis") == "X"
    turn = value(stage, "/joint_1", "physics:localRot1")
    pose = np.array([[0.0, 0.0, 0.0, turn.GetReal(), *turn.GetImaginary()]])  # type: ignore[attr-defined]
    assert rotated(pose, np.array([[1.0, 0.0, 0.0]]))[0] == pytest.approx([0.0, 1.0, 0.0], abs=1e-6)


def test_nothing_of_physx_damps_or_sleeps() -> None:
    stage = stage_of(scenes.arm6_with_boxes())
    for prim in stage.Traverse():
        if prim.HasAPI(UsdPhysics.RigidBodyAPI):
            for name in ("linearDamping", "angularDamping", "sleepThreshold", "stabilizationThreshold"):
                assert prim.GetAttribute(f"physxRigidBody:{name}").Get() == 0.0
    assert value(stage, "/physics", "physxScene:disableSleeping") is True


def test_solver_iterations_are_those_of_the_settings() -> None:
    stage = stage_of(scenes.falling_box(), replace(CONFIG, solver_iterations=33))
    assert value(stage, "/body_0_box", "physxRigidBody:solverPositionIterationCount") == 33


def test_filtered_pairs_name_prims_of_the_layer() -> None:
    scene = replace(scenes.falling_box(), filtered_pairs=(("/World/box", "/World/ground"),))
    stage = stage_of(scene)
    targets = stage.GetPrimAtPath("/body_0_box").GetRelationship("physics:filteredPairs").GetTargets()
    assert targets == ["/static_0"]


def test_one_layer_for_all_that_differs_in_joints_only() -> None:
    scene = scenes.arm6()
    layers = Layers(scene, CONFIG)
    stiff = {path: replace(joint, damping=9.0) for path, joint in scene.joints.items()}
    assert layers.of(replace(scene, joints=stiff)) is layers.of(scene)
    rough = {scenes.MATERIAL: Material(path=scenes.MATERIAL, dynamic_friction=0.9)}
    assert layers.of(replace(scene, materials=rough)) is not layers.of(scene)


def test_trees_are_found_and_simplified() -> None:
    chain = scenes.floating_chain(links=3)
    (tree,) = trees_of(chain)
    assert tree.bodies == tuple(chain.bodies)
    assert tree.anchor is None
    assert trees_of(scenes.falling_box()) == ()
    one = feature_scenes.d6(Axis(name="x", rotation=False, lower=-0.2, upper=0.3))
    (joint,) = simplified(one).joints.values()
    assert (joint.kind, joint.axis, joint.lower, joint.upper) == ("prismatic", (1.0, 0.0, 0.0), -0.2, 0.3)
    both = feature_scenes.d6(Axis(name="x", rotation=False), Axis(name="y", rotation=True))
    assert simplified(both) is both
    assert trees_of(both) == ()
