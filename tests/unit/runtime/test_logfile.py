"""What is left of a process for people to read."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from hanzo_twin.runtime.logfile import JsonLines, tail


def test_a_record_is_one_json_line_with_its_trace() -> None:
    record = logging.LogRecord("a.b", logging.ERROR, "f.py", 1, "no %s", ("way\nout",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("error", "a.b", "no way\nout")
    try:
        raise ValueError("broken")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: broken" in json.loads(JsonLines().format(record))["trace"]


def test_the_tail_is_readable_and_taken_from_the_first_file_with_lines(tmp_path: Path) -> None:
    empty, log = tmp_path / "empty", tmp_path / "log"
    empty.write_text("\n")
    log.write_text("".join(json.dumps({"level": "info", "message": f"line {n}"}) + "\n" for n in range(9)) + "raw\n")
    assert tail((tmp_path / "absent", empty, log), lines=3) == ["info: line 7", "info: line 8", "raw"]
    assert tail((empty,), lines=3) == []
