"""How tests are spread over processes: each file on one, and all live ones on one, one after another."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests race real processes against real clocks: two at once would disturb each other."""
    for item in items:
        group = "live" if item.get_closest_marker("live") else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
