"""Where requests go: a URL taken apart, with everything that cannot be sent refused."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vmhost.base.errors import InvalidInput

_TWO_FORMS = frozenset("\u00df\u03c2\u200c\u200d")
"""Letters that the two versions of IDNA write differently: a wrong guess would send the load to another host."""
_RESOLVE = "api.test:443:127.0.0.1"
_DEFAULT_PORTS = {"http": 80, "https": 443}


Resolved = Mapping[tuple[str, int], tuple[str, ...]]
"""The addresses given for a host and port, instead of those that the system knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One server. `host` is a name or address without brackets."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def peer(self) -> str:
        """ "host:port" for messages."""
        return f"{self.host}:{self.port}"


def parse_url(url: str) -> tuple[Origin, str]:
    """The server that an http or https URL names, and the path and query to ask it for. Raises InvalidInput."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(
            f"URL {url!r} is not understood: {error}; write for example http://127.0.0.1:8000/"
        ) from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InvalidInput(f"URL {url!r} names no http server; write for example http://127.0.0.1:8000/")
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.username is not None or not resource.isascii() or any(char <= " " or char == "\x7f" for char in resource):
        raise InvalidInput(f"URL {url!r} cannot be sent as it stands; use percent-encoded ASCII and no user name")
    host = _ascii(parts.hostname)
    port = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if not port:
        raise InvalidInput(f"URL {url!r} has port 0; use 1 to 65535")
    return Origin(tls=parts.scheme == "https", host=host, port=port), resource


def parse_resolve(texts: Sequence[str]) -> Resolved:
    """The addresses in HOST:PORT:ADDRESS[,ADDRESS] texts; of two for one host and port the last holds.

    Raises InvalidInput."""
    found = {}
    for text in texts:
        host, _, rest = text.partition(":")
        port, _, addresses = rest.partition(":")
        if not host or not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
            raise InvalidInput(f"resolve {text!r} is not understood; write HOST:PORT:ADDRESS, such as {_RESOLVE}")
        found[_ascii(host.lower()), int(port)] = tuple(_address(each, text) for each in addresses.split(","))
    return found


def _address(text: str, where: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip().removeprefix("[").removesuffix("]")))
    except ValueError:
        raise InvalidInput(
            f"resolve {where!r}: {text!r} is not an IP address; write HOST:PORT:ADDRESS, such as {_RESOLVE}"
        ) from None


def _ascii(host: str) -> str:
    """The host as it goes over the wire: names in other scripts in their ASCII form (xn--…). Raises InvalidInput."""
    if host.isascii():
        return host
    try:
        if not _TWO_FORMS.isdisjoint(host):
            raise UnicodeError("its letters have two forms")
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidInput(f"host {host!r} has no one ASCII form ({error}); write it as xn--…") from error
