"""The console's key: its file is private, and it is never shown."""

from __future__ import annotations

import stat
from pathlib import Path

from client.console.console_key import ConsoleKey


def test_key_file_persists_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "key"
    first, again = ConsoleKey.read_or_create(file), ConsoleKey.read_or_create(file)
    assert again.matches_token(first.token)
    assert again.matches_cookie(first.cookie)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_invalid_key_file_replaced(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe")
    assert ConsoleKey.read(file) is None
    assert ConsoleKey.read_or_create(file).matches_token(file.read_text().strip())
    assert ConsoleKey.read(tmp_path / "absent") is None


def test_another_token_and_another_cookie_open_nothing() -> None:
    key, other = ConsoleKey.create(), ConsoleKey.create()
    assert not key.matches_token(other.token)
    assert not key.matches_cookie(other.cookie)
    assert not key.matches_cookie(key.token)
    assert not key.matches_token("ä")


def test_token_only_in_link_fragment() -> None:
    key = ConsoleKey.create()
    assert key.token not in repr(key)
    assert key.link("http://127.0.0.1:8080") == f"http://127.0.0.1:8080/#token={key.token}"
