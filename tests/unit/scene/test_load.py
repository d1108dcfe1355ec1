from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hanzo_twin.errors import InvalidInputError, SceneError
from hanzo_twin.scene.load import inspect_scene, load_scene

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("gone.usda", None, "file-missing", "There is no file '{file}'."),
        ("empty.usda", b"", "file-empty", "The file is empty."),
        ("empty.urdf", b"", "file-empty", "The file is empty."),
        ("scene.blend", b"BLENDER", "unknown-format", "'scene.blend' is of no known format."),
        ("junk.usda", b"hello", "not-usd", None),
        ("junk.usdc", b"\x00\x01\x02junk" * 99, "not-usd", None),
        ("torn.usdc", b"PXR-USDC\x00\x08\x00", "not-usd", None),
        ("junk.usd", b"\xff" * 64, "not-usd", None),
        (
            "bytes.usda",
            b'#usda 1.0\ndef Xform "W\xa0rld" {}',
            "not-usd",
            "USD cannot read it: it has bytes that are not text.",
        ),
        (
            "array.usda",
            b'#usda 1.0\n# ))))\ndef Xform "a"\n{\n    float[] x = ' + b"[" * 200_000,
            "too-deep",
            "Its brackets are nested more than 2000 deep.",
        ),
        ("prims.usd", b"#usda 1.0\n" + b'def "a" {\n' * 200_000 + b"}\n" * 200_000, "too-deep", None),
        ("junk.usdz", b"PK\x03\x04 not a zip", "not-usd", None),
        (
            "syntax.usda",
            b'#usda 1.0\n\ndef Xform "a"\n{\n    float x = \n}\n',
            "not-usd",
            "USD cannot read it: {file}:5:5: Expected } at 'float x = ' in </a>",
        ),
    ],
)
def test_files_that_are_no_scene(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes | None, code: str, message: str | None
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    scene, diagnoses = inspect_scene(file)
    assert scene is None
    assert [(diagnosis.severity, diagnosis.code, diagnosis.path) for diagnosis in diagnoses] == [
        ("error", code, str(file))
    ]
    if message is not None:
        assert diagnoses[0].message == message.replace("{file}", str(file))
    assert capfd.readouterr() == ("", "")


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "folder.usda").mkdir()
    _, diagnoses = inspect_scene(tmp_path / "folder.usda")
    assert diagnoses[0].code == "file-unreadable"
    assert diagnoses[0].message == f"'{tmp_path / 'folder.usda'}' is a directory."


def test_a_missing_file_lists_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "arm.usda").write_text("#usda 1.0\n")
    _, diagnoses = inspect_scene(tmp_path / "arn.usda")
    assert diagnoses[0].remedy == "Scenes in that directory: arm.usda."
    _, diagnoses = inspect_scene(tmp_path / "nowhere/arm.usda")
    assert diagnoses[0].remedy == f"There is no directory '{tmp_path / 'nowhere'}' either."


@pytest.mark.parametrize("source", [None, 3, b"library:arm"])
def test_what_is_no_path(source: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=f"A scene is loaded from a path, got {type(source).__name__}"
    ) as caught:
        load_scene(source)
    assert "library:NAME" in caught.value.hint


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(SceneError, match="…' cannot be read: File name too long"):
        load_scene("a" * 5000 + ".usda")


def test_a_name_with_a_null_byte() -> None:
    _, diagnoses = inspect_scene("/tmp/a\0b.usda")
    assert diagnoses[0].code == "file-unreadable"


def test_errors_are_raised_with_all_diagnoses(tmp_path: Path) -> None:
    file = tmp_path / "bad.usda"
    file.write_text(
        '#usda 1.0\ndef Xform "a" (prepend apiSchemas = ["PhysicsRigidBodyAPI", "PhysicsMassAPI"])\n'
        '{\n    float physics:mass = -1\n}\ndef Cube "c" (prepend apiSchemas = ["PhysicsCollisionAPI"])\n'
        "{\n    double size = -1\n}\n"
    )
    with pytest.raises(SceneError) as caught:
        load_scene(file)
    assert caught.value.message == (
        f"The scene '{file}' cannot be loaded: /c: The size of its Cube is -1.0. (and 1 more)"
    )
    assert caught.value.hint == "Author a positive number."
    assert {"bad-mass", "bad-dimension"} <= {diagnosis.code for diagnosis in caught.value.diagnoses}
    scene = load_scene(file, strict=False)
    assert not scene.bodies
    assert "bad-mass" in {diagnosis.code for diagnosis in scene.diagnoses}
    with pytest.raises(SceneError, match="There is no file"):
        load_scene(tmp_path / "gone.usda", strict=False)


def test_an_empty_stage_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "empty.usda"
    file.write_text("#usda 1.0\n")
    scene = load_scene(file)
    assert {diagnosis.code for diagnosis in scene.diagnoses} == {"nothing-physical", "gravity-default"}


@pytest.mark.parametrize("suffix", [".usd", ".usdc", ".usdz"])
def test_all_usd_formats_give_the_same_scene(tmp_path: Path, suffix: str) -> None:
    from pxr import Sdf, UsdUtils

    source = EXAMPLES / "arm/arm.usda"
    binary = tmp_path / "arm.usdc"
    Sdf.Layer.FindOrOpen(str(source)).Export(str(binary))
    file = tmp_path / f"copy{suffix}"
    if suffix == ".usdz":
        assert UsdUtils.CreateNewUsdzPackage(str(binary), str(file))
    else:
        file.write_bytes(binary.read_bytes())
    assert load_scene(file).fingerprint == load_scene(source).fingerprint


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    file = EXAMPLES / "arm/arm.usda"
    program = f"from hanzo_twin.scene.load import load_scene; print(load_scene({str(file)!r}).fingerprint)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == load_scene(file).fingerprint
    assert answer.stderr == ""


def test_an_edited_file_is_read_afresh(tmp_path: Path) -> None:
    from pxr import Usd

    file = tmp_path / "arm.usda"
    text = (EXAMPLES / "arm/arm.usda").read_text()
    file.write_text(text)
    kept_open = Usd.Stage.Open(str(file))
    before = load_scene(file)
    file.write_text(text.replace("float physics:mass = 0.5", "float physics:mass = 0.75"))
    after = load_scene(file)
    assert kept_open
    assert (before.bodies["/World/arm/payload"].mass, after.bodies["/World/arm/payload"].mass) == (0.5, 0.75)


def test_loading_from_threads() -> None:
    files = [EXAMPLES / "arm/arm.usda", EXAMPLES / "arm_table/scene.usda"] * 4
    with ThreadPoolExecutor(4) as pool:
        scenes = list(pool.map(load_scene, files))
    assert len({scene.fingerprint for scene in scenes}) == 2
