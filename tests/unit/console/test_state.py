"""A reader with the full state and all later changes has the full state."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from client.console.state import RowSet, State, Tail, Value

KEEP = 4
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("value"), st.none() | st.integers(0, 3)),
        st.tuples(st.just("rows"), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)),
        st.tuples(st.just("tail"), st.tuples(st.integers(0, 9), st.integers(0, 2))),
        st.tuples(st.just("send"), st.none()),
    ),
    max_size=40,
)


class Reader:
    """Applies changes as the page does (assets/lib/sections.js)."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.value = whole["value"]
        self.rows = {row["id"]: row for row in whole["rows"]}
        self.tail = {row["id"]: row for row in whole["tail"]}

    def apply(self, changes: dict[str, Any]) -> None:
        if "value" in changes:
            self.value = changes["value"]["is"]
        for gone in changes.get("rows", {}).get("gone", ()):
            del self.rows[gone]
        for row in changes.get("rows", {}).get("set", ()):
            self.rows[row["id"]] = row
        for row in changes.get("tail", ()):
            self.tail[row["id"]] = row
            while len(self.tail) > KEEP:
                del self.tail[next(iter(self.tail))]


@given(CHANGES, st.integers(0, 40))
def test_reader_joining_at_any_time_gets_full_state(changes_made: list[tuple[str, Any]], joined: int) -> None:
    value, rows, tail = Value(), RowSet(), Tail(KEEP)
    state = State({"value": value, "rows": rows, "tail": tail})
    reader: Reader | None = None
    for number, (section, what) in enumerate([*changes_made, ("send", None)]):
        if number >= joined and reader is None:
            state.take_changes()
            reader = Reader(state.full())
        if section == "value":
            value.set(what)
        elif section == "rows":
            rows.replace({"id": key, "n": n} for key, n in what.items())
        elif section == "tail":
            tail.add({"id": what[0], "n": what[1]})
        elif (changes := json.loads(json.dumps(state.take_changes()))) and reader is not None:
            reader.apply(changes)
    if reader is not None:
        whole = state.full()
        assert reader.value == whole["value"]
        assert reader.rows == {row["id"]: row for row in whole["rows"]}
        assert list(reader.tail.values()) == whole["tail"]


def test_unchanged_sections_not_sent() -> None:
    value, rows = Value(1), RowSet()
    state = State({"value": value, "rows": rows})
    value.set(1)
    rows.replace([])
    assert state.take_changes() == {}
    rows.replace([{"id": "a"}])
    assert state.take_changes() == {"rows": {"set": [{"id": "a"}], "gone": []}}
    rows.replace([{"id": "a"}])
    assert state.take_changes() == {}


def test_a_value_that_became_none_is_a_change() -> None:
    value = Value(1)
    value.set(None)
    assert value.take_changes() == {"is": None}


def test_tail_drops_oldest() -> None:
    tail = Tail(2)
    for number in range(3):
        tail.add({"id": number})
    assert (tail.find(0), tail.find(2)) == (None, {"id": 2})
