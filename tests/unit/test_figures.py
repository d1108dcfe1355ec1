"""Plots as files: what is refused, and what is written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hanzo_twin.errors import InvalidInputError, NotInstalledError, OutputError
from hanzo_twin.figures import FORMATS, check_plot, new_figure, write_figure


def test_what_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no known format\.\n  Allowed: .png, .svg, .pdf"):
        check_plot(tmp_path / "plot.gif")
    with pytest.raises(OutputError, match="there is no folder"):
        check_plot(tmp_path / "nowhere" / "plot.png")


def test_without_matplotlib_the_hint_is_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(NotInstalledError, match=r"Plots need the package 'matplotlib'(.|\n)*hanzo-twin\[plot\]"):
        check_plot(tmp_path / "plot.png")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_figure_is_written_in_the_format_of_its_suffix(suffix: str, tmp_path: Path) -> None:
    figure = new_figure(width=2.0, height=1.0)
    figure.subplots().plot([0.0, 1.0])
    path = tmp_path / f"plot{suffix}"
    write_figure(figure, path)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "plot.png").mkdir()
    with pytest.raises(OutputError, match=r"plot.png' cannot be written|cannot be written to '.*plot.png'"):
        write_figure(new_figure(width=1.0, height=1.0), tmp_path / "plot.png")
