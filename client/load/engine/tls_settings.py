"""A plan's TLS settings: the certificates that its connections trust, and the one that they show."""

from __future__ import annotations

import ssl

from client.load.plan.model import Plan
from client.load.plan.placeholders import read_bytes
from vmhost.base.errors import InvalidInput

_CERTIFICATE, _KEY = b"-----BEGIN CERTIFICATE-----", b"PRIVATE KEY-----"
_IF_IT_DEMANDS = "if it demands a client certificate, give --cert and --key"
CLOSED = "it ended the TLS connection in the handshake"
CLOSED_AT_ONCE = f"{CLOSED}; {_IF_IT_DEMANDS}"
_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for a certificate whose CA is not known here."""


def tls_context(plan: Plan) -> ssl.SSLContext:
    """The settings of the plan's TLS connections. Raises InvalidInput for a file that is missing or cannot be used."""
    context = _trusting(plan.cacert)
    if plan.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if plan.cert is not None and plan.key is not None:
        _show(context, plan.cert, plan.key)
    return context


def check_tls_files(plan: Plan) -> None:
    """Raise InvalidInput for a file of the plan's TLS settings that is missing or cannot be used."""
    if plan.cacert is not None or plan.cert is not None:
        tls_context(plan)


def certificate_error_text(error: ssl.SSLCertVerificationError) -> str:
    """Why the server's certificate is refused, and what to do."""
    name_it = "name its CA with --cacert, or " if error.verify_code in _UNKNOWN_ISSUER else ""
    why = error.verify_message.rstrip(".")
    return f"certificate verify failed: {why}; {name_it}accept any certificate with --insecure"


def handshake_error_text(error: ssl.SSLError) -> str:
    """Why there is no TLS connection if the server's certificate is not the reason, and what to do."""
    reason = _reason(error)
    if "alert" in reason and ("certificate" in reason or "handshake failure" in reason):
        return f"{CLOSED} ({reason}); {_IF_IT_DEMANDS}"
    return f"no TLS connection could be made ({reason}); check that the server speaks TLS on this port"


def _trusting(cacert: str | None) -> ssl.SSLContext:
    if cacert is not None:
        _must_hold(cacert, "the CA file (cacert)", _CERTIFICATE, "certificate")
    try:
        return ssl.create_default_context(cafile=cacert)
    except ssl.SSLError as error:
        raise InvalidInput(
            f"the CA file (cacert): {cacert} has a certificate that cannot be read ({_reason(error)});"
            " write the file again from its source"
        ) from error


def _show(context: ssl.SSLContext, cert: str, key: str) -> None:
    _must_hold(cert, "the client certificate (cert)", _CERTIFICATE, "certificate")
    _must_hold(key, "the private key (key)", _KEY, "private key")

    def no_password() -> str:
        raise InvalidInput(
            f"the private key (key): {key} is protected by a password; give one without,"
            " made with `openssl pkey -in FILE -out NEW`"
        )

    try:
        context.load_cert_chain(cert, key, password=no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InvalidInput(
                f"the private key (key) {key} does not belong to the client certificate (cert) {cert};"
                " give the key that the certificate was made with"
            ) from error
        raise InvalidInput(
            f"the client certificate (cert) {cert} with its key {key} cannot be used ({_reason(error)});"
            " check both files"
        ) from error


def _must_hold(path: str, what: str, mark: bytes, thing: str) -> None:
    if mark not in read_bytes(path, what):
        raise InvalidInput(f"{what}: {path} holds no {thing} in PEM form; give a file that has a BEGIN line for one")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "it is damaged").replace("_", " ").lower()
