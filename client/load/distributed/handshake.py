"""Each side proves to the other that it knows the token: three lines, fresh numbers from both, HMAC-SHA256.

asker   {"hello": protocol, "nonce": A}
worker  {"hello": protocol, "name": …, "nonce": W, "proof": HMAC(token, worker, protocol, A, W, name)}
asker   {"welcome": HMAC(token, asker, protocol, A, W, name)}  or  {"refused": reason}
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
"""So long a refusal takes, so that tokens cannot be tried quickly."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NONCE = re.compile(r"[0-9a-f]{64}")
_WORDS_MAX = 200


class HandshakeRefused(Exception):
    """The two do not come together: why, in a few words."""


class NoResponse(HandshakeRefused):
    """The other side has gone or says nothing; it may be better later."""


@cache
def protocol() -> str:
    """What both must speak: only the same version understands every word of a plan and counts alike."""
    try:
        return f"glasscloud-load 1, glasscloud {version('glasscloud')}"
    except PackageNotFoundError:
        return "glasscloud-load 1"


async def admit(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes) -> str:
    """The asker's side: the name of a worker that has proved itself. Raises Refused; the worker is not told yet."""
    ours = fresh_nonce()
    writer.write(encode_line({"hello": protocol(), "nonce": ours}))
    match await _hear(lines, TIME_S):
        case {"hello": str() as hello, "name": str() as name, "nonce": str() as theirs, "proof": str() as said} if (
            _NAME.fullmatch(name) and _NONCE.fullmatch(theirs)
        ):
            pass
        case {}:
            raise HandshakeRefused("it is no worker of ours")
    if hello != protocol():
        raise HandshakeRefused(f"it speaks {_clean(hello)}; expected {protocol()}")
    if not verify_proof(said, secret, "worker", protocol(), ours, theirs, name):
        raise HandshakeRefused("wrong token")
    writer.write(encode_line({"welcome": make_proof(secret, "asker", protocol(), ours, theirs, name)}))
    return name


async def introduce(lines: LineReader, writer: asyncio.StreamWriter, secret: bytes, name: str) -> None:
    """The worker's side; returns once the asker has proved itself too. Raises Refused."""
    match await _hear(lines, TIME_S):
        case {"hello": str() as hello, "nonce": str() as theirs} if _NONCE.fullmatch(theirs):
            pass
        case _:
            raise HandshakeRefused("whoever listens there gathers no workers of ours")
    ours = fresh_nonce()
    said = make_proof(secret, "worker", protocol(), theirs, ours, name)
    writer.write(encode_line({"hello": protocol(), "name": name, "nonce": ours, "proof": said}))
    match await _hear(lines, TIME_S + REFUSED_AFTER_S):
        case {"welcome": str() as shown} if verify_proof(shown, secret, "asker", protocol(), theirs, ours, name):
            return
        case {"refused": str() as reason}:
            raise HandshakeRefused(_clean(reason))
    if hello != protocol():
        raise HandshakeRefused(f"the asker speaks {_clean(hello)}; expected {protocol()}")
    raise HandshakeRefused("the asker does not know the token")


async def _hear(lines: LineReader, within_s: float) -> dict[str, Any]:
    try:
        async with asyncio.timeout(within_s):
            message = await lines.message(LINE_BYTES_MAX)
    except TimeoutError:
        raise NoResponse(f"it said nothing within {within_s:.0f} s") from None
    except (ValueError, RecursionError):
        raise HandshakeRefused("what it says is no line of ours") from None
    if not message:
        raise NoResponse("it closed the connection")
    return message


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_WORDS_MAX])
