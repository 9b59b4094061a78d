"""The metadata of an instance as paths and values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from vmhost.base.files import indented_json

VERSIONS = ("1.0", "2016-09-02", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03", "2021-03-23", "latest")
"""Versions that programs request; all have the same content here."""

_DOCUMENT_VERSION = "2017-09-30"
_USER_DATA = "user-data"
_PUBLIC_KEYS = "meta-data/public-keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFacts:
    """What an instance may know about itself."""

    instance_id: str
    instance_type: str
    image_id: str
    zone: str
    region: str
    address: str | None
    architecture: str
    reservation_id: str
    launch_index: int
    launched_at: float
    """Epoch seconds of the last start."""
    account_id: str
    user_data: bytes = b""
    key_name: str | None = None
    public_key: str = ""
    """In OpenSSH's form; set with the key's name."""
    tags: Mapping[str, str] = field(default_factory=dict)


def look_up(facts: InstanceFacts, path: str) -> bytes | None:
    """Return the value or folder listing at the request's path, or None.

    A listing has one name per line, folders with a slash at the end, as EC2's has. A slash after a value's path is
    ignored, because the AWS SDKs request the zone like this."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return "\n".join(VERSIONS).encode()
    if parts[0] not in VERSIONS:
        return None
    values = _values(facts)
    inner = "/".join(quote(unquote(part), safe="") for part in parts[1:])
    if inner == _PUBLIC_KEYS and facts.key_name:
        return f"0={facts.key_name}".encode()
    if inner in values:
        return values[inner]
    names = _children(values, f"{inner}/" if inner else "")
    return "\n".join(names).encode() if names else None


def is_user_data(path: str) -> bool:
    """Whether it is the path of the user data, the only value that is not text."""
    return path.strip("/").endswith(f"/{_USER_DATA}") and path.strip("/").count("/") == 1


def _children(values: Mapping[str, bytes], folder: str) -> list[str]:
    names: dict[str, None] = {}
    for path in sorted(values):
        if path.startswith(folder):
            name, slash, _ = path[len(folder) :].partition("/")
            names[unquote(name) + slash] = None
    return list(names)


def _values(facts: InstanceFacts) -> dict[str, bytes]:
    """Return all values by path; a tag's key is URL-quoted, so that it is one path segment."""
    texts = {
        "ami-id": facts.image_id,
        "ami-launch-index": str(facts.launch_index),
        "instance-action": "none",
        "instance-id": facts.instance_id,
        "instance-life-cycle": "on-demand",
        "instance-type": facts.instance_type,
        "placement/availability-zone": facts.zone,
        "placement/region": facts.region,
        "reservation-id": facts.reservation_id,
        "services/partition": "aws",
    }
    if facts.address is not None:
        texts["local-ipv4"] = facts.address
    texts |= {f"tags/instance/{quote(key, safe='')}": value for key, value in facts.tags.items()}
    values = {f"meta-data/{path}": text.encode() for path, text in texts.items()}
    if facts.key_name:
        values[f"{_PUBLIC_KEYS}/0/openssh-key"] = f"{facts.public_key} {facts.key_name}".encode()
    values["dynamic/instance-identity/document"] = indented_json(_document(facts)).encode()
    if facts.user_data:
        values[_USER_DATA] = facts.user_data
    return values


def _document(facts: InstanceFacts) -> dict[str, str | None]:
    started = datetime.fromtimestamp(facts.launched_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "accountId": facts.account_id,
        "architecture": facts.architecture,
        "availabilityZone": facts.zone,
        "billingProducts": None,
        "devpayProductCodes": None,
        "imageId": facts.image_id,
        "instanceId": facts.instance_id,
        "instanceType": facts.instance_type,
        "kernelId": None,
        "marketplaceProductCodes": None,
        "pendingTime": started,
        "privateIp": facts.address,
        "ramdiskId": None,
        "region": facts.region,
        "version": _DOCUMENT_VERSION,
    }
