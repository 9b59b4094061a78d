"""Finds the Docker engines that may be available, in order of preference. Reads files; connects to no engine.

The Docker SDK ignores docker contexts, so the container driver and `glasscloud doctor` find the engine here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

DEFAULT_CONTEXT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Files needed to connect to an engine over TLS; None where the engine does not use them."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCandidate:
    """An address where an engine may be listening."""

    source: str
    """Where the address comes from: "DOCKER_HOST", "docker context colima", "Docker Desktop"."""
    url: str
    """unix:///…, tcp://…, ssh://… or npipe://…"""
    tls: TlsFiles | None = None

    @property
    def socket(self) -> Path | None:
        """Return the socket's path, for engines on this computer."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


def find_engines(env: Mapping[str, str], home: Path) -> tuple[EngineCandidate, ...]:
    """Return the candidates, best first: DOCKER_HOST, else the docker context, else the known sockets that exist.

    If DOCKER_HOST or a docker context is set, it is the only candidate: instances must appear in the engine that
    `docker ps` shows."""
    if host := env.get("DOCKER_HOST"):
        return (EngineCandidate(source="DOCKER_HOST", url=host, tls=_tls_of_environment(env, home)),)
    config = Path(env.get("DOCKER_CONFIG") or home / ".docker")
    name = env.get("DOCKER_CONTEXT") or _read_json(config / "config.json").get("currentContext") or DEFAULT_CONTEXT
    if name != DEFAULT_CONTEXT and (chosen := _context(config, str(name))):
        return (chosen,)
    known = known_sockets(env, home)
    # os.path, because Path.exists raises for a folder that this user may not read, such as root's own Podman.
    return tuple(candidate for candidate in known if candidate.socket and os.path.exists(candidate.socket))  # noqa: PTH110


def known_sockets(env: Mapping[str, str], home: Path) -> tuple[EngineCandidate, ...]:
    """Return the usual socket paths on Linux and macOS, whether they exist or not."""
    runtime = env.get("XDG_RUNTIME_DIR")
    places: list[tuple[str, str | Path]] = [
        ("Docker", "/var/run/docker.sock"),
        ("Docker Desktop", home / ".docker/run/docker.sock"),
        ("Docker Desktop", home / ".docker/desktop/docker.sock"),
        ("Colima", home / ".colima/default/docker.sock"),
        ("Colima", home / ".config/colima/default/docker.sock"),
        ("OrbStack", home / ".orbstack/run/docker.sock"),
        *([("Docker without root", Path(runtime) / "docker.sock")] if runtime else []),
        ("Podman", "/run/podman/podman.sock"),
        ("Podman", home / ".local/share/containers/podman/machine/podman.sock"),
        *([("Podman without root", Path(runtime) / "podman/podman.sock")] if runtime else []),
    ]
    return tuple(EngineCandidate(source=source, url=f"unix://{path}") for source, path in places)


def _context(config: Path, name: str) -> EngineCandidate | None:
    """Read the named context where the docker command stores it: in a folder named by the SHA-256 of its name."""
    folder = hashlib.sha256(name.encode()).hexdigest()
    endpoint = _read_json(config / "contexts/meta" / folder / "meta.json").get("Endpoints", {}).get("docker", {})
    url = endpoint.get("Host")
    if not url:
        return None
    files = config / "contexts/tls" / folder / "docker"
    verify = not endpoint.get("SkipTLSVerify", False)
    return EngineCandidate(source=f"docker context {name}", url=url, tls=_tls_in(files, verify=verify))


def _tls_of_environment(env: Mapping[str, str], home: Path) -> TlsFiles | None:
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    return _tls_in(Path(env.get("DOCKER_CERT_PATH") or home / ".docker"), verify=verify) or TlsFiles(verify=verify)


def _tls_in(folder: Path, *, verify: bool) -> TlsFiles | None:
    found: Iterator[Path | None] = (path if (path := folder / name).exists() else None for name in _TLS_NAMES)
    ca, certificate, key = found
    if ca is None and certificate is None:
        return None
    return TlsFiles(ca=ca, certificate=certificate, key=key, verify=verify)


_TLS_NAMES = ("ca.pem", "cert.pem", "key.pem")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        return {}
