"""A private MQTT broker as a child process, for demonstrations and tests: mosquitto, or the one of the extra ``local``.

It listens on the loopback address only, on a free port, and counts as started when it answers a CONNECT::

    broker = local_broker(folder)
    broker.start()
    ...  # connect to broker.url
    broker.stop()
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hanzo_twin.errors import NotInstalledError, UnavailableError

HOST = "127.0.0.1"
MOSQUITTO_VARIABLE = "HANZO_TWIN_MOSQUITTO"
"""Environment variable that names the mosquitto executable, where it is not on the PATH."""

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
_ATTEMPTS = 3
_CONNECT_3_1_1 = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x05\x00\x02up"
_CONNACK = 0x20
_SERVE_EMBEDDED = "import sys; sys.path[:] = [p for p in sys.path if p]; from iotcore._serve import main; main()"


@dataclass(frozen=True, kw_only=True)
class ServerTls:
    """PEM files of an encrypted listener, which asks clients for a certificate of ``ca_file`` too."""

    ca_file: Path
    cert_file: Path
    key_file: Path


class LocalBroker:
    """A broker of our own. Made by `local_broker`, `mosquitto` or `embedded_broker`; not yet running.

    Args:
        folder: for its configuration, data and log (``broker.log``); made if it is not there.
        command: the command line that serves on a port.
        tls: context of a client that the broker accepts, if its listener is encrypted.
    """

    def __init__(
        self, folder: Path, command: Callable[[int], Sequence[str]], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = 0
        self.log = folder / "broker.log"
        self._folder = folder
        self._command = command
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where to connect; known once it was started."""
        return f"mqtt://{HOST}:{self.port}" if self._tls is None else f"mqtts://localhost:{self.port}"

    @property
    def process_id(self) -> int | None:
        """Its process, or None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start, and return when it serves. After `stop` or `kill` it takes the same port again.

        Raises:
            UnavailableError: it did not come up; the hint has the end of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(1 if self.port else _ATTEMPTS):
            port = self.port or _free_port()
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(port), stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._folder
                )
            if self._wait_until_ready(port):
                self.port = port
                return
            self.kill()
        end = self.log.read_text(errors="replace")[-500:].strip()
        raise UnavailableError("The local MQTT broker did not start.", hint=f"{self.log} ends with: {end or 'nothing'}")

    def stop(self) -> None:
        """End it in good order. Does nothing where it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reap()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _wait_until_ready(self, port: int) -> bool:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if _answers(port, self._tls):
                return True
            time.sleep(_POLL_S)
        return False

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None


def local_broker(folder: Path) -> LocalBroker:
    """The best broker there is on this machine: mosquitto, else the embedded one.

    Raises:
        NotInstalledError: there is none.
    """
    return mosquitto(folder) if find_mosquitto() is not None else embedded_broker(folder)


def find_mosquitto() -> str | None:
    """The mosquitto executable, or None."""
    named = os.environ.get(MOSQUITTO_VARIABLE)
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which(named or "mosquitto", path=search)


def mosquitto(
    folder: Path,
    *,
    passwords: Mapping[str, str] | None = None,
    durable: bool = False,
    tls: ServerTls | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> LocalBroker:
    """Eclipse mosquitto.

    Args:
        passwords: by user; with any, nobody else is let in.
        durable: what was queued survives `LocalBroker.kill`. Costs about nine tenths of the throughput.
        tls: makes the listener encrypted; ``client_tls`` must then be a context that it accepts.

    Raises:
        NotInstalledError: it is not on this machine.
    """
    executable = find_mosquitto()
    if executable is None:
        raise NotInstalledError(
            "The MQTT broker mosquitto was not found.",
            hint=f"Install it (apt-get install mosquitto), or name the executable in {MOSQUITTO_VARIABLE}.",
        )

    def command(port: int) -> Sequence[str]:
        configuration = folder / "mosquitto.conf"
        configuration.write_text(_mosquitto_configuration(folder, port, passwords, durable, tls))
        return (executable, "-c", str(configuration))

    return LocalBroker(folder, command, tls=client_tls)


def embedded_broker(folder: Path) -> LocalBroker:
    """The rumqttd broker of the package iotcore: MQTT 3.1.1, sessions in memory, payloads up to 256 KiB.

    Raises:
        NotInstalledError: the package is not installed.
    """
    if find_spec("iotcore") is None:
        raise NotInstalledError(
            "There is no MQTT broker on this machine.",
            hint="Install one: apt-get install mosquitto, or pip install 'hanzo-twin[local]'.",
        )

    def command(port: int) -> Sequence[str]:
        options = {"listen": HOST, "port": port, "max_payload_size": 256 * 1024}
        return (sys.executable, "-c", _SERVE_EMBEDDED, json.dumps(options))

    return LocalBroker(folder, command)


def _mosquitto_configuration(
    folder: Path, port: int, passwords: Mapping[str, str] | None, durable: bool, tls: ServerTls | None
) -> str:
    lines = [f"listener {port} {HOST}", "max_queued_messages 0", "log_type error", "log_type warning"]
    if os.geteuid() == 0:
        lines.append("user root")
    if passwords is None:
        lines.append("allow_anonymous true")
    else:
        lines += ["allow_anonymous false", f"password_file {_write_passwords(folder, passwords)}"]
    if durable:
        lines += ["persistence true", f"persistence_location {folder}/", "autosave_on_changes true"]
        lines += ["autosave_interval 1"]
    if tls is not None:
        lines += [f"cafile {tls.ca_file}", f"certfile {tls.cert_file}", f"keyfile {tls.key_file}"]
        lines += ["require_certificate true"]
    return "\n".join(lines) + "\n"


def _write_passwords(folder: Path, passwords: Mapping[str, str]) -> Path:
    file = folder / "passwords"
    file.touch(mode=0o600)
    file.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()))
    subprocess.run(("mosquitto_passwd", "-U", str(file)), check=True, capture_output=True)
    return file


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int, tls: ssl.SSLContext | None) -> bool:
    """Whether what listens on ``port`` answers a CONNECT, be it with a refusal."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as plain:
            stream = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
            with stream:
                stream.sendall(_CONNECT_3_1_1)
                answer = stream.recv(4)
                return bool(answer) and answer[0] == _CONNACK
    except OSError:
        return False
