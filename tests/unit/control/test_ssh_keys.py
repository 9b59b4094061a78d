"""SSH keys: what users may import, and the fingerprints that EC2 shows; those here are from OpenSSL and OpenSSH."""

from __future__ import annotations

import base64
import hashlib
import textwrap

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from vmhost.base.errors import InvalidInput
from vmhost.control.key_pairs.ssh_keys import generate, parse

RSA = (
    "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDdUKLYHIm2oEm/ybbfUYULaTQl7JB5lsEeezwLe/Rkn5cF7hWXeyU+Zxi2wpc0NHliI02U"
    "M8k6ofEc4ac4K7UHnJrmhixEz6EURPHakz6PlXrJXjDA9mI+AS8BJ5SiyI4rfecPsZNCN9APN5F707kgRLSdbXl4/DBUaMiLTpoT"
    "7w=="
)
RSA_DER = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdUKLYHIm2oEm/ybbfUYULaTQl7JB5lsEeezwLe/Rkn5cF7hWXeyU+Zxi2wpc0"
    "NHliI02UM8k6ofEc4ac4K7UHnJrmhixEz6EURPHakz6PlXrJXjDA9mI+AS8BJ5SiyI4rfecPsZNCN9APN5F707kgRLSdbXl4/DBU"
    "aMiLTpoT7wIDAQAB"
)
ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIAomV3df2wX0SMNZKoKZcwuaU4h0WEBC0J8d2K4Qw0T/"
ECDSA = (
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPkfBQUb4w0G4qCvQ+L/c5CzkKGR1EitTBotGy"
    "tzAGDvBlqrjNAXKHUP8PsalSBJIR8KjQqs8sOtyD7bfSI3UQg="
)
LINES = "\n".join(textwrap.wrap(RSA, 70))
RSA_MD5 = "85:66:a2:52:d2:6c:19:e4:3b:25:05:b5:0f:f8:b8:ae"


@pytest.mark.parametrize(
    "material",
    [
        f"ssh-rsa {RSA} me@home",
        f"ssh-rsa {RSA}\n",
        f'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "RSA, \\\nconverted"\n{LINES}\n---- END SSH2 PUBLIC KEY ----\n',
        f"-----BEGIN PUBLIC KEY-----\n{RSA_DER}\n-----END PUBLIC KEY-----\n",
        RSA_DER,
    ],
    ids=["openssh", "without comment", "rfc 4716", "pem", "der"],
)
def test_reads_every_form_of_an_rsa_key(material: str) -> None:
    key = parse(material.encode())
    assert (key.type, key.fingerprint, key.text) == ("rsa", RSA_MD5, f"ssh-rsa {RSA}")


def test_reads_an_ed25519_key() -> None:
    key = parse(f"ssh-ed25519 {ED25519} me".encode())
    assert (key.type, key.fingerprint) == ("ed25519", "NDDlQP0UQs9xdqEz4IBLc2uQHhGoc0Mhb+rtnpYWV+E=")
    assert key.text == f"ssh-ed25519 {ED25519}"


@pytest.mark.parametrize(
    ("material", "why"),
    [
        ("", "give the content of a public key file"),
        ("ssh-rsa AAAA", "give the content of a public key file"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "give the content of a public key file"),
        ("x" * 20_000, "it has 20000 bytes; the limit is 16384"),
        (f"ecdsa-sha2-nistp256 {ECDSA}", "neither an RSA nor an ed25519 key"),
    ],
    ids=["empty", "cut off", "dsa", "too long", "ecdsa"],
)
def test_refuses_what_ec2_does_not_take(material: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        parse(material.encode())
    assert refused.value.code == "InvalidKey.Format"


def test_generated_rsa_key_has_the_fingerprint_of_its_private_half() -> None:
    public, private = generate("rsa")
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----")
    key = load_pem_private_key(private.encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert public.fingerprint.replace(":", "") == hashlib.sha1(der).hexdigest()
    assert parse(public.text.encode()).text == public.text


def test_generated_ed25519_key_has_the_fingerprint_of_its_public_half() -> None:
    public, private = generate("ed25519")
    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert load_ssh_private_key(private.encode(), None)
    assert base64.b64decode(public.fingerprint) == hashlib.sha256(base64.b64decode(public.text.split()[1])).digest()
    assert parse(public.text.encode()) == public
