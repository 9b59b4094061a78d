"""Client tokens: the same request with the same token is carried out once.

Source: EC2 API, "Ensuring idempotency".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from vmhost.base.errors import InvalidInput
from vmhost.control.records import Records
from vmhost.store.codec import dump
from vmhost.store.store import Token

_MAX_LENGTH = 64
_MAX_LENGTHS = {"CreateLaunchTemplate": 128}
"""Where EC2 documents another maximum."""


def made_before(records: Records, action: str, request: Any) -> tuple[str, ...] | None:
    """The ids that this very request made when it came before; None when it is new.

    Raises InvalidInput (IdempotentParameterMismatch) when the token came with another request."""
    if request.client_token is None:
        return None
    limit = _MAX_LENGTHS.get(action, _MAX_LENGTH)
    if len(request.client_token) > limit or not request.client_token.isascii():
        raise InvalidInput(f"the client token is invalid; a token has at most {limit} characters, all of them ASCII")
    token = records.tokens.get(_key(action, request))
    if token is None:
        return None
    if token.digest != _digest(request):
        raise InvalidInput(
            f"the client token {request.client_token} was used before with other parameters; use a new token",
            code="IdempotentParameterMismatch",
        )
    return token.made


def token_of(action: str, request: Any, made: Sequence[str], at: float) -> tuple[Token, ...]:
    """The record to keep with what was made; none without a client token."""
    if request.client_token is None:
        return ()
    return (Token(id=_key(action, request), digest=_digest(request), made=tuple(made), at=at),)


def _key(action: str, request: Any) -> str:
    return f"{action}/{request.client_token}"


def _digest(request: Any) -> str:
    return hashlib.sha256(dump(request).encode()).hexdigest()
