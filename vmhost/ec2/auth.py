"""Decides who may call the platform: no instances, no web pages, only signed requests. RunInstances runs code here."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import Unauthenticated, Unsupported
from vmhost.base.sigv4 import ALGORITHM, Credentials, Unsigned, scope_of, verify
from vmhost.base.web_guard import LOOPBACK, check_sender
from vmhost.model.region import REGION

SERVICE, STS = "ec2", "sts"
"""The services whose requests are accepted: EC2, and STS for the question whose key it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """The rules for callers."""

    credentials: Credentials
    allowed_hosts: frozenset[str] = frozenset()
    """Names that a Host header may have besides loopback names."""
    open: bool = False
    """Accept any signature, from this computer only. Web pages cannot send the Authorization header that is needed."""
    from_guest: Callable[[str], bool] = field(default=lambda _: False)
    """Whether a peer's address is in the instance network; such requests get no response."""
    clock: Clock = field(default_factory=SystemClock)
    region: str = REGION

    def check_caller(self, method: str, headers: Mapping[str, str]) -> None:
        """Raise Denied for a request to a foreign host name or from a web page. Header names match in any case."""
        check_sender(method, headers, LOOPBACK | self.allowed_hosts, option="--allowed-host")

    def check_scope(self, authorization: str) -> None:
        """Raise Unsupported for a request to another AWS service, Unauthenticated for one to another region.

        A header without a scope passes; `check_signature` decides about it."""
        scope = scope_of(authorization)
        if scope is None:
            return
        if scope.service not in (SERVICE, STS):
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
        """Return the access key id that signed the request. Raises Unauthenticated with EC2's codes."""
        if not self.open:
            return verify(request, self._secret_of, now=self.clock.now())
        if not is_loopback(peer):
            raise Unauthenticated("with --open, only requests from this computer are accepted; restart without --open")
        if not request.headers.get("authorization", "").startswith(ALGORITHM):
            raise Unauthenticated(
                f"the request has no {ALGORITHM} Authorization header; any signature is accepted, but one is needed",
                code="MissingAuthenticationToken",
            )
        return "open"

    def _secret_of(self, key_id: str) -> str | None:
        return self.credentials.secret_access_key if key_id == self.credentials.access_key_id else None


def is_loopback(peer: str | None) -> bool:
    """Whether the address is a loopback address."""
    try:
        return peer is not None and ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
