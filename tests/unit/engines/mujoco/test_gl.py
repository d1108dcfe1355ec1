"""What is said where OpenGL is missing: the library, and the package that has it."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from hanzo_twin.engines.mujoco import gl
from hanzo_twin.engines.mujoco.gl import EglContext, GlError, OsmesaContext


def nothing(*_: Any, **__: Any) -> Any:
    raise OSError("cannot open shared object file")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            EglContext,
            "the library libEGL is missing (Debian package libegl1 and, without a GPU's driver, libgl1-mesa-dri)",
        ),
        (OsmesaContext, "the library libOSMesa is missing (Debian package libosmesa6)"),
    ],
)
def test_a_missing_library_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, context: type[EglContext] | type[OsmesaContext], message: str
) -> None:
    monkeypatch.setattr(gl, "find_library", lambda name: None)
    monkeypatch.setattr(ctypes, "CDLL", nothing)
    with pytest.raises(GlError) as refused:
        context()
    assert str(refused.value) == message


def test_egl_without_a_device_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        EglContext().free()
    except GlError as missing:
        pytest.skip(str(missing))
    monkeypatch.setattr(gl, "_extension", lambda *_: None)
    with pytest.raises(GlError, match=r"EGL finds no device to draw with .*libgl1-mesa-dri"):
        EglContext()
