from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.addresses import describe


def test_cameras_lights_and_sensors_ride_on_bodies(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    def Xform "body" (prepend apiSchemas = ["PhysicsRigidBodyAPI"])
    {
        double3 xformOp:translate = (1, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
        def Camera "eye"
        {
            float focalLength = 10
            float verticalAperture = 20
            float2 clippingRange = (0.1, 20)
            double3 xformOp:translate = (0, 0, 0.5)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
        def Xform "imu"
        {
            custom token hanzo:sensor = "imu"
            custom double rate = 200.1
            custom string model = "X1"
            double3 xformOp:translate = (0, 0.25, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
    }
    def SphereLight "lamp"
    {
        float inputs:intensity = 100
        float inputs:exposure = 2
        color3f inputs:color = (1, 0.9, 0.8)
        double3 xformOp:translate = (0, 0, 3)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }
    def CylinderLight "tube" {}
}
""")
    camera, imu, lamp = scene.cameras["/World/body/eye"], scene.sensors["/World/body/imu"], scene.lights["/World/lamp"]
    assert camera.body == "/World/body"
    assert camera.pose_body_camera.position == pytest.approx([0, 0, 0.5])
    assert camera.vertical_fov == pytest.approx(math.pi / 2)
    assert camera.clipping_range == (0.1, 20.0)
    assert (imu.kind, imu.body) == ("imu", "/World/body")
    assert imu.pose_body_sensor.position == pytest.approx([0, 0.25, 0])
    assert imu.attributes == (("model", "X1"), ("rate", 200.1))
    assert (lamp.kind, lamp.intensity, lamp.color) == ("sphere", 400.0, (1.0, 0.9, 0.8))
    assert lamp.pose_world_light.position == pytest.approx([0, 0, 3])
    assert found["light-lost"][0].path == "/World/tube"


def test_custom_numbers_become_attributes(inspect_usda: Any) -> None:
    scene, _ = inspect_usda("""
def Xform "World"
{
    def Xform "TempSensor_01"
    {
        custom double temperature = 21.5
        custom float humidity = 0.4
        custom int count = 3
        custom bool enabled = true
        custom string note = "in the hall"
        custom double3 place = (1, 2, 3)
        custom float urdf:limit:effort = 3
    }
    def Xform "body" (prepend apiSchemas = ["PhysicsRigidBodyAPI"])
    {
        custom double temperature = 30
    }
}
""")
    assert scene.attributes == {
        "/World/TempSensor_01.temperature": 21.5,
        "/World/TempSensor_01.humidity": 0.4,
        "/World/TempSensor_01.count": 3.0,
        "/World/TempSensor_01.enabled": 1.0,
    }
    assert describe(scene, "/World/TempSensor_01.temperature").kind == "reading"
    assert scene.prim_paths == ("/World", "/World/TempSensor_01", "/World/body")


def test_gravity_is_where_the_scene_says(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    def PhysicsScene "physics" (prepend apiSchemas = ["NewtonSceneAPI"])
    {
        vector3f physics:gravityDirection = (0, 3, -4)
        float physics:gravityMagnitude = 1.62
        uniform int newton:timeStepsPerSecond = 500
    }
    def PhysicsScene "second" {}
}
""")
    assert scene.gravity == pytest.approx((0, 0.6 * 1.62, -0.8 * 1.62))
    assert scene.gravity_path == "/World/physics"
    assert scene.step_hint == pytest.approx(0.002)
    assert found["several-physics-scenes"][0].severity == "warning"


@pytest.mark.parametrize(
    ("more", "gravity"),
    [
        ("float physics:gravityMagnitude = 0", (0, 0, 0)),
        ("bool newton:gravityEnabled = 0", (0, 0, 0)),
        ("", (0, 0, -9.81)),
    ],
)
def test_no_gravity_and_default_gravity(inspect_usda: Any, more: str, gravity: tuple[float, float, float]) -> None:
    scene, _ = inspect_usda('def PhysicsScene "physics"\n{\n' + more + "\n}\n")
    assert scene.gravity == pytest.approx(gravity)


def test_materials(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Material "rubber" (prepend apiSchemas = ["PhysicsMaterialAPI"])
{
    float physics:staticFriction = 0.9
    float physics:dynamicFriction = 0.8
    float physics:restitution = 0.3
}
def Material "odd" (prepend apiSchemas = ["PhysicsMaterialAPI"])
{
    float physics:dynamicFriction = -1
}
def Cube "box" (prepend apiSchemas = ["PhysicsCollisionAPI", "MaterialBindingAPI"])
{
    rel material:binding = </rubber>
}
""")
    rubber = scene.materials["/rubber"]
    assert (rubber.static_friction, rubber.dynamic_friction, rubber.restitution, rubber.density) == (
        0.9,
        0.8,
        0.3,
        None,
    )
    assert scene.static_shapes["/box"].material == "/rubber"
    assert found["bad-material"][0].message == "It has dynamic_friction -1."


@pytest.mark.parametrize(
    ("prim", "code", "message"),
    [
        ('def Xform "s" { custom token hanzo:sensor = "sonar" }', "bad-sensor", "hanzo:sensor is 'sonar'."),
        (
            'def Camera "c" { float focalLength = 0 }',
            "bad-camera",
            "Its aperture 15.2908, focal length 0 and clipping range 1 … 1e+06 make no picture.",
        ),
        (
            'def DistantLight "l" { float inputs:intensity = nan }',
            "not-finite",
            "Its intensity or colour is not finite.",
        ),
        (
            'def Xform "x" { custom double temperature = nan }',
            "not-finite",
            "temperature is nan.",
        ),
        (
            'def Camera "c" { string focalLength = "long" }',
            "wrong-type",
            "focalLength must be a number, it is a str.",
        ),
    ],
)
def test_surroundings_that_cannot_be(inspect_usda: Any, prim: str, code: str, message: str) -> None:
    _, found = inspect_usda(prim)
    assert (found[code][0].severity, found[code][0].message) == ("error", message)


def test_the_sheared_are_told(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    float3 xformOp:scale = (1, 1, 3)
    uniform token[] xformOpOrder = ["xformOp:scale"]
    def Cube "tilted" (prepend apiSchemas = ["PhysicsCollisionAPI"])
    {
        float xformOp:rotateX = 30
        uniform token[] xformOpOrder = ["xformOp:rotateX"]
    }
}
""")
    assert found["sheared"][0].path == "/World/tilted"
    assert np.isfinite(scene.static_shapes["/World/tilted"].pose.as_array()).all()


def test_what_no_scene_holds_is_told(inspect_usda: Any) -> None:
    _, found = inspect_usda(
        'def Xform "World" { def Mesh "cloth" (prepend apiSchemas = ["OmniPhysicsDeformableBodyAPI"]) { }\n'
        ' def Mesh "flag" (prepend apiSchemas = ["PhysxDeformableBodyAPI"]) { }\n def PointInstancer "trees" { } }'
    )
    told = {each.path: each.message for each in found["feature-lost"]}
    assert told["/World/cloth"] == "It has deformable bodies, which are not read (and 1 more prims)."
    assert told["/World/trees"] == "It has copies made by a PointInstancer, which are not read."
