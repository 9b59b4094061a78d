"""This computer's addresses on its networks, those that phones most likely reach first.

Runs the system's own tools: `ip` on Linux, `ifconfig` elsewhere. The parsers are pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import re
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

_DEADLINE_S = 3.0
_OFFERED_MAX = 16
_INNER = re.compile(r"(docker|br-|veth|virbr|cni|flannel|cali|lxc|lxd|podman|vmnet|awdl|llw|utun|tun|tap|wg)")
"""Networks between this computer and its own guests, and tunnels: no phone is connected to them."""
_CONTAINER = (".dockerenv", "run/.containerenv")
"""Files that Docker and Podman create in every container."""
_HEAD = re.compile(r"(\S+?):\s+flags=\w+<([\w,]*)>")
_INET = re.compile(r"\s+inet (?:addr:)?(\d+\.\d+\.\d+\.\d+)")
_ELSEWHERE = ("192.0.2.1", 9)
"""An address reserved for documentation (RFC 5737); nothing is sent to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One address on one network."""

    name: str
    """The system's name: "wlan0", "en0"."""
    address: str
    kind: str = ""
    """"Wi-Fi" where the system says so."""
    default: bool = False
    """Whether the default route uses it."""

    @property
    def label(self) -> str:
        """Its name for people: "Wi-Fi wlan0"."""
        return f"{self.kind} {self.name}".strip()

    @property
    def public(self) -> bool:
        """Whether it is a public address, which more than the local network may reach."""
        return ipaddress.ip_address(self.address).is_global

    def to_json(self) -> dict[str, Any]:
        """Return the interface as the page draws it."""
        return {**asdict(self), "label": self.label, "public": self.public}


def parse_ip(text: str) -> list[Interface]:
    """Parse `ip -json -4 address`: the addresses of interfaces that are up, without loopback and inner networks."""
    try:
        links = json.loads(text or "[]")
    except ValueError:
        return []
    return [
        Interface(name=link["ifname"], address=each["local"])
        for link in links
        if "UP" in link.get("flags", ()) and "LOOPBACK" not in link.get("flags", ())
        for each in link.get("addr_info", ())
        if each.get("family") == "inet" and each.get("scope") == "global" and not _INNER.match(link["ifname"])
    ]


def parse_ifconfig(text: str) -> list[Interface]:
    """Parse `ifconfig` of macOS or Linux: the same addresses as `parse_ip`."""
    found: list[Interface] = []
    name, up = "", False
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name, flags = head[1], head[2].split(",")
            up = "UP" in flags and "LOOPBACK" not in flags and not _INNER.match(name)
        elif up and (at := _INET.match(line)) and not ipaddress.ip_address(at[1]).is_link_local:
            found.append(Interface(name=name, address=at[1]))
    return found


def parse_ports(text: str) -> dict[str, str]:
    """Parse macOS's `networksetup -listallhardwareports`: the kind of each device, such as en0: Wi-Fi."""
    return {device: port for port, device in re.findall(r"Hardware Port: (.+)\nDevice: (\S+)", text)}


def ordered(found: list[Interface], default: str) -> list[Interface]:
    """Return the address of the default route first, then Wi-Fi, then the rest. Pure."""
    marked = [replace(each, default=each.address == default) for each in found[:_OFFERED_MAX]]
    return sorted(marked, key=lambda each: (not each.default, each.kind != "Wi-Fi"))


def unreachable_reason(root: Path = Path("/")) -> str:
    """Return why other computers cannot reach this program's addresses; empty if they may. Pure but for two files."""
    if any((root / mark).exists() for mark in _CONTAINER):
        return (
            "this console runs in a container, whose addresses phones cannot reach; "
            "run `glasscloud up --share` outside of it"
        )
    return ""


async def interfaces() -> list[Interface]:
    """Return the addresses that others on our networks may reach, the most likely first."""
    found = parse_ip(await _output("ip", "-json", "-4", "address")) or parse_ifconfig(await _output("ifconfig"))
    ports = parse_ports(await _output("networksetup", "-listallhardwareports"))
    kinds = {each.name: "Wi-Fi" if _wireless(each.name) else ports.get(each.name, "") for each in found}
    default = default_address()
    if not found and default:
        # Neither tool works here. The address of the default route is certainly one of ours.
        found = [Interface(name="network", address=default)]
    return ordered([replace(each, kind=kinds.get(each.name, "")) for each in found], default)


def default_address() -> str:
    """Return the address of the default route; empty without one. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            # Connecting a datagram socket only looks up the route.
            sock.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(sock.getsockname()[0])


def _wireless(name: str) -> bool:
    return Path("/sys/class/net", name, "wireless").exists()


async def _output(*command: str) -> str:
    """Return the tool's output; empty if it is missing, fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            out, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return out.decode(errors="replace") if process.returncode == 0 else ""
