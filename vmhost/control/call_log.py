"""The log of calls: every request that changes something, who sent it and how it ended. Bounded, in memory."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from vmhost.api.views import CallView
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Internal
from vmhost.base.ids import Ids

MAX_CALLS = 200
MAX_INSTANCES_LISTED = 500
_MESSAGE_MAX = 500
_UNREADABLE = "the request could not be read; only its sender got the details"
_OK = "ok"
_KNOWN_CLIENTS = (("aws-cli/", "AWS CLI"), ("boto3/", "boto3"))
_TERRAFORM = "terraform"
_CLIENT_NAME_MAX = 40


@dataclass(slots=True, kw_only=True)
class OpenCall:
    """A call that is being carried out."""

    instances: tuple[str, ...] = ()
    is_read: bool = False
    """Whether the request was read. Until then, error messages may quote secrets of it and are not published."""
    refusal: CloudError | None = None
    """An error about a part of the request, inside a successful response."""

    def add_instances(self, instances: Iterable[str]) -> None:
        """Note that the request was read, or carried out, and is about these instances too."""
        self.is_read = True
        self.instances = tuple(dict.fromkeys((*self.instances, *instances)))[:MAX_INSTANCES_LISTED]


class CallLog:
    """Keeps the last calls and publishes each one when it has been answered."""

    def __init__(self, *, clock: Clock, ids: Ids, publish: Callable[[CallView], None]) -> None:
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._last: deque[CallView] = deque(maxlen=MAX_CALLS)

    def last(self) -> tuple[CallView, ...]:
        """Return the last calls, oldest first."""
        return tuple(self._last)

    def record(self, action: str, *, by: str, instances: Iterable[str], error: CloudError | None = None) -> None:
        """Record a call that has ended, successfully or with the error."""
        view = CallView(
            id=self._ids.new("call"),
            at=self._clock.now(),
            action=action,
            by=by,
            instances=tuple(instances),
            outcome=error.code if error else _OK,
            message=error.message[:_MESSAGE_MAX] if error else "",
        )
        self._last.append(view)
        self._publish(view)

    @contextlib.contextmanager
    def recording(self, action: str, *, by: str) -> Iterator[OpenCall]:
        """Record the call that is carried out inside when it ends. A cancelled call is not recorded."""
        call = OpenCall()
        try:
            yield call
        except CloudError as error:
            published = error if call.is_read else type(error)(_UNREADABLE, code=error.code)
            self.record(action, by=by, instances=call.instances, error=published)
            raise
        except Exception:
            failure = Internal("internal error; see the log of the platform")
            self.record(action, by=by, instances=call.instances, error=failure)
            raise
        self.record(action, by=by, instances=call.instances, error=call.refusal)


def client_name(user_agent: str) -> str:
    """Return a short name for the client: a known tool's, else the first product in its User-Agent header.

    The header is not verified. Without one, the name is "unknown"."""
    folded = user_agent.lower()
    for beginning, name in _KNOWN_CLIENTS:
        if folded.startswith(beginning):
            return name
    if _TERRAFORM in folded:
        return "Terraform"
    product = next(iter(user_agent.split()), "").partition("/")[0]
    return "".join(character for character in product if character.isprintable())[:_CLIENT_NAME_MAX] or "unknown"
