"""What travels between a session and its callers comes back as it was; what is damaged is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gymnasium import spaces

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.gym import gym_pb2 as pb
from hanzo_twin.gym.spaces import build_space, describe_space
from hanzo_twin.gym.wire import from_array, from_observations, jsonable, split_infos, to_array, to_observations


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.arange(6.0).reshape(2, 3)[:, ::-1],
        np.array([True, False]),
        np.full((1, 1), 1.5, np.float32),
        np.arange(3),
    ],
)
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    found = from_array(to_array(array))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    found[...] = 0


def test_observations_are_named_or_flat() -> None:
    flat = np.ones((2, 3))
    np.testing.assert_array_equal(from_observations(to_observations(flat)), flat)
    assert set(from_observations(to_observations({"angle": flat, "speed": flat}))) == {"angle", "speed"}


def test_arrays_that_do_not_fit_their_bytes_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"of type float64 and shape \(2,\) came with 8 bytes"):
        from_array(pb.Array(dtype="<f8", shape=(2,), data=bytes(8)))
    with pytest.raises(InvalidInputError, match=r"of type '\|O'"):
        from_array(pb.Array(dtype="|O", shape=(1,), data=bytes(8)))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1.0, 1.0, (3,), np.float64),
        spaces.Box(np.array([-np.inf, 0.0]), np.array([np.inf, 2.0]), dtype=np.float64),
        spaces.Dict({"a": spaces.Box(0, 255, (2, 2, 3), np.uint8), "b": spaces.Discrete(4, start=1)}),
    ],
)
def test_spaces_come_back_from_json(space: spaces.Space[object]) -> None:
    assert build_space(json.loads(json.dumps(describe_space(space), allow_nan=False))) == space


def test_a_space_that_cannot_be_described_is_named() -> None:
    with pytest.raises(InvalidInputError, match="Text"):
        describe_space(spaces.Text(3))


def test_infos_are_arrays_and_json() -> None:
    names = np.array([None, {"x": np.float64("nan")}], dtype=object)
    arrays, rest = split_infos({"reward": np.arange(2.0), "final_info": {"x": np.arange(2)}, "names": names})
    assert list(arrays) == ["reward"]
    assert json.loads(rest) == {"final_info": {"x": [0, 1]}, "names": [None, {"x": None}]}
    assert jsonable(np.float32(0.5)) == 0.5
