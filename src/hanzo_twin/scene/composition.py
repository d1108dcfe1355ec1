"""Writing a composed scene as a USD stage of its own: references, overrides and variants over a base scene."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hanzo_twin.errors import InvalidInputError, OutputError, SceneError
from hanzo_twin.scene import library
from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.convert.convert import check_new, writing
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.load import ONE_AT_A_TIME, Files, LoadOptions, Reference, inspect_scene

USD = (".usda", ".usd", ".usdc", ".usdz")


@dataclass(frozen=True, kw_only=True)
class Composed:
    """What `write_composition` wrote.

    Args:
        file: the stage.
        converted: files that were converted, because USD cannot refer to their format; edits of the originals do not
            show in the stage. By original, the USD file that stands for it.
        diagnoses: of loading the stage.
    """

    file: str
    converted: Mapping[str, str]
    diagnoses: tuple[Diagnosis, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "converted": dict(self.converted),
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
        }


def write_composition(
    base: str | os.PathLike[str],
    parts: Sequence[Reference],
    target: str | os.PathLike[str],
    *,
    overrides: Mapping[str, str] | None = None,
    variants: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Composed:
    """Write a stage over ``base`` that refers to ``parts``, so that edits of these files show in it.

    Example::

        write_composition("room.usda", [Reference(ref="library:arm", path="/World/arm")], "cell.usda",
                          overrides={"/World/arm/joint_1.drive:angular:physics:stiffness": "20"})

    Args:
        overrides: values of USD attributes (``/World/arm.visibility``) as USD files write them, in USD's units.
        variants: choices by ``/prim/path:variant_set``.
        overwrite: replace a target that is there.

    Raises:
        SceneError: a file cannot be read, or the result cannot be loaded; then nothing is written.
        InvalidInputError: the target is not a USD file, an attribute or a variant does not exist, a value does not fit,
            or the target is a file that the scene refers to.
        ConflictError: the target is there already. OutputError: it cannot be written.
    """
    path = Path(target)
    with writing(path):
        _check_target(path)
        if not overwrite:
            check_new(path)
    findings = Findings()
    converted: dict[str, str] = {}
    draft = path.with_name(f".{path.stem}.draft{path.suffix}")
    folder = path.with_name(f"{path.stem}_parts")
    try:
        usd_base = _as_usd(os.fspath(base), Path(), folder, converted)
        start = Path(os.fspath(base)).parent
        usd_parts = [replace(part, ref=_part(part.ref, start, folder, converted)) for part in parts]
        _write(usd_base, usd_parts, path, draft, findings, overrides or {}, variants or {})
        _refuse(path, findings.all)
        diagnoses = tuple(
            replace(each, path=each.path.replace(str(draft), str(path))) for each in inspect_scene(draft)[1]
        )
        _refuse(path, diagnoses)
        draft.replace(path)
    except OSError as failure:
        raise OutputError(
            f"'{path}' cannot be written: {failure.strerror or failure}.", hint="Name a folder that can be written."
        ) from failure
    finally:
        with suppress(OSError):  # Its name may be too long to be there.
            draft.unlink(missing_ok=True)
        with suppress(OSError):  # It holds parts, or was never made.
            folder.rmdir()
    return Composed(file=str(path), converted=converted, diagnoses=diagnoses)


def _check_target(path: Path) -> None:
    if path.suffix.lower() not in USD[:3]:
        raise InvalidInputError(
            f"'{path.name}' is not a USD file, and only USD refers to others.",
            hint=f"Name a target that ends in {', '.join(USD[:3])}; convert it afterwards if you need another format.",
        )
    if not path.parent.is_dir():
        raise InvalidInputError(f"There is no directory '{path.parent}'.", hint="Make it first.")


def _check_not_a_part(path: Path, files: Sequence[Path]) -> None:
    """A scene that referred to itself would be empty, and what stood in the file would be gone."""
    if path.exists() and any(path.samefile(file) for file in files):
        raise InvalidInputError(
            f"'{path}' is a file that the scene refers to; it is not overwritten.", hint="Name another file."
        )


def _part(ref: str, start: Path, folder: Path, converted: dict[str, str]) -> str:
    file, bracket, prim = ref.partition("<")
    return f"{_as_usd(file, start, folder, converted)}{bracket}{prim}"


def _as_usd(file: str, start: Path, folder: Path, converted: dict[str, str]) -> Path:
    """Absolute path of the USD file that stands for ``file``; other formats are converted into ``folder``."""
    try:
        path = library.locate(file) if file.startswith("library:") else start / file
    except Refusal as refusal:
        raise SceneError(refusal.message, hint=refusal.remedy) from None
    if path.suffix.lower() in USD or not path.exists():
        return path.absolute()
    folder.mkdir(exist_ok=True)
    if file not in converted:
        # Two files of one name in different places must not become one.
        stem = path.name.partition(".")[0]
        taken = set(converted.values())
        names = (f"{stem}{number}.usda" for number in ("", *(f"_{count}" for count in range(2, len(taken) + 3))))
        target = next(folder / name for name in names if str(folder / name) not in taken)
        convert(path, target, overwrite=True)
        converted[file] = str(target)
    return Path(converted[file]).absolute()


def _write(
    base: Path,
    parts: Sequence[Reference],
    target: Path,
    draft: Path,
    findings: Findings,
    overrides: Mapping[str, str],
    variants: Mapping[str, str],
) -> None:
    compose: Any = import_module("hanzo_twin.scene.usd.compose")
    opinions: Any = import_module("hanzo_twin.scene.usd.opinions")
    with ONE_AT_A_TIME, TemporaryDirectory() as folder:
        stage: Any = None
        with findings.refusals(str(base)):
            files = Files(base, Path(folder), LoadOptions(), findings)
            asset = files.usd_of(base)
            stage = compose.compose(asset, parts, files, findings, own_layer=True) if asset is not None else None
        if stage is None:
            return
        with findings.refusals(str(base)):
            for place, choice in variants.items():
                opinions.select_variant(stage, place, choice)
            for address, text in overrides.items():
                opinions.override(stage, address, text)
        _check_not_a_part(target, opinions.files(stage))
        # What cannot be written is no finding about what was read.
        opinions.save(stage, draft)


def _refuse(path: Path, diagnoses: Sequence[Diagnosis]) -> None:
    errors = [diagnosis for diagnosis in diagnoses if diagnosis.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise SceneError(
            f"'{path}' is not written: {errors[0].path}: {errors[0].message}{more}",
            hint=errors[0].remedy,
            diagnoses=diagnoses,
        )
