"""What a run shall do, complete and checked before anything is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import urlsplit

from vmhost.base.errors import InvalidInput

RATE_MAX_PER_S = 1_000_000.0
CONNECTIONS_MAX = 10_000
TIMEOUT_MAX_S = 300.0
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go. `host` is a name or address without brackets; `resource` is path and query."""

    tls: bool
    host: str
    port: int
    resource: str

    @property
    def authority(self) -> str:
        """The value of the Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @property
    def peer(self) -> str:
        """ "host:port" for messages."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An open loop at a constant rate. `duration_s` None runs until told to stop.

    `timeout_s` counts from the instant the request was due, as its user waits. `queries` is the path of a corpus's
    queries: then `url` is the search service and every answer is checked against the corpus."""

    url: str
    rate_per_s: float
    duration_s: float | None = None
    connections: int = 64
    timeout_s: float = 2.0
    headers: tuple[tuple[str, str], ...] = ()
    seed: int = 1
    queries: str | None = None
    model: str = "constant"

    def checked(self) -> Plan:
        """Itself. Raises InvalidInput naming the first value that makes no sense."""
        parse_target(self.url)
        if self.model != "constant":
            raise InvalidInput(f"arrival model {self.model!r} is not known; expected constant")
        check_rate(self.rate_per_s)
        if self.duration_s is not None and not 0 < self.duration_s < math.inf:
            raise InvalidInput(f"duration {self.duration_s} s is not possible; expected more than 0")
        if not 1 <= self.connections <= CONNECTIONS_MAX:
            raise InvalidInput(f"{self.connections} connections are not possible; expected 1 to {CONNECTIONS_MAX}")
        if not 0 < self.timeout_s <= TIMEOUT_MAX_S:
            raise InvalidInput(
                f"timeout {self.timeout_s} s is not possible; expected more than 0 and at most {TIMEOUT_MAX_S:.0f}"
            )
        return self


def check_rate(rate_per_s: float) -> float:
    """The rate. Raises InvalidInput unless it is 0 (a pause) to a million a second."""
    if not 0 <= rate_per_s <= RATE_MAX_PER_S:
        raise InvalidInput(
            f"rate {rate_per_s:g}/s is not possible; expected 0 to {RATE_MAX_PER_S:.0f} requests a second"
        )
    return rate_per_s


def parse_target(url: str) -> Target:
    """The target that an http or https URL names. Raises InvalidInput."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(
            f"URL {url!r} is not understood: {error}; expected such as http://127.0.0.1:8000/"
        ) from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise InvalidInput(f"URL {url!r} names no http server; expected such as http://127.0.0.1:8000/")
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.username is not None or not resource.isascii() or any(char <= " " or char == "\x7f" for char in resource):
        raise InvalidInput(f"URL {url!r} cannot be sent as it stands; expected percent-encoded ASCII and no user name")
    return Target(
        tls=parts.scheme == "https", host=parts.hostname, port=port or DEFAULT_PORTS[parts.scheme], resource=resource
    )
