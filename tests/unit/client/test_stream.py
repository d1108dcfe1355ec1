"""Events and files that arrive piece by piece, and folders that are sent."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from hanzo_twin.client.stream import EventParser, PartialFile, read_event
from hanzo_twin.client.upload import opened_for_upload
from hanzo_twin.errors import ConflictError, HanzoTwinError, InvalidInputError, NotFoundError, RuntimeUnavailableError
from hanzo_twin.service.problems import to_problem
from hanzo_twin.service.views import EventView

EVENT = EventView(time=1.5, kind="drift-began", message="It drifts.", detail={"rms": 0.1})


def feed(*lines: str) -> list[EventView]:
    parser = EventParser()
    return [read_event(data) for line in lines for data in parser.feed(line)]


def test_the_id_of_an_event_is_where_to_go_on() -> None:
    parser = EventParser()
    lines = ("event: line", "id: 7", "data: x", "", "data: y", "")
    found = [event for line in lines for event in parser.feed(line)]
    assert [(event.kind, event.text, event.id) for event in found] == [("line", "x", "7"), ("", "y", "")]


def test_events_are_read_and_keep_alives_are_not() -> None:
    text = EVENT.model_dump_json()
    assert feed(": ping", "", "event: drift-began", f"data: {text}", "", f"data:{text}", "") == [EVENT, EVENT]


def test_an_event_that_is_cut_off_is_no_event() -> None:
    assert feed(f"data: {EVENT.model_dump_json()}") == []


def test_a_problem_in_the_stream_is_raised_as_its_error() -> None:
    body = to_problem(RuntimeUnavailableError("It is gone.", hint="Wait.")).model_dump_json()
    with pytest.raises(RuntimeUnavailableError, match=r"It is gone\.") as caught:
        feed("event: problem", f"data: {body}", "")
    assert caught.value.hint == "Wait."


def test_garbage_in_the_stream_is_an_error() -> None:
    with pytest.raises(HanzoTwinError, match="an event that cannot be read: nonsense"):
        feed("data: nonsense", "")


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with PartialFile(tmp_path, "a.zip") as file:
        file.write(b"12")
        assert not (tmp_path / "a.zip").exists()
        file.write(b"34")
    assert (tmp_path / "a.zip").read_bytes() == b"1234"
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with PartialFile(tmp_path / "a.zip", "x") as file:
            file.write(b"12")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_the_server_calls_a_file_names_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with PartialFile(tmp_path / "in", "../../evil.zip") as file:
        file.write(b"x")
    assert (tmp_path / "in" / "evil.zip").exists()


def test_a_file_that_is_there_is_replaced_only_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")

    with pytest.raises(ConflictError, match=r"a\.zip' exists already"), PartialFile(tmp_path, "a.zip"):
        pass
    assert (tmp_path / "a.zip").read_bytes() == b"mine"
    with PartialFile(tmp_path, "a.zip", overwrite=True) as file:
        file.write(b"new")
    assert (tmp_path / "a.zip").read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be written"), PartialFile(tmp_path / "no" / "a.zip", "a"):
        pass


def test_a_folder_is_sent_as_an_archive_without_what_is_hidden(tmp_path: Path) -> None:
    scene = tmp_path / "cell"
    (scene / "meshes").mkdir(parents=True)
    (scene / ".git").mkdir()
    for name in ("cell.usda", "meshes/a.stl", ".git/config", ".hidden"):
        (scene / name).write_text(name)
    with opened_for_upload(scene) as (name, content):
        assert name == "cell.zip"
        with zipfile.ZipFile(content) as packed:
            assert packed.namelist() == ["cell.usda", "meshes/a.stl"]


def test_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.usda").write_bytes(b"#usda")
    with opened_for_upload(tmp_path / "a.usda") as (name, content):
        assert (name, content.read()) == ("a.usda", b"#usda")
    assert content.closed


def test_nothing_to_send_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file or folder"), opened_for_upload(tmp_path / "no"):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInputError, match="holds no files"), opened_for_upload(tmp_path / "empty"):
        pass
