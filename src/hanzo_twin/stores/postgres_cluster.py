"""Where the data of an embedded database lie, whose they are, and whether a server runs on them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hanzo_twin.errors import ConflictError, StoreUnavailableError
from hanzo_twin.stores.postgres_binaries import UNPRIVILEGED_UID, reachable, shared_root


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """PostgreSQL's data directory.

    Args:
        path: may not exist yet.
        uid: the account that PostgreSQL must run under; None for that of this process.
        elsewhere: it lies outside the data directory of the embedded database.
    """

    path: Path
    uid: int | None
    elsewhere: bool

    @property
    def exists(self) -> bool:
        return (self.path / "PG_VERSION").exists()

    def server_pid(self) -> int | None:
        """The server that runs on these data; a process that got the number of a dead server does not count."""
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._lock_file()[0])
            if pid in self.processes():
                return pid
        return None

    def running_port(self) -> int | None:
        """The port of the server that runs on these data."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            if self.server_pid() is not None:
                return int(self._lock_file()[3])
        return None

    def processes(self) -> set[int]:
        """Processes that work on these data: PostgreSQL's have their working directory there."""
        return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal() and self._in(entry)}

    def _in(self, process: Path) -> bool:
        with contextlib.suppress(OSError):
            return (process / "cwd").readlink() == self.path
        return False

    def _lock_file(self) -> list[str]:
        return (self.path / "postmaster.pid").read_text().splitlines()

    def clear_dead_server(self, timeout_s: float) -> None:
        """After a server was killed: wait until its children are gone, and remove its lock file, whose number another
        process may have by now, which PostgreSQL would take for a server.

        Raises:
            StoreUnavailableError: children of the dead server go on.
        """
        deadline = time.monotonic() + timeout_s
        while left := self.processes():
            if time.monotonic() > deadline:
                raise StoreUnavailableError(f"Processes of a dead server still use {self.path}: {sorted(left)}.")
            time.sleep(0.05)
        (self.path / "postmaster.pid").unlink(missing_ok=True)

    def log_tail(self, start: int = 0, lines: int = 8) -> str:
        """The server's last words, from byte ``start`` of its log."""
        with contextlib.suppress(OSError):
            written = (self.path / "server.log").read_bytes()[start:].decode(errors="replace")
            return "\n".join(f"  {line}" for line in written.splitlines()[-lines:])
        return ""

    def log_size(self) -> int:
        """Length of the log [B]."""
        with contextlib.suppress(OSError):
            return (self.path / "server.log").stat().st_size
        return 0


def find_cluster(data_dir: Path) -> Cluster:
    """The cluster of ``data_dir``, or where it is to be made.

    Raises:
        ConflictError: it belongs to another account.
        StoreUnavailableError: it lay elsewhere and is gone.
    """
    location = data_dir / "location"
    path = Path(location.read_text()) if location.exists() else data_dir.resolve() / "cluster"
    if path.exists():
        return _existing(path, elsewhere=location.exists())
    if location.exists() and not path.parent.exists():
        raise StoreUnavailableError(
            f"The data of the embedded database in {data_dir} are gone: {path} does not exist.",
            hint=f"Restore them, or delete {data_dir} to begin with an empty database.",
        )
    uid = UNPRIVILEGED_UID if os.geteuid() == 0 else None
    if uid is not None and not location.exists() and not reachable(path, uid):
        path = _place_elsewhere(data_dir)
        return Cluster(path=path, uid=uid, elsewhere=True)
    return Cluster(path=path, uid=uid, elsewhere=location.exists())


def _existing(path: Path, *, elsewhere: bool) -> Cluster:
    owner, me = path.stat().st_uid, os.geteuid()
    if me not in (0, owner):
        raise ConflictError(
            f"The embedded database in {path} belongs to user {owner}, not to user {me}.",
            hint="Run as that user, as root, or with another data directory.",
        )
    return Cluster(path=path, uid=None if owner == me else owner, elsewhere=elsewhere)


def _place_elsewhere(data_dir: Path) -> Path:
    """A place below `shared_root`, noted in ``data_dir`` so that the directory may be moved."""
    clusters = shared_root() / "clusters"
    clusters.mkdir(mode=0o711, exist_ok=True)
    _sweep(clusters)
    home = clusters / secrets.token_hex(8)
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    (home / "origin").write_text(str(data_dir))
    path = home / "cluster"
    temporary = data_dir / "location.tmp"
    temporary.write_text(str(path))
    temporary.replace(data_dir / "location")
    return path


def _sweep(clusters: Path) -> None:
    """Delete what belonged to data directories among the temporary files that are gone now; others may be unmounted."""
    for home in clusters.iterdir():
        with contextlib.suppress(OSError):
            origin = Path((home / "origin").read_text())
            temporary = origin.is_relative_to(tempfile.gettempdir())
            cluster = Cluster(path=home / "cluster", uid=UNPRIVILEGED_UID, elsewhere=True)
            if temporary and not origin.exists() and not cluster.processes():
                shutil.rmtree(home)
