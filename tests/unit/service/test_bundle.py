"""Uploads come from strangers: what leaves the folder, explodes or lies is refused before anything is extracted."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.service.bundle import BundleLimits, Upload, choose_root, digest, unpack

LIMITS = BundleLimits(max_files=50, max_bytes=1 << 20)


def zipped(members: dict[str, bytes], **attributes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return out.getvalue()


def tarred(*members: tarfile.TarInfo, content: bytes = b"x", mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tape:  # type: ignore[call-overload]
        for member in members:
            member.size = len(content) if member.isreg() else 0
            tape.addfile(member, io.BytesIO(content))
    return out.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def upload(name: str, content: bytes) -> list[Upload]:
    return [Upload(name=name, content=io.BytesIO(content))]


def test_single_file_several_files_and_archives_are_laid_out_alike(tmp_path: Path) -> None:
    content = {"arm.usda": b"#usda 1.0", "meshes/link.stl": b"solid"}
    several = [Upload(name=name, content=io.BytesIO(data)) for name, data in content.items()]
    given = {
        "several": several,
        "zip": upload("arm.zip", zipped(content)),
        "tar": upload("arm.tar.gz", _tar_of(content)),
    }
    digests = set()
    for kind, uploads in given.items():
        names = unpack(uploads, tmp_path / kind, LIMITS)
        assert names == ("arm.usda", "meshes/link.stl")
        assert (tmp_path / kind / "meshes/link.stl").read_bytes() == b"solid"
        digests.add(digest(tmp_path / kind, names))
    assert len(digests) == 1


def _tar_of(content: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tape:
        tape.addfile(tar_member("meshes", tarfile.DIRTYPE))
        for name, data in content.items():
            member = tar_member(f"./{name}")
            member.size = len(data)
            tape.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_usdz_is_a_scene_and_not_an_archive(tmp_path: Path) -> None:
    assert unpack(upload("arm.usdz", zipped({"a.usdc": b"x"})), tmp_path, LIMITS) == ("arm.usdz",)


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "a/../../evil", "/etc/passwd", "a//b", "./a", "a/.", "..", "a\\..\\b", "C:evil", "a\0b", "a\nb", "",
        "/".join("d" * 40), "x" * 256,
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [False, True], ids=["plain", "zip"])
def test_names_that_leave_the_folder_or_cannot_be_are_refused(tmp_path: Path, name: str, wrap: bool) -> None:
    if wrap and name in ("", "a\0b"):
        pytest.skip("zipfile cannot write such a member")
    folder = tmp_path / "in"
    given = upload("e.zip", zipped({"ok.usda": b"1", name: b"2"})) if wrap else upload(name, b"2")
    with pytest.raises(InvalidInputError):
        unpack(given, folder, LIMITS)
    assert not folder.exists() or not list(folder.rglob("*"))
    assert not (tmp_path / "evil").exists()


def test_nul_in_a_zip_member_is_seen_although_zipfile_cuts_it(tmp_path: Path) -> None:
    crafted = zipped({"a_b.usda": b"x"}).replace(b"a_b.usda", b"a\0b.usda")
    with pytest.raises(InvalidInputError, match="cannot be the name of a file"):
        unpack(upload("e.zip", crafted), tmp_path, LIMITS)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    crafted = tarred(tar_member("a.usda"), tar_member("out", kind, "/etc/passwd"))
    with pytest.raises(InvalidInputError, match="'out', which is a link or a device"):
        unpack(upload("e.tgz", crafted), tmp_path / "in", LIMITS)
    assert not (tmp_path / "in").exists()


def test_symbolic_link_in_zip_is_refused(tmp_path: Path) -> None:
    crafted = zipped({"out": b"/etc/passwd"}, external_attr=0o120777 << 16, create_system=3)
    with pytest.raises(InvalidInputError, match="link or a device"):
        unpack(upload("e.zip", crafted), tmp_path, LIMITS)


@pytest.mark.parametrize("names", [("a.usda", "A.usda"), ("a", "a/b"), ("a/b", "A")])
def test_two_names_for_one_file_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(InvalidInputError, match="twice, or as file and as folder"):
        unpack([Upload(name=name, content=io.BytesIO(b"x")) for name in names], tmp_path, LIMITS)


def test_zip_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    bomb = zipped({"big.usda": bytes(20 << 20)})
    assert len(bomb) < 100_000
    with pytest.raises(InvalidInputError, match="unpacks to more than 1 MiB"):
        unpack(upload("b.zip", bomb), tmp_path, LIMITS)
    assert not list(tmp_path.rglob("*"))


def test_zip_bomb_that_lies_about_its_size_is_refused_or_cut(tmp_path: Path) -> None:
    size = 20 << 20
    bomb = zipped({"big.usda": bytes(size)}).replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    with pytest.raises(InvalidInputError):
        unpack(upload("b.zip", bomb), tmp_path, LIMITS)
    assert sum(each.stat().st_size for each in tmp_path.rglob("*") if each.is_file()) <= LIMITS.max_bytes


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="more than 50 files"):
        unpack(upload("m.zip", zipped({f"{n}.txt": b"" for n in range(51)})), tmp_path / "in", LIMITS)
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a.zip", lambda _: b"not an archive"),
        ("a.zip", lambda data: data[:-30]),
        ("a.tar.gz", lambda _: b"\x1f\x8b garbage"),
        ("a.tar.gz", lambda data: data[: len(data) // 2]),
        ("a.tar", lambda _: b"garbage" * 200),
        ("a.tar.xz", lambda _: b"\xfd7zXZ\0garbage"),
        ("a.zip", lambda _: b""),
    ],
)
def test_damaged_archives_are_refused_with_their_name(
    tmp_path: Path, name: str, spoil: Callable[[bytes], bytes]
) -> None:
    whole = zipped({"a.usda": b"x" * 5000}) if name.endswith(".zip") else _tar_of({"a.usda": b"x" * 5000})
    with pytest.raises(InvalidInputError, match=f"The archive '{name}' cannot be unpacked") as caught:
        unpack(upload(name, spoil(whole)), tmp_path, LIMITS)
    assert caught.value.hint == "Send a plain zip or tar archive, without encryption."


def test_nothing_uploaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no file"):
        unpack([], tmp_path, LIMITS)


@pytest.mark.parametrize(
    ("names", "wanted", "root"),
    [
        (["arm.urdf", "meshes/a.stl"], None, "arm.urdf"),
        (["cell.usda", "parts/arm.usda"], None, "cell.usda"),
        (["arm.usda", "root.usda"], None, "root.usda"),
        (["a.usda", "b.usda"], "b.usda", "b.usda"),
    ],
)
def test_root_is_the_one_file_that_can_be(names: list[str], wanted: str | None, root: str) -> None:
    assert choose_root(names, wanted) == root


def test_root_that_is_missing_or_ambiguous_is_explained() -> None:
    with pytest.raises(InvalidInputError, match=r"no file 'arm.usd'\.") as caught:
        choose_root(["arm.usda"], "arm.usd")
    assert caught.value.hint.startswith("Did you mean 'arm.usda'?")
    with pytest.raises(InvalidInputError, match=r"2 files that could be the scene: a.usda, b.urdf"):
        choose_root(["a.usda", "b.urdf"], None)
    with pytest.raises(InvalidInputError, match=r"no scene file; it has readme\.txt"):
        choose_root(["readme.txt"], None)


def test_plain_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    given = [Upload(name=f"{n}.bin", content=io.BytesIO(bytes(400_000))) for n in range(3)]
    with pytest.raises(InvalidInputError, match="unpacks to more than 1 MiB"):
        unpack(given, tmp_path, LIMITS)


def test_the_description_of_a_ros_package_is_no_scene() -> None:
    assert choose_root(["package.xml", "robot.urdf"], None) == "robot.urdf"
    assert choose_root(["ant.xml", "mesh.stl"], None) == "ant.xml"
