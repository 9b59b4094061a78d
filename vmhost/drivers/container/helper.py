"""The helper: a program that works in guests' network namespaces for a platform without the privileges to do so.

It runs in a container of its own, where it sees the engine's process ids but not the engine's socket. It connects to
the platform's socket, serves that one connection and ends with it. Each packet is one request or one response, as JSON.
"""

from __future__ import annotations

import array
import os
import socket
import sys
from typing import Any, TypeAlias

import msgspec

from vmhost.base.errors import CloudError, NotFound, Unavailable
from vmhost.drivers.container import netns
from vmhost.drivers.container.firewall import GuestNetwork
from vmhost.drivers.container.netns import ContainerProcess

HELLO = b'{"hello": 4}'
"""Sent first by the helper. Another one means that the helper's image is older or newer than this program."""
PACKET_BYTES_MAX = 8192


class Check(msgspec.Struct, tag=True):
    guest: GuestNetwork


class ConfigureNetwork(msgspec.Struct, tag=True):
    process: ContainerProcess
    guest: GuestNetwork


class Shape(msgspec.Struct, tag=True):
    process: ContainerProcess
    mbps: int


class EndSession(msgspec.Struct, tag=True):
    process: ContainerProcess


Request: TypeAlias = Check | ConfigureNetwork | Shape | EndSession
"""What the helper does, one for each function of `netns`."""


class Response(msgspec.Struct):
    error: str = ""
    """Empty when it worked."""
    not_found: bool = False

    def check(self) -> None:
        """Raise the helper's error: NotFound as such, any other as Unavailable."""
        if self.error:
            raise (NotFound if self.not_found else Unavailable)(self.error)


def encode(message: Request | Response) -> bytes:
    return msgspec.json.encode(message, enc_hook=str)


def decode_request(packet: bytes) -> Request:
    return msgspec.json.decode(packet, type=Request, dec_hook=_read_address)


def _read_address(kind: type, value: Any) -> Any:
    """Read an address or a network, which are text in JSON."""
    return kind(value)


def main(path: str) -> int:
    """Serve until the platform closes the connection, and return an exit code."""
    if missing := netns.missing_rights():
        print(f"helper: cannot work in guests' networks: {missing}", file=sys.stderr)
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(path)
        link.sendall(HELLO)
        while packet := link.recv(PACKET_BYTES_MAX):
            _serve(link, packet)
    return 0


def _serve(link: socket.socket, packet: bytes) -> None:
    listener, response = None, Response()
    try:
        listener = perform(decode_request(packet))
    except CloudError as error:
        response = Response(error=error.message, not_found=isinstance(error, NotFound))
    except (msgspec.MsgspecError, OSError) as error:
        response = Response(error=f"the helper failed: {error!r}")
    if listener is None:
        link.sendall(encode(response))
        return
    with listener:
        rights = array.array("i", [listener.fileno()])
        link.sendmsg([encode(response)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def perform(request: Request) -> socket.socket | None:
    """Do what is requested, and return the listener if the request makes one. Raises only CloudErrors and OSErrors."""
    match request:
        case Check():
            netns.check(request.guest)
        case ConfigureNetwork():
            return netns.configure_network(request.process, request.guest)
        case Shape():
            netns.shape(request.process, request.mbps)
        case EndSession():
            netns.end_session(request.process)
    return None


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1]))
