"""The engines whose physics is checked: all that are installed and have dynamics."""

from __future__ import annotations

import pytest

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine, load_engine
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.testing.suite import expect_known_gap


@pytest.fixture(params=plugins.names(plugins.ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    try:
        engine = load_engine(str(request.param))
    except NotInstalledError as missing:
        pytest.skip(str(missing))
    if not engine.capabilities().dynamics:
        pytest.skip(f"engine '{request.param}' has no dynamics")
    expect_known_gap(request, engine)
    return engine
