"""MuJoCo's own reading of an MJCF file, its complaints made diagnoses."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from hanzo_twin.scene.findings import Findings, Refusal
from hanzo_twin.scene.xml_document import parse

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes of XML (without meshes); MuJoCo builds the whole document in memory."""

MOST_COPIES = 200_000
"""Elements that ``<replicate>`` may make."""

_DIGITS = 10
_OBJ = mujoco.mjtObj
_KINDS = {
    "body_": _OBJ.mjOBJ_BODY,
    "jnt_": _OBJ.mjOBJ_JOINT,
    "dof_": None,
    "qpos": None,
    "geom_": _OBJ.mjOBJ_GEOM,
    "site_": _OBJ.mjOBJ_SITE,
    "mesh_vert": None,
    "cam_": _OBJ.mjOBJ_CAMERA,
    "light_": _OBJ.mjOBJ_LIGHT,
    "actuator_": _OBJ.mjOBJ_ACTUATOR,
    "tendon_": _OBJ.mjOBJ_TENDON,
    "wrap_": None,
    "eq_": _OBJ.mjOBJ_EQUALITY,
    "sensor_": _OBJ.mjOBJ_SENSOR,
    "key_": _OBJ.mjOBJ_KEY,
    "hfield_": None,
}
_MAY_BE_INFINITE = ("range", "cutoff", "_invweight0", "_acc0", "_user")
_BROKEN = re.compile(r"Error=XML_ERROR_(?P<what>\w+).*?(?:XMLElement name=(?P<element>\w+)|$)", re.DOTALL)
_LINE = re.compile(r"line (?:number=)?(\d+)", re.IGNORECASE)


def compiled(path: Path, findings: Findings) -> Any:
    """The ``MjModel`` of the file.

    Raises:
        Refusal: it is too large, no MJCF, or has something that MuJoCo refuses; the message gives file, line and
            MuJoCo's reason.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise Refusal(
            "file-too-large",
            f"'{path.name}' has {size / 2**20:.0f} MiB; at most {LARGEST_FILE // 2**20} MiB of XML are read.",
            "Put meshes and height fields into files of their own.",
        )
    _check_replicated(path)
    with _warnings(path, findings):
        try:
            model = mujoco.MjSpec.from_file(str(path)).compile()
        except ValueError as refused:
            raise _refusal(path, str(refused)) from None
    _check_numbers(path, model)
    return model


def _check_replicated(path: Path) -> None:
    """MuJoCo makes all copies that ``<replicate>`` asks for, in each other too, whatever memory they take."""
    try:
        root = parse(path)
    except Refusal:
        # What is no XML to us may be to MuJoCo, which says better what is wrong with it.
        return
    open_elements, copies = [(root, 1)], 0
    while open_elements:
        element, times = open_elements.pop()
        count = element.attributes.get("count", "") if element.tag == "replicate" else ""
        times *= max(1, int(count)) if count.isdecimal() and len(count) < _DIGITS else 1
        copies += times if times > 1 else 0
        if copies > MOST_COPIES:
            raise Refusal(
                "too-large",
                f"{path.name}:{element.line}: <replicate> makes more than {MOST_COPIES} elements.",
                "Ask for fewer copies.",
            )
        open_elements += [(child, times) for child in element.children]


def _check_numbers(path: Path, model: Any) -> None:
    """MuJoCo lets NaN, infinities and quaternions that overflow to zero pass; nothing good comes of them."""
    option = model.opt
    if not 0 < option.timestep < math.inf:
        raise Refusal("not-finite", f"{path.name}: The time step is {option.timestep} s.", "Author a positive number.")
    if not np.isfinite([*option.gravity, *option.wind, option.density, option.viscosity]).all():
        raise Refusal("not-finite", f"{path.name}: An option is not finite.", "Author finite numbers.")
    for prefix, kind in _KINDS.items():
        for name in dir(model):
            values = getattr(model, name) if name.startswith(prefix) else None
            if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
                continue
            wrong = np.isnan(values) if name.endswith(_MAY_BE_INFINITE) else ~np.isfinite(values)
            turned = np.abs(values).max(axis=-1) > 0 if name.endswith("_quat") else np.array([True])
            if not wrong.any() and turned.all():
                continue
            row = int(np.argwhere(wrong)[0][0] if wrong.any() else np.argmin(turned))
            called = mujoco.mj_id2name(model, kind, row) if kind is not None else ""
            what = f"{name.removeprefix(prefix)} of {prefix.strip('_')} {repr(called) if called else row}"
            if wrong.any():
                raise Refusal("not-finite", f"{path.name}: The {what} is not finite.", "Author finite numbers.")
            raise Refusal(
                "bad-quaternion",
                f"{path.name}: The {what} is no rotation.",
                "Author a unit quaternion, such as 1 0 0 0.",
            )


def _refusal(path: Path, text: str) -> Refusal:
    found = _LINE.search(text)
    # Line 0 is what MuJoCo says where it knows none.
    place = f"{path.name}:{found[1]}" if found and found[1] != "0" else path.name
    broken = _BROKEN.search(text)
    if broken:
        what = broken["what"].replace("_", " ").lower()
        element = f" (<{broken['element']}>)" if broken["element"] else ""
        return Refusal("xml-broken", f"{place}: It is not XML: {what}{element}.", "Correct the file at that place.")
    reason = _reason(text)
    if "opening file" in text or ("not found" in text and "resource" in text.lower()):
        return Refusal(
            "asset-missing", f"{place}: {reason}", "Put the file there (meshdir and texturedir say where), or drop it."
        )
    if "already included" in text:
        return Refusal("include-loop", f"{place}: {reason}", "Include each file once, and none from within itself.")
    return Refusal("mjcf-refused", f"{place}: MuJoCo refuses it: {reason}", "Correct the file at that place.")


def _reason(text: str) -> str:
    """MuJoCo's words on one line, without what the place says already."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    words = [re.sub(r"^(XML )?Error: ", "", line) for line in lines]
    said = [re.sub(r",? ?(id -?\d+, )?line (number=)?-?\d+$", "", word, flags=re.IGNORECASE) for word in words]
    return "; ".join(word for word in said if word and word != "Element name ''")


@contextmanager
def _warnings(path: Path, findings: Findings) -> Iterator[None]:
    """Collect what MuJoCo warns of inside; by default it prints it and writes a file."""

    def report(text: object) -> None:
        findings.warning("mjcf-warning", path.name, " ".join(str(text).split()))

    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(report)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        mujoco.set_mju_user_warning(before)
    for warning in caught:
        report(warning.message)
