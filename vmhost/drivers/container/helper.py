"""The helper: a program that works in guests' network namespaces for a platform without the privileges to do so.

It runs in a container of its own, where it sees the engine's process ids but not the engine's socket. It connects to
the platform's socket, serves that one connection and ends with it.
"""

from __future__ import annotations

import array
import json
import os
import socket
import sys
from typing import Any

from vmhost.base.errors import CloudError, InvalidInput, Unavailable
from vmhost.drivers.container import helper_messages, netns


def main(path: str) -> int:
    """Serve until the platform closes the connection, and return an exit code."""
    if missing := netns.missing_rights():
        print(f"helper: cannot work in guests' networks: {missing}", file=sys.stderr)
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(path)
        link.sendall(helper_messages.HELLO)
        while packet := link.recv(helper_messages.PACKET_BYTES_MAX):
            _serve(link, packet)
    return 0


def _serve(link: socket.socket, packet: bytes) -> None:
    listener: socket.socket | None = None
    try:
        listener = _do(json.loads(packet))
        answer = helper_messages.encode_answer(None)
    except CloudError as error:
        answer = helper_messages.encode_answer(error)
    except (ValueError, KeyError, OSError) as error:
        answer = helper_messages.encode_answer(Unavailable(f"the helper failed: {error!r}"))
    if listener is None:
        link.sendall(answer)
        return
    with listener:
        rights = array.array("i", [listener.fileno()])
        link.sendmsg([answer], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def _do(request: dict[str, Any]) -> socket.socket | None:
    pid, container = int(request["pid"]), str(request["container"])
    match request["verb"]:
        case "check":
            netns.check(helper_messages.read_guest(request))
        case "configure_network":
            return netns.configure_network(pid, container, helper_messages.read_guest(request))
        case "shape":
            netns.shape(pid, container, int(request["mbps"]))
        case "end_session":
            netns.end_session(pid, container)
        case verb:
            raise InvalidInput(f"the helper has no request {verb!r}")
    return None


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1]))
