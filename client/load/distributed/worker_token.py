"""The secret that a coordinator and its workers share, and proofs that a peer knows it."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vmhost.base.errors import InvalidInput

TOKEN_VARIABLE = "GLASSCLOUD_LOAD_TOKEN"
"""The environment variable with the token, if no file is given."""
SHORTEST = 16
"""Anyone who listens on the way can try tokens against a proof offline, so a token must be too long to be guessed."""
_NONCE_BYTES = 32


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
    return hmac.digest(secret, json.dumps([side, *words]).encode(), "sha256").hex()


def verify_proof(said: str, secret: bytes, side: str, *words: str) -> bool:
    """Whether the proof comes from a peer that knows the secret; the time it takes reveals nothing."""
    # JSON may hold half of a surrogate pair, which is not a proof but must not be an error either.
    return hmac.compare_digest(said.encode(errors="surrogatepass"), make_proof(secret, side, *words).encode())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise InvalidInput(f"token file {file} cannot be read: {error.strerror}") from None
