from __future__ import annotations

import math

import numpy as np
import pytest

from hanzo_twin.scene.sensors import LidarSettings
from hanzo_twin.sensors.lidar import directions, sector


def test_a_full_turn_starts_behind_and_does_not_repeat_itself() -> None:
    rays = directions(LidarSettings(horizontal_samples=4))

    assert rays.shape == (1, 4, 3)
    assert rays[0] == pytest.approx(np.array([[-1, 0, 0], [0, -1, 0], [1, 0, 0], [0, 1, 0]]), abs=1e-12)


def test_a_narrow_field_has_rays_at_its_ends_and_channels_go_up() -> None:
    settings = LidarSettings(
        channels=3,
        horizontal_samples=3,
        horizontal_lower=-math.pi / 4,
        horizontal_upper=math.pi / 2,
        vertical_lower=-0.2,
        vertical_upper=0.4,
    )

    rays = directions(settings)

    azimuth, elevation = np.arctan2(rays[..., 1], rays[..., 0]), np.arcsin(rays[..., 2])
    assert azimuth[1] == pytest.approx([-math.pi / 4, math.pi / 8, math.pi / 2])
    assert elevation[:, 0] == pytest.approx([-0.2, 0.1, 0.4])
    assert np.linalg.norm(rays, axis=-1) == pytest.approx(np.ones((3, 3)))


def test_one_channel_lies_in_the_middle() -> None:
    rays = directions(LidarSettings(vertical_lower=-0.1, vertical_upper=0.3))

    assert np.arcsin(rays[0, :, 2]) == pytest.approx(np.full(360, 0.1))


def test_a_turning_lidar_makes_its_turn_in_parts() -> None:
    settings = LidarSettings(horizontal_samples=40, rotation=5.0)

    parts = np.concatenate([sector(settings, 20.0, index) for index in range(1, 5)], axis=1)

    azimuth = np.unwrap(np.arctan2(parts[0, :, 1], parts[0, :, 0]))
    assert parts.shape == (1, 40, 3)
    assert np.diff(azimuth) == pytest.approx(np.full(39, 2 * math.pi / 40))
    assert sector(settings, 20.0, 5) == pytest.approx(sector(settings, 20.0, 1))
