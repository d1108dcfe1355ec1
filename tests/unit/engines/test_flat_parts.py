"""Surfaces as convex polygons: nothing of them is lost, and flat regions are few."""

from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.engines.flat_parts import Surface, surface_of
from hanzo_twin.scene.model import Mesh
from hanzo_twin.spatial import FloatArray, IntArray
from hanzo_twin.testing import feature_scenes

CUP = feature_scenes.cup("none")
OUTSIDE = 4 * 0.2 * 0.2 + 0.2 * 0.2
RIM, INSIDE = 0.2 * 0.2 - 0.12 * 0.12, 4 * 0.12 * 0.16 + 0.12 * 0.12


def area(surface: Surface) -> float:
    corners = [surface.vertices[loop] for loop in surface.loops]
    cross = (np.cross(one[1:-1] - one[0], one[2:] - one[0]).sum(axis=0) for one in corners)
    return sum(float(np.linalg.norm(each)) / 2 for each in cross)


def grid(count: int, *, without: tuple[float, float] = (9.0, 9.0)) -> tuple[FloatArray, IntArray]:
    """A flat square of ±1 m; cells whose middles are beyond ``without`` in x and y are left out."""
    line = np.linspace(-1.0, 1.0, count + 1)
    x, y = np.meshgrid(line, line, indexing="ij")
    vertices = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    triangles = []
    for a in range(count):
        for b in range(count):
            corner = a * (count + 1) + b
            middle = (line[a] + line[a + 1]) / 2, (line[b] + line[b + 1]) / 2
            if middle[0] < without[0] or middle[1] < without[1]:
                triangles.append((corner, corner + count + 1, corner + count + 2))
                triangles.append((corner, corner + count + 2, corner + 1))
    return vertices, np.array(triangles)


def test_a_cup_is_fourteen_faces() -> None:
    surface = surface_of(CUP)
    assert surface.closed
    # Bottom, floor, four walls outside and four inside; the rim, which is not a convex polygon, is four.
    assert len(surface.loops) == 14
    assert area(surface) == pytest.approx(OUTSIDE + RIM + INSIDE, rel=1e-9)
    outwards = {tuple(normal.round(6).tolist()) for normal in surface.normals}
    assert len(outwards) == 6
    floor = [np.all(surface.vertices[loop][:, 2] == -0.06) for loop in surface.loops]
    assert surface.normals[int(np.argmax(floor))].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("how", ["inside out", "corners of their own", "with slivers"])
def test_a_mesh_is_its_surface_however_it_is_written(how: str) -> None:
    vertices, triangles = np.asarray(CUP.vertices), np.asarray(CUP.triangles)
    if how == "inside out":
        triangles = triangles[:, ::-1]
    elif how == "corners of their own":
        vertices, triangles = vertices[triangles].reshape(-1, 3), np.arange(triangles.size).reshape(-1, 3)
    else:
        triangles = np.vstack([triangles, [[0, 1, 1], [2, 2, 2]]])
    surface, plain = surface_of(Mesh(vertices=vertices, triangles=triangles)), surface_of(CUP)
    assert surface.closed
    assert len(surface.loops) == 14
    assert surface.normals.sum(axis=0) == pytest.approx(plain.normals.sum(axis=0))
    assert area(surface) == pytest.approx(area(plain))


def test_a_flat_convex_region_is_one_polygon() -> None:
    vertices, triangles = grid(20)
    surface = surface_of(Mesh(vertices=vertices, triangles=triangles))
    assert [len(loop) for loop in surface.loops] == [4]
    assert not surface.closed
    assert area(surface) == pytest.approx(4.0)


def test_a_flat_region_that_is_not_convex_is_a_few_convex_ones() -> None:
    vertices, triangles = grid(10, without=(0.0, 0.0))
    surface = surface_of(Mesh(vertices=vertices, triangles=triangles))
    assert len(surface.loops) <= 4
    assert area(surface) == pytest.approx(3.0)
    for loop in surface.loops:
        sides = np.diff(surface.vertices[[*loop, *loop[:2]]], axis=0)
        assert (np.cross(sides[:-1], sides[1:])[:, 2] > -1e-12).all()


def test_what_is_not_flat_stays_as_it_is() -> None:
    vertices, triangles = grid(6)
    vertices[:, 2] = np.random.default_rng(3).uniform(0.0, 0.2, len(vertices))
    surface = surface_of(Mesh(vertices=vertices, triangles=triangles))
    assert sorted(map(sorted, surface.loops)) == sorted(map(sorted, triangles.tolist()))
