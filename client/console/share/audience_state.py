"""The part of the page's state that phones receive. Pure: the time is given.

Left out are addresses, tags, limits, search texts, and who did what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from client.console.share.participants import Participant
from client.console.state import Row, RowSet, State, Tail, Value

SECONDS_KEPT = 30
REQUESTS_KEPT = 20
REQUESTS_PER_BATCH = 2
"""Of other clients' requests. Those of the audience are all included: their rate limits keep them few."""
_VALUES = ("cloud", "hosts", "experiment", "verdict", "reachable")
_INSTANCE = ("id", "short", "state", "type", "host", "shard", "faults")
_HOST = ("id", "zone")
_SECOND = ("id", "req_s", "failed_s", "p99_ms")
_INSTANCE_SECOND = ("req_s", "p99_ms", "aside")
_REQUEST = ("id", "at", "source", "status", "partial", "total_ms", "frontend_ms", "name", "colour")
_ATTEMPT = ("instance_id", "host", "shard", "start_ms", "dur_ms", "search_ms", "hedge", "retry", "outcome")
_EXPERIMENT = ("experiment", "title", "instance_id", "short", "running", "held", "account", "sentence")


class AudienceState:
    """The reduced state: `apply` the publisher's batches, `take_changes` for phones."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        """`snapshot` is the publisher's."""
        self._cloud, self._hosts, self._rows = Value(), Value([]), RowSet()
        self._seconds, self._requests = Tail(SECONDS_KEPT), Tail(REQUESTS_KEPT)
        self._experiment, self._verdict, self._reachable = Value(), Value(), Value()
        self._instances: dict[str, Row] = {}
        self._state = State(
            {
                "cloud": self._cloud,
                "hosts": self._hosts,
                "instances": self._rows,
                "seconds": self._seconds,
                "requests": self._requests,
                "experiment": self._experiment,
                "verdict": self._verdict,
                "reachable": self._reachable,
            }
        )
        self.reset(snapshot)
        self._state.take_changes()

    def reset(self, snapshot: Mapping[str, Any]) -> None:
        """Start again from a snapshot of the publisher, after missed batches."""
        self._instances = {}
        self._update_instances(snapshot["instances"], ())
        self._update_values({name: snapshot[name] for name in _VALUES})
        self._update_tails(snapshot["seconds"], snapshot["requests"])

    def apply(self, batch: Mapping[str, Any]) -> None:
        """Apply a batch of the publisher."""
        if rows := batch.get("instances"):
            self._update_instances(rows["set"], rows["gone"])
        self._update_values({name: batch[name]["is"] for name in _VALUES if name in batch})
        self._update_tails(batch.get("seconds", ()), batch.get("requests", ()))

    def full(self, now: float) -> dict[str, Any]:
        """Return all that phones know."""
        return {"now": now, **self._state.full()}

    def take_changes(self, now: float) -> dict[str, Any] | None:
        """Return what has changed for phones since the last call; None for nothing."""
        changes = self._state.take_changes()
        return {"now": now, **changes} if changes else None

    def _update_instances(self, changed: Iterable[Row], gone: Iterable[str]) -> None:
        for each in gone:
            self._instances.pop(each, None)
        for row in changed:
            self._instances[row["id"]] = only(row, _INSTANCE)
        self._rows.replace(row for row in self._instances.values() if row["state"] != "terminated")

    def _update_values(self, values: Mapping[str, Any]) -> None:
        if "cloud" in values:
            self._cloud.set(values["cloud"] and only(values["cloud"], ("name", "driver", "stands_for")))
        if "hosts" in values:
            self._hosts.set([only(host, _HOST) for host in values["hosts"]])
        for name, section in (("experiment", self._experiment), ("verdict", self._verdict)):
            if name in values:
                section.set(values[name] and only(values[name], _EXPERIMENT))
        if "reachable" in values:
            self._reachable.set(values["reachable"])

    def _update_tails(self, seconds: Iterable[Row], requests: Iterable[Row]) -> None:
        for second in seconds:
            instances = {name: only(each, _INSTANCE_SECOND) for name, each in second["instances"].items()}
            self._seconds.add({**only(second, _SECOND), "instances": instances})
        for request in _sampled(list(requests)):
            attempts = [only(each, _ATTEMPT) for each in request["attempts"]]
            self._requests.add({**only(request, _REQUEST), "attempts": attempts})


def only(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return the row's fields of those names."""
    return {name: row[name] for name in names if name in row}


def _sampled(rows: list[Row]) -> list[Row]:
    """Return the audience's own requests and the newest few of others, in their order."""
    others = [row["id"] for row in rows if "name" not in row][-REQUESTS_PER_BATCH:]
    return [row for row in rows if "name" in row or row["id"] in others]


def encoded(kind: str, data: Mapping[str, Any]) -> bytes:
    """Return a server-sent event. It has no number: a phone that reconnects gets the full state, which is small."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))


def with_participant(snapshot: bytes, participant: Participant) -> bytes:
    """Return the encoded snapshot with its reader added; the rest is the same for all and is not encoded again."""
    head = b"event: snapshot\ndata: {"
    return head + b'"you":' + msgspec.json.encode(participant) + b"," + snapshot.removeprefix(head)
