"""Colours of geoms, as MuJoCo's viewer takes them; a texture as its mean."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from hanzo_twin.errors import counted
from hanzo_twin.scene.findings import Findings

_DEFAULT_COLOR = (0.5, 0.5, 0.5, 1.0)
_DIGITS = 7
_ROLES = tuple(int(role) for role in (mujoco.mjtTextureRole.mjTEXROLE_RGB, mujoco.mjtTextureRole.mjTEXROLE_RGBA))

Color = tuple[float, float, float, float]


class Looks:
    """Reads colours; the mean of a texture is taken once."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._means: dict[int, tuple[float, ...]] = {}

    def color(self, geom: int) -> Color:
        """RGBA of ``geom``: its own colour or that of its material, times the mean of its texture."""
        model = self._model
        own = tuple(round(float(part), _DIGITS) for part in model.geom_rgba[geom])
        material = int(model.geom_matid[geom])
        if material < 0:
            return _rgba(own)
        if own == _DEFAULT_COLOR:
            own = tuple(round(float(part), _DIGITS) for part in model.mat_rgba[material])
        texture = next((int(each) for each in model.mat_texid[material][list(_ROLES)] if each >= 0), -1)
        if texture < 0:
            return _rgba(own)
        mean = self._mean(texture)
        return _rgba((*(round(part * light, _DIGITS) for part, light in zip(own[:3], mean, strict=True)), own[3]))

    def report(self, root: str, findings: Findings) -> None:
        """Tell what became of the model's textures."""
        shown, lost = len(self._means), int(self._model.ntex) - len(self._means)
        if shown:
            findings.info("texture-averaged", root, f"{counted(shown, 'texture')} shown as one colour, the mean.")
        if lost:
            findings.info(
                "texture-lost", root, f"{counted(lost, 'texture')} lost, which no geom has (such as the sky)."
            )

    def _mean(self, texture: int) -> tuple[float, ...]:
        if texture not in self._means:
            model = self._model
            channels = int(model.tex_nchannel[texture])
            size = int(model.tex_height[texture]) * int(model.tex_width[texture]) * channels
            start = int(model.tex_adr[texture])
            pixels = np.asarray(model.tex_data[start : start + size]).reshape(-1, channels)
            mean = pixels.mean(axis=0)[: 3 if channels >= 3 else 1] / 255
            self._means[texture] = tuple(np.broadcast_to(mean, 3).tolist())
        return self._means[texture]


def _rgba(parts: tuple[float, ...]) -> Color:
    red, green, blue, opacity = parts
    return red, green, blue, opacity
