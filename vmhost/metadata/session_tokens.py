"""Session tokens of IMDS version 2. They contain their expiry, so nothing is stored. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

TTL_S_MAX = 21_600

_STAMP_BYTES = 8


def parse_ttl(text: str | None) -> int | None:
    """Parse the lifetime in seconds in a token request; None if it is missing or EC2 would refuse it."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > len(str(TTL_S_MAX)):
        return None
    return int(text) if 1 <= int(text) <= TTL_S_MAX else None


def issue_token(secret: bytes, instance_id: str, *, expires_at: float) -> str:
    """Return a token that is valid for this instance until `expires_at`."""
    stamp = int(expires_at * 1000).to_bytes(_STAMP_BYTES)
    return base64.urlsafe_b64encode(stamp + _seal(secret, instance_id, stamp)).decode()


def is_valid(secret: bytes, instance_id: str, token: str, *, now: float) -> bool:
    """Whether we issued the token to this instance and it has not expired."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii", "strict"))
    except (binascii.Error, UnicodeEncodeError):
        return False
    stamp, seal = raw[:_STAMP_BYTES], raw[_STAMP_BYTES:]
    return hmac.compare_digest(seal, _seal(secret, instance_id, stamp)) and now * 1000 < int.from_bytes(stamp)


def _seal(secret: bytes, instance_id: str, stamp: bytes) -> bytes:
    return hmac.digest(secret, stamp + instance_id.encode(), hashlib.sha256)
