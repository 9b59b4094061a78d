"""The one tree of errors. Each says subject, fact and expectation: "i-0a12 is stopped; reboot needs running"."""

from __future__ import annotations

from typing import ClassVar


class CloudError(Exception):
    """An error with a kind, the EC2 code that stands for it and the HTTP status of our own JSON endpoints."""

    kind: ClassVar[str] = "internal"
    default_code: ClassVar[str] = "InternalError"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code


class InvalidInput(CloudError):
    """What was asked makes no sense as it stands; asking again unchanged cannot help."""

    kind = "invalid"
    default_code = "InvalidParameterValue"
    status = 400


class Unauthenticated(CloudError):
    """Nobody we know signed this."""

    kind = "unauthenticated"
    default_code = "AuthFailure"
    status = 401


class Denied(CloudError):
    """We know who asks, or from where, and it may not."""

    kind = "denied"
    default_code = "UnauthorizedOperation"
    status = 403


class NotFound(CloudError):
    """The subject does not exist here."""

    kind = "not_found"
    default_code = "InvalidID.NotFound"
    status = 404


class Conflict(CloudError):
    """The subject's state forbids it now."""

    kind = "conflict"
    default_code = "IncorrectInstanceState"
    status = 409


class Unsupported(CloudError):
    """A thing that exists elsewhere and that we do not do."""

    kind = "unsupported"
    default_code = "UnsupportedOperation"
    status = 501


class NoCapacity(CloudError):
    """It would fit a larger cloud."""

    kind = "no_capacity"
    default_code = "InsufficientInstanceCapacity"
    status = 503


class Unavailable(CloudError):
    """Something we depend on does not answer; later it may."""

    kind = "unavailable"
    default_code = "Unavailable"
    status = 503


class DeadlineExceeded(CloudError):
    """It did not finish in the time it was given."""

    kind = "deadline"
    default_code = "Unavailable"
    status = 504


class Internal(CloudError):
    """Our own fault."""
