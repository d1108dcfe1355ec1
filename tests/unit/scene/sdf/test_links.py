from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Mesh, Plane, Scene, Sphere
from hanzo_twin.spatial import rotation_matrix

Inspect = Callable[..., tuple[Scene, dict[str, list[Any]]]]

INERTIAL = "<inertial><mass>2</mass><inertia><ixx>.1</ixx><iyy>.2</iyy><izz>.25</izz></inertia></inertial>"


def link(content: str, name: str = "l") -> str:
    return f'<link name="{name}">{INERTIAL if "inertial" not in content else ""}{content}</link>'


def collision(geometry: str, more: str = "") -> str:
    return f'<collision name="c"><geometry>{geometry}</geometry>{more}</collision>'


def test_inertia_is_turned_by_the_pose_of_the_inertial_frame(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        link(
            '<inertial><pose degrees="true">1 2 3 0 0 90</pose><mass>2</mass>'
            "<inertia><ixx>.1</ixx><iyy>.2</iyy><izz>.25</izz></inertia></inertial>"
        )
    )
    body = scene.bodies["/m/l"]
    turn = rotation_matrix(np.array(body.principal_axes))
    assert body.mass == 2
    assert body.center_of_mass == pytest.approx((1, 2, 3))
    assert turn @ np.diag(body.diagonal_inertia) @ turn.T == pytest.approx(np.diag([0.2, 0.1, 0.25]))


def test_link_without_inertial_has_the_default_of_the_format_and_says_so(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf('<link name="l"/>')
    assert (scene.bodies["/m/l"].mass, scene.bodies["/m/l"].diagonal_inertia) == (1, (1, 1, 1))
    assert "has no <inertial>; SDFormat's default is taken" in found["inertia-default"][0].message


def test_automatic_inertia_follows_shapes_and_densities(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(
        link('<inertial auto="true"><density>500</density></inertial>' + collision("<box><size>1 2 3</size></box>"))
    )
    body = scene.bodies["/m/l"]
    assert body.mass == 3000
    assert body.diagonal_inertia == pytest.approx((3000 * 13 / 12, 3000 * 10 / 12, 3000 * 5 / 12))


def test_automatic_inertia_of_a_mesh_only_is_refused(inspect_sdf: Inspect) -> None:
    _, found = inspect_sdf(link('<inertial auto="true"/>'))
    assert "no collision of it has a volume that is known" in found["inertia-not-computed"][0].message


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ("<box><size>1 2 3</size></box>", Box(half_extents=(0.5, 1, 1.5))),
        ("<sphere><radius>.3</radius></sphere>", Sphere(radius=0.3)),
        ("<cylinder><radius>.3</radius><length>2</length></cylinder>", Cylinder(radius=0.3, half_height=1)),
        ("<capsule><radius>.3</radius><length>2</length></capsule>", Capsule(radius=0.3, half_height=1)),
        ("<cone><radius>.3</radius><length>2</length></cone>", Cone(radius=0.3, half_height=1)),
        ("<plane><normal>0 0 1</normal></plane>", Plane()),
    ],
)
def test_primitives(inspect_sdf: Inspect, geometry: str, expected: object) -> None:
    scene, _ = inspect_sdf(link(collision(geometry)))
    (shape,) = scene.bodies["/m/l"].shapes
    assert shape.geometry == expected
    assert shape.collides


def test_normal_of_a_plane_turns_it(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf("<static>1</static>" + link(collision("<plane><normal>0 2 0</normal></plane>")))
    shape = scene.static_shapes["/m/l/c"]
    assert rotation_matrix(shape.pose.orientation) @ [0, 0, 1] == pytest.approx([0, 1, 0])


def test_ellipsoid_is_a_mesh_of_its_size(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(link(collision("<ellipsoid><radii>1 2 3</radii></ellipsoid>")))
    mesh = scene.bodies["/m/l"].shapes[0].geometry
    assert isinstance(mesh, Mesh)
    assert mesh.vertices.max(axis=0) == pytest.approx([1, 2, 3], rel=1e-6)
    assert "became a mesh of" in found["ellipsoid-meshed"][0].message


def test_mesh_beside_the_file_is_scaled(inspect_sdf: Inspect, tmp_path: Path) -> None:
    (tmp_path / "tetra.obj").write_text(
        "o one\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
        "o two\nv 5 5 5\nv 6 5 5\nv 5 6 5\nf 5 6 7\n"
    )
    mesh = "<mesh><uri>tetra.obj</uri><scale>1 2 3</scale><submesh><name>one</name></submesh></mesh>"
    scene, found = inspect_sdf(link(collision(mesh)))
    geometry = scene.bodies["/m/l"].shapes[0].geometry
    assert isinstance(geometry, Mesh)
    assert geometry.vertices.max(axis=0) == pytest.approx([1, 2, 3])
    assert geometry.approximation == "convexHull"
    assert "it collides as its convex hull" in found["mesh-hull"][0].message


@pytest.mark.parametrize(
    ("mesh", "reason"),
    [
        ("<uri>gone.stl</uri>", "'gone.stl' is not there"),
        ("<uri>https://fuel.gazebosim.org/a.dae</uri>", "is on a server"),
        ("<uri>file.sdf</uri>", "'file.sdf' is of no known mesh format"),
        ("<uri>broken.dae</uri>", "'broken.dae' cannot be read as a mesh"),
        ("<uri>one.obj</uri><submesh><name>b</name></submesh>", "has no submesh 'b'"),
    ],
)
def test_lost_meshes_are_reported(inspect_sdf: Inspect, tmp_path: Path, mesh: str, reason: str) -> None:
    (tmp_path / "broken.dae").write_text("<nonsense")
    (tmp_path / "one.obj").write_text("o a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    scene, found = inspect_sdf(link(collision(f"<mesh>{mesh}</mesh>")))
    assert not scene.bodies["/m/l"].shapes
    assert reason in found["mesh-lost"][0].message
    assert "file.sdf:2" in found["mesh-lost"][0].message


def test_surface_and_its_default(inspect_sdf: Inspect) -> None:
    surface = (
        "<surface><friction><ode><mu>.3</mu><mu2>.2</mu2></ode></friction>"
        "<bounce><restitution_coefficient>.5</restitution_coefficient></bounce></surface>"
    )
    box = "<box><size>1 1 1</size></box>"
    scene, found = inspect_sdf(link(collision(box, surface)) + link(collision(box), "other"))
    first, second = (
        scene.materials[body.shapes[0].material] for body in (scene.bodies["/m/l"], scene.bodies["/m/other"])
    )
    assert (first.static_friction, first.dynamic_friction, first.restitution) == (0.3, 0.3, 0.5)
    assert (second.dynamic_friction, second.restitution) == (1, 0)
    assert "the first holds in all directions" in found["sdf-lost"][0].message


def test_links_of_a_model_do_not_touch_unless_it_says_so(inspect_sdf: Inspect) -> None:
    two = link("", "a") + link("", "b")
    assert inspect_sdf(two)[0].filtered_pairs == (("/m/a", "/m/b"),)
    assert inspect_sdf(two + "<self_collide>true</self_collide>")[0].filtered_pairs == ()


def test_bitmasks_become_filtered_pairs(inspect_sdf: Inspect) -> None:
    def box(name: str, mask: str) -> str:
        surface = f"<surface><contact><collide_bitmask>{mask}</collide_bitmask></contact></surface>"
        return link(collision("<box><size>1 1 1</size></box>", surface), name)

    scene, _ = inspect_sdf("<self_collide>1</self_collide>" + box("a", "0x01") + box("b", "0x02") + box("c", "0x03"))
    assert scene.filtered_pairs == (("/m/a", "/m/b"),)


def test_gravity_off_and_kinematic(inspect_sdf: Inspect) -> None:
    scene, _ = inspect_sdf(link("<gravity>false</gravity><kinematic>true</kinematic>"))
    assert not scene.bodies["/m/l"].gravity_enabled
    assert scene.bodies["/m/l"].kinematic


def test_looks(inspect_sdf: Inspect) -> None:
    visual = (
        '<visual name="v"><geometry><sphere><radius>1</radius></sphere></geometry><transparency>.25</transparency>'
        '<material><diffuse>1 .5 0 1</diffuse></material><plugin filename="gz-sim-label-system" name="x">'
        "<label>7</label></plugin></visual>"
    )
    scene, _ = inspect_sdf(link(visual))
    (shape,) = scene.bodies["/m/l"].shapes
    assert not shape.collides
    assert shape.color == pytest.approx((1, 0.5, 0, 0.75))
    assert shape.semantic_label == "7"


def test_sensors_and_the_way_cameras_look(inspect_sdf: Inspect) -> None:
    scene, found = inspect_sdf(
        link(
            '<sensor name="eye" type="camera"><pose>1 0 0 0 0 0</pose><camera><horizontal_fov>1.5708</horizontal_fov>'
            "<image><width>200</width><height>100</height></image><clip><near>.2</near><far>9</far></clip></camera>"
            '</sensor><sensor name="imu" type="imu"><update_rate>200</update_rate></sensor>'
            '<sensor name="nose" type="smell"/>'
        )
    )
    camera = scene.cameras["/m/l/eye"]
    turn = rotation_matrix(camera.pose_body_camera.orientation)
    assert turn @ [0, 0, -1] == pytest.approx([1, 0, 0], abs=1e-9)
    assert turn @ [0, 1, 0] == pytest.approx([0, 0, 1], abs=1e-9)
    assert camera.vertical_fov == pytest.approx(2 * math.atan(0.5), rel=1e-5)
    assert camera.clipping_range == pytest.approx((0.2, 9))
    assert scene.sensors["/m/l/imu"].kind == "imu"
    assert "of type 'smell' is not kept" in found["sensor-lost"][0].message


def test_settings_and_noise_of_sensors(inspect_sdf: Inspect) -> None:
    lidar = (
        "<lidar><scan><horizontal><samples>90</samples><min_angle>-1</min_angle><max_angle>1</max_angle></horizontal>"
        "<vertical><samples>4</samples></vertical></scan><range><min>.1</min><max>30</max></range>"
        '<noise type="gaussian"><mean>.1</mean><stddev>.02</stddev></noise></lidar>'
    )
    scene, _ = inspect_sdf(
        link(
            f'<sensor name="scan" type="gpu_lidar">{lidar}</sensor><sensor name="imu" type="imu"><imu>'
            '<angular_velocity><x><noise type="gaussian"><stddev>.3</stddev></noise></x></angular_velocity>'
            "</imu></sensor>"
        )
    )
    scan = dict(scene.sensors["/m/l/scan"].attributes)
    assert scan["hanzo:lidar:horizontal_samples"] == 90
    assert scan["hanzo:lidar:channels"] == 4
    assert scan["hanzo:lidar:horizontal_lower_deg"] == pytest.approx(-math.degrees(1))
    assert (scan["hanzo:lidar:min_range"], scan["hanzo:lidar:max_range"]) == (0.1, 30)
    assert (scan["hanzo:noise:ranges:bias"], scan["hanzo:noise:ranges:stddev"]) == (0.1, 0.02)
    assert dict(scene.sensors["/m/l/imu"].attributes)["hanzo:noise:angular_velocity:stddev"] == 0.3
