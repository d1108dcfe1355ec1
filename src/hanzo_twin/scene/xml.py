"""XML files say by their root element what they are."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from hanzo_twin.scene.findings import Findings, Refusal

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions

ROOTS = {
    "mujoco": "hanzo_twin.scene.mjcf.asset",
    "robot": "hanzo_twin.scene.urdf.asset",
    "sdf": "hanzo_twin.scene.sdf.asset",
}
"""Module for each root element; as in `hanzo_twin.scene.load.FORMATS`."""


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path | None:
    """The USD file in ``folder`` that stands for ``path``, None if that has errors (in ``findings``).

    Raises:
        Refusal: it is not XML, or its root element is of no known format.
    """
    module: Any = import_module(ROOTS[_root(path)])
    asset: Path | None = module.prepare(path, folder, options, findings)
    return asset


def _root(path: Path) -> str:
    try:
        with path.open("rb") as file:
            for _, element in ElementTree.iterparse(file, events=("start",)):
                name = str(element.tag).rpartition("}")[2]
                break
            else:
                raise ElementTree.ParseError("no element found")
    except (ElementTree.ParseError, ValueError, LookupError) as wrong:
        raise Refusal(
            "xml-broken", f"'{path.name}' is not XML: {wrong}.", "Correct the file at that place, or export it again."
        ) from None
    if name not in ROOTS:
        raise Refusal(
            "unknown-format",
            f"The root element of '{path.name}' is <{name}>.",
            f"Known are {', '.join(f'<{root}>' for root in sorted(ROOTS))}.",
        )
    return name
