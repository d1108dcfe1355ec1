"""Xacro to USD: its macros are expanded by the package ``xacro``, the result is read as URDF.

Xacro evaluates Python expressions that stand in the file: load only files that you would run as a program.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError, errors

import xacro
from xacro import substitution_args

from hanzo_twin.errors import nearest
from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.urdf import asset
from hanzo_twin.scene.urdf.packages import find_package
from hanzo_twin.scene.xml_document import parse

if TYPE_CHECKING:
    from hanzo_twin.scene.load import LoadOptions


def prepare(path: Path, folder: Path, options: LoadOptions, findings: Findings) -> Path | None:
    """The USD file in ``folder`` that stands for the xacro file ``path``, None if that has errors (in ``findings``).

    Raises:
        Refusal: it is not XML, xacro cannot expand it, or the result is not URDF.
    """
    parse(path)
    document = _expand(path, dict(options.xacro_arguments), findings)
    root = document.documentElement
    if root.tagName != "robot":
        raise Refusal(
            "not-urdf",
            f"{path.name} expands to <{root.tagName}>, not <robot>.",
            "Only robots (URDF) are expanded; expand an SDF with the program xacro and load the result.",
        )
    for element in _elements(root):
        filename = element.getAttribute("filename")
        if filename:
            element.setAttribute("filename", _absolute(filename, path))
    folder.mkdir(parents=True, exist_ok=True)
    expanded = folder / f"{path.name.partition('.')[0]}.expanded.urdf"
    expanded.write_text(document.toprettyxml(indent="  "), encoding="utf-8")
    return asset.prepare(expanded, folder / "converted", options, findings)


def _expand(path: Path, arguments: dict[str, str], findings: Findings) -> Any:
    told = StringIO()
    known = set(_arguments(path))
    for name in arguments:
        if name not in known:
            findings.warning(
                "xacro-argument", path.name, f"The argument '{name}' is not declared in the file.", nearest(name, known)
            )
    with _packages(path), redirect_stderr(told):
        try:
            document = xacro.process_file(str(path), mappings=arguments)
        except ExpatError as failure:
            raise Refusal(
                "xml-broken",
                f"{_name(xacro.filestack[-1])}:{failure.lineno}:{failure.offset + 1}: the XML is broken: "
                f"{errors.messages[failure.code]}.",
                "Correct the file at that place.",
            ) from None
        except Exception as failure:  # noqa: BLE001 - the file's own expressions may raise anything
            cause = getattr(failure, "exc", None)
            known_cause = cause if isinstance(cause, substitution_args.SubstitutionException) else failure
            raise Refusal("xacro-failed", _story(known_cause), _advice(known_cause, known)) from None
    for line in told.getvalue().splitlines():
        if line.strip():
            findings.warning("xacro-warning", path.name, " ".join(line.split()))
    return document


def _story(failure: Exception) -> str:
    """What failed, in which macros and files."""
    reason = str(failure) or type(failure).__name__
    if isinstance(failure, RecursionError):
        reason = "macros call each other without end"
    elif isinstance(failure, substitution_args.ArgException):
        reason = f"the argument '{failure}' has no value"
    macros = [macro.body.getAttribute("name") for macro in reversed(xacro.macrostack or [])][:5]
    files = [_name(file) for file in reversed(xacro.filestack or [])][:5]
    inside = f" in macro '{macros[0]}'" if macros else ""
    called = "".join(f", called by '{name}'" for name in macros[1:])
    included = "".join(f", included from {name}" for name in files[1:])
    return f"{files[0] if files else 'xacro'}: {' '.join(reason.split())}{inside}{called}{included}."


def _advice(failure: Exception, known: set[str]) -> str:
    if isinstance(failure, substitution_args.ArgException):
        return f"Give it: --xacro-arg {failure}:=VALUE. Declared are: {', '.join(sorted(known)) or 'none'}."
    return "Correct the file; it must expand with the program xacro, too."


def _arguments(path: Path) -> Iterator[str]:
    """Names of the arguments that the file at ``path`` and what it includes beside it declare."""
    for element in parse(path).every():
        if element.tag == "xacro:arg":
            yield element.name
        elif element.tag == "xacro:include" and "$" not in element.attributes.get("filename", "$"):
            included = path.parent / element.attributes["filename"]
            if included != path and included.is_file():
                yield from (each.name for each in parse(included).every() if each.tag == "xacro:arg")


@contextmanager
def _packages(path: Path) -> Iterator[None]:
    """Let ``$(find package)`` look where `find_package` does, instead of asking an installation of ROS."""

    def find(name: str) -> str:
        directory = find_package(name, path)
        if directory is None:
            raise substitution_args.SubstitutionException(
                f"the package '{name}' was not found; name its directory in ROS_PACKAGE_PATH"
            )
        return str(directory)

    before = substitution_args._eval_find
    substitution_args._eval_find = find
    substitution_args._eval_dict["find"] = find
    try:
        yield
    finally:
        substitution_args._eval_find = before
        substitution_args._eval_dict["find"] = before


def _absolute(filename: str, path: Path) -> str:
    """``filename`` as the expanded file, which lies elsewhere, must say it; unchanged where nothing is found."""
    if filename.startswith("package://"):
        name, _, rest = filename.removeprefix("package://").partition("/")
        directory = find_package(name, path)
        return str(directory / rest) if directory is not None else filename
    if "://" in filename:
        return filename
    return str(path.parent / filename)


def _elements(root: Any) -> Iterator[Any]:
    yield root
    yield from root.getElementsByTagName("*")


def _name(file: object) -> str:
    return Path(str(file)).name
