"""The console's key: clients that have it may act, all others may only look.

The token is in the fragment of the printed address, which browsers send nowhere. The page exchanges it for a cookie
that scripts cannot read. The cookie is derived from the token, so it stays valid when the console restarts with that
token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from vmhost.base.files import write_atomically

TOKEN_CHARS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleKey:
    """The secret of one console. It never appears in a repr."""

    token: str = field(repr=False)

    @classmethod
    def create(cls) -> ConsoleKey:
        """Return a new random key."""
        return cls(token=secrets.token_urlsafe(24))

    @classmethod
    def read(cls, path: Path) -> ConsoleKey | None:
        """Return the key in the file; None if it cannot be read."""
        try:
            token = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return cls(token=token) if token else None

    @classmethod
    def read_or_create(cls, path: Path) -> ConsoleKey:
        """Return the key in the file, or write a new one that only the file's owner can read."""
        key = cls.read(path)
        if key is not None:
            return key
        key = cls.create()
        write_atomically(path, key.token + "\n", mode=0o600)
        return key

    @property
    def cookie(self) -> str:
        """The value that the browser keeps instead of the token."""
        return hmac.new(self.token.encode(), b"glasscloud console", hashlib.sha256).hexdigest()

    def matches_token(self, token: str) -> bool:
        """Whether this is the token."""
        return _same(token, self.token)

    def matches_cookie(self, cookie: str) -> bool:
        """Whether this is the cookie."""
        return _same(cookie, self.cookie)

    def link(self, url: str) -> str:
        """Return the address at which a person opens the console and may act."""
        return f"{url}/#token={self.token}"


def _same(given: str, own: str) -> bool:
    # Received text may contain lone surrogates, which do not encode by default; such text is never equal to ours.
    return hmac.compare_digest(given.encode(errors="surrogatepass"), own.encode())
