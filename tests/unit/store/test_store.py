from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.control.client_tokens import ClientToken
from vmhost.control.cloud import KINDS
from vmhost.control.fleets.record import FleetOverride
from vmhost.control.instances.record import Instance, InstanceState, Reason, Wanted
from vmhost.store import MIGRATIONS, Key, Migration, Row, Store

INSTANCE = Instance(
    id="i-01",
    reservation_id="r-01",
    launch_index=0,
    image_id="ami-01",
    type_name="t3.nano",
    host_id="host-a",
    zone="us-east-1a",
    wanted=Wanted.RUNNING,
    state=InstanceState.PENDING,
    generation=1,
    launched_at=1.5,
    changed_at=2.5,
    reason=Reason(code="Server.InternalError", message="why"),
    user_data=b"\x00\xff{}",
    tags={"a": "ä", "": ""},
)
TOKEN = ClientToken(id="RunInstances/t", digest="d", made=("i-01",), at=3.0)


def text_of(record: object) -> str:
    return msgspec.json.encode(record).decode()


ROW = Row("instance", INSTANCE.id, text_of(INSTANCE))


def instances(store: Store) -> tuple[Instance, ...]:
    return tuple(msgspec.json.decode(body, type=Instance) for _, body in store.rows("instance"))


def test_rows_survive_a_restart(tmp_path: Path) -> None:
    rows = [ROW, Row("fleet", "fleet-02", "b"), Row("fleet", "fleet-01", "a")]
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write(rows)
    with Store(tmp_path / "cloud.sqlite") as store:
        assert instances(store) == (INSTANCE,)
        assert store.rows("fleet") == (("fleet-01", "a"), ("fleet-02", "b"))
        assert store.body(Key("fleet", "fleet-02")) == "b"
        assert store.body(Key("fleet", "fleet-03")) is None


def test_row_is_replaced_and_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([ROW])
        store.write([ROW._replace(body="other")])
        assert store.rows("instance") == ((INSTANCE.id, "other"),)
        store.write(forget=[Key("instance", INSTANCE.id)])
        assert store.rows("instance") == ()


def test_write_is_atomic(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        with pytest.raises(Unavailable):
            store.write([ROW, Row("no_such_table", "1", "")])
        assert store.rows("instance") == ()
        store.write([ROW])
        assert instances(store) == (INSTANCE,)


def test_commit_survives_a_process_that_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    first = Store(path)
    first.write([ROW])
    with Store(path) as second:
        assert instances(second) == (INSTANCE,)
    first.close()


def test_clear_removes_everything(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([ROW, *(Row(kind.table, "1", "{}") for kind in KINDS), Row("console", "1", "{}")])
        store.clear()
        assert [store.rows(table) for table in (*(kind.table for kind in KINDS), "console")] == [()] * (len(KINDS) + 1)


def test_older_file_is_migrated_and_keeps_rows(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path, migrations={1: MIGRATIONS[1]}) as store:
        store.write([ROW])
    with Store(path) as store:
        assert instances(store) == (INSTANCE,)
    assert _version(path) == max(MIGRATIONS)


def test_failed_migration_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    Store(path).close()
    newest = max(MIGRATIONS)
    failing: Migration = ("CREATE TABLE volume (id TEXT)", "THIS IS NO SQL")
    with pytest.raises(InvalidInput):
        Store(path, migrations={**MIGRATIONS, newest + 1: failing})
    assert _version(path) == newest
    with Store(path, migrations={**MIGRATIONS, newest + 1: failing[:1]}) as store:
        assert store.ids_by_age("volume") == ()


def test_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    newest = max(MIGRATIONS)
    Store(path, migrations={**MIGRATIONS, newest + 1: ("CREATE TABLE volume (id TEXT)",)}).close()
    with pytest.raises(InvalidInput, match=rf"newer glasscloud \(schema {newest + 1}; .* up to {newest}\); .* --state"):
        Store(path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(InvalidInput, match="another program's database"):
        Store(path)


def test_file_that_is_not_a_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    path.write_bytes(b"this is no database, and it is longer than a page header would be" * 20)
    with pytest.raises(InvalidInput, match=r"is damaged or not a database .*--adopt"):
        Store(path)


def test_damaged_page_names_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path) as store:
        store.write(_many())
    size, page = path.stat().st_size, 4096
    with path.open("r+b") as file:
        for offset in range(page, size, page):
            file.seek(offset)
            file.write(b"\xa5" * page)
    refused = pytest.raises(InvalidInput, match=r"is damaged or not a database .* with --adopt .* --sweep")
    with refused, Store(path) as store:
        store.rows("instance")


def test_full_disk_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([ROW])
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Unavailable, match=r"^the disk that holds .*cloud.sqlite is full; make room on it"):
            store.write(_many())
        assert instances(store) == (INSTANCE,)
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.write(_many())


def _many() -> list[Row]:
    return [ROW._replace(id=f"i-{number:04}") for number in range(200)]


def test_unknown_fields_dropped_missing_take_default() -> None:
    text = text_of(TOKEN).replace('"at":3.0', '"at":3,"new":[1]')
    assert msgspec.json.decode(text, type=ClientToken) == TOKEN
    assert msgspec.json.decode("{}", type=FleetOverride) == FleetOverride()


@given(
    user_data=st.binary(max_size=100),
    tags=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5),
    state=st.sampled_from(InstanceState),
    port=st.none() | st.integers(1, 65535),
)
def test_any_instance_reads_back_unchanged(
    user_data: bytes, tags: dict[str, str], state: InstanceState, port: int | None
) -> None:
    one = replace(INSTANCE, user_data=user_data, tags=tags, state=state, port=port)
    assert msgspec.json.decode(text_of(one), type=Instance) == one


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([ROW])
        rights = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(rights.values()) == {0o600}, rights
