"""A trained policy as a folder: ``policy.onnx`` to run anywhere, ``policy.zip`` to train on, ``lineage.json``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hanzo_twin.errors import InvalidInputError, NotFoundError, NotInstalledError, OutputError
from hanzo_twin.rl.training.reasons import reason
from hanzo_twin.spatial import FloatArray

ONNX, ZIP, LINEAGE, MOMENTS = "policy.onnx", "policy.zip", "lineage.json", "moments.pkl"


class Policy:
    """The policy in a folder, run by ONNX Runtime; the normalization of observations is part of it.

    Raises:
        NotFoundError: there is none in that folder. InvalidInputError: it is damaged.
        NotInstalledError: onnxruntime is missing.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as missing:
            raise NotInstalledError(
                "Running a policy needs the package 'onnxruntime', which is not installed.",
                hint="Install it with: pip install 'hanzo-twin[train]'",
            ) from missing
        self.folder = folder
        self.lineage = read_lineage(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / ONNX), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the library raises classes of its own for each kind of damage
            raise InvalidInputError(f"'{folder / ONNX}' cannot be run: {error}.") from error
        self._input = self._session.get_inputs()[0].name
        self.observation_size = int(self._session.get_inputs()[0].shape[1])

    def act(self, observations: FloatArray) -> FloatArray:
        """Actions [N, n_actions] for observations [N, n_observations].

        Raises:
            InvalidInputError: it was trained on observations of another size.
        """
        given = np.atleast_2d(np.asarray(observations, dtype=np.float32))
        if given.shape[1] != self.observation_size:
            raise InvalidInputError(
                f"The policy takes {self.observation_size} observations, got {given.shape[1]}.",
                hint=f"It was trained on the task '{self.lineage.get('task')}' of scene "
                f"{str(self.lineage.get('scene_fingerprint'))[:12]}.",
            )
        actions: FloatArray = np.asarray(self._session.run(None, {self._input: given})[0], dtype=np.float64)
        return actions


def read_lineage(folder: Path) -> dict[str, Any]:
    """Where a policy came from: spec, scene fingerprint, seed, versions, evaluation.

    Raises:
        NotFoundError: there is no policy in ``folder``. InvalidInputError: the file is damaged.
    """
    try:
        found: Any = json.loads((folder / LINEAGE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(
            f"There is no policy in '{folder}'.",
            hint=f"A policy is a folder with {ONNX} and {LINEAGE}; 'hanzo-twin train' writes one.",
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"'{folder / LINEAGE}' cannot be read: {error}.",
            hint="It is written beside the policy; take the folder from its run, or from its job, again.",
        ) from error
    if not isinstance(found, dict) or not isinstance(found.get("spec"), dict):
        raise InvalidInputError(f"'{folder / LINEAGE}' does not say how the policy was trained.")
    lineage: dict[str, Any] = found
    return lineage


def write_policy(folder: Path, model: Any, moments: Any, lineage: Mapping[str, Any]) -> None:
    """Write ``model`` of stable-baselines3 as a policy, whole or not at all.

    Args:
        moments: the `VecNormalize` it was trained under; None where observations are taken as they are.

    Raises:
        OutputError: the disk is full; the policy that was there is untouched.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        model.save(partial / ZIP)
        if moments is not None:
            moments.save(str(partial / MOMENTS))
        _export_onnx(partial / ONNX, model, moments)
        (partial / LINEAGE).write_text(json.dumps(lineage, indent=2, sort_keys=True), encoding="utf-8")
    except (OSError, RuntimeError) as failed:  # PyTorch's writer turns the system's errors into RuntimeError
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputError(
            f"The policy cannot be written to '{folder}': {reason(failed)}.",
            hint="Make room there. What was saved before is untouched.",
        ) from failed
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _export_onnx(path: Path, model: Any, moments: Any) -> None:
    """Normalization, the actor without chance, and clipping to −1 … 1, as one graph."""
    import warnings

    import torch

    size = model.observation_space.shape[0]
    actor = model.policy.actor if hasattr(model.policy, "actor") and model.policy.actor is not None else None
    mean = torch.zeros(size) if moments is None else torch.as_tensor(moments.obs_rms.mean, dtype=torch.float32)
    variance = torch.ones(size) if moments is None else torch.as_tensor(moments.obs_rms.var, dtype=torch.float32)
    clip = float("inf") if moments is None else float(moments.clip_obs)
    epsilon = 0.0 if moments is None else float(moments.epsilon)

    class Deterministic(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.policy = model.policy
            self.register_buffer("mean", mean)
            self.register_buffer("scale", torch.rsqrt(variance + epsilon))

        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            normal = (observations - self.mean) * self.scale
            if clip < float("inf"):
                normal = torch.clamp(normal, -clip, clip)
            if actor is not None:
                return torch.clamp(actor(normal, deterministic=True), -1.0, 1.0)
            return torch.clamp(self.policy._predict(normal, deterministic=True), -1.0, 1.0)

    module = Deterministic().cpu().eval()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter warns that there is a newer one, which needs another package
        torch.onnx.export(
            module,
            (torch.zeros(1, size),),
            str(path),
            input_names=["observations"],
            output_names=["actions"],
            dynamic_axes={"observations": {0: "worlds"}, "actions": {0: "worlds"}},
            dynamo=False,
        )
