"""Client tokens: a request that is repeated with the same token is carried out once.

Source: EC2 API, "Ensuring idempotency".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from vmhost.base.errors import InvalidInput
from vmhost.control.kind import Kind
from vmhost.control.resources import Resources, Table

_MAX_LENGTH = 64
_MAX_LENGTHS = {"CreateLaunchTemplate": 128}
"""Where EC2 documents another maximum."""
_ADDED = frozenset({"key_name", "stop_protected", "termination_protected"})
"""Fields that requests did not always have: they do not count while unset, so that former tokens still do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToken:
    """A token that was used, with which request, and what that created."""

    id: str
    """Action and token, such as "RunInstances/my-token"."""
    digest: str
    """Of the request's parameters."""
    made: tuple[str, ...]
    """Ids of the resources that were created."""
    at: float
    """Epoch seconds."""


CLIENT_TOKENS = Kind(name="client-token", record=ClientToken, table="token")


def created_before(tokens: Table[ClientToken], action: str, request: Any) -> tuple[str, ...] | None:
    """Return the ids that the same request created earlier; None for a new request.

    Raises InvalidInput (IdempotentParameterMismatch) if the token was used with another request."""
    if request.client_token is None:
        return None
    limit = _MAX_LENGTHS.get(action, _MAX_LENGTH)
    if len(request.client_token) > limit or not request.client_token.isascii():
        raise InvalidInput(f"the client token is invalid; a token has at most {limit} characters, all of them ASCII")
    token = tokens.find(_key(action, request))
    if token is None:
        return None
    if token.digest != _digest(request):
        raise InvalidInput(
            f"the client token {request.client_token} was used before with other parameters; use a new token",
            code="IdempotentParameterMismatch",
        )
    return token.made


def token_of(action: str, request: Any, created: Sequence[str], at: float) -> tuple[ClientToken, ...]:
    """Return the token to record with the new resources; nothing if the request has none."""
    if request.client_token is None:
        return ()
    return (ClientToken(id=_key(action, request), digest=_digest(request), made=tuple(created), at=at),)


def forget_expired(resources: Resources, *, oldest: float) -> None:
    """Forget the tokens that were used before `oldest` (epoch seconds)."""
    resources.commit(forget=[token for token in resources.table(CLIENT_TOKENS) if token.at < oldest])


def _key(action: str, request: Any) -> str:
    return f"{action}/{request.client_token}"


def _digest(request: Any) -> str:
    fields = msgspec.to_builtins(request)
    stated = {name: value for name, value in fields.items() if value or name not in _ADDED}
    return hashlib.sha256(msgspec.json.encode(stated, order="sorted")).hexdigest()
