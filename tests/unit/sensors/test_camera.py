from __future__ import annotations

import numpy as np
import pytest

from hanzo_twin.errors import CommandError
from hanzo_twin.scene.model import Scene
from hanzo_twin.sensors.camera import RenderParams, bounds, look_at, overview
from hanzo_twin.spatial import rotation_matrix
from hanzo_twin.testing import scenes


@pytest.mark.parametrize(
    "eye", [(2.0, -1.0, 3.0), (0.0, 0.0, 5.0), (0.0, 0.0, -5.0), (-4.0, 0.0, 0.0), (0.0, 3.0, 0.0)]
)
def test_a_camera_looks_at_its_target_upright(eye: tuple[float, float, float]) -> None:
    pose = look_at(np.array(eye), np.zeros(3))

    rotation = rotation_matrix(pose.orientation)
    assert -rotation[:, 2] == pytest.approx(-np.array(eye) / np.linalg.norm(eye))
    assert rotation[2, 0] == pytest.approx(0.0, abs=1e-12)
    assert rotation[2, 1] >= -1e-12


@pytest.mark.parametrize("aspect", [0.5, 4 / 3, 3.0])
def test_the_overview_has_all_corners_in_its_picture(aspect: float) -> None:
    scene = scenes.arm6_with_boxes()
    poses = np.array([body.pose_world_body.as_array() for body in scene.bodies.values()])
    low, high = bounds(scene, poses)

    camera = overview(scene, poses, aspect=aspect)

    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    seen = camera.pose_body_camera.inverse().apply(corners)
    half = np.tan(camera.vertical_fov / 2)
    assert (seen[:, 2] < 0).all()
    assert np.abs(seen[:, 1] / seen[:, 2]).max() < half
    assert np.abs(seen[:, 0] / seen[:, 2]).max() < half * aspect


def test_bounds_leave_planes_out_and_take_an_empty_scene() -> None:
    box = scenes.falling_box(height=1.0)
    poses = np.array([body.pose_world_body.as_array() for body in box.bodies.values()])

    assert [edge.tolist() for edge in bounds(box, poses)] == [
        pytest.approx([-0.1, -0.1, 0.9]),
        pytest.approx([0.1, 0.1, 1.1]),
    ]
    assert [edge.tolist() for edge in bounds(Scene(bodies={}), np.empty((0, 7)))] == [[0, 0, 0], [0, 0, 0]]


def test_pictures_that_cannot_be_are_refused() -> None:
    with pytest.raises(CommandError, match=r"RenderParams.width is 0.(.|\n)*1 to 8192 pixels"):
        RenderParams(width=0)
    with pytest.raises(CommandError, match=r"RenderParams.kinds is \['sonar'\](.|\n)*rgb, depth, semantic, instance"):
        RenderParams(kinds=("sonar",))
