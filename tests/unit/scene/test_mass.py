from __future__ import annotations

import math

import numpy as np
import pytest

from hanzo_twin.scene.mass import MassProperties, combined, of_unit_density, principal, quaternion_of
from hanzo_twin.scene.model import Box, Capsule, Cone, Cylinder, Geometry, Mesh, Plane, Sphere
from hanzo_twin.spatial import Pose, quaternion_from_axis_angle, rotation_matrix


def sliced(geometry: Geometry, count: int = 200_000) -> MassProperties:
    """A body of revolution as a stack of thin discs: independent of the closed forms under test."""
    z = (np.arange(count) + 0.5) / count * 2 - 1
    match geometry:
        case Capsule(radius=r, half_height=h):
            radius = np.sqrt(np.maximum(r**2 - np.maximum(np.abs(z) - h, 0) ** 2, 0))
        case Cylinder(radius=r, half_height=h):
            radius = np.where(np.abs(z) <= h, r, 0.0)
        case Cone(radius=r, half_height=h):
            radius = np.where(np.abs(z) <= h, r * (h - z) / (2 * h), 0.0)
        case Sphere(radius=r):
            radius = np.sqrt(np.maximum(r**2 - z**2, 0))
        case _:
            raise AssertionError(geometry)
    discs = math.pi * radius**2 * (2 / count)
    mass = float(discs.sum())
    center = float((discs * z).sum()) / mass
    across = float((discs * (radius**2 / 4 + (z - center) ** 2)).sum())
    along = float((discs * radius**2 / 2).sum())
    return MassProperties(mass=mass, center=np.array([0.0, 0.0, center]), inertia=np.diag([across, across, along]))


def box_mesh(x: float, y: float, z: float, approximation: str = "none", shift: float = 0.0) -> Mesh:
    corners = np.array([[i, j, k] for i in (-x, x) for j in (-y, y) for k in (-z, z)]) + shift
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [(a, b, c) for a, b, c, _ in quads] + [(a, c, d) for a, _, c, d in quads]
    return Mesh(vertices=corners, triangles=np.array(triangles), approximation=approximation)


def test_box() -> None:
    properties = of_unit_density(Box(half_extents=(0.5, 1.0, 1.5)))
    assert properties is not None
    assert properties.mass == pytest.approx(1 * 2 * 3)
    np.testing.assert_allclose(properties.inertia, np.diag([6 / 12 * 13, 6 / 12 * 10, 6 / 12 * 5]))


@pytest.mark.parametrize(
    "geometry",
    [
        Sphere(radius=0.8),
        Capsule(radius=0.4, half_height=0.5),
        Cylinder(radius=0.6, half_height=0.7),
        Cone(radius=0.7, half_height=0.6),
    ],
    ids=lambda geometry: type(geometry).__name__,
)
def test_round_shapes_against_slices(geometry: Geometry) -> None:
    expected, found = sliced(geometry), of_unit_density(geometry)
    assert found is not None
    assert found.mass == pytest.approx(expected.mass, rel=1e-5)
    np.testing.assert_allclose(found.center, expected.center, atol=1e-5)
    np.testing.assert_allclose(found.inertia, expected.inertia, rtol=2e-5)


def test_a_capsule_of_no_length_is_a_sphere() -> None:
    capsule, sphere = of_unit_density(Capsule(radius=0.3, half_height=0.0)), of_unit_density(Sphere(radius=0.3))
    assert capsule is not None
    assert sphere is not None
    assert capsule.mass == pytest.approx(sphere.mass)
    np.testing.assert_allclose(capsule.inertia, sphere.inertia)


@pytest.mark.parametrize("approximation", ["none", "convexHull"])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_a_box_as_a_mesh_is_that_box(approximation: str, shift: float) -> None:
    box = of_unit_density(Box(half_extents=(0.1, 0.2, 0.3)))
    mesh = of_unit_density(box_mesh(0.1, 0.2, 0.3, approximation, shift))
    assert box is not None
    assert mesh is not None
    assert mesh.mass == pytest.approx(box.mass)
    np.testing.assert_allclose(mesh.center, np.full(3, shift), atol=1e-12)
    np.testing.assert_allclose(mesh.inertia, box.inertia, atol=1e-12)


def test_a_mesh_seen_from_inside_has_the_same_mass() -> None:
    mesh = box_mesh(0.1, 0.2, 0.3)
    turned = of_unit_density(Mesh(vertices=mesh.vertices, triangles=mesh.triangles[:, ::-1], approximation="none"))
    right = of_unit_density(mesh)
    assert turned is not None
    assert right is not None
    assert turned.mass == pytest.approx(right.mass)
    np.testing.assert_allclose(turned.inertia, right.inertia, atol=1e-15)


def test_an_open_mesh_takes_its_hull_and_a_flat_one_has_no_mass() -> None:
    mesh = box_mesh(0.1, 0.2, 0.3)
    opened = of_unit_density(Mesh(vertices=mesh.vertices, triangles=mesh.triangles[1:], approximation="none"))
    assert opened is not None
    assert opened.mass == pytest.approx(0.2 * 0.4 * 0.6)
    flat = Mesh(vertices=np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), triangles=np.array([[0, 1, 2]]))
    assert of_unit_density(flat) is None
    assert of_unit_density(Plane()) is None


def test_two_halves_make_the_whole() -> None:
    half, whole = of_unit_density(Box(half_extents=(0.1, 0.2, 0.3))), of_unit_density(Box(half_extents=(0.2, 0.2, 0.3)))
    assert half is not None
    assert whole is not None
    turn = quaternion_from_axis_angle([0, 0, 1], math.pi)
    both = combined([half.moved(Pose.of((-0.1, 0, 0))), half.moved(Pose.of((0.1, 0, 0), turn))])
    assert both.mass == pytest.approx(whole.mass)
    np.testing.assert_allclose(both.center, 0, atol=1e-15)
    np.testing.assert_allclose(both.inertia, whole.inertia, atol=1e-15)


def test_principal_moments_rebuild_the_inertia() -> None:
    rotation = rotation_matrix(quaternion_from_axis_angle([1, 2, 3], 0.7))
    inertia = rotation @ np.diag([1.0, 2.0, 2.5]) @ rotation.T
    moments, axes = principal(inertia)
    back = rotation_matrix(axes)
    np.testing.assert_allclose(back @ np.diag(moments) @ back.T, inertia, atol=1e-12)


def test_a_diagonal_inertia_keeps_its_axes() -> None:
    moments, axes = principal(np.array([[3.0, 1e-18, 0], [1e-18, 1.0, 0], [0, 0, 2.0]]))
    assert moments.tolist() == [3.0, 1.0, 2.0]
    assert axes.tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, math.pi / 2, math.pi - 1e-9, math.pi])
def test_quaternion_of_a_rotation(angle: float) -> None:
    quaternion = quaternion_from_axis_angle([1, -2, 0.5], angle)
    found = quaternion_of(rotation_matrix(quaternion))
    assert abs(float(found @ quaternion)) == pytest.approx(1.0, abs=1e-12)
