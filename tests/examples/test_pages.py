"""Python that stands in the documentation of scenes, engines, sensors and comparison runs as it is written."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    *(f"docs/{name}.md" for name in ("comparison", "engines", "formats", "library", "scene", "sensors")),
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[tuple[str, int, str]]:
    """Page, line and text of each."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [(page, text[: each.start(1)].count("\n"), each.group(1)) for each in BLOCK.finditer(text)]
    return found


@pytest.mark.parametrize(("page", "line", "text"), blocks(), ids=lambda value: str(value) if value in PAGES else "")
def test_it_runs(page: str, line: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    program = tmp_path / f"{Path(page).stem}.md"
    program.write_text("\n" * line + text, encoding="utf-8")  # Lines of a traceback are those of the page.
    runpy.run_path(str(program))


def test_every_page_has_some() -> None:
    assert {page for page, _, _ in blocks()} == set(PAGES)
