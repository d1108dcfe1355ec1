"""Every installed engine keeps the contract; one that is newly registered is found by itself."""

from __future__ import annotations

import pytest

from hanzo_twin import plugins
from hanzo_twin.testing.conformance import EngineConformance
from hanzo_twin.testing.conformance_batch import BatchConformance
from hanzo_twin.testing.conformance_contacts import ContactConformance
from hanzo_twin.testing.conformance_joints import JointConformance
from hanzo_twin.testing.conformance_sensors import SensorConformance


class Installed:
    """Runs a suite for each engine."""

    @pytest.fixture(params=plugins.names(plugins.ENGINES))
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestEngines(Installed, EngineConformance):
    pass


class TestBatches(Installed, BatchConformance):
    pass


class TestJoints(Installed, JointConformance):
    pass


class TestContacts(Installed, ContactConformance):
    pass


class TestSensors(Installed, SensorConformance):
    pass
