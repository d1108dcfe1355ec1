"""Run the benchmarks and write their results into docs/benchmarks.md: ``python benchmarks/run.py [NAME …]``.

A benchmark is a script beside this one. Called with ``--json`` it prints one JSON object and nothing else: names to
numbers, texts, or further objects. Objects of the same names become columns of one table, and ``wanted``, names to
texts, its last column. What stands outside the marks of the page is kept, and so are the results of benchmarks that
were not run; those of scripts that are no longer there are taken out.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
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


def cell(value: object) -> str:
    """``value`` as it stands in a table."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


def alike(parts: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether these are results of several things: at least half of all names in them are in each."""
    found = [set(split(part)[0]) for part in parts.values()]
    return len(parts) > 1 and 2 * len(set.intersection(*found)) >= len(set.union(*found)) > 0


def split(results: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    """Single values as cells, and by name the objects in it that are `alike`; nested names are joined by dots."""
    single = {prefix + name: cell(value) for name, value in results.items() if not isinstance(value, Mapping)}
    parts = {name: value for name, value in results.items() if isinstance(value, Mapping)}
    if alike(parts):
        return single, {prefix.rstrip("."): parts}
    groups: dict[str, Mapping[str, Any]] = {}
    for name, part in parts.items():
        inner = split(part, f"{prefix}{name}.")
        single |= inner[0]
        groups |= inner[1]
    return single, groups


def side_by_side(group: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, str]) -> str:
    """A column for each of the group, or a row where they are more than what there is to say of each."""
    cells = {name: split(part)[0] for name, part in group.items()}
    labels = list(dict.fromkeys(label for part in cells.values() for label in part))
    if len(cells) >= len(labels):
        return table(
            ["", *labels], [[name, *(part.get(label, "–") for label in labels)] for name, part in cells.items()]
        )
    return table(
        ["", *cells], [[label, *(part.get(label, "–") for part in cells.values())] for label in labels], wanted
    )


def table(header: Sequence[str], lines: Iterable[Sequence[str]], wanted: Mapping[str, str] | None = None) -> str:
    """A table of Markdown; what is wanted of a line is its last column."""
    if wanted:
        header, lines = [*header, "wanted"], [[*line, wanted.get(line[0], "")] for line in lines]
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tables(results: Mapping[str, Any]) -> list[str]:
    """Single values first, then what stands side by side, under its name."""
    wanted: Mapping[str, str] = results.get("wanted", {})
    single, groups = split({name: value for name, value in results.items() if name != "wanted"})
    first = [table(["", ""], single.items(), wanted if wanted.keys() & single.keys() else None)] if single else []
    further = [(f"{name}:\n\n" if name else "") + side_by_side(group, wanted) for name, group in groups.items()]
    return [*first, *further]


def about(name: str) -> str:
    """What the script says of itself, but for how it is called, which is indented."""
    document = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    parts = [part for part in document.split("\n\n") if not part.startswith(" ")]
    return "\n\n".join(parts).replace("``", "`")


def section(name: str, results: Mapping[str, Any]) -> str:
    """The part of the page about one benchmark, within its marks."""
    numbers = "\n\n".join(tables(results))
    return (
        f"{begin(name)}\n## {name}\n\n{about(name)}\n\n"
        f"`python benchmarks/{name}.py --json`, {machine()}\n\n{numbers}\n{end(name)}"
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


def pruned(page: str) -> str:
    """``page`` without the sections of benchmarks that are no longer there."""
    for name in set(re.findall(r"<!-- benchmark (\w+): begin -->", page)) - set(names()):
        before, _, rest = page.partition(begin(name))
        page = before.rstrip() + "\n\n" + rest.partition(end(name))[2].lstrip()
    return page


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
        PAGE.write_text(insert(pruned(page), name, text), encoding="utf-8")
    print(f"written: {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
