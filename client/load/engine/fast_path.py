"""The shortest way from an answer to the next request, for users who ask again at once: it bounds how fast a core can
ask. Everything but the most usual case goes the ordinary way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client.load.interval_stats import GOOD
from vmhost.base.http1 import Connection

if TYPE_CHECKING:
    from client.load.engine.closed_loop import VirtualUser

_OK = 200
_NS_PER_US = 1000


class FastPathConnection(Connection):
    """A user's connection. Where an answer is a good one with the head of the answer before, and nobody looks at its
    body, it is counted and the next request sent on the spot: all else is as it was for the request before."""

    __slots__ = ("user",)

    user: VirtualUser

    def data_received(self, data: bytes) -> None:
        heads = self._heads
        assert heads is not None
        if not (self._fresh and len(data) == heads.last_length and data.startswith(heads.last_head)):
            super().data_received(data)
            return
        like, user = heads.last, self.user
        loop, prepared = user.loop, user.prepared
        now_ns = loop.now_ns()
        # Whatever is not as usual: an end, a mark or a second that is over, an answer to be looked at or shown.
        took_ns = now_ns - user.began_ns
        stats = user.stats
        assert like is not None
        if (
            like.status != _OK
            or like.headers is not loop.attempts.without
            or took_ns > loop.samples.above_ns
            or now_ns >= loop.closing_ns
            or now_ns >= stats.end_ns
        ):
            super().data_received(data)
            return
        heads.hits += 1
        outcome = (prepared.target, _OK, GOOD)
        (stats.outcomes.get(outcome) or stats.add_outcome(outcome, same=True)).response.record(took_ns // _NS_PER_US)
        stats.received_bytes += len(like.body)
        # The one that ended and the one that begins leave as many pending as before.
        stats.offered += 1
        stats.started += 1
        drawn = loop.drawn
        user.prepared = prepared = drawn[user.number % len(drawn)]
        user.number += loop.stride
        user.began_ns = user.sent_ns = now_ns
        self.used = True
        assert self._transport is not None
        self._transport.write(prepared.raw)
