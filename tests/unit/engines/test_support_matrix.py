"""The support matrix in the docs is what the engines say."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin import plugins
from hanzo_twin.engines.features import FEATURES
from hanzo_twin.engines.port import load_engine
from hanzo_twin.engines.support_matrix import page
from hanzo_twin.errors import NotInstalledError

PAGE = Path(__file__).parents[3] / "docs" / "support_matrix.md"


def test_the_page_is_up_to_date() -> None:
    try:
        text = page()
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    assert PAGE.read_text(encoding="utf-8") == text, "run: make docs"
    assert "| spherical joints |" in text


@pytest.mark.parametrize("name", plugins.names(plugins.ENGINES))
def test_engines_name_features_that_there_are(name: str) -> None:
    try:
        features = load_engine(name).capabilities().features
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    assert set(features) <= FEATURES.keys()
