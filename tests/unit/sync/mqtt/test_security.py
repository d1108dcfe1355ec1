from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from hanzo_twin.definition.connection import Tls
from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.mqtt.security import is_loopback, tls_context


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name in ("one", "two"):
        certificate = authority.issue_cert(f"{name}@example.com")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    (tmp_path / "junk").write_text("junk")
    return {path.name: str(path) for path in tmp_path.iterdir()}


def refusal(**fields: str) -> str:
    with pytest.raises(SourceUnavailableError) as refused:
        tls_context(Tls(**fields))
    return refused.value.message


def test_the_peer_is_always_checked(files: dict[str, str]) -> None:
    context = tls_context(Tls(ca_file=files["ca.pem"], cert_file=files["one.pem"], key_file=files["one.key"]))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    assert tls_context(None).verify_mode == ssl.CERT_REQUIRED


def test_files_that_cannot_serve(files: dict[str, str]) -> None:
    pair = {"cert_file": files["one.pem"], "key_file": files["one.key"]}
    assert refusal(ca_file="/none/ca.pem") == "tls.ca_file /none/ca.pem cannot be read: No such file or directory."
    assert refusal(**pair | {"key_file": "/none/key"}).startswith("tls.key_file /none/key cannot be read")
    assert refusal(ca_file=files["junk"]) == f"tls.ca_file {files['junk']} holds no certificate that can be read."
    assert refusal(**pair | {"key_file": files["two.key"]}).endswith("two.key do not belong together.")
    assert refusal(**pair | {"cert_file": files["junk"]}).endswith("are not a certificate and a key in PEM form.")


def test_an_encrypted_key_is_refused_without_asking_at_the_terminal(files: dict[str, str], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(files["one.key"]).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert refusal(cert_file=files["one.pem"], key_file=str(locked)) == f"tls.key_file {locked} is encrypted."


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("x", False)],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
