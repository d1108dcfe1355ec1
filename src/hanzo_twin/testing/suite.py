"""What the suites for engines share: which engine is under test, and what it says that it does not do."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hanzo_twin.engines.port import Engine, EngineCapabilities, KnowsGaps, load_engine
from hanzo_twin.errors import NotInstalledError, UnsupportedError

# What a test in a gap may end in: other behaviour than asked for, or a scene that is refused.
_GAPS = (AssertionError, UnsupportedError)


def expect_known_gap(request: pytest.FixtureRequest, engine: Engine) -> None:
    """Let the test that asks fail, and only fail, where ``engine`` says that it has a gap there."""
    reason = engine.known_gaps().get(request.node.originalname) if isinstance(engine, KnowsGaps) else None
    if reason is not None:
        request.applymarker(pytest.mark.xfail(reason=reason, raises=_GAPS, strict=True))


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Keep Python from looking for cycles, so that only what nobody holds is freed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def installed(name: str) -> Engine:
    """The engine registered as ``name``; the test that asks is skipped where its extra is missing."""
    try:
        return load_engine(name)
    except NotInstalledError as missing:
        pytest.skip(str(missing))


def installed_with_dynamics(name: str) -> Engine:
    """As `installed`; the test is also skipped where the engine knows no masses and forces."""
    engine = installed(name)
    if not engine.capabilities().dynamics:
        pytest.skip(f"engine '{name}' has no dynamics")
    return engine


class EngineSuite:
    """Tests of one engine; what it cannot do, by its own capabilities, is skipped, and where it says that it has a gap
    the test must fail."""

    @pytest.fixture
    def engine_name(self) -> str:
        """Name of the engine under test, as registered in its entry point."""
        raise NotImplementedError("Define the fixture engine_name in the subclass.")

    @pytest.fixture
    def engine(self, engine_name: str) -> Engine:
        return installed(engine_name)

    @pytest.fixture
    def capabilities(self, engine: Engine) -> EngineCapabilities:
        return engine.capabilities()

    @pytest.fixture
    def exact(self, capabilities: EngineCapabilities) -> None:
        if capabilities.exact_restore == "none":
            pytest.skip("the engine has no exact states")

    @pytest.fixture(autouse=True)
    def known_gap(self, request: pytest.FixtureRequest, engine: Engine) -> None:
        expect_known_gap(request, engine)
