"""Where a policy comes from."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hanzo_twin.rl.training.spec import TrainingSpec

_PACKAGES = ("hanzo-twin", "stable-baselines3", "torch", "gymnasium", "numpy", "mujoco")


def lineage(
    spec: TrainingSpec,
    environment: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> dict[str, Any]:
    """What made the policy, as JSON values; ``environment`` is the metadata of the one it was trained in."""
    return {
        **{name: environment[name] for name in ("task", "engine", "step_hz", "scene_fingerprint")},
        "spec": spec.model_dump(),
        "hyperparameters": {name: list(v) if isinstance(v, tuple) else v for name, v in hyperparameters.items()},
        "evaluation": dict(evaluation),
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
