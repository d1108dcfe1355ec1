"""Where the parts of a composition end up: in metres and Z up, whatever the stage's units and axes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.load import Reference, inspect_scene, load_scene

QUARTER_ABOUT_Z = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
ROBOT = """<robot name="cart"><link name="base"><inertial><mass value="3"/>
<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/></inertial>
<collision><geometry><box size="1 1 1"/></geometry></collision></link></robot>"""


def stage(folder: Path, name: str, up: str, unit: float, prims: str, root: str = "World") -> Path:
    file = folder / name
    file.write_text(
        f'#usda 1.0\n(\n    defaultPrim = "{root}"\n    metersPerUnit = {unit}\n    upAxis = "{up}"\n)\n{prims}\n'
    )
    return file


def brick(length: float, own: str = "") -> str:
    return f"""def Xform "brick" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
{{
    float physics:mass = 1
{own}
    def Cube "cube" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {{
        double size = {length}
    }}
}}"""


@pytest.mark.parametrize(("up", "unit"), [("Z", 1.0), ("Y", 0.01), ("Z", 0.01), ("Y", 1.0)])
def test_a_pose_is_in_metres_and_z_up(tmp_path: Path, up: str, unit: float) -> None:
    base = stage(tmp_path, "base.usda", up, unit, 'def Xform "World"\n{\n}')
    stage(tmp_path, "brick.usda", up, unit, brick(0.1 / unit), "brick")
    plain = Reference(ref="brick.usda", path="/World/plain")
    placed = Reference(ref="brick.usda", path="/World/placed", translate=(1.0, 2.0, 3.0), orient=QUARTER_ABOUT_Z)
    scene = load_scene(base, composition=[plain, placed])
    at_home, moved = (scene.bodies[f"/World/{name}"].pose_world_body for name in ("plain", "placed"))
    np.testing.assert_allclose(moved.position, [1, 2, 3], atol=1e-9)
    # A step along the part's own axes, turned by a quarter about the vertical.
    np.testing.assert_allclose(moved.apply(np.array([0.1, 0, 0])) - moved.position, [0, 0.1, 0], atol=1e-7)
    tip = at_home.apply(np.array([0.0, 0.1, 0.2]))
    np.testing.assert_allclose(moved.apply(np.array([0.0, 0.1, 0.2])), [1 - tip[1], 2 + tip[0], 3 + tip[2]], atol=1e-7)


def test_the_parts_own_transform_is_kept(tmp_path: Path) -> None:
    base = stage(tmp_path, "base.usda", "Z", 1.0, 'def Xform "World"\n{\n}')
    own = '    double3 xformOp:translate = (0, 0, 0.5)\n    uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    stage(tmp_path, "brick.usda", "Z", 1.0, brick(0.1, own), "brick")
    placed = Reference(ref="brick.usda", path="/World/placed", translate=(1.0, 0.0, 0.0))
    scene = load_scene(base, composition=[placed])
    np.testing.assert_allclose(scene.bodies["/World/placed"].pose_world_body.position, [1, 0, 0.5])


def test_numbers_that_make_no_pose_are_refused(tmp_path: Path) -> None:
    base = stage(tmp_path, "base.usda", "Z", 1.0, 'def Xform "World"\n{\n}')
    stage(tmp_path, "brick.usda", "Z", 1.0, brick(0.1), "brick")
    for changes, code in (({"orient": (0.0,) * 4}, "bad-quaternion"), ({"translate": (math.nan, 0, 0)}, "not-finite")):
        _, found = inspect_scene(base, composition=[Reference(ref="brick.usda", path="/World/brick", **changes)])
        assert [(each.code, each.path) for each in found if each.severity == "error"] == [(code, "/World/brick")]


def test_one_robot_floats_and_another_is_welded(tmp_path: Path) -> None:
    base = stage(tmp_path, "base.usda", "Z", 1.0, 'def Xform "World"\n{\n}')
    (tmp_path / "cart.urdf").write_text(ROBOT)
    parts = [
        Reference(ref="cart.urdf", path="/World/free", floating_base=True),
        Reference(ref="cart.urdf", path="/World/held", floating_base=False, translate=(0, 0, 2)),
    ]
    scene = load_scene(base, composition=parts)
    held = [path for path, joint in scene.child_joint.items() if joint.kind == "fixed"]
    assert [path.split("/")[2] for path in held] == ["held"]
    assert {path.split("/")[2] for path in scene.bodies} == {"free", "held"}
    np.testing.assert_allclose(scene.bodies[held[0]].pose_world_body.position, [0, 0, 2], atol=1e-9)


ARM = """
def Xform "arm" ( prepend apiSchemas = ["PhysicsArticulationRootAPI"] )
{
    def Cube "base" ( prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"] ) { float physics:mass = 1 }
    def Cube "tip" ( prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"] ) { float physics:mass = 1 }
    def PhysicsFixedJoint "weld" { rel physics:body1 = </arm/base> }
    def PhysicsRevoluteJoint "hinge" { rel physics:body0 = </arm/base>
        rel physics:body1 = </arm/tip> }
}
"""


def test_a_robot_that_its_file_welds_to_the_origin_stays_where_it_is_put(inspect_usda: Any) -> None:
    """As PhysX holds the base of an articulation; its joint's frame on the world is the origin of the file."""
    place = 'double3 xformOp:translate = (3, 4, 0)\n    uniform token[] xformOpOrder = ["xformOp:translate"]'
    scene, found = inspect_usda(ARM.replace("{\n", f"{{\n    {place}\n", 1))
    assert [list(body.pose_world_body.position) for body in scene.bodies.values()] == [[3.0, 4.0, 0.0]] * 2
    assert list(scene.joints["/arm/weld"].pose_parent_joint.position) == [3.0, 4.0, 0.0]
    assert found["base-frame-moved"][0].message.startswith("Its frame on the world is 5 m from that on '/arm/base'")
    assert "joint-misaligned" not in found
