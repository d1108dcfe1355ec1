"""Training as a job: ``kind: train``. The best policy goes into the object store, with its lineage."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hanzo_twin import plugins
from hanzo_twin.definition.settings import load_settings
from hanzo_twin.errors import InvalidInputError, nearest
from hanzo_twin.jobs.port import JobContext
from hanzo_twin.rl.training.spec import parse_spec
from hanzo_twin.stores.buckets import open_buckets


class TrainJob:
    """Trains a policy; see `hanzo_twin.rl.training.spec.TrainingSpec` for what can be said."""

    def check(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises InvalidInputError for what cannot be trained. Whether twin and task fit shows when it runs."""
        parsed = parse_spec(spec)
        for name, group in ((parsed.task, plugins.TASKS), (parsed.engine, plugins.ENGINES)):
            if name is not None and name not in plugins.names(group):
                kind = group.rpartition(".")[2].removesuffix("s")
                raise InvalidInputError(f"There is no {kind} '{name}'.", hint=nearest(name, plugins.names(group)))
        return parsed.model_dump(mode="json")

    def run(self, spec: Mapping[str, Any], context: JobContext) -> Mapping[str, Any]:
        """Train in the directory of the job, which holds the checkpoints that another attempt goes on from."""
        from hanzo_twin.rl.training.train import POLICY, train

        result = train(parse_spec(spec), context.directory, context)
        key = None
        if result["policy"] is not None:
            key = policy_key(context.directory.name)
            data = packed(context.directory / POLICY)
            asyncio.run(open_buckets(load_settings()).checkpoints.put(key, data))
            context.log(f"The best policy is stored as {key}.")
        return {name: value for name, value in result.items() if name not in ("policy", "curves")} | {"policy": key}


def policy_key(job: str) -> str:
    """Where the policy of a job lies in the bucket of checkpoints."""
    return f"policies/{job}.zip"


def packed(folder: Path) -> bytes:
    """The files of ``folder``, and the curves beside it, as a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
        for extra in ("curves.png", "metrics.jsonl"):
            if (folder.parent / extra).exists():
                archive.write(folder.parent / extra, extra)
    return buffer.getvalue()
