"""The engines whose physics is checked: all that are installed and have dynamics."""

from __future__ import annotations

import pytest

from hanzo_twin import plugins
from hanzo_twin.engines.port import Engine
from hanzo_twin.testing.suite import expect_known_gap, installed_with_dynamics


@pytest.fixture(params=plugins.names(plugins.ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    engine = installed_with_dynamics(str(request.param))
    expect_known_gap(request, engine)
    return engine
