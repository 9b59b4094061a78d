"""The access file: whole or nothing, for its owner only, and never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmhost.api.access import Access
from vmhost.base.errors import CloudError, InvalidInput, NotFound

ACCESS = Access.fresh("http://127.0.0.1:4566")


def test_what_is_saved_is_loaded_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    ACCESS.save(path)
    assert Access.load(path, environ={}) == ACCESS
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["access.json"]


def test_the_environment_names_the_file_and_the_endpoint(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    ACCESS.save(path)
    environ = {"GLASSCLOUD_ACCESS": str(path), "GLASSCLOUD_ENDPOINT": "http://vmhost:4566"}
    loaded = Access.load(environ=environ)
    assert loaded.endpoint == "http://vmhost:4566"
    assert loaded.credentials == ACCESS.credentials


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, NotFound),
        ("", InvalidInput),
        ("[]", InvalidInput),
        ("{}", InvalidInput),
        (json.dumps({"endpoint": 1, "region": "r", "access_key_id": "a", "secret_access_key": "s"}), InvalidInput),
        (json.dumps({"endpoint": "", "region": "r", "access_key_id": "a", "secret_access_key": "s"}), InvalidInput),
    ],
)
def test_a_file_that_is_not_whole_says_so(tmp_path: Path, text: str | None, kind: type[CloudError]) -> None:
    path = tmp_path / "access.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=r"access\.json"):
        Access.load(path, environ={})


def test_without_a_name_it_says_how_to_give_one() -> None:
    with pytest.raises(NotFound, match="GLASSCLOUD_ACCESS"):
        Access.load(environ={})


def test_fresh_keys_differ_and_the_secret_is_not_shown() -> None:
    other = Access.fresh("http://127.0.0.1:4566")
    assert other.secret_access_key != ACCESS.secret_access_key
    assert ACCESS.secret_access_key not in f"{ACCESS!r} {ACCESS}"
    assert ACCESS.environment()["AWS_SECRET_ACCESS_KEY"] == ACCESS.secret_access_key
