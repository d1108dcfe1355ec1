"""The door to scenes: files of any known format in, one checked `Scene` out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import MappingProxyType
from typing import Any

from hanzo_twin.errors import InvalidInputError, SceneError
from hanzo_twin.scene import hold, library
from hanzo_twin.scene.diagnostics import Diagnosis
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.model import Scene

FORMATS = {
    ".usd": "hanzo_twin.scene.usd.asset",
    ".usda": "hanzo_twin.scene.usd.asset",
    ".usdc": "hanzo_twin.scene.usd.asset",
    ".usdz": "hanzo_twin.scene.usd.asset",
    ".urdf": "hanzo_twin.scene.urdf.asset",
    ".xacro": "hanzo_twin.scene.urdf.xacro_asset",
    ".sdf": "hanzo_twin.scene.sdf.asset",
    ".world": "hanzo_twin.scene.sdf.asset",
    ".xml": "hanzo_twin.scene.xml",
}
"""Module for each suffix; its ``prepare(path, folder, options, findings)`` gives the USD file to open."""


ONE_AT_A_TIME = Lock()
"""USD shares layers between the stages of a process; one load at a time keeps reloading them safe."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One part of a composed scene: the file ``ref`` (any known format) at the prim ``path``.

    The default prim of ``ref`` is taken, or the one that follows it in angle brackets: ``arm.usda</World/arm>``. A
    relative ``ref`` starts at the directory of the base scene; ``library:shelf`` names a part of the scene library.

    Args:
        translate: moves the part from where its file has it, in the frame of the prim above ``path`` [3], m, Z up.
        orient: turns it there, quaternion (w, x, y, z) [4], of any length but zero.
        floating_base: as in `load_scene`, for this part; None takes what is given there.
    """

    ref: str
    path: str
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    orient: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    floating_base: bool | None = None


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Choices that a file cannot answer.

    Args:
        floating_base: whether a robot of a format that cannot say so (URDF) floats; None decides by its links.
        xacro_arguments: names and values of the arguments of xacro files.
    """

    floating_base: bool | None = None
    xacro_arguments: tuple[tuple[str, str], ...] = ()


def load_scene(
    source: str | os.PathLike[str],
    *,
    composition: Sequence[Reference] = (),
    strict: bool = True,
    floating_base: bool | None = None,
    default_drives: bool = False,
    xacro_arguments: Mapping[str, str] = MappingProxyType({}),
) -> Scene:
    """Load ``source`` (.usd, .usda, .usdc, .usdz, .urdf, .xacro, .sdf, .world; MJCF, URDF and SDFormat
    as .xml), with ``composition`` referenced onto its stage.

    ``library:NAME`` is a scene of the library that comes with the package (`hanzo_twin.scene.library`).

    Example::

        scene = load_scene("cell.usda", composition=[Reference(ref="arm.urdf", path="/World/arm")])

    Args:
        strict: raise on any error. Otherwise what is wrong is left out and listed in ``scene.diagnoses``.
        floating_base: for URDF robots: True lets them float, False welds them, None decides and says so.
        default_drives: give a drive that holds the start to every joint of an articulation that has none
            (`hanzo_twin.scene.hold`); each is told by a diagnosis.
        xacro_arguments: values for the arguments of xacro files. Such a file is a program: load only what you trust.

    Raises:
        SceneError: it cannot be loaded; ``diagnoses`` has every reason and its remedy.
    """
    scene, diagnoses = inspect_scene(
        source,
        composition=composition,
        floating_base=floating_base,
        default_drives=default_drives,
        xacro_arguments=xacro_arguments,
    )
    errors = [diagnosis for diagnosis in diagnoses if diagnosis.severity == "error"]
    if scene is None or (strict and errors):
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        worst = errors[0]
        where = "" if worst.path == os.fspath(source) else f"{worst.path}: "
        raise SceneError(
            f"The scene '{os.fspath(source)}' cannot be loaded: {where}{worst.message}{more}",
            hint=worst.remedy,
            diagnoses=diagnoses,
        )
    return scene


def check_loaded(scene: object) -> None:
    """Make sure that ``scene`` is one that was loaded.

    Raises:
        InvalidInputError: it is something else, such as the name of a file.
    """
    if not isinstance(scene, Scene):
        given = f"'{os.fspath(scene)}'" if isinstance(scene, str | os.PathLike) else "…"
        raise InvalidInputError(
            f"A Scene is needed, got a {type(scene).__name__}.", hint=f"Load it first: load_scene({given})."
        )


def inspect_scene(
    source: str | os.PathLike[str],
    *,
    composition: Sequence[Reference] = (),
    floating_base: bool | None = None,
    default_drives: bool = False,
    xacro_arguments: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Scene | None, tuple[Diagnosis, ...]]:
    """What can be loaded of ``source``, and everything there is to say about it; bad content raises nothing.

    The scene is None where nothing could be read at all.
    """
    if not isinstance(source, str | os.PathLike):
        raise InvalidInputError(
            f"A scene is loaded from a path, got {type(source).__name__}.",
            hint="Give the path of a file, or library:NAME, as text or pathlib.Path.",
        )
    name = os.fspath(source)
    findings = Findings()
    scene: Scene | None = None
    with ONE_AT_A_TIME, TemporaryDirectory(prefix="hanzo-twin-scene-") as folder, findings.refusals(name):
        own = library.locate(name)
        options = LoadOptions(floating_base=floating_base, xacro_arguments=tuple(sorted(xacro_arguments.items())))
        files = Files(own, Path(folder), options, findings)
        base = files.usd_of(own)
        if base is None:
            return None, findings.all
        compose: Any = import_module("hanzo_twin.scene.usd.compose")
        reader: Any = import_module("hanzo_twin.scene.usd.reader")
        scene = reader.read_stage(compose.compose(base, composition, files, findings), name, findings)
    if scene is not None and default_drives:
        scene = hold.with_default_drives(scene, findings)
    if scene is not None:
        scene = replace(scene, diagnoses=findings.all)
    return scene, findings.all


class Files:
    """Turns files of any known format into USD files, each once."""

    def __init__(self, source: Path, folder: Path, options: LoadOptions, findings: Findings) -> None:
        self._source = source
        self._folder = folder
        self._options = options
        self._findings = findings
        self._done: dict[tuple[Path, LoadOptions], Path | None] = {}

    def resolve(self, ref: str) -> Path:
        """The file that ``ref`` names; a relative one starts at the directory of the base scene, as in USD.

        Raises:
            Refusal: the library has no such part.
        """
        return self._source.parent / library.locate(ref)

    def usd_of(self, path: Path, *, floating_base: bool | None = None) -> Path | None:
        """The USD file that stands for ``path``, None if that has errors, which are reported.

        Args:
            floating_base: overrules that of the options unless it is None.

        Raises:
            Refusal: there is no such file, it cannot be read, or its format is unknown.
        """
        options = self._options if floating_base is None else replace(self._options, floating_base=floating_base)
        key = (path.absolute(), options)
        if key not in self._done:
            _check_readable(path)
            module: Any = import_module(FORMATS[path.suffix.lower()])
            folder = self._folder / str(len(self._done))
            self._done[key] = module.prepare(path.absolute(), folder, options, self._findings)
        return self._done[key]


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise Refusal("file-unreadable", f"'{path}' is a directory.", "Name a file in it.")
    if path.exists() and not path.is_file():
        raise Refusal("file-unreadable", f"'{path}' is not a plain file.", "Copy its content to a file.")
    if path.suffix.lower() not in FORMATS:
        raise Refusal(
            "unknown-format",
            f"'{path.name}' is of no known format.",
            f"Known are {', '.join(sorted(FORMATS))}.",
        )
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise Refusal("file-empty", "The file is empty.", "Export it again.")
    except FileNotFoundError:
        raise Refusal("file-missing", f"There is no file '{path}'.", _neighbours(path)) from None
    except (OSError, ValueError) as failure:
        text = getattr(failure, "strerror", None) or str(failure)
        raise Refusal("file-unreadable", f"'{path}' cannot be read: {text}.", "Check its permissions.") from None


def _neighbours(path: Path) -> str:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in FORMATS)[:10]
    except OSError:
        return f"There is no directory '{path.parent}' either."
    return f"Scenes in that directory: {', '.join(names) or 'none'}."
