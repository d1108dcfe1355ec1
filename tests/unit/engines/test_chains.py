"""Chains in place of D6 joints."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.engines.chains import MASS, expand
from hanzo_twin.engines.forward_kinematics import ForwardKinematics, starting_roots
from hanzo_twin.scene.model import Axis
from hanzo_twin.testing import feature_scenes, scenes


def test_a_scene_without_is_the_same() -> None:
    scene = scenes.arm6()
    assert expand(scene) is scene


def test_a_chain_has_a_joint_for_each_axis_translations_first() -> None:
    axes = (Axis(name="z", rotation=True), Axis(name="x", rotation=True, upper=1.0), Axis(name="y", rotation=False))
    scene = expand(feature_scenes.d6(*axes, damping=0.3))
    path = feature_scenes.HINGE
    assert list(scene.joints) == [f"{path}/translation_y", f"{path}/rotation_x", f"{path}/rotation_z"]
    slide, first, last = scene.joints.values()
    assert (slide.kind, first.kind, last.kind) == ("prismatic", "revolute", "revolute")
    assert (slide.parent, first.parent, last.parent) == ("", slide.child, first.child)
    assert last.child == feature_scenes.BOB
    assert (first.upper, last.upper) == (1.0, np.inf)
    assert first.damping == 0.3
    assert list(scene.bodies) == [slide.child, first.child, feature_scenes.BOB]
    assert scene.bodies[slide.child].mass == MASS


def test_at_zero_the_chain_holds_the_body_where_the_joint_did() -> None:
    scene = expand(feature_scenes.d6(Axis(name="x", rotation=True), Axis(name="z", rotation=False)))
    roots, twists = starting_roots(scene)
    kinematics = ForwardKinematics(scene, list(scene.joints))
    poses, _ = kinematics.place(np.zeros((1, 2)), np.zeros((1, 2)), roots[None], twists[None])
    assert poses[0, -1, :3] == pytest.approx([0.0, 0.0, -1.0])


def test_no_free_axis_is_a_weld() -> None:
    (joint,) = expand(feature_scenes.d6()).joints.values()
    assert joint.kind == "fixed"
