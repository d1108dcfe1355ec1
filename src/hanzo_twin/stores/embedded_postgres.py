"""A PostgreSQL server of our own: one directory, one free port on 127.0.0.1, a password, and nothing to set up.

Below the data directory::

    cluster/     PostgreSQL's data, with checksums, and server.log; `location` names it where it lies elsewhere
    password     of the database user; readable by its owner only
    port         used last, taken again while it is free, so that the URL stays the same
    launch.lock  held while a server is started or stopped
    users.lock   held (shared) by every process that uses the server: the last one to stop shuts it down
    lifeline     a pipe that those processes hold open: when all are dead the server is shut down
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import psycopg.conninfo

from hanzo_twin.errors import ConflictError, StoreUnavailableError
from hanzo_twin.stores.postgres_binaries import Programs, find_programs
from hanzo_twin.stores.postgres_cluster import Cluster, find_cluster

USER = DATABASE = "twin"
_BIND_ATTEMPTS = 5
_TIMEOUT_S = 60.0
"""For the server, or for another process that starts it."""
_WATCHDOG = """
( read -r _ < "$1"
  read -r pid < "$2/postmaster.pid" && [ "$pid" = "$3" ] && kill -INT "$3" ) </dev/null >/dev/null 2>&1 &
"""
"""Waits until nobody holds the lifeline, then shuts the server down if it is still the one it was started for."""


class EmbeddedPostgres:
    """Starts, shares and stops the server of ``data_dir``; its calls block, so give them a thread in asynchronous code.

    Args:
        data_dir: made if it is missing. Started by root, PostgreSQL runs as user 65534, and its data lie below
            ``/var/lib/hanzo-twin`` if that user cannot reach ``data_dir``.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = Path(data_dir).absolute()
        self._users_lock: int | None = None
        self._lifeline: int | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs; return its SQLAlchemy URL, password included.

        Raises:
            NotInstalledError: the package with PostgreSQL's programs is missing.
            ConflictError: the data belong to another account or another version of PostgreSQL.
            StoreUnavailableError: the server does not start; the message ends with its log.
        """
        try:
            self._make_data_dir()
            with self._launch_lock():
                cluster = find_cluster(self.data_dir)
                programs = find_programs(cluster.uid)
                if not cluster.exists:
                    self._initialise(cluster, programs)
                with contextlib.ExitStack() as on_failure:
                    on_failure.callback(self._leave)
                    self._join()
                    port = cluster.running_port() or self._start_server(cluster, programs)
                    self._wait_until_ready(cluster, port)
                    on_failure.pop_all()
        except OSError as error:
            message = f"The embedded database in {self.data_dir} cannot be started: {error}."
            raise StoreUnavailableError(message) from error
        return self._url(port)

    def stop(self) -> None:
        """Leave the server; the last process to leave shuts it down. Stopping twice is allowed.

        Raises:
            StoreUnavailableError: the server does not shut down.
        """
        if self._users_lock is None:
            return
        with self._launch_lock():
            try:
                if _try_lock(self._users_lock, fcntl.LOCK_EX):
                    self._shut_down(find_cluster(self.data_dir))
            finally:
                self._leave()

    def remove(self) -> None:
        """Stop the server and delete the database.

        Raises:
            ConflictError: another process uses it; nothing was deleted.
        """
        self.stop()
        if not self.data_dir.exists():
            return
        cluster = find_cluster(self.data_dir)
        if cluster.server_pid() is not None:
            raise ConflictError(f"The embedded database in {self.data_dir} is used by another process.")
        if cluster.elsewhere:
            shutil.rmtree(cluster.path.parent)
        shutil.rmtree(self.data_dir)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the server that runs.

        Raises:
            StoreUnavailableError: none runs.
        """
        port = find_cluster(self.data_dir).running_port()
        if port is None:
            raise StoreUnavailableError(f"The embedded database in {self.data_dir} does not run.", hint="Call start().")
        return self._url(port)

    def _url(self, port: int) -> str:
        password = (self.data_dir / "password").read_text()
        return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"

    def _make_data_dir(self) -> None:
        if not self.data_dir.exists():
            self.data_dir.mkdir(parents=True)
            self.data_dir.chmod(0o711)  # whatever the umask: PostgreSQL's account passes through

    @contextlib.contextmanager
    def _launch_lock(self) -> Iterator[None]:
        descriptor = os.open(self.data_dir / "launch.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _TIMEOUT_S
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise ConflictError(f"Another process has been starting or stopping {self.data_dir} for too long.")
                time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    def _join(self) -> None:
        """Count this process among those that use the server."""
        if self._users_lock is None:
            self._users_lock = os.open(self.data_dir / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)
        if self._lifeline is None:
            path = self.data_dir / "lifeline"
            with contextlib.suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            self._lifeline = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def _leave(self) -> None:
        for descriptor in (self._users_lock, self._lifeline):
            if descriptor is not None:
                os.close(descriptor)
        self._users_lock = self._lifeline = None

    def _initialise(self, cluster: Cluster, programs: Programs) -> None:
        """Make the cluster beside its final place and rename it, so that a half-made one is never used."""
        partial = cluster.path.with_name("cluster.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password_file = partial.with_name("password.partial")
        _write_private(password_file, self._password(), programs.uid)
        try:
            if programs.uid is not None:
                os.chown(partial, programs.uid, programs.uid)
            done = programs.run(
                "initdb",
                f"--pgdata={partial}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
            )
        finally:
            password_file.unlink()
        if done.returncode:
            shutil.rmtree(partial, ignore_errors=True)
            hint = "PostgreSQL needs its account to have an entry in /etc/passwd." if "look up" in done.stderr else ""
            raise StoreUnavailableError(f"No database can be made in {cluster.path}:\n{done.stderr.strip()}", hint=hint)
        partial.rename(cluster.path)

    def _password(self) -> str:
        path = self.data_dir / "password"
        if not path.exists():
            temporary = path.with_suffix(".tmp")
            _write_private(temporary, secrets.token_urlsafe(24), None)
            temporary.replace(path)
        return path.read_text()

    def _start_server(self, cluster: Cluster, programs: Programs) -> int:
        _check_version(cluster, programs)
        cluster.clear_dead_server(_TIMEOUT_S)
        port = self._last_port()
        for attempt in range(1, _BIND_ATTEMPTS + 1):
            log_start = cluster.log_size()
            done = programs.run("pg_ctl", *_start_arguments(cluster, port), timeout_s=_TIMEOUT_S + 30)
            if done.returncode == 0:
                break
            if attempt == _BIND_ATTEMPTS or "could not bind" not in cluster.log_tail(log_start, 100):
                said = cluster.log_tail(log_start) or done.stderr.strip()
                raise StoreUnavailableError(f"The embedded database in {self.data_dir} does not start:\n{said}")
            port = _free_port()
        (self.data_dir / "port").write_text(str(port))
        self._watch(cluster)
        return port

    def _last_port(self) -> int:
        with contextlib.suppress(OSError, ValueError):
            port = int((self.data_dir / "port").read_text())
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            return port
        return _free_port()

    def _watch(self, cluster: Cluster) -> None:
        arguments = [self.data_dir / "lifeline", cluster.path, cluster.server_pid()]
        command = ["/bin/sh", "-c", _WATCHDOG, "hanzo-twin-postgres-watchdog", *map(str, arguments)]
        subprocess.run(command, start_new_session=True, cwd="/", check=True)

    def _wait_until_ready(self, cluster: Cluster, port: int) -> None:
        """Return when the database answers; a server that was joined may still be recovering."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                self._make_database(port)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or cluster.server_pid() is None or "authentication" in str(error):
                    raise StoreUnavailableError(
                        f"The embedded database in {self.data_dir} does not answer: {error}\n{cluster.log_tail()}"
                    ) from error
                time.sleep(0.05)
            else:
                return

    def _make_database(self, port: int) -> None:
        password = self._password()
        with (
            psycopg.connect(
                host="127.0.0.1",
                port=port,
                user=USER,
                password=password,
                dbname="postgres",
                connect_timeout=3,
                autocommit=True,
            ) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def _shut_down(self, cluster: Cluster) -> None:
        if cluster.server_pid() is None:
            return
        programs = find_programs(cluster.uid)
        done = programs.run("pg_ctl", "stop", "-D", str(cluster.path), "-m", "fast", "-w", "-t", f"{_TIMEOUT_S:.0f}")
        if done.returncode and cluster.server_pid() is not None:
            raise StoreUnavailableError(
                f"The embedded database in {self.data_dir} does not shut down: {done.stderr.strip()}"
            )


def _check_version(cluster: Cluster, programs: Programs) -> None:
    made_by, ours = (cluster.path / "PG_VERSION").read_text().strip(), programs.major_version()
    if made_by != ours:
        raise ConflictError(
            f"The database in {cluster.path} was made by PostgreSQL {made_by}; the one installed is {ours}.",
            hint=f"Dump it with PostgreSQL {made_by} (pg_dump) and load the dump into a new data directory.",
        )


def _start_arguments(cluster: Cluster, port: int) -> list[str]:
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c timezone=UTC"
    log = cluster.path / "server.log"
    return ["start", "-D", str(cluster.path), "-l", str(log), "-o", settings, "-w", "-t", "60"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _try_lock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_private(path: Path, text: str, owner: int | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if owner is not None:
            os.fchown(file.fileno(), owner, owner)
        file.write(text)
