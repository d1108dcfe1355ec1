"""Whatever a file says, it ends in a `Scene` or in named diagnoses, never in another exception."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanzo_twin.scene import library
from hanzo_twin.scene.load import Reference, inspect_scene

ARM = (Path(__file__).parents[3] / "examples/arm/arm.usda").read_text()
ROBOT = """<robot name="bot">
<link name="base"><inertial><origin xyz="0 0 0.1" rpy="0.1 0 0"/><mass value="3"/>
<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
<collision><geometry><cylinder radius="0.1" length="0.2"/></geometry></collision></link>
<link name="arm"><inertial><mass value="1"/><inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
<visual><geometry><box size="1 1 1"/></geometry><material name="red"><color rgba="1 0 0 1"/></material></visual></link>
<link name="hand"><collision><geometry><mesh filename="hand.stl" scale="1 1 1"/></geometry></collision></link>
<joint name="shoulder" type="revolute"><origin xyz="0 0 0.3" rpy="0 0.2 0"/><parent link="base"/><child link="arm"/>
<axis xyz="0 1 0"/><limit lower="-1" upper="1" effort="10" velocity="2"/>
<dynamics damping="0.1" friction="0.2"/></joint>
<joint name="wrist" type="continuous"><parent link="arm"/><child link="hand"/><axis xyz="0 0 1"/>
<mimic joint="shoulder" multiplier="2" offset="0.1"/></joint>
</robot>
"""
MODEL = """<mujoco model="bot">
<compiler angle="degree" autolimits="true"/>
<option timestep="0.002" integrator="RK4"/>
<default><geom friction="1 0.1 0.1" density="500"/><joint damping="1" armature="0.1"/></default>
<asset><mesh name="wedge" vertex="0 0 0 1 0 0 0 1 0 0 0 1"/></asset>
<worldbody><light pos="0 0 3" dir="0 0 -1"/><geom type="plane" size="5 5 1"/>
<body name="base" pos="0 0 1"><freejoint/><geom type="box" size="0.1 0.2 0.3"/>
<camera name="eye" pos="0 -1 0" fovy="50"/>
<body name="leg" pos="0 0 -0.5"><joint name="hip" axis="0 1 0" range="-40 60" ref="5"/>
<joint name="twist" axis="1 0 0"/>
<geom type="capsule" fromto="0 0 0 0 0 -0.4" size="0.05"/><site name="tip" pos="0 0 -0.4"/>
<body name="foot" pos="0 0 -0.4"><joint name="ankle" type="ball"/><geom type="mesh" mesh="wedge"/>
<inertial pos="0 0 0" mass="1" diaginertia="0.1 0.1 0.1"/></body></body></body>
<body name="arm" pos="1 0 0"><joint name="slide" type="slide" axis="0 0 1" range="0 1" stiffness="3" springref="0.1"/>
<geom type="ellipsoid" size="0.1 0.1 0.2" contype="2" conaffinity="2"/></body></worldbody>
<tendon><fixed name="both"><joint joint="hip" coef="0.5"/><joint joint="twist" coef="0.5"/></fixed></tendon>
<equality><joint joint1="twist" joint2="hip" polycoef="0 1 0 0 0"/>
<connect body1="base" body2="arm" anchor="0 0 1"/></equality>
<actuator><motor joint="hip" gear="10" ctrlrange="-1 1"/><position joint="slide" kp="100" forcerange="-5 5"/>
<general tendon="both" gainprm="10" biastype="affine" biasprm="0 -10 -1"/></actuator>
<sensor><gyro site="tip" noise="0.1"/><touch site="tip"/></sensor>
<keyframe><key name="home" qpos="0 0 1 1 0 0 0 0.1 0.1 1 0 0 0 0.5"/></keyframe>
</mujoco>
"""
BITS = st.sampled_from(
    [
        *("nan", "inf", "-inf", "-1", "0", "1e308", "1e-320", "99999999999999999999", "-", "true", "None"),
        *("(", ")", "[", "]", "{", "}", '"', "<", ">", "/", "@", "\n", "\0", "é", "", " "),
        *("World", "physics:", "</World/arm>", "base", "arm", "double", "string"),
    ]
)
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@st.composite
def mutations(draw: st.DrawFn, text: str) -> str:
    """``text`` with one to three small pieces replaced: at any place, or a number, or a whole line."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text) - 1))
        kind = draw(st.sampled_from(["bit", "number", "line", "line twice"]))
        if kind == "bit":
            text = text[:start] + draw(BITS) + text[start + draw(st.integers(0, 6)) :]
            continue
        if kind == "number":
            while start < len(text) and not text[start].isdigit():
                start += 1
            end = start
            while end < len(text) and text[end] in "0123456789.":
                end += 1
            text = text[:start] + draw(BITS) + text[end:]
            continue
        begin, end = text.rfind("\n", 0, start) + 1, text.find("\n", start) + 1 or len(text)
        text = text[:end] + (text[begin:end] if kind == "line twice" else "") + text[end:]
        text = text if kind == "line twice" else text[:begin] + text[end:]
        text = text or " "
    return text


def ends_well(content: bytes, suffix: str, *, beside: dict[str, str] | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"scene{suffix}"
        file.write_bytes(content)
        for name, text in (beside or {}).items():
            (Path(folder) / name).write_text(text)
        scene, diagnoses = inspect_scene(file, default_drives=True)
    if scene is None:
        assert any(diagnosis.severity == "error" for diagnosis in diagnoses)
    else:
        assert len(scene.fingerprint) == 64
    for diagnosis in diagnoses:
        assert diagnosis.message
        assert diagnosis.path
        assert "Traceback" not in diagnosis.message


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(ARM))
def test_mutations_of_usd(text: str) -> None:
    ends_well(text.encode(), ".usda")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(ROBOT))
def test_mutations_of_urdf(text: str) -> None:
    ends_well(text.encode(), ".urdf")


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(MODEL))
def test_mutations_of_mjcf(text: str) -> None:
    ends_well(text.encode(), ".xml")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.binary(min_size=1, max_size=200), st.sampled_from([".usd", ".usda", ".usdz", ".urdf", ".xml"]))
def test_any_bytes(content: bytes, suffix: str) -> None:
    ends_well(content, suffix)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_torn_files(share: float) -> None:
    ends_well(ARM[: int(len(ARM) * share)].encode(), ".usda")
    ends_well(ROBOT[: int(len(ROBOT) * share)].encode(), ".urdf")


HUMANOID = library.locate("library:humanoid").read_text().replace("@ground.usda@", f"@{library.FOLDER}/ground.usda@")
LOOSE = """mtllib red.mtl
v 5 5 5
v 0 0 0
v 1 0 0
v 0 1 0
v 0 0 1
f 2 4 3
f 2 3 5
f -4 -1 -2
f 3 4 5
l 1 2
"""
DAE = """<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><unit name="meter" meter="1"/><up_axis>Z_UP</up_axis></asset>
<library_geometries><geometry id="g"><mesh><source id="p"><float_array id="a" count="9">0 0 0 1 0 0 0 1 0</float_array>
<technique_common><accessor source="#a" count="3" stride="3">
<param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source><vertices id="v"><input semantic="POSITION"
source="#p"/></vertices><triangles count="1"><input semantic="VERTEX" source="#v" offset="0"/><p>0 1 2</p></triangles>
</mesh></geometry></library_geometries><library_visual_scenes><visual_scene id="s"><node>
<instance_geometry url="#g"/></node>
</visual_scene></library_visual_scenes><scene><instance_visual_scene url="#s"/></scene></COLLADA>
"""


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(HUMANOID))
def test_mutations_of_a_floating_robot(text: str) -> None:
    ends_well(text.encode(), ".usda")


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(LOOSE))
def test_mutations_of_a_mesh_with_loose_points(text: str) -> None:
    ends_well(ROBOT.replace("hand.stl", "hand.obj").encode(), ".urdf", beside={"hand.obj": text})


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=SUPPRESSED)
@given(mutations(DAE))
def test_mutations_of_a_collada_mesh(text: str) -> None:
    ends_well(ROBOT.replace("hand.stl", "hand.dae").encode(), ".urdf", beside={"hand.dae": text})


NUMBERS = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e300]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.tuples(*[NUMBERS] * 3), st.tuples(*[NUMBERS] * 4), st.sampled_from(["/World/a", "/", "World", "/World/a.b", ""])
)
def test_any_placement(
    translate: tuple[float, float, float], orient: tuple[float, float, float, float], path: str
) -> None:
    part = Reference(ref="library:box", path=path, translate=translate, orient=orient)
    scene, diagnoses = inspect_scene("library:ground", composition=[part])
    assert scene is not None
    assert len(scene.bodies) == 1 or any(diagnosis.severity == "error" for diagnosis in diagnoses)
