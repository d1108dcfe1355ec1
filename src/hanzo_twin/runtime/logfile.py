"""The log of a process: one JSON object a line, in a file that does not grow for ever."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 5_000_000
_TAIL_BYTES = 16_384


class JsonLines(logging.Formatter):
    """``{"time", "level", "logger", "message"}`` and, for an exception, ``trace``."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def log_to(path: Path, *, level: int = logging.INFO) -> None:
    """Send this process's log to ``path``; at `LOG_BYTES` it becomes ``path.1``, and the one before goes."""
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def tail(paths: Sequence[Path], *, lines: int) -> list[str]:
    """The last ``lines`` lines of the first file that has any; of JSON lines only level and message."""
    for path in paths:
        try:
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            continue
        found = [line for line in text.splitlines() if line.strip()][-lines:]
        if found:
            return [_plain(line) for line in found]
    return []


def _plain(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['level']}: {entry['message']}"
    except (ValueError, KeyError, TypeError):
        return line
