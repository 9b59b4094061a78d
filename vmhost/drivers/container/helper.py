"""The helper's program: works in guests' network namespaces for a control plane that lacks the rights.

It runs in a container of its own with the engine's process ids in sight, without the engine's socket. It connects to
the control plane's socket, serves that one connection and ends with it, so it never outlives whom it serves.
"""

from __future__ import annotations

import array
import json
import os
import socket
import sys
from typing import Any

from vmhost.base.errors import CloudError, InvalidInput, Unavailable
from vmhost.drivers.container import messages, netns


def main(path: str) -> int:
    """Serves until the control plane goes; an exit code."""
    if lacking := netns.lacking():
        print(f"helper: {lacking}; expected the rights and tools to work in guests' networks", file=sys.stderr)
        return 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        link.connect(path)
        link.sendall(messages.HELLO)
        while packet := link.recv(messages.PACKET_BYTES_MAX):
            _serve(link, packet)
    return 0


def _serve(link: socket.socket, packet: bytes) -> None:
    listener: socket.socket | None = None
    try:
        listener = _do(json.loads(packet))
        answer = messages.encode_answer(None)
    except CloudError as error:
        answer = messages.encode_answer(error)
    except (ValueError, KeyError, OSError) as error:
        answer = messages.encode_answer(Unavailable(f"the helper failed: {error!r}"))
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
            netns.check(messages.read_guest(request))
        case "furnish":
            return netns.furnish(pid, container, messages.read_guest(request))
        case "shape":
            netns.shape(pid, container, int(request["mbps"]))
        case "end_session":
            netns.end_session(pid, container)
        case verb:
            raise InvalidInput(f"the helper does not know {verb!r}; expected check, furnish, shape or end_session")
    return None


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1]))
