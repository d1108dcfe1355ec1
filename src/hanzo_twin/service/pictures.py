"""Arrays as pictures that people can look at, and as PNG files."""

from __future__ import annotations

import colorsys
import struct
import zlib
from pathlib import Path

import numpy as np

from hanzo_twin.errors import InvalidInputError, OutputError
from hanzo_twin.sensors.port import AnyArray

_GOLDEN = 0.618034
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2


def check_output(path: Path) -> None:
    """Refuse what `write_png` could not write, before anything has run.

    Raises:
        InvalidInputError: it does not end in .png. OutputError: there is no such folder.
    """
    if path.suffix.lower() != ".png":
        raise InvalidInputError(f"'{path}' has no known format.", hint="Allowed: .png.")
    if not path.parent.is_dir():
        raise OutputError(f"The picture cannot be written to '{path}': there is no folder '{path.parent}'.")


def write_png(path: Path, picture: AnyArray) -> None:
    """Write uint8 [h, w] or [h, w, 3] (PNG specification, ISO/IEC 15948: 8 bits, no filter, not interlaced).

    Raises:
        OutputError: the file cannot be written.
    """
    height, width = picture.shape[:2]
    rows = np.ascontiguousarray(picture, dtype=np.uint8).reshape(height, -1)
    scanlines = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY if picture.ndim == 2 else _COLOUR, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(scanlines)), (b"IEND", b"")]
    try:
        path.write_bytes(_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks))
    except OSError as failed:
        raise OutputError(f"The picture cannot be written to '{path}': {failed.strerror}.") from failed


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def shade_depth(depth: AnyArray) -> tuple[AnyArray, float, float]:
    """Grey uint8 [h, w]: white is the nearest, dark the farthest, black nothing; and these two depths, m."""
    seen = np.isfinite(depth)
    if not seen.any():
        return np.zeros(depth.shape, dtype=np.uint8), float("inf"), float("inf")
    near, far = float(depth[seen].min()), float(depth[seen].max())
    # Inverse depth, as eyes and stereo cameras resolve it: what is near has the most shades.
    scale = max(1.0 / near - 1.0 / far, 1e-12)
    share = (1.0 / np.where(seen, depth, far) - 1.0 / far) / scale
    return np.where(seen, 40 + 215 * share, 0).astype(np.uint8), near, far


def colour_numbers(numbers: AnyArray) -> AnyArray:
    """uint8 [h, w, 3]: a colour for each number, black for 0; neighbouring numbers look different."""
    palette = np.array([colour_of(number) for number in range(int(numbers.max(initial=0)) + 1)], dtype=np.uint8)
    coloured: AnyArray = palette[numbers]
    return coloured


def colour_of(number: int) -> tuple[int, int, int]:
    """Red, green and blue 0 … 255 of a number."""
    if number == 0:
        return 0, 0, 0
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, 0.55 + 0.25 * (number % 2), 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)
