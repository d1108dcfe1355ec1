"""SDFormat to USD: includes and frames resolved, written as one layer with UsdPhysics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import newton_usd_schemas  # noqa: F401 - registers the Newton schemas, which must happen before the first stage
from pxr import Tf, Usd, UsdGeom, UsdPhysics

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.sdf import massless
from hanzo_twin.scene.sdf.includes import Includes
from hanzo_twin.scene.sdf.world import WorldWriter
from hanzo_twin.scene.xml_document import Element

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions

_OLDEST, _NEWEST = (1, 4), (1, 12)
WORLD_PRIM = "World"


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path | None:
    """The USD file in ``folder`` that stands for the SDF file ``path``, None if that has errors (in ``findings``).

    Raises:
        Refusal: it is not XML, or not SDF.
    """
    errors = findings.error_count
    includes = Includes(findings)
    root = includes.expand(path)
    version = _version(root, findings)
    top, models = _content(root, findings)
    for model in [*models, *(top.all("model") if top is not None else ())]:
        massless.hold(model, findings)
    stage, prim = _stage(folder, path, models[0].name if top is None and len(models) == 1 else WORLD_PRIM)
    writer = WorldWriter(stage, prim, lambda element: includes.origin[element.file], version, findings)
    if top is None and len(models) == 1:
        writer.model(models[0])
    else:
        writer.world(top or root)
    if findings.error_count > errors:
        return None
    stage.Save()
    return Path(stage.GetRootLayer().realPath)


def _version(root: Element, findings: Findings) -> str:
    text = root.attributes.get("version", "")
    numbers = tuple(int(word) for word in re.findall(r"\d+", text)[:2])
    if not _OLDEST <= numbers <= _NEWEST:
        findings.warning(
            "sdf-version",
            root.where,
            f"The file is of version '{text}'; it is read like {_NEWEST[0]}.{_NEWEST[1]}, as far as that goes.",
            f"Known are {_OLDEST[0]}.{_OLDEST[1]} to {_NEWEST[0]}.{_NEWEST[1]}.",
        )
    return text


def _content(root: Element, findings: Findings) -> tuple[Element | None, list[Element]]:
    """The world to read, if there is one, and the models beside it."""
    worlds, models = list(root.all("world")), list(root.all("model"))
    if not worlds and not models:
        raise Refusal("not-sdf", f"{root.where}: there is no <world> and no <model>.", "Is this the file meant?")
    for extra in worlds[1:]:
        findings.warning(
            "sdf-lost", extra.where, f"The world '{extra.name}' is not read, only the first of a file is.", "Split it."
        )
    if worlds:
        worlds[0].children += models
        return worlds[0], []
    return None, models


def _stage(folder: Path, path: Path, name: str) -> tuple[Usd.Stage, Usd.Prim]:
    folder.mkdir(parents=True, exist_ok=True)
    stage = Usd.Stage.CreateNew(str(folder / (Tf.MakeValidIdentifier(path.stem) + ".usdc")))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    UsdPhysics.SetStageKilogramsPerUnit(stage, 1.0)
    prim = UsdGeom.Xform.Define(stage, "/" + Tf.MakeValidIdentifier(name)).GetPrim()
    stage.SetDefaultPrim(prim)
    return stage, prim
