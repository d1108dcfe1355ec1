"""Every error crosses the wire as itself."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from hanzo_twin import errors
from hanzo_twin.errors import DefinitionError, HanzoTwinError, NotIdentifiableError, SceneError, StateError
from hanzo_twin.runtime import runtime_pb2 as pb
from hanzo_twin.runtime import wire
from hanzo_twin.scene.diagnostics import Diagnosis

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HanzoTwinError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_class_comes_back_as_itself(kind: type[HanzoTwinError]) -> None:
    back = wire.unpack_error(wire.pack_error(kind("what failed: ≥ 3 rad", hint="do this")))
    assert type(back) is kind
    assert (back.message, back.hint, str(back)) == (
        "what failed: ≥ 3 rad",
        "do this",
        "what failed: ≥ 3 rad\n  do this",
    )
    assert hasattr(grpc.StatusCode, kind.grpc_status)


def test_codes_tell_the_classes_apart() -> None:
    assert len(ALL) >= 20
    assert {kind.code for kind in ALL} == set(wire.error_classes())
    assert len(wire.error_classes()) == len(ALL)


def test_fields_of_an_error_cross_too() -> None:
    diagnosis = Diagnosis(severity="error", code="mesh-lost", path="/World/a", message="gone", remedy="put it back")
    scene = wire.unpack_error(wire.pack_error(SceneError("no", diagnoses=[diagnosis])))
    assert isinstance(scene, SceneError)
    assert scene.diagnoses == (diagnosis,)
    definition = wire.unpack_error(wire.pack_error(DefinitionError("no", problems=["a.yaml:3: x"])))
    assert isinstance(definition, DefinitionError)
    assert definition.problems == ("a.yaml:3: x",)
    fit = wire.unpack_error(wire.pack_error(NotIdentifiableError("no", addresses=["/World/box.mass"])))
    assert isinstance(fit, NotIdentifiableError)
    assert fit.addresses == ("/World/box.mass",)


def test_a_long_error_is_cut_to_fit_the_metadata() -> None:
    problems = ["p" * 100_000] * 1000
    packed = wire.pack_error(DefinitionError("m" * 100_000, hint="h" * 100_000, problems=problems))
    assert len(packed) < wire.METADATA_BYTES // 2
    back = wire.unpack_error(packed)
    assert isinstance(back, DefinitionError)
    assert (back.message[:3], back.hint[:3], back.problems) == ("mmm", "hhh", ())


def test_an_unknown_code_is_still_an_error_of_the_package() -> None:
    back = wire.decode_error({"code": "from-the-future", "message": "new trouble"})
    assert type(back) is HanzoTwinError
    assert back.message == "new trouble"


def test_arrays_keep_shape_and_bits() -> None:
    values = np.array([[1.0, np.pi, -0.0], [np.inf, 5e-324, np.nan]])
    back = wire.from_array(wire.to_array(values))
    assert back.shape == (2, 3)
    assert back.tobytes() == values.tobytes()
    assert wire.from_array(wire.to_array(np.empty((4, 0)))).shape == (4, 0)


def test_an_array_whose_bytes_do_not_fit_is_refused() -> None:
    with pytest.raises(StateError, match=r"shape \(2,\) came with 8 bytes"):
        wire.from_array(pb.Array(shape=[2], data=b"\0" * 8))
