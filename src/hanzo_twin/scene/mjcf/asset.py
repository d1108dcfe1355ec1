"""MJCF to USD: compiled by MuJoCo itself, read from the compiled model, written as USD.

The compiled model is what MuJoCo simulates: defaults are applied, degrees are radians, includes are read, masses are
computed. So what is read from it has MuJoCo's own numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hanzo_twin.scene.findings import Findings
from hanzo_twin.scene.mjcf import actuators, constraints, contacts, geoms, options, sensors
from hanzo_twin.scene.mjcf.draft import Draft
from hanzo_twin.scene.mjcf.parse import compiled
from hanzo_twin.scene.mjcf.skeleton import read_skeleton

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path:
    """The USD file in ``folder`` that stands for the MJCF file ``path``.

    Raises:
        Refusal: MuJoCo cannot read or compile it; the message has MuJoCo's reason, with its line.
    """
    from hanzo_twin.scene.convert import usd

    scene = read(path, findings).scene(str(path))
    folder.mkdir(parents=True, exist_ok=True)
    asset = folder / f"{path.stem}.usdc"
    usd.write(scene, asset)
    return asset


def read(path: Path, findings: Findings) -> Draft:
    """Everything in the MJCF file ``path`` that a scene can hold; the rest is reported."""
    model = compiled(path, findings)
    draft = Draft(model, path.stem, findings)
    read_skeleton(draft)
    geoms.read(draft)
    constraints.read(draft)
    actuators.read(draft)
    contacts.read(draft)
    sensors.read(draft)
    options.read(draft)
    _report_renamed(draft)
    return draft


def _report_renamed(draft: Draft) -> None:
    """Tell which names of the file are others in the scene; prims for which the file has no name are not told."""
    things = {*draft.bodies, *draft.joints, *draft.sensors, *draft.cameras, draft.root}
    draft.findings.renamed(draft.root, [(name, path) for path, name in draft.renamed.items() if path in things])
