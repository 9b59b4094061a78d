"""A copy of the access file for programs of another user on this machine, there only while the platform is up."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from vmhost.api.access import Access
from vmhost.base.errors import InvalidInput
from vmhost.base.web import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """Where the copy goes and whose it is."""

    path: Path
    uid: int | None = None
    """None: the platform's own user."""


def parse_handover(text: str) -> Handover:
    """A handover from "FILE" or "FILE:UID"."""
    path, colon, uid = text.rpartition(":")
    if colon and uid.isdecimal():
        return Handover(path=Path(path), uid=int(uid))
    return Handover(path=Path(text))


@contextlib.contextmanager
def handed(access: Access, handover: Handover | None) -> Iterator[None]:
    """The copy exists while the context lasts, readable by its owner only. Raises InvalidInput where it cannot."""
    if handover is None:
        yield
        return
    try:
        write_atomically(
            handover.path, json.dumps(asdict(access), indent=2) + "\n", mode=0o600, owner=_other(handover.uid)
        )
    except OSError as error:
        raise InvalidInput(
            f"access cannot be handed over in {handover.path} ({error.strerror}); expected a folder that this program "
            "may write, and the right to give files away"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            handover.path.unlink()


def _other(uid: int | None) -> int | None:
    return None if uid == os.geteuid() else uid
