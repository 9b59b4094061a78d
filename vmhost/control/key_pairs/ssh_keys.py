"""SSH keys: generated or read from what users have, with the fingerprints that EC2 shows. Pure, but for randomness.

Source: Amazon EC2 User Guide, "Verify the fingerprint of your public key".
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
    load_ssh_public_key,
)

from vmhost.base.errors import InvalidInput
from vmhost.control.key_pairs.record import ED25519, RSA, PublicKey

_RSA_BITS, _RSA_EXPONENT = 2048, 65537
_RSA_BITS_IMPORTED = (1024, 2048, 4096)
_MAX_BYTES = 16 * 1024


def generate(kind: str) -> tuple[PublicKey, str]:
    """Return a new key, and its private half in the form in which EC2 returns it. RSA takes a tenth of a second."""
    if kind == ED25519:
        ed25519 = Ed25519PrivateKey.generate()
        return _ed25519(ed25519.public_key()), _pem(
            ed25519.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        )
    rsa = generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    # EC2 shows the private half's digest for keys that it generated, and the public half's for imported ones.
    digest = hashlib.sha1(rsa.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), usedforsecurity=False)
    public = PublicKey(type=RSA, text=_openssh(rsa.public_key()), fingerprint=_colons(digest.hexdigest()))
    return public, _pem(rsa.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def parse(material: bytes) -> PublicKey:
    """Read a public key in OpenSSH's, RFC 4716's or PEM's form, or as Base64 of its DER encoding.

    Raises InvalidInput (InvalidKey.Format) for anything else, for RSA keys of other than 1024, 2048 or 4096 bits, and
    for types that EC2 does not take."""
    key = _loaded(material)
    if isinstance(key, Ed25519PublicKey):
        return _ed25519(key)
    if not isinstance(key, RSAPublicKey):
        raise _invalid("it is neither an RSA nor an ed25519 key")
    if key.key_size not in _RSA_BITS_IMPORTED:
        raise _invalid(f"an RSA key has 1024, 2048 or 4096 bits, this one {key.key_size}")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(
        type=RSA, text=_openssh(key), fingerprint=_colons(hashlib.md5(der, usedforsecurity=False).hexdigest())
    )


def _loaded(material: bytes) -> object:
    if len(material) > _MAX_BYTES:
        raise _invalid(f"it has {len(material)} bytes; the limit is {_MAX_BYTES}")
    text = material.strip()
    try:
        if text.startswith(b"---- BEGIN SSH2"):
            return load_ssh_public_key(_rfc4716(text))
        if text.startswith(b"-----BEGIN"):
            return load_pem_public_key(text)
        if text.startswith((b"ssh-", b"ecdsa-")):
            return load_ssh_public_key(text)
        return load_der_public_key(base64.b64decode(b"".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise _invalid("give the content of a public key file such as ~/.ssh/id_ed25519.pub") from None


def _rfc4716(text: bytes) -> bytes:
    """Return the key in OpenSSH's form: its Base64 lines without the headers, which may go on after a backslash."""
    body, in_header = b"", False
    for line in text.splitlines()[1:-1]:
        header = in_header or b":" in line
        in_header = header and line.endswith(b"\\")
        if not header:
            body += line.strip()
    blob = base64.b64decode(body, validate=True)
    length = int.from_bytes(blob[:4])
    return blob[4 : 4 + length] + b" " + body


def _ed25519(key: Ed25519PublicKey) -> PublicKey:
    text = _openssh(key)
    digest = hashlib.sha256(base64.b64decode(text.split()[1])).digest()
    return PublicKey(type=ED25519, text=text, fingerprint=base64.b64encode(digest).decode())


def _openssh(key: RSAPublicKey | Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _pem(data: bytes) -> str:
    return data.decode().strip()


def _colons(digest: str) -> str:
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(f"Key is not in valid OpenSSH public key format: {why}", code="InvalidKey.Format")
