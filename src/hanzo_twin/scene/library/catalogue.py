"""What the scenes of the library are, for people who choose one."""

from __future__ import annotations

from dataclasses import dataclass

from pxr import Usd, UsdGeom

from hanzo_twin.scene import library


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One scene of the library: what its file says of itself, and the size of the box around it (x, y, z), m."""

    name: str
    summary: str
    size: tuple[float, float, float]

    @property
    def uri(self) -> str:
        return f"{library.SCHEME}{self.name}"


def entries() -> tuple[Entry, ...]:
    """All scenes of the library, by name."""
    return tuple(_entry(name) for name in library.names())


def _entry(name: str) -> Entry:
    stage = Usd.Stage.Open(str(library.FOLDER / f"{name}.usda"), Usd.Stage.LoadAll)
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), [UsdGeom.Tokens.default_, UsdGeom.Tokens.render])
    size = box.ComputeWorldBound(stage.GetDefaultPrim()).ComputeAlignedRange().GetSize()
    x, y, z = (round(float(length), 3) for length in size)
    return Entry(name=name, summary=stage.GetRootLayer().documentation.split("\n")[0], size=(x, y, z))
