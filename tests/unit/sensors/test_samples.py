from __future__ import annotations

import struct

import numpy as np
import pytest

from hanzo_twin.errors import StateError
from hanzo_twin.sensors.samples import Sample, pack, unpack


def test_samples_survive_to_the_bit() -> None:
    data = {
        "poses": np.random.default_rng(1).normal(size=(3, 7)),
        "names": np.array(["/a", "/böx"]),
        "on": np.array(True),
        "none": np.empty((0, 3)),
    }
    given = {"/b": Sample(time=0.1, index=3, data=data), "/a": Sample(time=0.0, index=0, data={})}

    seed, got = unpack(pack(7, given))

    assert seed == 7
    assert list(got) == ["/a", "/b"]
    assert (got["/b"].time, got["/b"].index) == (0.1, 3)
    for name, values in data.items():
        assert np.array_equal(got["/b"].data[name], values)
        assert got["/b"].data[name].dtype == values.dtype
    assert pack(seed, got) == pack(7, given)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        struct.pack("<I", 2) + b"{}",
        struct.pack("<I", 3) + b"[1]",
        struct.pack("<I", 70) + b'{"seed":0,"samples":[["/a","0x0.0p+0",0,[["x","<f8",[3]]]]]}'.ljust(70),
        struct.pack("<I", 70) + b'{"seed":0,"samples":[["/a","0x0.0p+0",0,[["x","|O",[1]]]]]}'.ljust(70) + bytes(8),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateError, match="sensors' part of the state cannot be read"):
        unpack(data)
