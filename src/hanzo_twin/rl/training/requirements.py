"""What training needs besides the package."""

from __future__ import annotations

from importlib.util import find_spec

from hanzo_twin.errors import NotInstalledError


def require_training() -> None:
    """Raises NotInstalledError, naming the command that installs it, unless all that training needs is there."""
    for package in ("gymnasium", "torch", "stable_baselines3", "onnx", "onnxruntime"):
        if find_spec(package) is None:
            raise NotInstalledError(
                f"Training needs the package '{package}', which is not installed.",
                hint="Install it with: pip install 'hanzo-twin[train]'",
            )
