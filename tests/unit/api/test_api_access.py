"""The access file: whole or nothing, for its owner only, and never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmhost.api.access import Access
from vmhost.base.errors import CloudError, InvalidInput, NotFound

ACCESS = Access.fresh("http://127.0.0.1:4566")


def test_saved_file_loads_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    ACCESS.save(path)
    assert Access.load(path, environ={}) == ACCESS
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["access.json"]


def test_environment_names_file_and_endpoint(tmp_path: Path) -> None:
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
def test_incomplete_file_is_refused(tmp_path: Path, text: str | None, kind: type[CloudError]) -> None:
    path = tmp_path / "access.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(kind, match=r"access\.json"):
        Access.load(path, environ={})


def test_missing_name_error_shows_the_variable() -> None:
    with pytest.raises(NotFound, match="GLASSCLOUD_ACCESS"):
        Access.load(environ={})


def test_new_keys_differ_and_secret_is_hidden() -> None:
    other = Access.fresh("http://127.0.0.1:4566")
    assert other.secret_access_key != ACCESS.secret_access_key
    assert ACCESS.secret_access_key not in f"{ACCESS!r} {ACCESS}"
    assert ACCESS.environment()["AWS_SECRET_ACCESS_KEY"] == ACCESS.secret_access_key
