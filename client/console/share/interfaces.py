"""Which addresses this machine has on its networks, and by which of them others most likely reach it.

Asks the system's own tools: `ip` on Linux, `ifconfig` elsewhere. The parsers are pure.
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
"""Networks between this machine and its own guests, or tunnels: no phone of the audience is there."""
_CONTAINER = (".dockerenv", "run/.containerenv")
"""Files that Docker and Podman put into every container."""
_HEAD = re.compile(r"(\S+?):\s+flags=\w+<([\w,]*)>")
_INET = re.compile(r"\s+inet (?:addr:)?(\d+\.\d+\.\d+\.\d+)")
_ELSEWHERE = ("192.0.2.1", 9)
"""An address set apart for documentation (RFC 5737); nothing is sent to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One address on one network."""

    name: str
    """The system's: "wlan0", "en0"."""
    address: str
    kind: str = ""
    """"Wi-Fi" where the system says so."""
    default: bool = False
    """Whether the way to everywhere else begins here."""

    @property
    def label(self) -> str:
        """How people call it: "Wi-Fi wlan0"."""
        return f"{self.kind} {self.name}".strip()

    @property
    def public(self) -> bool:
        """Whether the address is one of the whole internet's, so that more than the local network may reach it."""
        return ipaddress.ip_address(self.address).is_global

    def to_json(self) -> dict[str, Any]:
        """The interface as the page draws it."""
        return {**asdict(self), "label": self.label, "public": self.public}


def parse_ip(text: str) -> list[Interface]:
    """What `ip -json -4 address` wrote: addresses of interfaces that are up, without loopback and inner networks."""
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
    """What `ifconfig` wrote, of macOS or of Linux: the same choice."""
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
    """What macOS's `networksetup -listallhardwareports` wrote: the kind of each device, such as en0: Wi-Fi."""
    return {device: port for port, device in re.findall(r"Hardware Port: (.+)\nDevice: (\S+)", text)}


def ordered(found: list[Interface], default: str) -> list[Interface]:
    """The address from which the way to everywhere begins first, then Wi-Fi, then the rest as they came. Pure."""
    marked = [replace(each, default=each.address == default) for each in found[:_OFFERED_MAX]]
    return sorted(marked, key=lambda each: (not each.default, each.kind != "Wi-Fi"))


def hidden(root: Path = Path("/")) -> str:
    """Why no phone reaches any address of this program; empty where one may. In a container all addresses are inner."""
    if any((root / mark).exists() for mark in _CONTAINER):
        return (
            "this console runs in a container, whose addresses no phone reaches; "
            "run `glasscloud up --share` on the machine itself"
        )
    return ""


async def interfaces() -> list[Interface]:
    """The addresses that others on our networks may reach, the likeliest first; empty where there is none."""
    found = parse_ip(await _told("ip", "-json", "-4", "address")) or parse_ifconfig(await _told("ifconfig"))
    ports = parse_ports(await _told("networksetup", "-listallhardwareports"))
    kinds = {each.name: "Wi-Fi" if _wireless(each.name) else ports.get(each.name, "") for each in found}
    default = default_address()
    if not found and default:
        # No tool tells; the address at which our way out begins is one that we surely have.
        found = [Interface(name="network", address=default)]
    return ordered([replace(each, kind=kinds.get(each.name, "")) for each in found], default)


def default_address() -> str:
    """The address at which the way to everywhere else begins; empty where there is none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            # Connecting a datagram socket only looks the route up.
            sock.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(sock.getsockname()[0])


def _wireless(name: str) -> bool:
    return Path("/sys/class/net", name, "wireless").exists()


async def _told(*command: str) -> str:
    """What the tool writes; empty where it is not there, fails or does not answer in time."""
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
