"""Opinions on a stage from text: attribute values, variants; and saving its root layer with relative references."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pxr import Sdf, Tf, Usd, UsdUtils

from hanzo_twin.errors import InvalidInputError, nearest

_QUOTED = ("string", "token")


def override(stage: Usd.Stage, address: str, text: str) -> None:
    """Set the attribute at ``address`` (``/World/arm.visibility``) to the value that ``text`` is in a USD file.

    Raises:
        InvalidInputError: there is no such prim or attribute, or the value is not of its type.
    """
    path, _, name = address.partition(".")
    prim = _prim(stage, path, address)
    attribute = prim.GetAttribute(name) if name else None
    if not attribute:
        known = [each.GetName() for each in prim.GetAttributes()]
        raise InvalidInputError(f"'{path}' has no attribute '{name}'.", hint=nearest(name, known))
    attribute.Set(_value(attribute.GetTypeName(), text, address))


def select_variant(stage: Usd.Stage, place: str, choice: str) -> None:
    """Choose ``choice`` in the variant set at ``place`` (``/World/arm:gripper``).

    Raises:
        InvalidInputError: there is no such prim, variant set or choice.
    """
    path, _, name = place.partition(":")
    sets = _prim(stage, path, place).GetVariantSets()
    if name not in sets.GetNames():
        raise InvalidInputError(f"'{path}' has no variant set '{name}'.", hint=nearest(name, sets.GetNames()))
    choices = sets.GetVariantSet(name).GetVariantNames()
    if choice not in choices:
        raise InvalidInputError(f"The variant set '{place}' has no choice '{choice}'.", hint=nearest(choice, choices))
    sets.GetVariantSet(name).SetVariantSelection(choice)


def files(stage: Usd.Stage) -> tuple[Path, ...]:
    """The files that the stage is made of."""
    return tuple(Path(layer.realPath) for layer in stage.GetUsedLayers() if layer.realPath)


def save(stage: Usd.Stage, path: Path) -> None:
    """Write the root layer to ``path``; what it refers to is named relative to there where it lies near.

    Raises:
        OSError: the file cannot be written.
    """
    # A copy, because the stage would look for the relative names beside its layer in memory.
    layer = Sdf.Layer.CreateAnonymous(".usda")
    layer.TransferContent(stage.GetRootLayer())
    UsdUtils.ModifyAssetPaths(layer, lambda asset: _relative(asset, path.parent))
    try:
        written = layer.Export(str(path))
    except Tf.ErrorException:
        written = False
    if not written:
        raise OSError("no file can be made there")


def _relative(asset: str, folder: Path) -> str:
    if not Path(asset).is_absolute():
        return asset
    relative = os.path.relpath(asset, folder.absolute())
    return asset if relative.startswith("../../..") else relative if relative.startswith("..") else f"./{relative}"


def _prim(stage: Usd.Stage, path: str, address: str) -> Usd.Prim:
    prim = stage.GetPrimAtPath(path) if Sdf.Path.IsValidPathString(path) and path.startswith("/") else None
    if not prim:
        known = [str(each.GetPath()) for each in stage.Traverse()]
        raise InvalidInputError(f"'{address}': the scene has no prim '{path}'.", hint=nearest(path, known))
    return prim


def _value(kind: Sdf.ValueTypeName, text: str, address: str) -> Any:
    """``text`` read by USD's own parser."""
    quoted = str(kind) in _QUOTED and not text.startswith(("'", '"'))
    written = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text
    layer = Sdf.Layer.CreateAnonymous(".usda")
    if "\n" not in text:
        with Tf.DiagnosticTrap() as trap:
            try:
                read = layer.ImportFromString(f'#usda 1.0\ndef "prim"\n{{\n    custom {kind} value = {written}\n}}\n')
            except Tf.ErrorException:
                read = False
            trap.Clear()
        attribute = layer.GetAttributeAtPath("/prim.value") if read else None
        if attribute is not None and attribute.default is not None:
            return attribute.default
    example = "(1, 0, 0)" if str(kind).endswith("3") or str(kind).endswith(("3d", "3f")) else "as in a .usda file"
    raise InvalidInputError(
        f"'{text}' is not a value for '{address}', which is of type {kind}.", hint=f"Write it {example}."
    )
