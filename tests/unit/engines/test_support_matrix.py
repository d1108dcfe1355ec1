"""The support matrix in the docs is what the engines say."""

from __future__ import annotations

from pathlib import Path

import pytest
from pxr import Plug, Tf, Usd

from hanzo_twin import plugins
from hanzo_twin.engines.features import FEATURES
from hanzo_twin.engines.port import load_engine
from hanzo_twin.engines.support_matrix import page
from hanzo_twin.engines.usd_attributes import ATTRIBUTES, UNUSED
from hanzo_twin.errors import NotInstalledError
from hanzo_twin.scene.usd.engine_attributes import READ

PAGE = Path(__file__).parents[3] / "docs" / "support_matrix.md"
OTHERS = ("PhysX", "Newton", "MuJoCo")


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


def test_every_attribute_of_usdphysics_has_a_row() -> None:
    registry = Usd.SchemaRegistry()
    rows = {schema: {one.name for one in attributes} for schema, attributes in ATTRIBUTES}
    seen = set()
    for kind in Plug.Registry().GetAllDerivedTypes(Tf.Type.FindByName("UsdSchemaBase")):
        if "UsdPhysics" not in kind.typeName:
            continue
        name = registry.GetSchemaTypeName(kind)
        found = registry.FindConcretePrimDefinition(name) or registry.FindAppliedAPIPrimDefinition(name)
        own = {each.rpartition(":")[2] for each in (found.GetPropertyNames() if found else ()) if "physics:" in each}
        seen |= own
        inherited = rows["PhysicsJoint"] if name.endswith("Joint") else set()
        assert own <= rows.get(name, set()) | inherited | set(UNUSED), name
    # The check sees what it should.
    assert {"gravityMagnitude", "coneAngle0Limit", "breakForce", "targetPosition", "mergeGroup"} <= seen


def test_rows_name_features_that_there_are() -> None:
    features = {name for _, attributes in ATTRIBUTES for one in attributes for name in one.features}
    assert features <= FEATURES.keys()


def test_rows_name_every_attribute_of_other_schemas_that_is_read() -> None:
    named = {one.name for schema, attributes in ATTRIBUTES for one in attributes if schema in OTHERS}
    families = tuple(name.rstrip("…:") for name in named if name.endswith("…"))
    assert {name for name in READ if not name.startswith(families)} <= named
