"""Colours: of materials, of parts of meshes, and of textures as their mean."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanzo_twin.scene.load import inspect_scene, load_scene
from hanzo_twin.scene.model import Mesh, Shape
from hanzo_twin.scene.texture import NotReadable, mean_color
from hanzo_twin.service.pictures import write_png

MATERIAL = """
def Material "{name}"
{{
    token outputs:surface.connect = </{name}/surface.outputs:surface>
    def Shader "surface"
    {{
        uniform token info:id = "UsdPreviewSurface"
        {color}
        token outputs:surface
    }}
    def Shader "texture"
    {{
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @{picture}@
        float3 outputs:rgb
    }}
}}
"""
QUAD = """
def Mesh "quad" ( prepend apiSchemas = ["MaterialBindingAPI"{collides}] )
{{
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0), (2, 1, 0)]
    int[] faceVertexCounts = [4, 4, 3]
    int[] faceVertexIndices = [0, 1, 2, 3, 1, 4, 5, 2, 0, 1, 4]
    color3f[] primvars:displayColor = [(0.1, 0.1, 0.1)]
    {binding}
    {subsets}
}}
"""
SUBSET = """
    def GeomSubset "{name}" ( prepend apiSchemas = ["MaterialBindingAPI"] )
    {{
        uniform token elementType = "face"
        uniform token familyName = "materialBind"
        int[] indices = [{faces}]
        rel material:binding = </{name}>
    }}
"""


def colored(name: str, color: str) -> str:
    return MATERIAL.format(name=name, color=f"color3f inputs:diffuseColor = {color}", picture="")


def textured(name: str, picture: str) -> str:
    source = f"color3f inputs:diffuseColor.connect = </{name}/texture.outputs:rgb>"
    return MATERIAL.format(name=name, color=source, picture=picture)


def half_red(path: Path) -> None:
    picture = np.zeros((100, 100, 3), dtype=np.uint8)
    picture[:, :50, 0] = 255
    write_png(path, picture)


def shapes(text: str, folder: Path) -> tuple[dict[str, Shape], dict[str, Any]]:
    (folder / "scene.usda").write_text("#usda 1.0\n" + text)
    scene, diagnoses = inspect_scene(folder / "scene.usda")
    assert scene is not None
    return dict(scene.static_shapes), {each.code: each for each in diagnoses}


def test_parts_of_a_mesh_have_colours_of_their_own(tmp_path: Path) -> None:
    subsets = SUBSET.format(name="red", faces="1") + SUBSET.format(name="blue", faces="2")
    mesh = QUAD.format(collides="", binding="", subsets=subsets)
    found, _ = shapes(colored("red", "(1, 0, 0)") + colored("blue", "(0, 0, 1)") + mesh, tmp_path)
    assert {path: shape.color for path, shape in found.items()} == {
        "/quad": (0.1, 0.1, 0.1, 1.0),
        "/quad/red": (1.0, 0.0, 0.0, 1.0),
        "/quad/blue": (0.0, 0.0, 1.0, 1.0),
    }
    meshes = {path: shape.geometry for path, shape in found.items() if isinstance(shape.geometry, Mesh)}
    assert {path: (len(mesh.vertices), len(mesh.triangles)) for path, mesh in meshes.items()} == {
        "/quad": (4, 2),
        "/quad/red": (4, 2),
        "/quad/blue": (3, 1),
    }


def test_parts_of_one_colour_are_one_shape(tmp_path: Path) -> None:
    subsets = SUBSET.format(name="red", faces="0, 1") + SUBSET.format(name="rot", faces="2")
    mesh = QUAD.format(collides="", binding="", subsets=subsets)
    found, _ = shapes(colored("red", "(1, 0, 0)") + colored("rot", "(1, 0, 0)") + mesh, tmp_path)
    assert {path: shape.color for path, shape in found.items()} == {"/quad": (1.0, 0.0, 0.0, 1.0)}


def test_what_collides_stays_one_shape(tmp_path: Path) -> None:
    subsets = SUBSET.format(name="red", faces="0, 1") + SUBSET.format(name="blue", faces="2")
    mesh = QUAD.format(collides=', "PhysicsCollisionAPI"', binding="", subsets=subsets)
    found, _ = shapes(colored("red", "(1, 0, 0)") + colored("blue", "(0, 0, 1)") + mesh, tmp_path)
    [shape] = found.values()
    assert shape.color == (1.0, 0.0, 0.0, 1.0)
    assert isinstance(shape.geometry, Mesh)
    assert len(shape.geometry.triangles) == 5


def test_faces_that_subsets_name_wrongly_are_passed_over(tmp_path: Path) -> None:
    subsets = SUBSET.format(name="red", faces="1, 1, 99, -1")
    mesh = QUAD.format(collides="", binding="", subsets=subsets)
    found, _ = shapes(colored("red", "(1, 0, 0)") + mesh, tmp_path)
    sizes = {path: len(shape.geometry.triangles) for path, shape in found.items() if isinstance(shape.geometry, Mesh)}
    assert sizes == {"/quad": 3, "/quad/red": 2}


def test_a_texture_is_shown_as_its_mean(tmp_path: Path) -> None:
    half_red(tmp_path / "red.png")
    mesh = QUAD.format(collides="", binding="rel material:binding = </skin>", subsets="")
    found, told = shapes(textured("skin", "./red.png") + mesh, tmp_path)
    assert found["/quad"].color == (0.5, 0.0, 0.0, 1.0)
    assert str(told["texture-averaged"]) == (
        "info[texture-averaged] /skin/texture: Its texture 'red.png' is shown as its mean colour."
    )


def png_of(width: int, height: int) -> bytes:
    """The beginning of a picture of that size, of which nothing follows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the file is not there."),
        (b"", "the file is empty."),
        (b"no picture", "it is no kind of picture that is known."),
        (png_of(9_000, 9_000), "it has 9000 × 9000 pixels."),
        (png_of(100_000, 100_000), "Image size (10000000000 pixels) exceeds limit"),
        (png_of(100, 100), ""),
    ],
)
def test_a_texture_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "red.png").write_bytes(content)
    mesh = QUAD.format(collides="", binding="rel material:binding = </skin>", subsets="")
    found, told = shapes(textured("skin", "./red.png") + mesh, tmp_path)
    assert found["/quad"].color == (0.1, 0.1, 0.1, 1.0)
    assert told["texture-unreadable"].severity == "warning"
    assert told["texture-unreadable"].message.startswith("Its texture 'red.png' cannot be read: ")
    assert reason in told["texture-unreadable"].message


def test_transparent_pixels_do_not_count() -> None:
    row = b"\0" + bytes([255, 0, 0, 255, 0, 255, 0, 0])
    header = struct.pack(">IIBBBBB", 2, 2, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(2 * row)) + chunk(b"IEND", b"")
    assert mean_color(b"\x89PNG\r\n\x1a\n" + body) == (1.0, 0.0, 0.0)
    with pytest.raises(NotReadable):
        mean_color(b"")


def test_colours_of_urdf_are_what_the_file_says_also_after_a_round(tmp_path: Path, inspect_urdf: Any) -> None:
    scene, _ = inspect_urdf(
        '<link name="a"><inertial><mass value="1"/></inertial><visual><geometry><box size="1 1 1"/></geometry>'
        '<material name="m"><color rgba="0.5 0.2 0.8 0.4"/></material></visual></link>'
    )
    [shape] = scene.bodies["/robot/Geometry/a"].shapes
    assert shape.color == (0.5, 0.2, 0.8, 0.4)


def test_colours_of_sdf(tmp_path: Path, inspect_sdf: Any) -> None:
    half_red(tmp_path / "red.png")
    (tmp_path / "part.mtl").write_text("newmtl one\nKd 0.2 0.4 0.6\nnewmtl two\nKd 1 1 0\n")
    (tmp_path / "part.obj").write_text(
        "mtllib part.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nusemtl one\nf 1 3 2\nf 1 2 4\nusemtl two\nf 1 4 3\n"
    )
    mesh = "<geometry><mesh><uri>part.obj</uri></mesh></geometry>"
    box = "<geometry><box><size>1 1 1</size></box></geometry>"
    albedo = "<pbr><metal><albedo_map>red.png</albedo_map></metal></pbr>"
    looks = {
        "script": f"{box}<material><script><name>Gazebo/Orange</name></script></material>",
        "picture": f"{box}<material>{albedo}</material>",
        "said": f"{mesh}<material><diffuse>0 1 0 1</diffuse></material>",
        "own": mesh,
    }
    visuals = "".join(f'<visual name="{name}">{look}</visual>' for name, look in looks.items())
    scene, found = inspect_sdf(f'<static>1</static><link name="a">{visuals}</link>')
    colors = {path.removeprefix("/m/a/"): shape.color[:3] for path, shape in scene.static_shapes.items()}
    assert colors == {
        "script": (1.0, 0.51, 0.05),
        "picture": (0.5, 0.0, 0.0),
        "said": (0.0, 1.0, 0.0),
        "own/part_1": (0.2, 0.4, 0.6),
        "own/part_2": (1.0, 1.0, 0.0),
    }
    assert "texture-averaged" in found
    assert "sdf-ignored" not in found


def test_a_texture_of_mjcf_is_its_mean(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        '<mujoco><asset><texture name="t" type="2d" builtin="flat" rgb1="0.5 0.5 1" width="8" height="8"/>'
        '<material name="m" texture="t" rgba="1 0.5 0.5 0.8"/></asset><worldbody><geom size="1" material="m"/>'
        "</worldbody></mujoco>"
    )
    scene = load_scene(tmp_path / "a.xml")
    [shape] = scene.static_shapes.values()
    assert shape.color == pytest.approx((0.5, 0.25, 0.5, 0.8), abs=3e-3)
    assert "texture-averaged" in {diagnosis.code for diagnosis in scene.diagnoses}
