"""Without the extra, its name."""

from __future__ import annotations

import sys

import pytest

from hanzo_twin.engines.port import load_engine
from hanzo_twin.errors import NotInstalledError


@pytest.mark.parametrize("missing", ["ovphysx", "ovstage"])
def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in [one for one in sys.modules if one.startswith("hanzo_twin.engines.omniverse")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NotInstalledError, match=f"The engine 'omniverse' needs the package '{missing}'") as refused:
        load_engine("omniverse")
    assert refused.value.hint == "Install it with: pip install 'hanzo-twin[omniverse]'"
