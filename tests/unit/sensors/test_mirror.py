from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hanzo_twin import plugins
from hanzo_twin.errors import UnsupportedError
from hanzo_twin.scene.model import Body, Box, Cone, Cylinder, Mesh, Scene, Shape, Sphere
from hanzo_twin.sensors import mirror
from hanzo_twin.sensors.camera import overview, view_of
from hanzo_twin.sensors.mirror import VARIABLE, Looks, Mirrors, View, picture_renderer
from hanzo_twin.sensors.port import AnyArray
from hanzo_twin.spatial import Pose

TETRAHEDRON = Mesh(
    vertices=np.array([[0, 0, 0], [0.4, 0, 0], [0, 0.4, 0], [0, 0, 0.4]]),
    triangles=np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]),
)
SHEET = Mesh(
    vertices=np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]), triangles=np.array([[0, 1, 2], [0, 2, 3]])
)


def shape(path: str, geometry: Box | Sphere | Cone | Cylinder | Mesh, x: float = 0.0, *, visible: bool = True) -> Shape:
    return Shape(path=path, geometry=geometry, pose=Pose.of((x, 0, 0)), visible=visible, semantic_label=path[1:])


def body(path: str, *shapes: Shape) -> Body:
    return Body(path=path, pose_world_body=Pose.identity(), mass=1.0, diagonal_inertia=(1, 1, 1), shapes=shapes)


def scene_of_shapes() -> Scene:
    bodies = [
        body("/ball", shape("/ball/s", Sphere(radius=0.2), -1.0)),
        body("/cone", shape("/cone/s", Cone(radius=0.2, half_height=0.2), -0.5)),
        body("/drum", shape("/drum/s", Cylinder(radius=0.2, half_height=0.2))),
        body("/mesh", shape("/mesh/s", TETRAHEDRON, 0.5)),
        body("/box", shape("/box/s", Box(half_extents=(0.2, 0.2, 0.2)), 1.2)),
    ]
    sheet = replace(shape("/sheet", SHEET), pose=Pose.of((0, 0, -0.5)))
    return Scene(bodies={one.path: one for one in bodies}, static_shapes={sheet.path: sheet})


def start(scene: Scene) -> AnyArray:
    return np.array([one.pose_world_body.as_array() for one in scene.bodies.values()]).reshape(-1, 7)


def test_hidden_colliders_are_seen_only_where_nothing_else_is() -> None:
    box = Box(half_extents=(1, 1, 1))
    scene = Scene(
        bodies={
            "/a": body("/a", shape("/a/proxy", box, visible=False), shape("/a/skin", box)),
            "/b": body("/b", shape("/b/proxy", box, visible=False)),
        },
        static_shapes={
            one.path: one
            for one in (
                shape("/wall", box, visible=False),
                shape("/table/proxy", box, visible=False),
                shape("/table/top", box),
            )
        },
    )

    looks = Looks(scene)

    assert [one.shape.path for one in looks.seen] == ["/a/skin", "/b/proxy", "/wall", "/table/top"]
    assert [one.row for one in looks.seen] == [0, 1, -1, -1]
    assert looks.labels.instances == ("", "/a", "/b", "/wall", "/table/proxy", "/table/top")
    assert looks.labels.semantics == ("", "a/proxy", "a/skin", "b/proxy", "table/proxy", "table/top", "wall")
    assert [looks.labels.semantics[one.semantic] for one in looks.seen] == ["a/skin", "b/proxy", "wall", "table/top"]


def test_rays_meet_every_kind_of_shape_where_it_is_now() -> None:
    scene = scene_of_shapes()
    poses = start(scene)
    poses[4, :3] = (0.0, 0.0, 1.0)
    origins = {"/ball": -1.0, "/cone": -0.45, "/drum": 0.0, "/mesh": 0.55, "/box": 1.2}
    tops = {"/ball": 0.2, "/cone": 0.1, "/drum": 0.2, "/mesh": 0.35, "/box": 1.2}
    rays = Mirrors(scene).rays()
    instances = Looks(scene).labels.instances
    down = np.array([[0.0, 0.0, -1.0]])

    for path, x in origins.items():
        distance, hit = rays.cast(poses, np.array([x, 0.0, 3.0]), down, exclude=-1, reach=50.0)
        assert instances[hit[0]] == path
        # The cone's and the mesh's triangles come to a point there.
        assert distance[0] == pytest.approx(3.0 - tops[path], abs=1e-3)
    through, under = rays.cast(poses, np.array([1.2, 0.0, 3.0]), down, exclude=4, reach=50.0)
    assert (through[0], under[0]) == (np.inf, 0)
    beside, sheet = rays.cast(poses, np.array([0.0, 0.5, 3.0]), down, exclude=-1, reach=50.0)
    assert (beside[0], instances[sheet[0]]) == (pytest.approx(3.5), "/sheet")


def test_all_renderers_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of_shapes()
    poses = start(scene)
    view = view_of(overview(scene, poses), scene, poses, 64, 48)
    pictures = {}
    for name in plugins.names(plugins.RENDERERS):
        monkeypatch.setenv(VARIABLE, name)
        try:
            drawn, taker = Mirrors(scene).pictures()
        except UnsupportedError:
            continue
        assert drawn == name
        pictures[name] = taker.picture(poses, view, ("rgb", "depth", "semantic", "instance"))
    if not pictures:
        pytest.skip("nothing can draw here")
    first = next(iter(pictures.values()))
    assert set(np.unique(first["instance"])) == set(range(7))
    for other in pictures.values():
        alike = other["instance"] == first["instance"]
        # Edges fall on one side of a pixel or the other.
        assert alike.mean() > 0.95
        solid = alike & np.isfinite(first["depth"]) & np.isfinite(other["depth"])
        assert np.percentile(np.abs(other["depth"][solid] - first["depth"][solid]), 95) < 0.02
        assert (np.isinf(other["depth"]) == (other["instance"] == 0)).mean() > 0.98


def test_two_scenes_are_drawn_in_turn_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        picture_renderer()
    except UnsupportedError as none:
        pytest.skip(str(none))
    scene = scene_of_shapes()
    other = Scene(bodies={"/box": body("/box", shape("/box/s", Box(half_extents=(0.3, 0.3, 0.3))))})
    view = view_of(overview(scene, start(scene)), scene, start(scene), 32, 24)
    kept = Mirrors(scene)
    expected = kept.pictures()[1].picture(start(scene), view, ("rgb", "instance"))
    for _ in range(3):
        Mirrors(other).pictures()[1].picture(start(other), view, ("rgb",))
        again = kept.pictures()[1].picture(start(scene), view, ("rgb", "instance"))
        assert all(np.array_equal(again[name], values) for name, values in expected.items())


def test_a_renderer_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "eql")
    with pytest.raises(UnsupportedError, match=r"No renderer named 'eql' is installed(.|\n)*Did you mean 'egl'"):
        picture_renderer()


def test_where_none_can_draw_each_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        takes_pictures, casts_rays = True, False

        def problem(self) -> str:
            return "the library libFoo is missing (Debian package libfoo1)"

    class Deaf(Blind):
        takes_pictures, casts_rays = False, True

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(mirror, "_renderers", lambda: iter([("blind", Blind()), ("deaf", Deaf())]))
    with pytest.raises(UnsupportedError) as refused:
        picture_renderer()
    assert refused.value.message == "No renderer can take pictures here, so there are no cameras."
    assert refused.value.hint == "blind: the library libFoo is missing (Debian package libfoo1)"


def test_an_open_surface_is_seen_from_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloth, and a closed mesh whose triangles are wound the wrong way round, by every renderer and by rays."""
    turned = replace(TETRAHEDRON, triangles=TETRAHEDRON.triangles[:, ::-1])
    still = (shape("/sheet", SHEET, -1.5), shape("/turned", turned))
    scene = Scene(bodies={}, static_shapes={one.path: one for one in still})
    poses = start(scene)
    rays = Mirrors(scene).rays()
    seen = {"/sheet": -1.5, "/turned": 0.1}
    instances = Looks(scene).labels.instances

    drawn = 0
    for side in (1.0, -1.0):
        for path, x in seen.items():
            ray = np.array([[0.0, 0.0, -side]])
            _, hit = rays.cast(poses, np.array([x, 0.1, 3.0 * side]), ray, exclude=-1, reach=50.0)
            assert instances[hit[0]] == path
        above = Pose.of((-0.7, 0.0, 3.0 * side), (1, 0, 0, 0) if side > 0 else (0, 1, 0, 0))
        view = View(pose_world_camera=above, vertical_fov=1.0, clipping_range=(0.1, 10.0), width=64, height=48)
        for name in plugins.names(plugins.RENDERERS):
            monkeypatch.setenv(VARIABLE, name)
            try:
                _, taker = Mirrors(scene).pictures()
            except UnsupportedError:
                continue
            drawn += 1
            picture = taker.picture(poses, view, ("rgb", "depth", "instance"))
            sheet = picture["instance"] == instances.index("/sheet")
            assert sheet.mean() > 0.2
            assert picture["depth"][sheet] == pytest.approx(3.0, abs=0.05)
            # Lit from either side, and in one colour.
            assert picture["rgb"][sheet].mean() > 60
            assert np.std(picture["rgb"][sheet].mean(axis=1)) < 25
            solid = picture["instance"] == instances.index("/turned")
            # From above its slanted faces are nearer than the base on z = 0.
            assert solid.any()
            assert picture["depth"][solid].min() < (2.8 if side > 0 else 3.05)
    if not drawn:
        pytest.skip("nothing can draw here")
