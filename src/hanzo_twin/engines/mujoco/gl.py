"""OpenGL contexts without a display: EGL (a GPU's driver, or Mesa in software), or OSMesa (in software).

MuJoCo draws into whatever context is current; it finds OpenGL's functions in the library that made it. The libraries
are called directly, because the usual wrapper fixes one of the two for the life of the process.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Callable
from ctypes.util import find_library
from typing import Any, Protocol

_EGL_DEVICE = 0x313F
_EGL_OPENGL = 0x30A2
_EGL_PBUFFER, _EGL_OPENGL_BIT = 0x0001, 0x0008
# Red, green, blue, alpha, depth, stencil bits; the kind of surface; the kind of renderer; the end.
_EGL_CONFIG = (
    (0x3024, 8), (0x3023, 8), (0x3022, 8), (0x3021, 8), (0x3025, 24), (0x3026, 8),
    (0x3033, _EGL_PBUFFER), (0x3040, _EGL_OPENGL_BIT),
)  # fmt: skip
_EGL_NONE = 0x3038
_OSMESA_RGBA = 0x1908
_GL_UNSIGNED_BYTE = 0x1401
_MAX_DEVICES = 16


class GlError(Exception):
    """No context can be made; says why and what to install. Raised and caught in the renderers only."""


class Context(Protocol):
    """An OpenGL context."""

    def make_current(self) -> None:
        """Raises GlError when another thread holds it."""
        ...

    def free(self) -> None: ...


class EglContext:
    """On the first EGL device that gives one."""

    def __init__(self) -> None:
        self._egl = _library("EGL", "libegl1 and, without a GPU's driver, libgl1-mesa-dri")
        self._display = self._open_display()
        self._egl.eglBindAPI(_EGL_OPENGL)
        attributes = (ctypes.c_int * (2 * len(_EGL_CONFIG) + 1))(
            *(number for pair in _EGL_CONFIG for number in pair), _EGL_NONE
        )
        config, found = ctypes.c_void_p(), ctypes.c_int()
        self._egl.eglChooseConfig(self._display, attributes, ctypes.byref(config), 1, ctypes.byref(found))
        context = self._egl.eglCreateContext(self._display, config, None, None) if found.value else None
        if not context:
            raise GlError("EGL gives no OpenGL context (Debian packages libegl1, libgl1-mesa-dri)")
        self._context = ctypes.c_void_p(context)
        # Drivers take it ill when a context outlives them.
        atexit.register(self.free)

    def _open_display(self) -> Any:
        egl = self._egl
        for name in ("eglGetProcAddress", "eglCreateContext"):
            getattr(egl, name).restype = ctypes.c_void_p
        devices, count = (ctypes.c_void_p * _MAX_DEVICES)(), ctypes.c_int()
        query = _extension(egl, b"eglQueryDevicesEXT", ctypes.c_uint)
        display_of = _extension(egl, b"eglGetPlatformDisplayEXT", ctypes.c_void_p)
        if query is not None and display_of is not None:
            query(_MAX_DEVICES, devices, ctypes.byref(count))
            for device in devices[: count.value]:
                display = display_of(_EGL_DEVICE, ctypes.c_void_p(device), None)
                if display and egl.eglInitialize(ctypes.c_void_p(display), None, None):
                    return ctypes.c_void_p(display)
        raise GlError(
            "EGL finds no device to draw with (a GPU's driver, or Mesa's: Debian packages libegl1, libgl1-mesa-dri)"
        )

    def make_current(self) -> None:
        if not self._egl.eglMakeCurrent(self._display, None, None, self._context):
            raise GlError("EGL's context cannot be used in this thread")

    def free(self) -> None:
        if self._context:
            self._egl.eglMakeCurrent(self._display, None, None, None)
            self._egl.eglDestroyContext(self._display, self._context)
            self._context = ctypes.c_void_p()
            atexit.unregister(self.free)


class OsmesaContext:
    """In software, in memory. Pictures go to buffers of MuJoCo's; this one's own is a formality."""

    def __init__(self) -> None:
        self._mesa = _library("OSMesa", "libosmesa6")
        self._mesa.OSMesaCreateContextExt.restype = ctypes.c_void_p
        context = self._mesa.OSMesaCreateContextExt(_OSMESA_RGBA, 24, 8, 0, None)
        if not context:
            raise GlError("OSMesa gives no context (Debian package libosmesa6)")
        self._context = ctypes.c_void_p(context)
        self._buffer = (ctypes.c_ubyte * (16 * 16 * 4))()

    def make_current(self) -> None:
        if not self._mesa.OSMesaMakeCurrent(self._context, self._buffer, _GL_UNSIGNED_BYTE, 16, 16):
            raise GlError("OSMesa's context cannot be used")

    def free(self) -> None:
        if self._context:
            self._mesa.OSMesaMakeCurrent(None, None, 0, 0, 0)
            self._mesa.OSMesaDestroyContext(self._context)
            self._context = ctypes.c_void_p()


class Board:
    """The one context of a thread, and what has to be deleted in it.

    What MuJoCo keeps in a context are numbers of that context: deleted in another one, they would be something else's.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._discarded: list[object] = []

    def make_current(self) -> None:
        """Raises GlError when another thread holds it."""
        self._context.make_current()
        self._discarded.clear()

    def discard(self, things: list[Any]) -> None:
        """Delete ``things``, from any thread, when the context is current again."""
        self._discarded.extend(things)


_of_thread = threading.local()


def board(new_context: Callable[[], Context]) -> Board:
    """That of this thread, for contexts that ``new_context`` makes.

    Raises:
        GlError: none can be made.
    """
    boards: dict[Callable[[], Context], Board] = _of_thread.__dict__.setdefault("boards", {})
    if new_context not in boards:
        boards[new_context] = Board(new_context())
    return boards[new_context]


def _library(name: str, package: str) -> Any:
    found = find_library(name)
    try:
        # Global, so that MuJoCo finds its functions.
        return ctypes.CDLL(found or f"lib{name}.so", mode=ctypes.RTLD_GLOBAL)
    except OSError as missing:
        raise GlError(f"the library lib{name} is missing (Debian package {package})") from missing


def _extension(egl: Any, name: bytes, result: Any) -> Any:
    address = egl.eglGetProcAddress(name)
    if not address:
        return None
    kinds = {
        b"eglQueryDevicesEXT": (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),
        b"eglGetPlatformDisplayEXT": (ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
    }
    return ctypes.CFUNCTYPE(result, *kinds[name])(address)
