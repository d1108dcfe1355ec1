"""The attributes of sensors and cameras: what they mean, and what is wrong with them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hanzo_twin.errors import SceneError
from hanzo_twin.scene.model import Scene, Sensor
from hanzo_twin.scene.sensors import Noise, read_settings, sensor_settings
from hanzo_twin.spatial import Pose

WORLD = """
def Xform "World"
{
    def Xform "body" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
    {
        float physics:mass = 1
        %s
    }
    def PhysicsFixedJoint "weld"
    {
        rel physics:body1 = </World/body>
    }
}
"""


def of(kind: str, **attributes: Any) -> Sensor:
    named = tuple((name.replace("__", ":"), value) for name, value in attributes.items())
    return Sensor(
        path="/s",
        kind=kind,  # type: ignore[arg-type]
        body="",
        pose_body_sensor=Pose.identity(),
        attributes=named,
    )


def test_a_lidar_as_authored(inspect_usda: Any) -> None:
    scene, found = inspect_usda(
        WORLD
        % """def Xform "lidar"
        {
            custom token hanzo:sensor = "lidar"
            custom double hanzo:sensor:rate_hz = 10
            custom int hanzo:lidar:channels = 16
            custom double hanzo:lidar:vertical_lower_deg = -15
            custom double hanzo:lidar:vertical_upper_deg = 15
            custom float hanzo:lidar:max_range = 40
            custom double hanzo:noise:stddev = 0.02
            custom double hanzo:noise:ranges:dropout = 0.1
        }"""
    )

    settings = sensor_settings(scene, "/World/body/lidar")

    assert not {"bad-sensor", "unknown-attribute"} & set(found)
    assert (settings.kind, settings.rate) == ("lidar", 10.0)
    assert (settings.lidar.channels, settings.lidar.horizontal_samples, settings.lidar.max_range) == (16, 360, 40.0)
    assert (settings.lidar.vertical_lower, settings.lidar.vertical_upper) == pytest.approx(
        (-math.pi / 12, math.pi / 12)
    )
    assert settings.noise == {"ranges": Noise(stddev=0.02, dropout=0.1)}


def test_a_camera_prim_is_a_camera_sensor_with_size_rate_and_noise(inspect_usda: Any) -> None:
    scene, _ = inspect_usda(
        WORLD
        % """def Camera "eye"
        {
            custom token hanzo:sensor = "camera"
            custom int hanzo:camera:width = 64
            custom int hanzo:camera:height = 48
            custom string hanzo:camera:kinds = "depth instance"
            custom double hanzo:sensor:rate_hz = 30
            custom double hanzo:noise:depth:relative_stddev = 0.01
        }"""
    )

    settings = sensor_settings(scene, "/World/body/eye")

    assert "/World/body/eye" not in scene.sensors
    assert (settings.kind, settings.rate) == ("camera", 30.0)
    assert (settings.camera.width, settings.camera.height, settings.camera.kinds) == (64, 48, ("depth", "instance"))
    assert settings.noise == {"depth": Noise(relative_stddev=0.01)}


@pytest.mark.parametrize(
    "prim",
    [
        'def Xform "s" { custom token hanzo:sensor = "force_torque" }',
        'def Xform "s" { custom token hanzo:sensor = "force_torque" rel hanzo:joint = </World/weld> }',
        'def Xform "s" { custom token hanzo:sensor = "force_torque" custom string hanzo:joint = "/World/weld" }',
    ],
)
def test_a_force_torque_sensor_finds_its_joint(inspect_usda: Any, prim: str) -> None:
    scene, found = inspect_usda(
        WORLD % prim.replace(" custom", "\ncustom").replace(" rel", "\nrel").replace("}", "\n}")
    )

    assert not {"bad-sensor", "unknown-attribute"} & set(found)
    assert sensor_settings(scene, "/World/body/s").joint == "/World/weld"


def test_a_sensor_on_a_joint_is_of_that_joint(inspect_usda: Any) -> None:
    text = WORLD.replace("rel physics:body1", 'custom token hanzo:sensor = "joint_state"\n        rel physics:body1')
    scene, _ = inspect_usda(text % "")

    assert sensor_settings(scene, "/World/weld").joint == "/World/weld"


def test_isaac_and_omniverse_attributes_count_where_ours_are_not_authored() -> None:
    isaac = of(
        "lidar",
        horizontalFov=90.0,
        horizontalResolution=0.5,
        verticalFov=30.0,
        verticalResolution=2.0,
        minRange=0.4,
        maxRange=50.0,
        hanzo__lidar__max_range=20.0,
    )
    omniverse = of("lidar", omni__sensor__Core__scanRateBaseHz=20.0, omni__sensor__Core__numberOfChannels=128)
    imu = of("imu", sensorPeriod=0.005)
    rates = [read_settings(Scene(bodies={}), of("lidar", rotationRate=turns)) for turns in (0.0, 20.0)]

    settings, diagnoses = read_settings(Scene(bodies={}), isaac)
    lidar = settings.lidar
    assert not diagnoses
    assert (lidar.channels, lidar.horizontal_samples, lidar.min_range, lidar.max_range) == (15, 180, 0.4, 20.0)
    assert (lidar.horizontal_lower, lidar.horizontal_upper) == pytest.approx((-math.pi / 4, math.pi / 4))
    assert (lidar.vertical_lower, lidar.vertical_upper) == pytest.approx((-math.pi / 12, math.pi / 12))
    assert read_settings(Scene(bodies={}), omniverse)[0].rate == 20.0
    assert read_settings(Scene(bodies={}), omniverse)[0].lidar.channels == 128
    assert read_settings(Scene(bodies={}), imu)[0].rate == pytest.approx(200.0)
    assert [(settings.rate, settings.lidar.rotation, found) for settings, found in rates] == [
        (None, 0.0, ()),
        (20.0, 0.0, ()),
    ]


@pytest.mark.parametrize(
    ("sensor", "message", "remedy"),
    [
        (
            of("lidar", hanzo__lidar__channels=2.5),
            "hanzo:lidar:channels is 2.5.",
            "Author a whole number from 1 to 4096.",
        ),
        (
            of("imu", hanzo__sensor__rate_hz=-1.0),
            "hanzo:sensor:rate_hz is -1.0.",
            "Author a number from 1e-06 to 1e+06.",
        ),
        (of("imu", hanzo__noise__stddev="big"), "hanzo:noise:stddev is big.", "Author a number from 0 to 1e+09."),
        (
            of("imu", hanzo__noise__angular_velocity__dropout=1.5),
            "hanzo:noise:angular_velocity:dropout is 1.5.",
            "Author a number from 0 to 1.",
        ),
        (
            of("lidar", hanzo__lidar__min_range=5.0, hanzo__lidar__max_range=5.0),
            "Its range goes from 5 to 5 m.",
            "Author min_range below max_range.",
        ),
        (
            of("lidar", hanzo__lidar__vertical_lower_deg=5.0),
            "Its rays go from 5° to 0° (vertical).",
            "Author hanzo:lidar:vertical_lower_deg below vertical_upper_deg, at most a turn apart.",
        ),
        (
            of("lidar", hanzo__lidar__rotation_hz=10.0),
            "It turns, but has no rate.",
            "Author hanzo:sensor:rate_hz beside rotation_hz.",
        ),
        (
            of("lidar", hanzo__lidar__channels=4096, hanzo__lidar__horizontal_samples=65536),
            "It has more than 4000000 rays.",
            "Author fewer rays.",
        ),
        (
            of("force_torque", hanzo__joint="/World/elbow"),
            "It belongs to no joint: there is no joint /World/elbow.",
            "Author rel hanzo:joint. Allowed: nothing.",
        ),
    ],
)
def test_values_that_cannot_be_are_errors(sensor: Sensor, message: str, remedy: str) -> None:
    _, diagnoses = read_settings(Scene(bodies={}), sensor)

    assert [(one.severity, one.code, one.message, one.remedy) for one in diagnoses] == [
        ("error", "bad-sensor", message, remedy)
    ]
    with pytest.raises(SceneError, match=r"^/s: "):
        sensor_settings(Scene(bodies={}, sensors={"/s": sensor}), "/s")


def test_unknown_attributes_are_told_with_the_nearest_when_the_scene_is_loaded(inspect_usda: Any) -> None:
    _, found = inspect_usda(
        WORLD
        % """def Xform "imu"
        {
            custom token hanzo:sensor = "imu"
            custom double hanzo:sensor:rate = 10
        }"""
    )

    told = found["unknown-attribute"][0]
    assert (told.severity, told.path) == ("warning", "/World/body/imu")
    assert told.message == "A sensor of kind imu has no attribute hanzo:sensor:rate; it is ignored."
    assert told.remedy.startswith("Did you mean 'hanzo:sensor:rate_hz'?")


def test_a_camera_sensor_must_be_a_camera(inspect_usda: Any) -> None:
    _, found = inspect_usda(WORLD % 'def Xform "eye"\n{\ncustom token hanzo:sensor = "camera"\n}')

    assert found["bad-sensor"][0].message == "It is to be a camera, but is not a Camera prim."
