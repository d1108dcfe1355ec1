"""What a connection needs from outside the definition: certificate files and passwords."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

from hanzo_twin.definition.connection import Tls
from hanzo_twin.definition.secret import Secret
from hanzo_twin.errors import DefinitionError, SourceUnavailableError


def tls_context(tls: Tls | None) -> ssl.SSLContext:
    """A context that checks the broker's certificate and shows ours, if there is one; TLS 1.2 or later.

    Raises:
        SourceUnavailableError: a file is missing, not readable, or not what it should be; names the field and the file.
    """
    files = tls or Tls()
    for field in ("ca_file", "cert_file", "key_file"):
        _check_readable(f"tls.{field}", getattr(files, field))
    try:
        context = ssl.create_default_context(cafile=files.ca_file)
    except ssl.SSLError:
        raise SourceUnavailableError(
            f"tls.ca_file {files.ca_file} holds no certificate that can be read.",
            hint="It must be a PEM file with the certificate of the authority that signed the broker's certificate.",
        ) from None
    if files.cert_file is not None and files.key_file is not None:
        _load_certificate(context, files.cert_file, files.key_file)
    return context


def password_of(secret: Secret | None) -> str | None:
    """The password that ``secret`` names.

    Raises:
        SourceUnavailableError: the variable is not set.
    """
    try:
        return None if secret is None else secret.resolve()
    except DefinitionError as missing:
        raise SourceUnavailableError(missing.message, hint=missing.hint) from None


def is_loopback(host: str) -> bool:
    """Whether what is sent to ``host`` stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_readable(field: str, file: str | None) -> None:
    if file is None:
        return
    try:
        with Path(file).open("rb"):
            pass
    except OSError as failure:
        raise SourceUnavailableError(
            f"{field} {file} cannot be read: {failure.strerror}.",
            hint="Correct the path in the definition, or put the PEM file there.",
        ) from None


def _load_certificate(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    try:
        context.load_cert_chain(cert_file, key_file, password=_refuse_encrypted)
    except _EncryptedKeyError:
        raise SourceUnavailableError(
            f"tls.key_file {key_file} is encrypted.",
            hint="Decrypt it (openssl pkey -in KEY -out PLAIN) and protect the file by its permissions.",
        ) from None
    except ssl.SSLError as failure:
        mismatch = failure.reason == "KEY_VALUES_MISMATCH"
        trouble = "do not belong together" if mismatch else "are not a certificate and a key in PEM form"
        raise SourceUnavailableError(
            f"tls.cert_file {cert_file} and tls.key_file {key_file} {trouble}.",
            hint="cert_file is the client's certificate followed by its intermediates, key_file its private key.",
        ) from None


class _EncryptedKeyError(Exception):
    pass


def _refuse_encrypted() -> str:
    """OpenSSL asks for a passphrase; without this it would ask at the terminal."""
    raise _EncryptedKeyError
