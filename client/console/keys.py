"""The console's key: who brings it may act, everyone else may look.

The token stands in the fragment of the printed address, which browsers send to nobody; the page trades it for a cookie
that no script can read. The cookie is made of the token, so a console that starts again with its token knows it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from vmhost.base.web import write_atomically

TOKEN_CHARS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The secret of one console. It never shows in a repr."""

    token: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Key:
        """One that nobody can guess."""
        return cls(token=secrets.token_urlsafe(24))

    @classmethod
    def read(cls, path: Path) -> Key | None:
        """The one in the file; None where there is none to read."""
        try:
            token = path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return cls(token=token) if token else None

    @classmethod
    def kept(cls, path: Path) -> Key:
        """The one in the file, or a fresh one that is written there for its owner only."""
        key = cls.read(path)
        if key is not None:
            return key
        key = cls.fresh()
        write_atomically(path, key.token + "\n", mode=0o600)
        return key

    @property
    def cookie(self) -> str:
        """What the browser keeps in the token's place."""
        return hmac.new(self.token.encode(), b"glasscloud console", hashlib.sha256).hexdigest()

    def opens(self, token: str) -> bool:
        """Whether this is the token."""
        return _same(token, self.token)

    def knows(self, cookie: str) -> bool:
        """Whether this is the cookie that the token was traded for."""
        return _same(cookie, self.cookie)

    def address(self, url: str) -> str:
        """Where a person opens the console with the right to act."""
        return f"{url}/#token={self.token}"


def _same(given: str, own: str) -> bool:
    # What came over the wire may hold lone surrogates, which are no text: they are encoded somehow, and are not ours.
    return hmac.compare_digest(given.encode(errors="surrogatepass"), own.encode())
