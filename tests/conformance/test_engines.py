"""Every installed engine keeps the contract; one that is newly registered is found by itself."""

from __future__ import annotations

import pytest

from hanzo_twin import plugins
from hanzo_twin.testing.conformance import EngineConformance
from hanzo_twin.testing.conformance_contacts import ContactConformance
from hanzo_twin.testing.conformance_joints import JointConformance


class TestInstalledEngines(EngineConformance):
    @pytest.fixture(params=plugins.names(plugins.ENGINES))
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestJoints(JointConformance):
    @pytest.fixture(params=plugins.names(plugins.ENGINES))
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestContacts(ContactConformance):
    @pytest.fixture(params=plugins.names(plugins.ENGINES))
    def engine_name(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)
