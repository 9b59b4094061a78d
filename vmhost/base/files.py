"""Files that other programs read: replaced in one step; JSON that people may read too."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec


def indented_json(value: object) -> str:
    """Return the value as JSON for people: indented, without a line end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def write_atomically(path: Path, text: str, *, mode: int = 0o600, owner: int | None = None) -> None:
    """Replace the file in one step, so that readers see the old or the new content and never other permissions.

    `owner` is the number of the user who gets the file."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "w") as file:
            os.fchmod(fd, mode)
            if owner is not None:
                os.fchown(fd, owner, -1)
            file.write(text)
            file.flush()
            os.fsync(fd)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
