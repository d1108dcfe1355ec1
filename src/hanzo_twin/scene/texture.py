"""The mean colour of a picture: shapes have one colour each, and a texture is shown as it looks from afar."""

from __future__ import annotations

import io
import warnings

import numpy as np

from hanzo_twin.spatial import FloatArray

LARGEST = 64_000_000
"""Pixels of a picture that is read; a larger one is a mistake, or made to fill the memory."""
_ENOUGH = 64

Rgb = tuple[float, float, float]


class NotReadable(Exception):
    """Why a picture cannot be read."""


def mean_color(content: bytes) -> Rgb:
    """Mean colour 0…1 of the picture (PNG, JPEG, …) that a file holds; what is transparent counts less.

    Raises:
        NotReadable: it is no picture, damaged, or too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        # Pillow warns on standard error of pictures that are large, which are refused here anyway.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
            if width * height > LARGEST:
                raise NotReadable(f"it has {width} × {height} pixels")
            small = picture.convert("RGBA").reduce(max(1, min(width, height) // _ENOUGH))
            pixels: FloatArray = np.asarray(small, dtype=np.float64).reshape(-1, 4)
    except NotReadable:
        raise
    except UnidentifiedImageError:
        raise NotReadable("it is no kind of picture that is known") from None
    except Exception as failure:  # noqa: BLE001 - another project's decoder; whatever it raises is about this picture
        raise NotReadable(" ".join(str(failure).split()).rstrip(".") or type(failure).__name__) from None
    weights = pixels[:, 3] if pixels[:, 3].any() else np.ones(len(pixels))
    red, green, blue = (np.average(pixels[:, :3], axis=0, weights=weights) / 255).tolist()
    return red, green, blue
