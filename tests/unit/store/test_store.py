from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import Internal, InvalidInput, Unavailable
from vmhost.model.fleet import Fleet, FleetOverride, FleetState, LaunchTemplate, LaunchTemplateVersion
from vmhost.model.instance import Instance, InstanceState, Reason, Wanted
from vmhost.store.codec import dump, load
from vmhost.store.schema import MIGRATIONS
from vmhost.store.store import Store, Token

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
VERSION = LaunchTemplateVersion(number=1, created_at=1.0, user_data=b"", tags={"k": "v"})
TEMPLATE = LaunchTemplate(id="lt-01", name="web", created_at=1.0, versions=(VERSION,))
FLEET = Fleet(
    id="fleet-01",
    type="maintain",
    state=FleetState.ACTIVE,
    template_id="lt-01",
    template_version=1,
    target=2,
    created_at=1.0,
    overrides=(FleetOverride(zone="us-east-1a"), FleetOverride(type_name="t3.micro")),
)
TOKEN = Token(id="RunInstances/t", digest="d", made=("i-01",), at=3.0)


def test_everything_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path) as store:
        store.write((INSTANCE, TEMPLATE, FLEET, TOKEN))
    with Store(path) as store:
        saved = store.load()
    assert (saved.instances, saved.templates, saved.fleets, saved.tokens) == (
        (INSTANCE,),
        (TEMPLATE,),
        (FLEET,),
        (TOKEN,),
    )


def test_a_record_is_replaced_and_forgotten(tmp_path: Path) -> None:
    store = Store(tmp_path / "cloud.sqlite")
    store.write((INSTANCE,))
    changed = replace(INSTANCE, state=InstanceState.RUNNING, reason=None)
    store.write((changed,))
    assert store.load().instances == (changed,)
    store.write(forget=(changed,))
    assert store.load().instances == ()
    store.close()


def test_a_change_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        with pytest.raises(KeyError):
            store.write((INSTANCE, "no record"))  # type: ignore[arg-type]
        assert store.load().instances == ()
        store.write((INSTANCE,))
        assert store.load().instances == (INSTANCE,)


def test_what_was_committed_survives_a_process_that_never_closed(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    first = Store(path)
    first.write((INSTANCE,))
    with Store(path) as second:
        assert second.load().instances == (INSTANCE,)
    first.close()


def test_clear_forgets_everything(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write((INSTANCE, TEMPLATE, FLEET, TOKEN))
        store.clear()
        saved = store.load()
        assert (*saved.instances, *saved.templates, *saved.fleets, *saved.tokens) == ()


def test_an_older_file_is_migrated_and_keeps_its_records(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path) as store:
        store.write((INSTANCE,))
    later = (*MIGRATIONS, "CREATE TABLE volume (id TEXT PRIMARY KEY)")
    with Store(path, migrations=later) as store:
        assert store.load().instances == (INSTANCE,)
    assert _version(path) == len(later)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    Store(path).close()
    with pytest.raises(InvalidInput):
        Store(path, migrations=(*MIGRATIONS, "CREATE TABLE volume (id TEXT); THIS IS NO SQL"))
    assert _version(path) == len(MIGRATIONS)
    Store(path).close()


def test_a_newer_file_stops_with_a_clear_message(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    Store(path, migrations=(*MIGRATIONS, "CREATE TABLE volume (id TEXT)")).close()
    with pytest.raises(InvalidInput, match=r"newer glasscloud \(schema 3, this one knows 2\); .* --state"):
        Store(path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(InvalidInput, match="another program's database"):
        Store(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    path.write_bytes(b"this is no database, and it is longer than a page header would be" * 20)
    with pytest.raises(InvalidInput, match=r"is damaged or not a database .*--adopt"):
        Store(path)


def test_a_damaged_page_is_told_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path) as store:
        store.write([replace(INSTANCE, id=f"i-{number:04}") for number in range(200)])
    size, page = path.stat().st_size, 4096
    with path.open("r+b") as file:
        for offset in range(page, size, page):
            file.seek(offset)
            file.write(b"\xa5" * page)
    refused = pytest.raises(InvalidInput, match=r"is damaged or not a database .* with --adopt .* --sweep")
    with refused, Store(path) as store:
        store.load()


def test_a_full_disk_is_told_in_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([INSTANCE])
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        large = [replace(INSTANCE, id=f"i-{number:04}") for number in range(200)]
        with pytest.raises(Unavailable, match=r"^the disk that holds .*cloud.sqlite is full; make room on it"):
            store.write(large)
        assert store.load().instances == (INSTANCE,)
        store._connection.execute("PRAGMA max_page_count = 1000000")
        store.write(large)


def test_a_record_that_is_not_understood_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cloud.sqlite"
    with Store(path) as store:
        store.write((INSTANCE,))
    connection = sqlite3.connect(path)
    connection.execute("UPDATE instance SET body = '{}'")
    connection.commit()
    connection.close()
    with Store(path) as store, pytest.raises(Internal, match="i-01"):
        store.load()


def test_fields_of_other_versions_are_dropped_or_take_their_default() -> None:
    text = dump(TOKEN).replace('"at":3.0', '"at":3,"new":[1]')
    assert load(Token, text) == TOKEN
    assert load(FleetOverride, "{}") == FleetOverride()


@given(
    user_data=st.binary(max_size=100),
    tags=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=5),
    state=st.sampled_from(InstanceState),
    port=st.none() | st.integers(1, 65535),
)
def test_any_instance_reads_back_as_it_was(
    user_data: bytes, tags: dict[str, str], state: InstanceState, port: int | None
) -> None:
    one = replace(INSTANCE, user_data=user_data, tags=tags, state=state, port=port)
    assert load(Instance, dump(one)) == one


def _version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_nobody_else_may_read_the_file_whatever_the_folder_allows(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Store(tmp_path / "cloud.sqlite") as store:
        store.write([INSTANCE])
        rights = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(rights.values()) == {0o600}, rights
