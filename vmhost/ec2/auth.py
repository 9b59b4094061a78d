"""Who may speak to the platform: not guests, not web pages, and only those who sign. RunInstances runs code here."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import Denied, Unauthenticated, Unsupported
from vmhost.base.host_header import LOOPBACK, check_host
from vmhost.base.sigv4 import ALGORITHM, Credentials, Unsigned, scope_of, verify
from vmhost.control.sizing import REGION

SERVICE = "ec2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """The rules of the door. Header names in the mappings are lower case."""

    credentials: Credentials
    allowed_hosts: frozenset[str] = frozenset()
    """Names that a Host header may carry besides those of this machine."""
    open: bool = False
    """Any signature will do, from this machine only; a header that no web page can send is still needed."""
    from_guest: Callable[[str], bool] = field(default=lambda _: False)
    """Whether a peer's address belongs to the instance network; guests get no answer at all."""
    clock: Clock = field(default_factory=SystemClock)
    region: str = REGION

    def check_caller(self, headers: Mapping[str, str]) -> None:
        """Raises Denied for a Host header that is not on the list and for requests that a foreign web page made.

        The first stops a foreign name that was made to resolve to this machine; the second a page in a browser here."""
        host = headers.get("host", "")
        check_host(host, LOOPBACK | self.allowed_hosts, option="--allowed-host")
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host.lower():
            raise Denied(f"Origin {origin[:80]!r} is foreign; web pages may not call this API")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Denied("a web page of another site made this request; web pages may not call this API")

    def check_scope(self, headers: Mapping[str, str]) -> None:
        """Raises Unsupported for a request to another AWS service, Unauthenticated for one to another region.

        A request without a scope passes: `check_signature` decides on it."""
        scope = scope_of(headers.get("authorization", ""))
        if scope is None:
            return
        if scope.service != SERVICE:
            raise Unsupported(
                f"the AWS service {scope.service[:40]!r} is not provided here: glasscloud provides EC2 only. "
                "Unset AWS_ENDPOINT_URL, or set AWS_ENDPOINT_URL_EC2 instead, to send other services' calls elsewhere"
            )
        if scope.region != self.region:
            raise Unauthenticated(
                f"the request is signed for region {scope.region[:40]!r}, but glasscloud has only {self.region}; "
                f"set AWS_REGION (for the AWS CLI: --region) to {self.region}"
            )

    def check_signature(self, request: Unsigned, peer: str | None) -> str:
        """The access key id that signed. Raises Unauthenticated with EC2's codes."""
        if not self.open:
            return verify(request, self._secret_of, now=self.clock.now())
        if not is_loopback(peer):
            raise Unauthenticated("this open endpoint answers its own machine only; start it without --open")
        if not request.headers.get("authorization", "").startswith(ALGORITHM):
            raise Unauthenticated(
                f"the request carries no {ALGORITHM} Authorization header; expected one, with any signature",
                code="MissingAuthenticationToken",
            )
        return "open"

    def _secret_of(self, key_id: str) -> str | None:
        return self.credentials.secret_access_key if key_id == self.credentials.access_key_id else None


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def is_loopback(peer: str | None) -> bool:
    """Whether the address is this machine's own loopback."""
    try:
        return peer is not None and ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
