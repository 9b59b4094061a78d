"""Which names a program answers to: a foreign name that was made to resolve to this computer is refused.

Without this a web page could read what is served on loopback (DNS rebinding).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from vmhost.base.errors import Denied

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII)


def host_parts(header: str) -> tuple[str, int]:
    """Name (lower case, IPv6 in brackets) and port of a Host header; an empty name for what is not one."""
    match = _HOST.fullmatch(header)
    return ("", 0) if match is None else (match[1].lower(), int(match[2] or 80))


def check_host(header: str, names: Collection[str], *, option: str = "") -> None:
    """Raises Denied for a Host header whose name is not one of these. `option` is what adds a name, for the message."""
    if host_parts(header)[0] not in names:
        more = f", or add it with {option}" if option else ""
        raise Denied(f"host {header[:80]!r} is not served here; use {', '.join(sorted(names))}{more}")
