"""The error tree of all programs. A message names the subject, what is wrong and what to do:
"instance i-0a12 is stopped; start it first"."""

from __future__ import annotations

from typing import ClassVar


class CloudError(Exception):
    """An error with a kind, an EC2 error code, and an HTTP status for our own JSON endpoints."""

    kind: ClassVar[str] = "internal"
    default_code: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class InvalidInput(CloudError):
    """The request is wrong; sending it again unchanged cannot succeed."""

    kind = "invalid"
    default_code = "InvalidParameterValue"
    status = 400


class Unauthenticated(CloudError):
    """The request is not signed with a known key."""

    kind = "unauthenticated"
    default_code = "AuthFailure"
    status = 401


class Denied(CloudError):
    """The caller is known but not allowed to do this."""

    kind = "denied"
    default_code = "UnauthorizedOperation"
    status = 403


class NotFound(CloudError):
    """The resource does not exist here."""

    kind = "not_found"
    default_code = "InvalidID.NotFound"
    status = 404


class Conflict(CloudError):
    """The resource's current state does not allow it."""

    kind = "conflict"
    default_code = "IncorrectInstanceState"
    status = 409


class Unsupported(CloudError):
    """AWS offers this, glasscloud does not."""

    kind = "unsupported"
    default_code = "UnsupportedOperation"
    status = 501


class NoCapacity(CloudError):
    """The hosts have no room for it."""

    kind = "no_capacity"
    default_code = "InsufficientInstanceCapacity"
    status = 503


class Unavailable(CloudError):
    """Something that this depends on does not respond; a later attempt may succeed."""

    kind = "unavailable"
    default_code = "Unavailable"
    status = 503


class DeadlineExceeded(CloudError):
    """It did not finish within its deadline."""

    kind = "deadline"
    default_code = "Unavailable"
    status = 504


class Internal(CloudError):
    """A fault in glasscloud itself."""
