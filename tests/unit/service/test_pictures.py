from __future__ import annotations

import math
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from hanzo_twin.errors import InvalidInputError, OutputError
from hanzo_twin.service.pictures import check_output, colour_numbers, colour_of, shade_depth, write_png


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1), (64, 48, 3)])
def test_a_png_is_read_back_as_it_was(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)

    write_png(tmp_path / "a.png", picture)

    assert np.array_equal(imageio.imread(tmp_path / "a.png"), picture)


def test_depth_is_shaded_from_near_to_far() -> None:
    grey, near, far = shade_depth(np.array([[1.0, 2.0, 4.0, math.inf]], dtype=np.float32))

    assert (near, far) == (1.0, 4.0)
    assert grey[0, 0] == 255
    assert grey[0, 0] > grey[0, 1] > grey[0, 2] >= 40
    assert grey[0, 3] == 0
    assert not shade_depth(np.full((2, 2), np.inf))[0].any()


def test_numbers_have_colours_of_their_own_and_nothing_is_black() -> None:
    coloured = colour_numbers(np.array([[0, 1, 2, 40]], dtype=np.int32))

    assert coloured[0, 0].tolist() == [0, 0, 0]
    assert len({colour_of(number) for number in range(60)}) == 60
    assert tuple(coloured[0, 3].tolist()) == colour_of(40)


def test_files_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'a.jpg' has no known format(.|\n)*\.png"):
        check_output(Path("a.jpg"))
    with pytest.raises(OutputError, match="there is no folder"):
        check_output(tmp_path / "none" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_png(tmp_path / "a.png", np.zeros((2, 2), dtype=np.uint8))
