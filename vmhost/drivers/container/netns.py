"""Configures a guest's network namespace from outside: rules, the metadata listener, rates. Linux only.

Every function blocks for some milliseconds and works in a thread of its own that enters the namespace and ends there.
The caller needs SYS_ADMIN, NET_ADMIN and SYS_PTRACE and must see the guest's processes.

Tools and system calls are used directly: with pyroute2 guests start no faster, and its import takes 0.13 s and 8 MB.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from vmhost.base.errors import CloudError, NotFound, Unavailable
from vmhost.drivers import processes
from vmhost.drivers.container.firewall import LISTENER_PORTS, METADATA_ADDRESS, GuestNetwork, ruleset, shaping

TOOLS = ("nft", "tc")
RIGHTS = {"SYS_ADMIN": 21, "NET_ADMIN": 12, "SYS_PTRACE": 19}

_CLONE_NEWNET = 0x40000000
_SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
_IFF_UP_RUNNING = 0x1 | 0x40
_BACKLOG = 64
_TOOL_DEADLINE_S = 5.0
_THREAD_DEADLINE_S = 10.0
_PATH = f"{os.defpath}:/usr/local/sbin:/usr/sbin:/sbin"
_KILL_ROUNDS, _KILL_PAUSE_S = 100, 0.02
"""A killed program needs CPU time to end, and its guest may have little of it."""

_STOPPED = frozenset(("T", psutil.STATUS_STOPPED))
_DEAD = frozenset(("Z", "X", psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerProcess:
    """The first process of a running container. The container's id guards against a reused process id."""

    pid: int
    container_id: str


def missing_rights() -> str:
    """Return what keeps this process from working in other namespaces; empty when nothing does."""
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=_PATH) is None]:
        return f"{' and '.join(missing)} not installed"
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return "this system is not Linux"
    line = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    held = int(line.split()[1], 16)
    if missing := [name for name, bit in RIGHTS.items() if not held >> bit & 1]:
        return f"the capabilities {', '.join(missing)} are missing"
    return ""


def configure_network(process: ContainerProcess, guest: GuestNetwork) -> socket.socket:
    """Load the rules and open the metadata listener in the namespace of the container's process. May be repeated.

    Raises NotFound when the process has ended or belongs to another container."""
    return _inside(process, lambda: _configure_network(guest))


def check(guest: GuestNetwork) -> None:
    """Load the rules in a temporary namespace. Raises Unavailable if the kernel refuses them."""

    def load() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
            raise Unavailable(f"a network namespace cannot be made: {os.strerror(ctypes.get_errno())}")
        _run("nft", "-f", "-", text=ruleset(guest))

    _in_thread(load, "checking network rules")


def shape(process: ContainerProcess, mbps: int) -> None:
    """Limit the rate of the guest's network interfaces, which must be connected. May be repeated."""
    _inside(process, lambda: _shape(mbps))


def _configure_network(guest: GuestNetwork) -> socket.socket:
    _give_loopback_address(METADATA_ADDRESS)
    listener = _listen_for_metadata()
    try:
        # The rules are loaded even if no port is free for the listener.
        _run("nft", "-f", "-", text=ruleset(guest, listener.getsockname()[1] if listener else LISTENER_PORTS[0]))
    except BaseException:
        if listener:
            listener.close()
        raise
    if listener is None:
        first, last = LISTENER_PORTS[0], LISTENER_PORTS[-1]
        raise Unavailable(f"no port from {first} to {last} of {METADATA_ADDRESS} is free in the instance")
    listener.setblocking(False)
    return listener


def _listen_for_metadata() -> socket.socket | None:
    """Listen on the first free port: a program of the guest may have taken one while the platform did not run."""
    for port in LISTENER_PORTS:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((METADATA_ADDRESS, port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
        else:
            return listener
    return None


def _shape(mbps: int) -> None:
    for _, name in socket.if_nameindex():
        if name != "lo":
            _run("tc", *shaping(name, mbps))


def _give_loopback_address(address: str) -> None:
    """Give lo a second address (an alias). May be repeated."""

    def request(sock: socket.socket, code: int, address: str) -> None:
        packed = struct.pack("16sH2s4s8x", b"lo:0", socket.AF_INET, b"", socket.inet_aton(address))
        fcntl.ioctl(sock, code, packed)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            request(sock, _SIOCSIFADDR, address)
            request(sock, _SIOCSIFNETMASK, "255.255.255.255")
            fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))
        except OSError as error:
            raise Unavailable(f"the metadata address could not be set: {error.strerror}") from error


def _run(tool: str, *arguments: str, text: str = "") -> None:
    processes.run(shutil.which(tool, path=_PATH) or tool, *arguments, text=text, timeout_s=_TOOL_DEADLINE_S)


def _inside(process: ContainerProcess, work: Callable[[], T]) -> T:
    """Do the work in a new thread inside the process's network namespace. Programs that it starts are inside too."""

    def enter_and_work() -> T:
        _enter(process.pid, process.container_id)
        return work()

    return _in_thread(enter_and_work, f"configuring the network of container {process.container_id[:12]}")


def _in_thread(work: Callable[[], T], doing: str) -> T:
    """Do the work in a new thread, which leaves its namespace by ending."""
    result: Future[T] = Future()

    def body() -> None:
        try:
            result.set_result(work())
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=body, name="netns", daemon=True).start()
    try:
        return result.result(_THREAD_DEADLINE_S)
    except CloudError:
        raise
    except TimeoutError as error:
        raise Unavailable(f"{doing} took over {_THREAD_DEADLINE_S:.0f} s") from error
    except Exception as error:
        raise Unavailable(f"{doing} failed: {error}") from error


def _enter(pid: int, container_id: str) -> None:
    try:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"process {pid} of container {container_id[:12]} has ended") from error
    try:
        # Checked while the namespace is open: another process may have got the id before that.
        if not belongs(pid, container_id):
            raise NotFound(f"process {pid} does not belong to container {container_id[:12]}")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise Unavailable(f"the network namespace cannot be entered: {os.strerror(number)}")
    finally:
        os.close(namespace)


def belongs(pid: int, container_id: str) -> bool:
    """Return whether the process runs in the container's control group."""
    try:
        return container_id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def end_session(process: ContainerProcess) -> None:
    """Kill a program that was started inside a container, with its session and its descendants there, and wait up to
    two seconds for their end."""
    for _ in range(_KILL_ROUNDS):
        living = [one for one in processes.family((process.pid,)) if _runs_in(one, process.container_id)]
        if not living:
            return
        processes.kill(living)
        time.sleep(_KILL_PAUSE_S)


def _runs_in(process: psutil.Process, container_id: str) -> bool:
    try:
        return process.status() not in _DEAD and belongs(process.pid, container_id)
    except psutil.Error:
        return False


def is_stopped(process: ContainerProcess) -> bool:
    """Return whether the container's program is stopped by a signal."""
    rows = []
    for pid in (process.pid, *processes.children(process.pid)):
        with contextlib.suppress(psutil.Error):
            one = psutil.Process(pid)
            rows.append((pid, one.ppid(), one.status()))
    return is_program_stopped(process.pid, rows) and belongs(process.pid, process.container_id)


def is_program_stopped(root: int, rows: Iterable[tuple[int, int, str]]) -> bool:
    """Return whether the program under a container's first process is stopped by a signal. Pure.

    `rows` are process ids with their parents and states, in psutil's words or the letters of ps. The first process is
    an init whose child is the program; without an init it is the program itself."""
    states = {pid: (parent, state) for pid, parent, state in rows}
    children = [state for parent, state in states.values() if parent == root and state not in _DEAD]
    own = [states[root][1]] if root in states else []
    return bool(found := children or own) and all(state in _STOPPED for state in found)
