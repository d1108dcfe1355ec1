"""The sensors of every installed engine; one that is newly registered is found by itself."""

from __future__ import annotations

import pytest

from hanzo_twin import plugins
from hanzo_twin.testing.sensors import SensorConformance


class TestSensorsOfInstalledEngines(SensorConformance):
    @pytest.fixture(params=plugins.names(plugins.ENGINES))
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)
