"""A copy of the access file for programs of another user on this computer; it exists while the platform runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vmhost.api.access import Access
from vmhost.base.errors import InvalidInput
from vmhost.base.files import indented_json, write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCopy:
    """Where the copy is written and which user owns it."""

    path: Path
    uid: int | None = None
    """User number of the owner; None: the platform's own user."""


def parse_access_copy(text: str) -> AccessCopy:
    """Read "FILE" or "FILE:UID"."""
    path, colon, uid = text.rpartition(":")
    if colon and uid.isdecimal():
        return AccessCopy(path=Path(path), uid=int(uid))
    return AccessCopy(path=Path(text))


@contextlib.contextmanager
def write_access_copy(access: Access, copy: AccessCopy | None) -> Iterator[None]:
    """Keep a copy, readable by its owner only, while the context lasts. Raises InvalidInput if it cannot be written."""
    if copy is None:
        yield
        return
    try:
        text = indented_json(access) + "\n"
        write_atomically(copy.path, text, mode=0o600, owner=_other(copy.uid))
    except OSError as error:
        raise InvalidInput(
            f"the access file cannot be copied to {copy.path} ({error.strerror}); choose a folder that this program "
            "may write to; only root can make a copy for another user"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            copy.path.unlink()


def _other(uid: int | None) -> int | None:
    return None if uid == os.geteuid() else uid
