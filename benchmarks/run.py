"""Run the benchmarks and write their results into docs/benchmarks.md: ``python benchmarks/run.py [NAME …]``.

A benchmark is a script beside this one. Called with ``--json`` it prints one JSON object and nothing else: names to
numbers, texts, or further objects. What stands outside the marks of the page is kept, and so are the results of
benchmarks that were not run.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
TIMEOUT_SECONDS = 1800
INTRODUCTION = """# Benchmarks

Made by `make bench`. Each table names its command and the machine it ran on; compare ratios rather than numbers between
machines.
"""


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem != "run" and not file.stem.startswith("_"))


def run(name: str) -> dict[str, Any]:
    """The results of one benchmark.

    Raises:
        SystemExit: it failed, took too long, or printed something else than one JSON object.
    """
    command = [sys.executable, str(HERE / f"{name}.py"), "--json"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS, check=True)
        results: dict[str, Any] = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"benchmarks/{name}.py ended with code {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"benchmarks/{name}.py took longer than {TIMEOUT_SECONDS} s") from error
    except ValueError as error:
        raise SystemExit(f"benchmarks/{name}.py --json printed something else than one JSON object") from error
    return results


def rows(results: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and value of everything in ``results``, nested names joined by dots."""
    for name, value in results.items():
        if isinstance(value, Mapping):
            yield from rows(value, f"{prefix}{name}.")
        elif isinstance(value, float):
            yield f"{prefix}{name}", f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
        elif isinstance(value, list):
            yield f"{prefix}{name}", ", ".join(str(part) for part in value)
        else:
            yield f"{prefix}{name}", str(value)


def section(name: str, results: Mapping[str, Any]) -> str:
    """The part of the page about one benchmark, within its marks."""
    document = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    table = "\n".join(f"| {label} | {value} |" for label, value in rows(results))
    about = " ".join(document.split("\n\n")[0].split()).replace("``", "`")
    return (
        f"{begin(name)}\n## {name}\n\n{about}\n\n"
        f"`python benchmarks/{name}.py --json`, {machine()}\n\n| | |\n|---|---|\n{table}\n{end(name)}"
    )


def begin(name: str) -> str:
    return f"<!-- benchmark {name}: begin -->"


def end(name: str) -> str:
    return f"<!-- benchmark {name}: end -->"


def machine() -> str:
    """What the numbers were measured on, and when."""
    cpu = re.search(r"^model name\s*: (.*)$", _text("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    parts = [
        datetime.now(tz=UTC).date().isoformat(),
        f"{len(os.sched_getaffinity(0))} cores of {cpu[1] if cpu else platform.machine()}",
        f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "memory unknown",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
    ]
    return ", ".join(parts)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def insert(page: str, name: str, text: str) -> str:
    """``page`` with the section of ``name`` replaced, or added at the end."""
    start, stop = page.find(begin(name)), page.find(end(name))
    if start < 0 or stop < 0:
        return f"{page.rstrip()}\n\n{text}\n"
    return page[:start] + text + page[stop + len(end(name)) :]


def main() -> None:
    """Run what the arguments name, or all."""
    wanted = sys.argv[1:] or names()
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        raise SystemExit(f"There is no benchmark named {', '.join(unknown)}. There are: {', '.join(names())}.")
    for name in wanted:
        print(f"{name} …", flush=True)
        text = section(name, run(name))
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else INTRODUCTION
        PAGE.write_text(insert(page, name, text), encoding="utf-8")
    print(f"written: {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
