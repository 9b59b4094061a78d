"""Each side proves to the other that it knows the token: three lines, fresh numbers from both, HMAC-SHA256.

coordinator  {"hello": protocol, "nonce": C}
worker       {"hello": protocol, "name": …, "nonce": W, "proof": HMAC(token, worker, protocol, C, W, name)}
coordinator  {"welcome": HMAC(token, coordinator, protocol, C, W, name)}  or  {"refused": reason}
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from client.load.distributed.connection import LineReader
from vmhost.base.errors import InvalidInput

LINE_BYTES_MAX = 1024
TIME_S = 5.0
REFUSED_AFTER_S = 1.0
"""A refusal takes this long, so that tokens cannot be tried quickly."""
_WORDS_MAX = 200
TOKEN_VARIABLE = "GLASSCLOUD_LOAD_TOKEN"
"""The environment variable with the token, if no file is given."""
SHORTEST = 16
"""Anyone who listens on the way can try tokens against a proof offline, so a token must be too long to be guessed."""
_NONCE_BYTES = 32

Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,64}$")]
Nonce = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
T = TypeVar("T")


class Challenge(msgspec.Struct, frozen=True):
    """The coordinator's first line."""

    hello: str
    nonce: Nonce


class Introduction(msgspec.Struct, frozen=True):
    """The worker's line."""

    hello: str
    name: Name
    nonce: Nonce
    proof: str


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """The coordinator's second line: its proof, or why it refuses the worker."""

    welcome: str = ""
    refused: str = ""


def encode_line(message: Challenge | Introduction | Decision) -> bytes:
    return msgspec.json.encode(message) + b"\n"


# The token


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerToken:
    """A shared secret that is never shown. A file is read again for each proof, because it may have been replaced."""

    file: Path | None = None
    text: str = field(default="", repr=False)

    def secret(self) -> bytes:
        """The secret. Raises InvalidInput for a file that cannot be read, or a secret that is too short."""
        secret = self.text.strip().encode() if self.file is None else _read(self.file)
        if len(secret) < SHORTEST:
            raise InvalidInput(
                f"the token has {len(secret)} characters; use {SHORTEST} or more, such as: openssl rand -hex 32"
            )
        return secret


def read_token(file: Path | None, environ: Mapping[str, str] = os.environ) -> WorkerToken:
    """The token in that file, else in GLASSCLOUD_LOAD_TOKEN. Raises InvalidInput if it is in neither."""
    text = environ.get(TOKEN_VARIABLE, "")
    if file is None and not text:
        raise InvalidInput(f"a token is required: give --token-file FILE, or set the variable {TOKEN_VARIABLE}")
    token = WorkerToken(file=file, text=text)
    token.secret()
    return token


def fresh_nonce() -> str:
    """A random number that was never used before, as text."""
    return secrets.token_hex(_NONCE_BYTES)


def make_proof(secret: bytes, side: str, *words: str) -> str:
    """The proof that one knows the secret, for these words; `side` keeps a proof from being sent back."""
    return hmac.digest(secret, msgspec.json.encode([side, *words]), "sha256").hex()


def verify_proof(said: str, secret: bytes, side: str, *words: str) -> bool:
    """Whether the proof comes from a peer that knows the secret; the time it takes reveals nothing."""
    return hmac.compare_digest(said.encode(), make_proof(secret, side, *words).encode())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"token file {file} cannot be read: {error.strerror}") from None


# The handshake


class HandshakeRefused(Exception):
    """Why a worker and a coordinator do not work together, in a few words."""


class NoResponse(HandshakeRefused):
    """The other side has gone or sends nothing; a later attempt may succeed."""


@cache
def protocol() -> str:
    """The protocol of both sides: only the same version understands each field of a plan and counts in the same way."""
    try:
        return f"glasscloud-load 3, glasscloud {version('glasscloud')}"
    except PackageNotFoundError:
        return "glasscloud-load 3"


async def admit(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes) -> str:
    """The coordinator's side: return the name of a worker that has proved itself.

    Raises HandshakeRefused; the caller sends the refusal."""
    ours = fresh_nonce()
    writer.write(encode_line(Challenge(protocol(), ours)))
    worker = await _receive(lines, TIME_S, Introduction, "it is not a glasscloud worker")
    if worker.hello != protocol():
        raise HandshakeRefused(
            f"it speaks {_clean(worker.hello)}, this side {protocol()}; use the same version on both"
        )
    if not verify_proof(worker.proof, secret, "worker", protocol(), ours, worker.nonce, worker.name):
        raise HandshakeRefused("wrong token")
    proof = make_proof(secret, "coordinator", protocol(), ours, worker.nonce, worker.name)
    writer.write(encode_line(Decision(welcome=proof)))
    return worker.name


async def introduce(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes, name: str) -> None:
    """The worker's side: return once the coordinator has proved itself too. Raises HandshakeRefused."""
    refusal = "the program that listens there is not a glasscloud coordinator"
    theirs = await _receive(lines, TIME_S, Challenge, refusal)
    ours = fresh_nonce()
    proof = make_proof(secret, "worker", protocol(), theirs.nonce, ours, name)
    writer.write(encode_line(Introduction(protocol(), name, ours, proof)))
    decision = await _receive(lines, TIME_S + REFUSED_AFTER_S, Decision, refusal)
    if verify_proof(decision.welcome, secret, "coordinator", protocol(), theirs.nonce, ours, name):
        return
    if decision.refused:
        raise HandshakeRefused(_clean(decision.refused))
    if theirs.hello != protocol():
        raise HandshakeRefused(
            f"the coordinator speaks {_clean(theirs.hello)}, this side {protocol()}; use the same version on both"
        )
    raise HandshakeRefused("the coordinator does not know the token")


async def _receive(lines: LineReader, within_s: float, kind: type[T], refusal: str) -> T:
    try:
        async with asyncio.timeout(within_s):
            message = await lines.message(LINE_BYTES_MAX, kind)
    except TimeoutError:
        raise NoResponse(f"it sent nothing within {within_s:.0f} s") from None
    except msgspec.ValidationError:
        raise HandshakeRefused(refusal) from None
    except (ValueError, RecursionError):
        raise HandshakeRefused("it does not speak the worker protocol") from None
    if message is None:
        raise NoResponse("it closed the connection")
    return message


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_WORDS_MAX])
