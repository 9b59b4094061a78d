"""The record of a key pair. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vmhost.control.kind import Kind

RSA, ED25519 = "rsa", "ed25519"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A public key as EC2 describes it."""

    type: str
    text: str
    """In OpenSSH's form, without a comment."""
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """The public half of a key pair; the private half is returned once and never kept."""

    id: str
    name: str
    type: str
    """"rsa" or "ed25519"."""
    fingerprint: str
    public_key: str
    """In OpenSSH's form, without a comment."""
    created_at: float
    tags: Mapping[str, str] = field(default_factory=dict)


KEY_PAIRS = Kind(
    name="key-pair",
    record=KeyPair,
    table="key_pair",
    prefix="key",
    noun="key pair",
    not_found="InvalidKeyPair.NotFound",
    taggable=True,
)
