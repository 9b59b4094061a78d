"""Session tokens of IMDS version 2. They carry their own expiry, so nothing is stored. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

TTL_S_MAX = 21_600

_STAMP_BYTES = 8


def parse_ttl(text: str | None) -> int | None:
    """The seconds that a request for a token asks for; None when it asks for none, or for what EC2 refuses."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > len(str(TTL_S_MAX)):
        return None
    return int(text) if 1 <= int(text) <= TTL_S_MAX else None


def issue(secret: bytes, instance_id: str, *, expires_at: float) -> str:
    """A token that is good for this instance alone, up to then."""
    stamp = int(expires_at * 1000).to_bytes(_STAMP_BYTES)
    return base64.urlsafe_b64encode(stamp + _seal(secret, instance_id, stamp)).decode()


def is_good(secret: bytes, instance_id: str, token: str, *, now: float) -> bool:
    """Whether we issued the token to this instance and its time is not over."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii", "strict"))
    except (binascii.Error, UnicodeEncodeError):
        return False
    stamp, seal = raw[:_STAMP_BYTES], raw[_STAMP_BYTES:]
    return hmac.compare_digest(seal, _seal(secret, instance_id, stamp)) and now * 1000 < int.from_bytes(stamp)


def _seal(secret: bytes, instance_id: str, stamp: bytes) -> bytes:
    return hmac.digest(secret, stamp + instance_id.encode(), hashlib.sha256)
