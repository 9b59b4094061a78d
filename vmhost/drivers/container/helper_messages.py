"""The messages between the platform and its helper: one JSON object per packet, over a Unix socket. Pure."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from vmhost.base.errors import CloudError, NotFound, Unavailable
from vmhost.drivers.container.firewall import GuestNetwork

VERSION = 3
"""Sent first by the helper. Another version means that the helper's image is older or newer than this program."""
PACKET_BYTES_MAX = 8192

HELLO = json.dumps({"hello": VERSION}).encode()


def encode_request(verb: str, pid: int, container_id: str, **facts: Any) -> bytes:
    return json.dumps({"verb": verb, "pid": pid, "container": container_id, **facts}).encode()


def guest_facts(guest: GuestNetwork) -> dict[str, Any]:
    return {"network": str(guest.network), "gateway": str(guest.gateway), "mbps": guest.mbps, "counted": guest.counted}


def read_guest(request: dict[str, Any]) -> GuestNetwork:
    return GuestNetwork(
        network=IPv4Network(request["network"]),
        gateway=IPv4Address(request["gateway"]),
        mbps=int(request["mbps"]),
        counted=bool(request["counted"]),
    )


def encode_answer(error: CloudError | None) -> bytes:
    return json.dumps({"error": error.message, "kind": error.kind} if error else {"done": True}).encode()


def raise_if_error(answer: bytes) -> None:
    """Raise the helper's error: NotFound as such, any other as Unavailable."""
    found = json.loads(answer)
    if "error" in found:
        kind = NotFound if found.get("kind") == NotFound.kind else Unavailable
        raise kind(found["error"])
