"""An explicit integrator that a scene asks for is used where its drives allow."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import pytest

from hanzo_twin.engines.mujoco import MujocoEngine
from hanzo_twin.engines.mujoco.model import build_model
from hanzo_twin.engines.port import EngineConfig
from hanzo_twin.scene.model import Drive, Scene
from hanzo_twin.testing import scenes

CONFIG = EngineConfig(step_hz=500.0)
ASKED = "/World/physics.mjc:option:integrator"


def cart(integrator: str, decay: float) -> Scene:
    """A cart whose drive alone slows it by e^-1 in ``decay`` of a step's inverse."""
    scene = scenes.cart()
    (joint,) = scene.joints.values()
    mass = scene.bodies[joint.child].mass + joint.armature
    drive = Drive(stiffness=0.0, damping=decay * mass * CONFIG.step_hz)
    return replace(scene, joints={joint.path: replace(joint, drive=drive)}, engine_attributes={ASKED: integrator})


@pytest.mark.parametrize("name", ["euler", "rk4"])
def test_a_soft_drive_keeps_the_integrator(name: str) -> None:
    scene = cart(name, 0.9)
    assert build_model(scene, CONFIG).opt.integrator != mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    assert [one for one in MujocoEngine().diagnose(scene, CONFIG) if one.severity == "warning"] == []


def test_a_drive_too_stiff_for_it_gets_an_implicit_one_and_that_is_told() -> None:
    scene = cart("rk4", 5.0)
    assert build_model(scene, CONFIG).opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    (told,) = (one for one in MujocoEngine().diagnose(scene, CONFIG) if one.code == "integrator-replaced")
    assert told.path == "/World/physics"
    assert "implicitfast instead of rk4, for which drives of the scene are 5 times too stiff" in told.message
    assert "shorter steps" in told.remedy


def test_it_then_comes_to_rest() -> None:
    """With the integrator asked for, the speed would grow by half of (h·λ)⁴/24 at each step."""
    scene = cart("rk4", 5.0)
    (joint,) = scene.joints.values()
    moving = replace(scene, joints={joint.path: replace(joint, initial_velocity=1.0)})
    simulation = MujocoEngine().load_scene(moving, CONFIG)
    simulation.step(50)
    assert abs(simulation.get_state().joint_velocities[0]) < 1e-6


def test_who_customizes_the_model_has_the_last_word() -> None:
    def choose(spec: object) -> None:
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICIT  # type: ignore[attr-defined]

    assert build_model(cart("rk4", 5.0), CONFIG, choose).opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICIT
