"""Where the files are that an SDF names: ``model://``, ``package://``, ``file://`` and relative paths."""

from __future__ import annotations

import os
from pathlib import Path

from hanzo_twin.scene.findings import Refusal

PATH_VARIABLES = ("SDF_PATH", "GZ_SIM_RESOURCE_PATH", "IGN_GAZEBO_RESOURCE_PATH", "GAZEBO_MODEL_PATH")


def find(uri: str, beside: Path) -> Path:
    """The file or directory that ``uri``, written in the file ``beside``, names.

    ``model://name/…`` is looked for in the directories above ``beside`` and in those of `PATH_VARIABLES`.

    Raises:
        Refusal: it is not there, or lies on a server: nothing is downloaded.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        candidates = [beside.parent / uri, beside.parent / uri.lstrip("/")]
    elif scheme in ("model", "package"):
        candidates = [place / rest for place in _places(beside)]
    elif scheme == "file":
        candidates = [Path("/" + rest.lstrip("/")) if rest.startswith("/") else beside.parent / rest]
    else:
        raise Refusal(
            "include-missing", f"'{uri}' is on a server.", "Download it and name it by model:// or a relative path."
        )
    found = next((path for path in candidates if path.exists()), None)
    if found is None:
        places = "" if scheme not in ("model", "package") else ", or name its parent directory in SDF_PATH"
        raise Refusal("include-missing", f"'{uri}' is not there.", f"Put it beside the file{places}.")
    return found


def _places(beside: Path) -> list[Path]:
    named = [Path(part) for name in PATH_VARIABLES for part in os.environ.get(name, "").split(":") if part]
    above = list(beside.absolute().parents)
    return [*above, *(path / "models" for path in above), *named]
