"""The records of every kind of resource, in memory and in the store.

Reading is instant. Each change is one transaction: it is stored first, then visible in the tables, then passed to the
listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeAlias, TypeVar, cast

import msgspec

from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError, Internal, NotFound
from vmhost.base.logs import get_logger
from vmhost.control.kind import Kind, Record
from vmhost.store import Key, Row, Store

_log = get_logger("resources")


R = TypeVar("R", bound=Record)
Listener: TypeAlias = Callable[[R, R | None], None]
"""Called after each change of a record with the new record and the former one (None for a new record)."""


class Table(Generic[R]):
    """The records of one kind, by id. Changed only through `Resources`."""

    def __init__(self, kind: Kind[R], records: Mapping[str, R], clock: Clock) -> None:
        self.kind = kind
        self._records = dict(records)
        self._clock = clock
        self._listeners: list[Listener[R]] = []

    def get(self, record_id: str) -> R:
        """Return the record. Raises NotFound."""
        try:
            return self._records[record_id]
        except KeyError:
            message = f"The {self.kind.noun} '{record_id}' does not exist"
            raise NotFound(message, code=self.kind.not_found) from None

    def find(self, record_id: str) -> R | None:
        """Return the record, or None."""
        return self._records.get(record_id)

    def all(self) -> tuple[R, ...]:
        """Return every record."""
        return tuple(self._records.values())

    def changed(self, record_id: str, **fields: Any) -> R:
        """Return the record with these fields changed, to be committed. Raises NotFound."""
        former = self.get(record_id)
        return self.kind.stamp(former, replace(cast(Any, former), **fields), self._clock.now())

    def listen(self, listener: Listener[R]) -> None:
        """Call the listener after each change of a record."""
        self._listeners.append(listener)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._records

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def _put(self, record: R) -> Callable[[], None]:
        """Make the record visible; return the call that notifies the listeners."""
        former = self._records.get(record.id)
        self._records[record.id] = record
        return lambda: self._notify(record, former)

    def _forget(self, record_id: str) -> None:
        self._records.pop(record_id, None)

    def _notify(self, record: R, former: R | None) -> None:
        for listener in self._listeners:
            listener(record, former)


class Resources:
    """All tables of one cloud, in step with the store."""

    def __init__(self, store: Store, kinds: Iterable[Kind[Any]], clock: Clock) -> None:
        """Read all records. Raises InvalidInput for a damaged file, Internal for a record that cannot be read."""
        self._store = store
        self._unsaved: dict[Key, Record] = {}
        self._tables = {kind.record: Table(kind, _load(store, kind), clock) for kind in kinds}

    def table(self, kind: Kind[R]) -> Table[R]:
        """Return the table of the kind."""
        return self._tables[kind.record]

    def taggable(self) -> tuple[Table[Any], ...]:
        """Return the tables whose records can be tagged."""
        return tuple(table for table in self._tables.values() if table.kind.taggable)

    def commit(self, put: Iterable[Record] = (), *, forget: Iterable[Record] = ()) -> None:
        """Put and forget records of any kinds in one transaction. Raises Unavailable, changing nothing."""
        put, forget = tuple(put), tuple(forget)
        if put or forget:
            self._write(put, forget)
            self._show(put, forget)

    def observe(self, record: Record) -> None:
        """Record something that was observed, which is true whether or not it can be stored now.

        If the disk is full it is stored with the next change; a platform that ends before then observes it again."""
        self._unsaved[self._key(record)] = record
        self.save()
        self._show((record,), ())

    def save(self) -> None:
        """Store what could not be stored before; if it still cannot, that is logged."""
        if self._unsaved:
            try:
                self._write((), ())
            except CloudError as error:
                _log.warning("records_not_saved", ids=[key.id for key in self._unsaved], error=error.message)

    def _write(self, put: tuple[Record, ...], forget: tuple[Record, ...]) -> None:
        gone = [self._key(record) for record in forget]
        records = self._unsaved | {self._key(record): record for record in put}
        rows = [Row(*key, msgspec.json.encode(record).decode()) for key, record in records.items() if key not in gone]
        self._store.write(rows, gone)
        self._unsaved.clear()

    def _show(self, put: tuple[Record, ...], forget: tuple[Record, ...]) -> None:
        notifications = [self._tables[type(record)]._put(record) for record in put]
        for record in forget:
            self._tables[type(record)]._forget(record.id)
        for notify in notifications:
            notify()

    def _key(self, record: Record) -> Key:
        return Key(self._tables[type(record)].kind.table, record.id)


def _load(store: Store, kind: Kind[R]) -> dict[str, R]:
    records: dict[str, R] = {}
    for record_id, body in store.rows(kind.table):
        try:
            records[record_id] = msgspec.json.decode(body, type=kind.record)
        except msgspec.DecodeError as error:
            raise Internal(f"{store.path}: the record of {record_id} cannot be read: {error}") from error
    return records
