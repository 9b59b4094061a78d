"""Which engine is looked for, and in which order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from vmhost.drivers.container.docker_engines import find_engines, known_sockets


def _context(home: Path, name: str, host: str, *, tls: bool = False) -> None:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / folder
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    if tls:
        files = home / ".docker/contexts/tls" / folder / "docker"
        files.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (files / file).write_text("")


def _chosen(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_is_the_only_candidate(tmp_path: Path) -> None:
    _context(tmp_path, "colima", "unix:///c.sock")
    _chosen(tmp_path, "colima")
    found = find_engines({"DOCKER_HOST": "tcp://192.0.2.1:2375"}, tmp_path)
    assert [(one.source, one.url, one.tls) for one in found] == [("DOCKER_HOST", "tcp://192.0.2.1:2375", None)]


def test_docker_host_over_tls_uses_its_folder_of_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    env = {"DOCKER_HOST": "tcp://x:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    (found,) = find_engines(env, tmp_path / "home")
    assert found.tls is not None
    assert (found.tls.ca, found.tls.key, found.tls.verify) == (tmp_path / "ca.pem", None, True)


def test_the_chosen_context_is_the_only_candidate(tmp_path: Path) -> None:
    _context(tmp_path, "colima", "unix:///c.sock", tls=True)
    _chosen(tmp_path, "colima")
    (found,) = find_engines({}, tmp_path)
    assert (found.source, found.url, found.socket) == ("docker context colima", "unix:///c.sock", Path("/c.sock"))
    assert found.tls is not None
    assert found.tls.certificate is not None


def test_the_environment_chooses_a_context_before_the_file_does(tmp_path: Path) -> None:
    _context(tmp_path, "one", "unix:///1.sock")
    _context(tmp_path, "two", "unix:///2.sock")
    _chosen(tmp_path, "one")
    assert [one.url for one in find_engines({"DOCKER_CONTEXT": "two"}, tmp_path)] == ["unix:///2.sock"]


def test_existing_known_sockets_are_candidates_in_order(tmp_path: Path) -> None:
    for name in (".orbstack/run/docker.sock", ".docker/run/docker.sock"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / ".docker/config.json").write_text("no json")
    ours = [one.source for one in find_engines({}, tmp_path) if str(tmp_path) in one.url]
    assert ours == ["Docker Desktop", "OrbStack"]


def test_rootless_engines_found_in_the_runtime_folder(tmp_path: Path) -> None:
    urls = [one.url for one in known_sockets({"XDG_RUNTIME_DIR": "/run/user/1000"}, tmp_path)]
    assert "unix:///run/user/1000/docker.sock" in urls
    assert "unix:///run/user/1000/podman/podman.sock" in urls


def test_unreadable_folder_is_no_candidate(tmp_path: Path) -> None:
    assert all(
        one.source != "Docker without root" for one in find_engines({"XDG_RUNTIME_DIR": "/" + "x" * 300}, tmp_path)
    )
