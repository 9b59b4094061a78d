"""A form's fields and files as one body: multipart/form-data (RFC 7578)."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from hashlib import sha256

from client.load.plan.data_sources import read_bytes
from client.load.plan.model import FormField

_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart(fields: Sequence[FormField], filled: Callable[[str], str]) -> tuple[str, bytes]:
    """The Content-Type and the body; `filled` fills the placeholders of a field's text. Files are sent as they are.

    Raises InvalidInput for a file that cannot be read."""
    parts = [(_head(field), _content(field, filled)) for field in fields]
    boundary = _boundary([content for _, content in parts])
    lines = [b"--%b\r\n%b\r\n%b\r\n" % (boundary, head, content) for head, content in parts]
    return f"multipart/form-data; boundary={boundary.decode()}", b"".join(lines) + b"--%b--\r\n" % boundary


def _head(field: FormField) -> bytes:
    disposition = f'form-data; name="{field.name.translate(_QUOTED)}"'
    kind = field.type
    if field.file is not None:
        disposition += f'; filename="{field.filename.translate(_QUOTED)}"'
        kind = kind or mimetypes.guess_type(field.filename)[0] or "application/octet-stream"
    return f"Content-Disposition: {disposition}\r\n{f'Content-Type: {kind}' if kind else ''}".strip().encode() + b"\r\n"


def _content(field: FormField, filled: Callable[[str], str]) -> bytes:
    return filled(field.value).encode() if field.file is None else read_bytes(field.file, f"form field {field.name!r}")


def _boundary(contents: Sequence[bytes]) -> bytes:
    """A line that is in none of the contents, the same for the same contents, so that a run can be repeated."""
    number = 0
    while True:
        boundary = b"glasscloud-" + sha256(b"%d" % number + b"".join(contents)).hexdigest()[:24].encode()
        if not any(boundary in content for content in contents):
            return boundary
        number += 1
