from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.model import Box, Capsule, Cylinder, Mesh, Sphere

BODY = """
def Xform "World"
{{
    def Xform "body" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])
    {{
{mass}
{shapes}
    }}
{more}
}}
"""
BOX = """
        def Cube "box" (prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMassAPI", "MaterialBindingAPI"])
        {{
            double size = 0.2
            {}
        }}
"""


def body(mass: str = "", shapes: str = BOX.format(""), more: str = "") -> str:
    return BODY.format(mass=mass, shapes=shapes, more=more)


def test_an_authored_mass_wins(inspect_usda: Any) -> None:
    scene, found = inspect_usda(
        body(
            "float physics:mass = 0.67531\npoint3f physics:centerOfMass = (0.1, 0.4338, 0)\n"
            "float3 physics:diagonalInertia = (0.0033459, 0.00068565, 0.0026883)"
        )
    )
    loaded = scene.bodies["/World/body"]
    assert loaded.mass == 0.67531, "the decimal that was written, not its float32 neighbour"
    assert loaded.center_of_mass == (0.1, 0.4338, 0.0)
    assert loaded.diagonal_inertia == (0.0033459, 0.00068565, 0.0026883)
    assert loaded.mass_source == "authored"
    assert "mass-guessed" not in found
    assert "inertia-triangle" not in found


def test_an_authored_mass_spreads_over_the_colliders(inspect_usda: Any) -> None:
    scene, _ = inspect_usda(body("float physics:mass = 3"))
    assert scene.bodies["/World/body"].diagonal_inertia == pytest.approx((0.02,) * 3)


@pytest.mark.parametrize(
    ("mass", "shape", "expected"),
    [
        ("float physics:density = 500", "", 4.0),
        ("float physics:density = 500", "float physics:density = 250", 2.0),
        ("float physics:density = 500", "float physics:mass = 7", 7.0),
        ("", "rel material:binding:physics = </World/steel>", 64.0),
        ("float physics:density = 500", "rel material:binding:physics = </World/steel>", 4.0),
    ],
)
def test_mass_by_density(inspect_usda: Any, mass: str, shape: str, expected: float) -> None:
    steel = 'def Material "steel" (prepend apiSchemas = ["PhysicsMaterialAPI"]) { float physics:density = 8000 }'
    scene, found = inspect_usda(body(mass, BOX.format(shape), steel))
    loaded = scene.bodies["/World/body"]
    assert loaded.mass == pytest.approx(expected)
    assert loaded.diagonal_inertia == pytest.approx((expected * 0.04 / 6,) * 3)
    assert loaded.mass_source == "density"
    assert "mass-guessed" not in found


def test_a_guessed_mass_is_said(inspect_usda: Any) -> None:
    scene, found = inspect_usda(body())
    assert scene.bodies["/World/body"].mass == pytest.approx(8.0)
    assert scene.bodies["/World/body"].mass_source == "guessed"
    assert [str(diagnosis) for diagnosis in found["mass-guessed"]] == [
        "warning[mass-guessed] /World/body: No mass and no density is authored; the volume of its colliders filled "
        "with water gives 8 kg. Author physics:mass (and physics:diagonalInertia) with MassAPI on the body."
    ]


def test_a_body_without_anything(inspect_usda: Any) -> None:
    scene, found = inspect_usda(body(shapes=""))
    assert scene.bodies["/World/body"].mass == 0.001
    assert found["mass-guessed"][0].message == "No mass is authored and no collider gives one; 0.001 kg is taken."
    assert found["no-collider"][0].severity == "info"


def test_a_mass_without_an_inertia(inspect_usda: Any) -> None:
    scene, found = inspect_usda(body("float physics:mass = 2", shapes=""))
    assert found["inertia-guessed"][0].severity == "warning"
    radius = (2 / 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    assert scene.bodies["/World/body"].diagonal_inertia == pytest.approx((0.4 * 2 * radius**2,) * 3)


@pytest.mark.parametrize(
    ("mass", "code", "message"),
    [
        ("float physics:mass = -2", "bad-mass", "The mass of '/World/body' is -2.0."),
        ("float physics:mass = nan", "not-finite", "physics:mass is nan."),
        ("float physics:mass = inf", "bad-mass", "The mass of '/World/body' is inf."),
        (
            "float physics:mass = 1\nfloat3 physics:diagonalInertia = (1, -1, 1)",
            "bad-inertia",
            "Its principal moments of inertia are 1, -1, 1.",
        ),
        ("point3f physics:centerOfMass = (nan, 0, 0)", "not-finite", "Its centre of mass is (nan, 0.0, 0.0)."),
        (
            'double3 xformOp:translate = (nan, 0, 0)\nuniform token[] xformOpOrder = ["xformOp:translate"]',
            "not-finite",
            "Its transform has numbers that are not finite, or beyond 1e+15 m.",
        ),
        (
            'float3 xformOp:scale = (0, 1, 1)\nuniform token[] xformOpOrder = ["xformOp:scale"]',
            "degenerate-scale",
            "Its scale is (0.0, 1.0, 1.0).",
        ),
        ("vector3f physics:velocity = (nan, 0, 0)", "not-finite", "Its initial velocity is not finite."),
    ],
)
def test_numbers_that_make_no_body(inspect_usda: Any, mass: str, code: str, message: str) -> None:
    scene, found = inspect_usda(body(mass))
    assert "/World/body" not in scene.bodies
    assert (found[code][0].severity, found[code][0].message) == ("error", message)


def test_an_impossible_inertia_is_made_possible(inspect_usda: Any) -> None:
    scene, found = inspect_usda(body("float physics:mass = 1\nfloat3 physics:diagonalInertia = (1, 1.5, 3)"))
    assert found["inertia-triangle"][0].message == (
        "No body has the principal moments 1, 1.5, 3 kg·m²: the largest exceeds the sum of the others; the smallest "
        "was raised to 1.5 kg·m²."
    )
    assert scene.bodies["/World/body"].diagonal_inertia == pytest.approx((1.5, 1.5, 3))


def test_disabled_things_stand_still(inspect_usda: Any) -> None:
    scene, found = inspect_usda(body("bool physics:rigidBodyEnabled = 0\n", BOX.format("")))
    assert not scene.bodies
    assert scene.static_shapes["/World/body/box"].collides
    assert found["body-disabled"][0].severity == "info"
    scene, found = inspect_usda(body("float physics:mass = 1", BOX.format("bool physics:collisionEnabled = 0")))
    assert not scene.bodies["/World/body"].shapes[0].collides
    assert "collider-disabled" in found


def test_shapes_take_scale_axis_and_place(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    def Xform "body" (prepend apiSchemas = ["PhysicsRigidBodyAPI"])
    {
        float3 xformOp:scale = (2, 2, 2)
        uniform token[] xformOpOrder = ["xformOp:scale"]
        def Capsule "capsule" (prepend apiSchemas = ["PhysicsCollisionAPI"])
        {
            uniform token axis = "X"
            double height = 0.5
            double radius = 0.125
            double3 xformOp:translate = (0.25, 0, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
        }
        def Cube "cube" (prepend apiSchemas = ["PhysicsCollisionAPI"])
        {
            double size = 1
            float3 xformOp:scale = (0.5, 1, 2)
            uniform token[] xformOpOrder = ["xformOp:scale"]
        }
        def Sphere "sphere" (prepend apiSchemas = ["PhysicsCollisionAPI"])
        {
            double radius = 0.25
            float3 xformOp:scale = (1, 1, 2)
            uniform token[] xformOpOrder = ["xformOp:scale"]
        }
        def Cylinder_1 "cylinder" (prepend apiSchemas = ["PhysicsCollisionAPI"])
        {
            uniform token axis = "Z"
            double height = 1
            double radiusBottom = 0.5
            double radiusTop = 0.25
        }
    }
}
""")
    shapes = {shape.path.rpartition("/")[2]: shape for shape in scene.bodies["/World/body"].shapes}
    assert shapes["capsule"].geometry == Capsule(radius=0.25, half_height=0.5)
    assert shapes["capsule"].pose.position == pytest.approx([0.5, 0, 0])
    assert shapes["capsule"].pose.apply(np.array([0.0, 0, 1])) == pytest.approx([1.5, 0, 0]), "its Z lies along X"
    assert shapes["cube"].geometry == Box(half_extents=(0.5, 1.0, 2.0))
    assert shapes["sphere"].geometry == Sphere(radius=1.0)
    assert shapes["cylinder"].geometry == Cylinder(radius=1.0, half_height=1.0)
    assert found["uneven-scale"][0].path == "/World/body/sphere"
    assert found["shape-approximated"][0].path == "/World/body/cylinder"


MESH = """
def Xform "World"
{{
    def Mesh "mesh" (prepend apiSchemas = ["PhysicsCollisionAPI", "PhysicsMeshCollisionAPI"])
    {{
        uniform token physics:approximation = "convexHull"
        point3f[] points = {points}
        int[] faceVertexCounts = {counts}
        int[] faceVertexIndices = {indices}
        float3 xformOp:scale = (1, 2, -1)
        uniform token[] xformOpOrder = ["xformOp:scale"]
    }}
}}
"""
PYRAMID = "[(1, 1, 0), (-1, 1, 0), (-1, -1, 0), (1, -1, 0), (0, 0, 1)]"


def test_a_mesh_is_triangulated_and_mirrored(inspect_usda: Any) -> None:
    scene, _ = inspect_usda(
        MESH.format(points=PYRAMID, counts="[4, 3, 3, 3, 3]", indices="[3,2,1,0, 0,1,4, 1,2,4, 2,3,4, 3,0,4]")
    )
    mesh = scene.static_shapes["/World/mesh"].geometry
    assert isinstance(mesh, Mesh)
    assert mesh.approximation == "convexHull"
    assert len(mesh.triangles) == 6
    placed = scene.static_shapes["/World/mesh"].pose.apply(mesh.vertices)
    np.testing.assert_allclose(placed[4], [0, 0, -1])
    np.testing.assert_allclose(placed[0], [1, 2, 0])
    volume = np.linalg.det(placed[mesh.triangles]).sum() / 6
    assert volume == pytest.approx(8 / 3), "positive: still seen from outside after mirroring"


@pytest.mark.parametrize(
    ("points", "counts", "indices", "code"),
    [
        ("[]", "[]", "[]", "mesh-empty"),
        (PYRAMID, "[3]", "[0, 1, 9]", "mesh-broken"),
        (PYRAMID, "[3, 3]", "[0, 1, 2]", "mesh-broken"),
        (PYRAMID, "[2]", "[0, 1]", "mesh-broken"),
        (PYRAMID, "[3]", "[0, 1, -2]", "mesh-broken"),
        ("[(nan, 0, 0), (1, 0, 0), (0, 1, 0)]", "[3]", "[0, 1, 2]", "not-finite"),
    ],
)
def test_a_broken_mesh_is_an_error(inspect_usda: Any, points: str, counts: str, indices: str, code: str) -> None:
    scene, found = inspect_usda(MESH.format(points=points, counts=counts, indices=indices))
    assert not scene.static_shapes
    assert found[code][0].severity == "error"


def test_what_is_only_seen(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
def Xform "World"
{
    def Sphere "seen"
    {
        double radius = 0.5
        color3f[] primvars:displayColor = [(0.1, 0.2, 0.3)]
        float[] primvars:displayOpacity = [0.5]
        token[] semantics:labels:class = ["ball"]
    }
    def Sphere "hidden" { token visibility = "invisible" }
    def Sphere "helper" { uniform token purpose = "guide" }
    def Mesh "broken" { int[] faceVertexCounts = [3] }
}
""")
    assert set(scene.static_shapes) == {"/World/seen"}
    seen = scene.static_shapes["/World/seen"]
    assert not seen.collides
    assert seen.color == (0.1, 0.2, 0.3, 0.5)
    assert seen.semantic_label == "ball"
    assert found["visual-lost"][0].severity == "warning"


def test_instances_get_prims_of_their_own(inspect_usda: Any) -> None:
    scene, found = inspect_usda("""
class Xform "Crate"
{
    def Cube "box" (prepend apiSchemas = ["PhysicsCollisionAPI"]) { double size = 0.5 }
}
def Xform "World"
{
    def Xform "a" (instanceable = true
        prepend references = </Crate>) {}
    def Xform "b" (instanceable = true
        prepend references = </Crate>) {}
}
""")
    assert set(scene.static_shapes) == {"/World/a/box", "/World/b/box"}
    assert "/World/a/box" in scene.prim_paths
    assert found["uninstanced"][0].message == "2 instances got prims of their own."
