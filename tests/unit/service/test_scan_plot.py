"""The plot of a scan: what surrounds is grey, what stands in it is shown from nearer."""

from __future__ import annotations

from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from hanzo_twin.engines.port import Observation
from hanzo_twin.errors import OutputError
from hanzo_twin.service.scan_plot import Hit, draw

pytest.importorskip("matplotlib")


def scan(far: float) -> tuple[Observation, tuple[Hit, ...]]:
    """100 rays on a circle of ``far`` m, ten on a box at 1 m."""
    angles = np.linspace(0, 2 * np.pi, 100)
    ground = np.stack([far * np.cos(angles), far * np.sin(angles), np.zeros(100)], axis=1)
    box = np.stack([np.ones(10), np.linspace(-0.2, 0.2, 10), np.zeros(10)], axis=1)
    data = {"points": np.concatenate([ground, box]), "instance": np.repeat([1, 2], [100, 10])}
    about = {"instances": ("", "/ground", "/box")}
    hits = (Hit(name="/ground", rays=100, nearest=far), Hit(name="/box", rays=10, nearest=1.0))
    return Observation(path="/lidar", time=0.0, data=data, about=about), hits


def test_far_surroundings_get_a_second_plot_from_nearer(tmp_path: Path) -> None:
    widths = []
    for far in (1.5, 20.0):
        seen, hits = scan(far)
        draw(seen, hits, tmp_path / "a.png")
        widths.append(imageio.imread(tmp_path / "a.png").shape[1])
    assert widths[1] > 1.4 * widths[0]


def test_nothing_hit_is_drawn_too(tmp_path: Path) -> None:
    seen, _ = scan(1.5)
    draw(seen, (), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


def test_a_file_that_cannot_be_written_is_told() -> None:
    seen, hits = scan(1.5)
    with pytest.raises(OutputError, match=r"cannot be written to '/proc/a\.png'"):
        draw(seen, hits, Path("/proc/a.png"))
