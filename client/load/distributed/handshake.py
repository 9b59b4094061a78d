"""Each side proves to the other that it knows the token: three lines, fresh numbers from both, HMAC-SHA256.

coordinator  {"hello": protocol, "nonce": C}
worker       {"hello": protocol, "name": …, "nonce": W, "proof": HMAC(token, worker, protocol, C, W, name)}
coordinator  {"welcome": HMAC(token, coordinator, protocol, C, W, name)}  or  {"refused": reason}
"""

from __future__ import annotations

import asyncio
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from client.load.distributed.line_reader import LineReader, encode_line
from client.load.distributed.worker_token import fresh_nonce, make_proof, verify_proof

LINE_BYTES_MAX = 1024
TIME_S = 5.0
REFUSED_AFTER_S = 1.0
"""A refusal takes this long, so that tokens cannot be tried quickly."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NONCE = re.compile(r"[0-9a-f]{64}")
_WORDS_MAX = 200


class HandshakeRefused(Exception):
    """Why a worker and a coordinator do not work together, in a few words."""


class NoResponse(HandshakeRefused):
    """The other side has gone or sends nothing; a later attempt may succeed."""


@cache
def protocol() -> str:
    """The protocol of both sides: only the same version understands each field of a plan and counts in the same way."""
    try:
        return f"glasscloud-load 2, glasscloud {version('glasscloud')}"
    except PackageNotFoundError:
        return "glasscloud-load 2"


async def admit(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes) -> str:
    """The coordinator's side: return the name of a worker that has proved itself.

    Raises HandshakeRefused; the caller sends the refusal."""
    ours = fresh_nonce()
    writer.write(encode_line({"hello": protocol(), "nonce": ours}))
    match await _receive(lines, TIME_S):
        case {"hello": str() as hello, "name": str() as name, "nonce": str() as theirs, "proof": str() as said} if (
            _NAME.fullmatch(name) and _NONCE.fullmatch(theirs)
        ):
            pass
        case {}:
            raise HandshakeRefused("it is not a glasscloud worker")
    if hello != protocol():
        raise HandshakeRefused(f"it speaks {_clean(hello)}, this side {protocol()}; use the same version on both")
    if not verify_proof(said, secret, "worker", protocol(), ours, theirs, name):
        raise HandshakeRefused("wrong token")
    writer.write(encode_line({"welcome": make_proof(secret, "coordinator", protocol(), ours, theirs, name)}))
    return name


async def introduce(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes, name: str) -> None:
    """The worker's side: return once the coordinator has proved itself too. Raises HandshakeRefused."""
    match await _receive(lines, TIME_S):
        case {"hello": str() as hello, "nonce": str() as theirs} if _NONCE.fullmatch(theirs):
            pass
        case _:
            raise HandshakeRefused("the program that listens there is not a glasscloud coordinator")
    ours = fresh_nonce()
    said = make_proof(secret, "worker", protocol(), theirs, ours, name)
    writer.write(encode_line({"hello": protocol(), "name": name, "nonce": ours, "proof": said}))
    match await _receive(lines, TIME_S + REFUSED_AFTER_S):
        case {"welcome": str() as shown} if verify_proof(shown, secret, "coordinator", protocol(), theirs, ours, name):
            return
        case {"refused": str() as reason}:
            raise HandshakeRefused(_clean(reason))
    if hello != protocol():
        raise HandshakeRefused(
            f"the coordinator speaks {_clean(hello)}, this side {protocol()}; use the same version on both"
        )
    raise HandshakeRefused("the coordinator does not know the token")


async def _receive(lines: LineReader, within_s: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(within_s):
            message = await lines.message(LINE_BYTES_MAX)
    except TimeoutError:
        raise NoResponse(f"it sent nothing within {within_s:.0f} s") from None
    except (ValueError, RecursionError):
        raise HandshakeRefused("it does not speak the worker protocol") from None
    if not message:
        raise NoResponse("it closed the connection")
    return message


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_WORDS_MAX])
