"""The addresses at which phones may reach this computer: those to choose from, the most likely first, and QR codes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ipaddress
import re
import socket
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import segno

_DEADLINE_S = 3.0
_OFFERED_MAX = 16
_INNER = re.compile(r"(docker|br-|veth|virbr|cni|flannel|cali|lxc|lxd|podman|vmnet|awdl|llw|utun|tun|tap|wg)")
"""Networks between this computer and its own guests, and tunnels: no phone is connected to them."""
_CONTAINER = (".dockerenv", "run/.containerenv")
"""Files that Docker and Podman create in every container."""
_ELSEWHERE = ("192.0.2.1", 9)
"""An address reserved for documentation (RFC 5737); nothing is sent to it."""
_QUIET = 4
"""Width of a QR code's white border in modules, as the standard requires (ISO/IEC 18004)."""
_WHITE_ON_BLACK = "\x1b[97;40m"
_PLAIN = "\x1b[0m"


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


def outer(found: Iterable[tuple[str, str]]) -> list[Interface]:
    """Return those of the names and addresses that are neither loopback nor of an inner network. Pure."""
    return [
        Interface(name=name, address=address)
        for name, address in found
        if not _INNER.match(name)
        and not ipaddress.ip_address(address).is_loopback
        and not ipaddress.ip_address(address).is_link_local
    ]


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
    found = outer(own_addresses())
    names = {each.name for each in found}
    kinds = {name: "Wi-Fi" for name in names if Path("/sys/class/net", name, "wireless").exists()}
    if sys.platform == "darwin":
        kinds = parse_ports(await _output("networksetup", "-listallhardwareports"))
    default = default_address()
    if not found and default:
        # The address of the default route is certainly one of ours.
        found = [Interface(name="network", address=default)]
    return ordered([replace(each, kind=kinds.get(each.name, "")) for each in found], default)


def own_addresses() -> list[tuple[str, str]]:
    """Return name and IPv4 address of each interface that is up."""
    states, ipv4 = psutil.net_if_stats(), socket.AF_INET
    return [
        (name, each.address)
        for name, addresses in psutil.net_if_addrs().items()
        for each in addresses
        if each.family == ipv4 and name in states and states[name].isup
    ]


def default_address() -> str:
    """Return the address of the default route; empty without one. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            # Connecting a datagram socket only looks up the route.
            sock.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(sock.getsockname()[0])


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


def qr_svg(address: str) -> bytes:
    """Return a picture, black on white in every theme, that fills its box."""
    file = io.BytesIO()
    _code(address).save(file, kind="svg", xmldecl=False, omitsize=True, border=_QUIET, dark="#000", light="#fff")
    return file.getvalue()


def qr_blocks(address: str, *, colours: bool) -> list[str]:
    """Return lines of half blocks. With `colours` they look the same on light and dark terminals."""
    file = io.StringIO()
    _code(address).terminal(out=file, compact=True, border=2)
    lines = file.getvalue().splitlines()
    return [f"{_WHITE_ON_BLACK}{line}{_PLAIN}" for line in lines] if colours else lines


def _code(address: str) -> segno.QRCode:
    return segno.make(address, error="m", micro=False)
