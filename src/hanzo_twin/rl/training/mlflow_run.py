"""A training run as a run of MLflow, told by a thread: training neither waits for the server nor ends with it.

What a server that is down does not take is kept and sent once it answers: in this process, or by the same run when it
goes on, since ``mlflow_run.json`` beside the metrics says how many of their rows were sent.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from hanzo_twin.errors import InvalidInputError, NotInstalledError
from hanzo_twin.rl.training.reasons import reason

Row = Mapping[str, float]
_EXPERIMENT = "hanzo-twin"
_STATE = "mlflow_run.json"
_ROWS_AT_ONCE = 100
_RETRY_S, _FAREWELL_S = 5.0, 20.0
# MLflow takes these from the environment only. Left alone, a call to a server that is gone takes four minutes, and the
# end of a run is printed.
_MANNERS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class MlflowRun:
    """Reports ``rows``, and those that are added, to the run of this folder; a new one at first.

    Args:
        uri: of the server, or ``sqlite:///FILE``.
        rows: metrics by name, with ``steps``; those that were not sent before are sent now.

    Raises:
        NotInstalledError: MLflow is missing. InvalidInputError: the first time, where it does not answer.
    """

    def __init__(
        self, uri: str, folder: Path, *, name: str, parameters: Mapping[str, Any], rows: Sequence[Row]
    ) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.entities import Metric
            from mlflow.exceptions import MlflowException
        except ModuleNotFoundError as missing:
            raise NotInstalledError(
                "tracking_uri needs the package 'mlflow-skinny', which is not installed.",
                hint="Install it with: pip install 'hanzo-twin[train]'",
            ) from missing
        for variable, value in _MANNERS.items():
            os.environ.setdefault(variable, value)
        self._metric, self._error = Metric, MlflowException
        self._uri, self._path = uri, folder / _STATE
        known = self._known()
        try:
            self._client = MlflowClient(tracking_uri=uri)
            self._run = known.get("run") or self._begin(name, parameters)
        except MlflowException as error:
            raise InvalidInputError(
                f"MLflow at '{uri}' cannot be used: {reason(error)}.",
                hint="Start it with 'mlflow server', correct the address, or train without tracking_uri.",
            ) from error
        now = _milliseconds()
        self._rows = [(now, row) for row in rows]
        self._sent = min(known.get("sent", 0), len(rows))
        self._write()
        self._status, self._told_status = "RUNNING", "" if known else "RUNNING"
        self._closing = self._failing = False
        self._lines: list[str] = []
        self._changed = Condition()
        self._thread = Thread(target=self._work, name="mlflow", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> list[str]:
        """Report ``row`` as soon as possible; returns what the user should know of the server, mostly nothing."""
        with self._changed:
            self._rows.append((_milliseconds(), row))
            self._changed.notify()
            lines, self._lines = self._lines, []
        return lines

    def close(self, *, succeeded: bool) -> list[str]:
        """Send what is left, for at most 20 s; returns what the user should know."""
        with self._changed:
            self._status, self._closing = "FINISHED" if succeeded else "KILLED", True
            self._changed.notify()
        self._thread.join(_FAREWELL_S)
        if not self._is_told:
            left = len(self._rows) - self._sent
            self._lines.append(
                f"MLflow at '{self._uri}' did not get the last {left} rows of metrics.jsonl, nor that the run ended. "
                "Train in the same folder again to send them."
            )
        return self._lines

    def _known(self) -> dict[str, Any]:
        """What an earlier process wrote down; nothing where it reported to another server."""
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if found.get("uri") == self._uri else {}

    def _write(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps({"uri": self._uri, "run": self._run, "sent": self._sent}), encoding="utf-8")
        partial.replace(self._path)

    def _begin(self, name: str, parameters: Mapping[str, Any]) -> str:
        from mlflow.entities import Param

        found = self._client.get_experiment_by_name(_EXPERIMENT)
        experiment = found.experiment_id if found else self._client.create_experiment(_EXPERIMENT)
        run: str = self._client.create_run(experiment, run_name=name).info.run_id
        self._client.log_batch(run, params=[Param(key, str(value)[:500]) for key, value in parameters.items()])
        return run

    def _work(self) -> None:
        """Until all is sent and the run closed."""
        while not (self._closing and self._is_told):
            with self._changed:
                self._changed.wait_for(lambda: self._closing or not self._is_told)
            try:
                self._send()
            except self._error as error:
                self._say(failing=True, reason=reason(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, timeout=_RETRY_S)
                if self._closing:
                    time.sleep(1.0)
            else:
                self._say(failing=False)
            with suppress(OSError):  # a full disk: rows that were sent are sent again when the run goes on
                self._write()

    @property
    def _is_told(self) -> bool:
        return self._sent == len(self._rows) and self._told_status == self._status

    def _send(self) -> None:
        while batch := self._rows[self._sent : self._sent + _ROWS_AT_ONCE]:
            metrics = [
                self._metric(name, value, at, int(row["steps"]))
                for at, row in batch
                for name, value in row.items()
                if name != "steps"
            ]
            self._client.log_batch(self._run, metrics=metrics)
            self._sent += len(batch)
        if (status := self._status) != self._told_status:
            if status == "RUNNING":
                self._client.update_run(self._run, status=status)
            else:
                self._client.set_terminated(self._run, status)
            self._told_status = status

    def _say(self, *, failing: bool, reason: str = "") -> None:
        """Note down that the server went or came, once."""
        if failing and not self._failing:
            self._lines.append(
                f"MLflow at '{self._uri}' does not take the metrics: {reason}. "
                "Training goes on; they are in metrics.jsonl and are sent once it answers."
            )
        if self._failing and not failing:
            self._lines.append(f"MLflow at '{self._uri}' answers again and has everything.")
        self._failing = failing


def _milliseconds() -> int:
    return int(time.time() * 1000)
