"""Drives that are given to joints without one: their gains follow from the inertia that they hold."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.hold import FREQUENCY_HZ, with_default_drives
from hanzo_twin.scene.load import load_scene
from hanzo_twin.scene.model import Drive
from hanzo_twin.testing import scenes

RATE = 2 * math.pi * FREQUENCY_HZ


def test_a_pendulum_is_held_where_it_starts() -> None:
    findings = Findings()
    scene = with_default_drives(scenes.pendulum(length=2.0, mass=3.0, initial_position=0.4), findings)
    drive = scene.joints["/World/pendulum/hinge"].drive
    inertia = 3.0 * 2.0**2 + 1e-6
    assert drive is not None
    assert drive.stiffness == pytest.approx(inertia * RATE**2)
    assert drive.damping == pytest.approx(2 * inertia * RATE)
    assert (drive.target_position, drive.max_effort) == (0.4, math.inf)
    [told] = findings.all
    assert (told.code, told.path) == ("drive-added", "/World/pendulum")
    assert told.message.startswith("No drive is authored on 1 of 1 joint; given was one")


def test_a_sliding_joint_holds_the_mass_and_an_armature_adds_to_it() -> None:
    scene = scenes.cart(mass=2.0)
    slide = replace(scene.joints["/World/cart/slide"], drive=None, armature=0.5, max_effort=7.0)
    drive = with_default_drives(replace(scene, joints={slide.path: slide}), Findings()).joints[slide.path].drive
    assert drive is not None
    assert drive.stiffness == pytest.approx(2.5 * RATE**2)
    assert drive.max_effort == 7.0


def test_a_drive_that_is_there_is_kept() -> None:
    scene = scenes.arm6()
    findings = Findings()
    assert with_default_drives(scene, findings).joints == scene.joints
    assert findings.all == ()


def test_the_upper_joint_of_a_chain_holds_both_rods() -> None:
    scene = with_default_drives(scenes.double_pendulum(initial_positions=(0.0, 0.0)), Findings())
    shoulder, elbow = (scene.joints[f"/World/double_pendulum/{name}"].drive for name in ("shoulder", "elbow"))
    assert isinstance(shoulder, Drive)
    assert isinstance(elbow, Drive)
    # Two rods of 1 kg and 1 m in line are one of 2 kg and 2 m: m·l²/3.
    assert shoulder.stiffness / elbow.stiffness == pytest.approx(8, rel=1e-3)


LEG = """<robot name="leg"><link name="trunk"><inertial><mass value="10"/>
<inertia ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"/></inertial></link>
<link name="foot"><inertial><mass value="0.1"/>
<inertia ixx="0.001" ixy="0" ixz="0" iyy="0.001" iyz="0" izz="0.001"/></inertial></link>
<joint name="knee" type="revolute"><origin xyz="0 0 -0.5"/><parent link="trunk"/><child link="foot"/><axis xyz="0 1 0"/>
<limit lower="-1" upper="1" effort="50" velocity="2"/></joint></robot>"""


@pytest.mark.parametrize(("floating", "inertia"), [(True, 1 + 10 * 0.25), (False, 0.001)])
def test_a_leg_holds_what_stands_on_it(tmp_path: Path, floating: bool, inertia: float) -> None:
    (tmp_path / "leg.urdf").write_text(LEG)
    scene = load_scene(tmp_path / "leg.urdf", floating_base=floating, default_drives=True)
    drive = scene.joints["/leg/Physics/knee"].drive
    assert drive is not None
    assert drive.stiffness == pytest.approx(inertia * RATE**2, rel=1e-6)
    assert drive.max_effort == 50.0
    assert "drive-added" in {diagnosis.code for diagnosis in scene.diagnoses}
