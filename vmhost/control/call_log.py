"""The journal of calls: every change that someone asked for, with who asked and how it ended. Bounded, in memory."""

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
_NOT_UNDERSTOOD = "the request was not understood; its caller was told why"
_OK = "ok"


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """What is known so far of a call under way; whoever carries it out writes it."""

    instances: tuple[str, ...] = ()
    understood: bool = False
    """Whether the request was read. Until then its errors may quote anything, so that their words are not told on."""
    refused: CloudError | None = None
    """An error that stands in an answer which is none as a whole."""

    def concerns(self, instances: Iterable[str]) -> None:
        """The request was read, or carried out, and is about these instances too."""
        self.understood = True
        self.instances = tuple(dict.fromkeys((*self.instances, *instances)))[:MAX_INSTANCES_LISTED]


class CallLog:
    """Keeps the last calls and tells of each one once, when it has been answered."""

    def __init__(self, *, clock: Clock, ids: Ids, publish: Callable[[CallView], None]) -> None:
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._last: deque[CallView] = deque(maxlen=MAX_CALLS)

    def last(self) -> tuple[CallView, ...]:
        """The last ones, oldest first."""
        return tuple(self._last)

    def tell(self, action: str, *, by: str, instances: Iterable[str], error: CloudError | None = None) -> None:
        """A call is over: well, or with the error."""
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
    def telling(self, action: str, *, by: str) -> Iterator[CallRecord]:
        """Tells of the call that is carried out inside, however it ends. One that is cancelled had no end to tell."""
        record = CallRecord()
        try:
            yield record
        except CloudError as error:
            known = error if record.understood else type(error)(_NOT_UNDERSTOOD, code=error.code)
            self.tell(action, by=by, instances=record.instances, error=known)
            raise
        except Exception:
            failure = Internal("the call failed here; the log of vmhost says why")
            self.tell(action, by=by, instances=record.instances, error=failure)
            raise
        self.tell(action, by=by, instances=record.instances, error=record.refused)
