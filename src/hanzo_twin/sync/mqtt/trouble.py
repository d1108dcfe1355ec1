"""What people are told when a broker cannot be reached or refuses: one text for each cause, and what to do."""

from __future__ import annotations

import socket
import ssl

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from hanzo_twin.errors import SourceUnavailableError
from hanzo_twin.sync.mqtt.client import ClosedEarlyError

UNSUPPORTED_VERSION = 132
_UNSPECIFIED = 128  # also what paho reports when no packet said why
_BAD_IDENTIFIER, _BAD_CREDENTIALS, _NOT_AUTHORIZED = 133, 134, 135
_KEEP_ALIVE_TIMEOUT, _SESSION_TAKEN_OVER = 141, 142
_IS_IT_TLS = "Does this port speak TLS? Without TLS the URL begins with mqtt://."


def describe(
    error: aiomqtt.MqttError, broker: str, *, has_certificate: bool, username: str | None
) -> SourceUnavailableError:
    """``error`` as a designed error about ``broker`` (its URL)."""
    if isinstance(error.__context__, ConnectionResetError) and broker.startswith("mqtts:"):
        text, hint = "closed the connection during the TLS handshake", _IS_IT_TLS
    else:
        text, hint = _explain(error, has_certificate, username)
    return SourceUnavailableError(f"The broker {broker} {text}.", hint=hint)


def _explain(error: aiomqtt.MqttError, has_certificate: bool, username: str | None) -> tuple[str, str]:
    if isinstance(error, aiomqtt.MqttCodeError):
        return _explain_code(error, username)
    if isinstance(error, ClosedEarlyError):
        return _explain_early_close(str(error), has_certificate)
    return _explain_cause(error.__context__, str(error))


def _explain_code(error: aiomqtt.MqttCodeError, username: str | None) -> tuple[str, str]:
    if not isinstance(error.rc, ReasonCode) or error.rc.value == _UNSPECIFIED:
        return "was lost: the connection ended unexpectedly", ""
    who = "without a user name" if username is None else f"as user '{username}'"
    hint = "Check username and password (the variable that it names) in the definition, and the broker's users."
    known = {
        _BAD_CREDENTIALS: (f"refused the login {who}: wrong user name or password", hint),
        _NOT_AUTHORIZED: (f"does not authorize us {who}{_detail(error)}", hint),
        _BAD_IDENTIFIER: ("refused the client id", "Give the source another client_id."),
        _KEEP_ALIVE_TIMEOUT: ("does not answer any more", "Is it overloaded, or the network interrupted?"),
        _SESSION_TAKEN_OVER: (
            "ended the connection because another client connected with our client id",
            "Each source and sink needs a client_id of its own; is the same twin running twice?",
        ),
    }
    return known.get(error.rc.value, (f"refused: {error.rc}{_detail(error)}", ""))


def _detail(error: aiomqtt.MqttCodeError) -> str:
    return f" ({error.args[0]})" if error.args and error.args[0] != "Unexpected disconnection" else ""


def _explain_early_close(wire_error: str, has_certificate: bool) -> tuple[str, str]:
    if "certificate required" in wire_error.lower() or ("alert" in wire_error.lower() and not has_certificate):
        return (
            "asks for a client certificate and got none",
            "Set tls.cert_file and tls.key_file to a certificate that the broker trusts.",
        )
    if "alert" in wire_error.lower():
        return f"refused our client certificate: {wire_error}", "Is it expired, or signed by another authority?"
    hint = "Is this the MQTT port, with or without TLS?"
    if has_certificate:
        # The alert that says so is lost when the broker's reset overtakes it.
        hint = "It may have refused our client certificate: is it expired, or signed by another authority?"
    return "closed the connection before it had accepted it", hint


def _explain_cause(cause: BaseException | None, text: str) -> tuple[str, str]:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"shows a certificate that cannot be trusted: {cause.verify_message}",
            "tls.ca_file must hold the authority that signed it, and the host in the URL must be named in it.",
        )
    if isinstance(cause, ssl.SSLError):
        plain = cause.reason in ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE")
        return f"did not complete the TLS handshake: {cause.reason}", _IS_IT_TLS if plain else ""
    if isinstance(cause, socket.gaierror):
        return "has a host name that cannot be resolved", "Check the spelling, and the name server."
    if isinstance(cause, ConnectionRefusedError):
        return "is not there: the connection was refused", "Is it running, and is this its port?"
    if isinstance(cause, TimeoutError):
        return "did not answer in time", "Is a firewall in between?"
    if isinstance(cause, OSError):
        return f"cannot be reached: {cause.strerror or cause}", ""
    return f"was lost: {text}", ""
