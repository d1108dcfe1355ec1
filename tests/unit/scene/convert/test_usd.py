"""USD out: what is written loads as the scene that it was."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanzo_twin.errors import InvalidInputError, OutputError, SceneError
from hanzo_twin.scene.composition import write_composition
from hanzo_twin.scene.convert import convert
from hanzo_twin.scene.load import load_scene

ROOT = Path(__file__).parents[4]
PENDULUM = ROOT / "examples/pendulum/pendulum.usda"
TABLE = ROOT / "examples/arm_table/scene.usda"


@pytest.mark.parametrize("suffix", ["usda", "usdc", "usd"])
def test_a_scene_of_round_numbers_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    report = convert(PENDULUM, tmp_path / f"out.{suffix}")

    assert load_scene(tmp_path / f"out.{suffix}").fingerprint == load_scene(PENDULUM).fingerprint
    assert not report.of("lost")
    assert not report.of("changed")
    assert {"body", "joint", "articulation", "shape"} <= {entry.code for entry in report.of("kept")}


def test_a_second_conversion_changes_nothing_more(tmp_path: Path) -> None:
    first = convert(TABLE, tmp_path / "once.usda")
    second = convert(tmp_path / "once.usda", tmp_path / "twice.usda")

    assert [entry.code for entry in first.of("changed")] == ["shape-moved"] * 5
    assert not second.of("changed")
    assert load_scene(tmp_path / "once.usda").prim_paths == load_scene(tmp_path / "twice.usda").prim_paths


def test_joints_and_bodies_keep_their_paths_and_order(tmp_path: Path) -> None:
    convert(TABLE, tmp_path / "out.usda")
    before, after = load_scene(TABLE), load_scene(tmp_path / "out.usda")

    assert list(after.joints) == list(before.joints)
    assert list(after.bodies) == list(before.bodies)
    assert after.articulations == before.articulations
    assert after.filtered_pairs == before.filtered_pairs
    assert after.joints == before.joints


def test_joints_of_several_freedoms_come_back(tmp_path: Path) -> None:
    source = tmp_path / "in.usda"
    text = PENDULUM.read_text()
    assert text.count("PhysicsRevoluteJoint") == 1
    cone = "float physics:coneAngle0Limit = 30\n float physics:coneAngle1Limit = 60\n float hanzo:turnLimit = 90\n"
    resists = "float newton:damping = 0.5\n float mjc:stiffness = 3\n float newton:velocityLimit = 90\n"
    head, _, rest = text.partition("def PhysicsRevoluteJoint")
    name, _, body = rest.partition("{")
    source.write_text(f"{head}def PhysicsSphericalJoint {name.partition('(')[0]}{{\n{cone}{resists}{body}")
    convert(source, tmp_path / "out.usda")

    before, after = (load_scene(path).joints["/World/pendulum/hinge"] for path in (source, tmp_path / "out.usda"))
    assert before.kind == "spherical"
    assert before.cone != (math.inf, math.inf)
    assert (*after.cone, after.upper, after.damping) == pytest.approx((*before.cone, before.upper, before.damping))
    assert (after.axis, after.stiffness, after.max_velocity) == (before.axis, before.stiffness, before.max_velocity)


def test_attributes_of_single_engines_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "in.usda"
    head, brace, rest = PENDULUM.read_text().partition('def PhysicsScene "')
    name, _, body = rest.partition("{")
    authored = (
        "\n    uniform double[] mjc:solref = [0.01, 1]\n    int physxScene:gpuHeap = 3\n    bool mjc:flag:energy = 1"
    )
    source.write_text(f"{head}{brace}{name}{{{authored}{body}")
    convert(source, tmp_path / "out.usda")

    path = load_scene(source).gravity_path
    assert dict(load_scene(tmp_path / "out.usda").engine_attributes) == {
        f"{path}.mjc:solref": (0.01, 1.0),
        f"{path}.physxScene:gpuHeap": 3,
        f"{path}.mjc:flag:energy": True,
    }


def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.usda").write_text("#usda 1.0\ndef Cube {")
    with pytest.raises(SceneError, match="cannot be loaded"):
        convert(tmp_path / "broken.usda", tmp_path / "out.usda")

    assert [entry.name for entry in tmp_path.iterdir()] == ["broken.usda"]


def test_targets_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be written as '\.stl'") as refused:
        convert(PENDULUM, tmp_path / "out.stl")
    assert ".usda" in refused.value.hint
    with pytest.raises(InvalidInputError, match="There is no directory"):
        convert(PENDULUM, tmp_path / "nowhere" / "out.usda")
    (tmp_path / "same.usda").write_text(PENDULUM.read_text())
    with pytest.raises(InvalidInputError, match="is the source itself"):
        convert(tmp_path / "same.usda", tmp_path / "same.usda")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        convert(PENDULUM, tmp_path / "out.usda")


@pytest.fixture
def _disk_of_one_kilobyte() -> Iterator[None]:
    """No file of this process grows beyond that; writing on fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("_disk_of_one_kilobyte")
@pytest.mark.parametrize("name", ["out.usda", "out.usdc", "out.xml", "out.sdf"])
def test_what_was_there_stays_where_the_disk_is_full(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")

    with pytest.raises(
        OutputError, match=rf"out\{Path(name).suffix}' cannot be written: .*(File too large|the disk may be full)"
    ):
        convert(TABLE, tmp_path / name, overwrite=True)

    assert (tmp_path / name).read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_name_that_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        convert(PENDULUM, tmp_path / f"{'a' * 300}.usda")
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        write_composition(PENDULUM, [], tmp_path / f"{'a' * 300}.usda", overwrite=True)
