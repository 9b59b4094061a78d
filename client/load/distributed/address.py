"""Addresses of the form HOST:PORT."""

from __future__ import annotations

from dataclasses import dataclass

from vmhost.base.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A host and a TCP port on it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, *, default_host: str | None = None) -> Address:
    """Parse "host:7077" or "[::1]:7077"; with a default host also ":7077" and "7077". Raises InvalidInput."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or default_host or ""
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise InvalidInput(f"address {text!r} is not understood; write HOST:PORT, such as 127.0.0.1:7077")
    return Address(host=host, port=int(port))
