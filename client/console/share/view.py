"""What phones are told: less than the console's own page, made once for all of them. Pure but for the clock's `now`.

Left out are addresses, tags, limits, what people searched for, and who did what.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from client.console.board import Board, Row, Rows, Tail, Value
from client.console.share.guests import Guest

SECONDS_KEPT = 30
REQUESTS_KEPT = 20
REQUESTS_PER_BATCH = 2
"""Of others' requests; those of the audience itself are all told, they are few by their limits."""
_INSTANCE = ("id", "short", "state", "type", "host", "shard", "hogging")
_HOST = ("id", "zone")
_SECOND = ("id", "req_s", "failed_s", "p99_ms")
_MACHINE = ("req_s", "p99_ms", "aside")
_REQUEST = ("id", "at", "source", "status", "partial", "total_ms", "frontend_ms", "name", "colour")
_ATTEMPT = ("instance_id", "host", "shard", "start_ms", "dur_ms", "search_ms", "hedge", "retry", "outcome")
_EXPERIMENT = ("experiment", "title", "instance_id", "short", "running", "held", "account", "sentence")


class View:
    """The reduced board. `hear` what the console's readers are told, `take` what phones are to be told."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        """`whole` is a snapshot of the console's feed."""
        self._cloud, self._hosts, self._rows = Value(), Value([]), Rows()
        self._seconds, self._requests = Tail(SECONDS_KEPT), Tail(REQUESTS_KEPT)
        self._experiment, self._verdict, self._answers = Value(), Value(), Value()
        self._instances: dict[str, Row] = {}
        self._board = Board(
            {
                "cloud": self._cloud,
                "hosts": self._hosts,
                "instances": self._rows,
                "seconds": self._seconds,
                "requests": self._requests,
                "experiment": self._experiment,
                "verdict": self._verdict,
                "answers": self._answers,
            }
        )
        self.start_anew(whole)
        self._board.take()

    def start_anew(self, whole: Mapping[str, Any]) -> None:
        """Takes a new snapshot of the console's feed, where batches were missed."""
        self._instances = {}
        self._instances_changed(whole["instances"], ())
        self._values_changed({name: whole[name] for name in ("cloud", "hosts", "experiment", "verdict", "answers")})
        self._tails_changed(whole["seconds"], whole["requests"])

    def hear(self, batch: Mapping[str, Any]) -> None:
        """Takes what the console's readers were told."""
        if rows := batch.get("instances"):
            self._instances_changed(rows["set"], rows["gone"])
        named = ("cloud", "hosts", "experiment", "verdict", "answers")
        self._values_changed({name: batch[name]["is"] for name in named if name in batch})
        self._tails_changed(batch.get("seconds", ()), batch.get("requests", ()))

    def whole(self, now: float) -> dict[str, Any]:
        """All that phones know."""
        return {"now": now, **self._board.whole()}

    def take(self, now: float) -> dict[str, Any] | None:
        """What has changed for them since the last call; None for nothing."""
        changes = self._board.take()
        return {"now": now, **changes} if changes else None

    def _instances_changed(self, set_: Iterable[Row], gone: Iterable[str]) -> None:
        for each in gone:
            self._instances.pop(each, None)
        for row in set_:
            self._instances[row["id"]] = only(row, _INSTANCE)
        self._rows.replace(row for row in self._instances.values() if row["state"] != "terminated")

    def _values_changed(self, values: Mapping[str, Any]) -> None:
        if "cloud" in values:
            self._cloud.set(values["cloud"] and only(values["cloud"], ("name", "driver", "stands_for")))
        if "hosts" in values:
            self._hosts.set([only(host, _HOST) for host in values["hosts"]])
        for name, section in (("experiment", self._experiment), ("verdict", self._verdict)):
            if name in values:
                section.set(values[name] and only(values[name], _EXPERIMENT))
        if "answers" in values:
            self._answers.set(values["answers"])

    def _tails_changed(self, seconds: Iterable[Row], requests: Iterable[Row]) -> None:
        for second in seconds:
            machines = {name: only(each, _MACHINE) for name, each in second["machines"].items()}
            self._seconds.add({**only(second, _SECOND), "machines": machines})
        for request in _sampled(list(requests)):
            attempts = [only(each, _ATTEMPT) for each in request["attempts"]]
            self._requests.add({**only(request, _REQUEST), "attempts": attempts})


def only(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """The named members that the row has."""
    return {name: row[name] for name in names if name in row}


def _sampled(rows: list[Row]) -> list[Row]:
    """The audience's own requests and a few of the others', the newest, in their order."""
    others = [row["id"] for row in rows if "name" not in row][-REQUESTS_PER_BATCH:]
    return [row for row in rows if "name" in row or row["id"] in others]


def encoded(kind: str, data: Mapping[str, Any]) -> bytes:
    """An event as it stands on the wire. Without a number: whoever comes back gets the whole, which is small."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def greeted(snapshot: bytes, guest: Guest) -> bytes:
    """An encoded snapshot with who its reader is; the rest, which is the same for all, is not encoded again."""
    head = b"event: snapshot\ndata: {"
    you = json.dumps(guest.to_json(), separators=(",", ":")).encode()
    return head + b'"you":' + you + b"," + snapshot.removeprefix(head)
