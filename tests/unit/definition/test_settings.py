"""Settings from file and environment, their errors, and the refusal to serve unguarded."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanzo_twin.definition import settings as settings_module
from hanzo_twin.definition.environment import _variables
from hanzo_twin.definition.settings import Auth, Server, Settings, check_bindable, load_settings
from hanzo_twin.errors import SettingsError

HIP_FILE = Path(__file__).parent / "config.yaml"
KEYS = {"HANZO_STORAGE_ACCESS_KEY": "AK", "HANZO_STORAGE_SECRET_KEY": "SK"}


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings_module, "SYSTEM_FILE", tmp_path / "absent.yaml")


def error_of(path: Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ)
    return str(caught.value)


def test_the_file_of_hip_0082_is_read_as_it_stands() -> None:
    settings = load_settings(HIP_FILE, KEYS)

    assert (settings.server.host, settings.server.port, settings.server.workers) == ("0.0.0.0", 8082, 4)
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://hanzo:password@postgres:5432/hanzo_twin"
    assert settings.storage.access_key is not None
    assert settings.storage.access_key.get_secret_value() == "AK"
    assert settings.engine("omniverse").gpu_ids == (0, 1)
    assert settings.engine("pybullet").max_instances == 64
    assert settings.scheduler.gpu_types == ("nvidia-a100-80gb", "nvidia-h100-80gb")


def test_without_a_file_everything_is_local() -> None:
    settings = load_settings(None, {"HOME": "/home/me"})

    assert (settings.server.host, settings.server.port, settings.metrics.port) == ("127.0.0.1", 8082, 9090)
    assert settings.database.url is None
    assert settings.storage.endpoint is None
    assert settings.stream.brokers is None
    assert settings.data_dir == Path("~/.local/share/hanzo-twin").expanduser()
    check_bindable(settings)


def test_data_goes_where_the_xdg_specification_says(tmp_path: Path) -> None:
    assert load_settings(None, {"XDG_DATA_HOME": str(tmp_path)}).data_dir == tmp_path / "hanzo-twin"
    assert load_settings(None, {"HANZO_TWIN_DATA_DIR": "~/twins"}).data_dir == Path("~/twins").expanduser()


def test_variables_go_before_the_file() -> None:
    settings = load_settings(
        HIP_FILE,
        KEYS
        | {
            "HANZO_TWIN_DATABASE_URL": "postgresql://a:b$${c@db/x",
            "HANZO_TWIN_STORAGE_ENDPOINT": "http://s3:9000",
            "HANZO_TWIN_STORAGE_SECRET_KEY": "other",
            "HANZO_TWIN_STORAGE_BUCKETS_SCENES": "scenes-2",
            "HANZO_TWIN_STREAM_BROKERS": "k1:9092,k2:9092",
            "HANZO_TWIN_AUTH_VERIFY_TOKENS": "false",
            "HANZO_TWIN_SCHEDULER_GPU_TYPES": "h100, a100",
            "HANZO_TWIN_ENGINES_OMNIVERSE_GPU_IDS": "[2, 3]",
            "HANZO_TWIN_ENGINES_MY_ENGINE_MAX_INSTANCES": "5",
            "HANZO_TWIN_SERVER_PORT": "",
        },
    )

    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://a:b$${c@db/x"  # not expanded again
    assert settings.storage.endpoint == "http://s3:9000"
    assert settings.storage.secret_key is not None
    assert settings.storage.secret_key.get_secret_value() == "other"
    assert settings.storage.buckets.scenes == "scenes-2"
    assert settings.storage.buckets.datasets == "hanzo-twin-datasets"
    assert settings.stream.brokers == "k1:9092,k2:9092"
    assert settings.auth.verify_tokens is False
    assert settings.scheduler.gpu_types == ("h100", "a100")
    assert settings.engine("omniverse").gpu_ids == (2, 3)
    assert settings.engine("my_engine").max_instances == 5
    assert settings.server.port == 8082


def test_every_variable_names_one_setting() -> None:
    names = [name for name, _ in _variables(Settings.model_json_schema())]

    assert len(names) == len(set(names))
    assert {"HANZO_TWIN_DATABASE_URL", "HANZO_TWIN_STORAGE_ACCESS_KEY", "HANZO_TWIN_STREAM_BROKERS"} <= set(names)


def test_variables_that_kubernetes_sets_beside_the_service_are_no_settings() -> None:
    environ = {
        "HANZO_TWIN_SERVICE_HOST": "10.0.0.1",
        "HANZO_TWIN_SERVICE_PORT": "8082",
        "HANZO_TWIN_SERVICE_PORT_METRICS": "9090",
        "HANZO_TWIN_PORT": "tcp://10.0.0.1:8082",
        "HANZO_TWIN_PORT_8082_TCP": "tcp://10.0.0.1:8082",
        "HANZO_TWIN_PORT_8082_TCP_ADDR": "10.0.0.1",
    }

    assert load_settings(None, environ).server.port == 8082


def test_a_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("server: {port: 18082}", encoding="utf-8")

    assert load_settings(None, {"HANZO_TWIN_CONFIG": str(file)}).server.port == 18082


def test_the_system_file_is_taken_if_it_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("server: {port: 18082}", encoding="utf-8")
    monkeypatch.setattr(settings_module, "SYSTEM_FILE", file)

    assert load_settings(None, {}).server.port == 18082


def test_problems_carry_line_or_variable_and_what_is_nearest(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("server:\n  prot: 1\n  host: 5\nengines: {x: {max_instances: 0}}\n", encoding="utf-8")

    text = error_of(file, HANZO_TWIN_METRICS_PORT="many", HANZO_TWIN_DATABASE_UR="x")

    assert text.startswith("The settings have 5 problems:\n")
    assert "environment: unknown variable HANZO_TWIN_DATABASE_UR. Did you mean 'HANZO_TWIN_DATABASE_URL'?" in text
    assert "environment variable HANZO_TWIN_METRICS_PORT: metrics.port: must be a whole number, got 'many'" in text
    assert f"{file}:2: server.prot: unknown field 'prot'. Did you mean 'port'? Allowed: host, port, workers." in text
    assert f"{file}:3: server.host: must be text, got 5; put it in quotes" in text
    assert f"{file}:4: engines.x.max_instances: must be at least 1, got 0" in text


def test_a_secret_that_is_wrong_is_not_shown() -> None:
    text = error_of(HANZO_TWIN_DATABASE_URL="mysql://u:hunter2@h/d")

    assert "HANZO_TWIN_DATABASE_URL: database.url: must be a URL such as postgresql://user:password@host" in text
    assert "hunter2" not in text


def test_a_secret_of_the_wrong_kind_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("storage: {access_key: 31337, secret_key: [hunter2]}", encoding="utf-8")

    text = error_of(file)

    assert f"{file}:1: storage.access_key: must be text" in text
    assert "31337" not in text
    assert "hunter2" not in text


def test_secrets_do_not_show_in_the_representation() -> None:
    assert "password@" not in repr(load_settings(HIP_FILE, KEYS))
    assert "SK" not in repr(load_settings(HIP_FILE, KEYS))


def test_variables_of_the_file_that_are_not_set_are_named() -> None:
    text = error_of(HIP_FILE, HANZO_STORAGE_ACCESS_KEY="AK")

    assert text == (
        "The settings have a problem:\n"
        f"  {HIP_FILE}:13: storage.secret_key: the environment variable HANZO_STORAGE_SECRET_KEY is not set"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- a", ":1: must be a mapping (name: value)"),
        ("server: {host: x", "not valid YAML"),
        ("storage: {access_key: a}", "storage: access_key and secret_key belong together; give both or none"),
        ("storage: {endpoint: 'http://u:p@h'}", "storage.endpoint: must be a URL such as https://host:9000"),
        ("stream: {brokers: kafka}", "stream.brokers: must be host:port, several separated by commas"),
        ("data_dir: here", "data_dir: must be an absolute path, or one that begins with ~, got 'here'"),
        ("logging: {level: loud}", "logging.level: must be one of the allowed values, got 'loud'."),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(content, encoding="utf-8")

    assert problem in error_of(file)


def test_a_file_with_nothing_but_comments_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("# server: {port: 1}\n", encoding="utf-8")

    assert load_settings(file, {}) == load_settings(None, {})


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    assert "Cannot read" in error_of(tmp_path / "none.yaml")


def test_only_loopback_may_be_served_without_authentication(tmp_path: Path) -> None:
    check_bindable(Settings(data_dir=tmp_path, server=Server(host="::1")))

    with pytest.raises(SettingsError) as caught:
        check_bindable(Settings(data_dir=tmp_path, server=Server(host="0.0.0.0")))
    assert str(caught.value) == (
        "server.host is '0.0.0.0', but without authentication the API may only be reached from this machine.\n"
        "  Set server.host to one of 127.0.0.1, ::1, localhost; reach it from elsewhere through a tunnel, such as "
        "ssh -L 8082:127.0.0.1:8082."
    )


def test_tokens_that_would_not_be_checked_are_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, auth=Auth(verify_tokens=True))

    with pytest.raises(SettingsError, match=r"auth\.verify_tokens is true, but this version cannot check tokens yet\."):
        check_bindable(settings)
