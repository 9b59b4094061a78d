"""The console's key: kept for its owner only, and never shown."""

from __future__ import annotations

import stat
from pathlib import Path

from client.console.keys import Key


def test_a_kept_key_is_the_same_after_a_restart_and_its_owners_only(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first, again = Key.kept(file), Key.kept(file)
    assert again.opens(first.token)
    assert again.knows(first.cookie)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_without_a_key_gets_a_fresh_one(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe")
    assert Key.read(file) is None
    assert Key.kept(file).opens(file.read_text().strip())
    assert Key.read(tmp_path / "absent") is None


def test_another_token_and_another_cookie_open_nothing() -> None:
    key, other = Key.fresh(), Key.fresh()
    assert not key.opens(other.token)
    assert not key.knows(other.cookie)
    assert not key.knows(key.token)
    assert not key.opens("ä")


def test_the_token_shows_in_no_repr_and_stands_in_the_fragment() -> None:
    key = Key.fresh()
    assert key.token not in repr(key)
    assert key.address("http://127.0.0.1:8080") == f"http://127.0.0.1:8080/#token={key.token}"
