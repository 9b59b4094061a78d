"""An instance: what is wanted of it, what is observed of it, and what EC2 calls both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class InstanceState(StrEnum):
    """EC2's six states; `code` is the number that the API sends beside the name."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"

    @property
    def code(self) -> int:
        """The state's number in the API (InstanceState.Code)."""
        return _CODES[self]


_CODES: Mapping[InstanceState, int] = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}


class Wanted(StrEnum):
    """What the owner last asked for; the instance's task works until the observed state agrees."""

    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an instance is in its state, in EC2's shape (StateReason): `Client.…` or `Server.…` code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance as the store holds it. Changed only with `replace()`, and only by the instance's own task."""

    id: str
    reservation_id: str
    launch_index: int
    image_id: str
    type_name: str
    host_id: str
    zone: str
    wanted: Wanted
    state: InstanceState
    generation: int
    """One higher at each published change."""
    launched_at: float
    """Epoch seconds of the last start (EC2's LaunchTime)."""
    changed_at: float
    """Epoch seconds of the last change of state."""
    reason: Reason | None = None
    address: str | None = None
    """Where the guest answers, as measured from the driver; None while there is none."""
    port: int | None = None
    """Set only where the guest could not have an address of its own and got a port instead."""
    user_data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None
    shutdown_behavior: str = "stop"
    fleet_id: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    spread_key: str | None = None
    """Instances with the same key go to different hosts where there is room."""
    boots: int = 0
    """How often it came up; 0 while its launch may still fail."""
    rebooting: bool = False
    """Whether a reboot was asked for that is not over; only while running."""
    impaired: str = ""
    """Why it cannot answer though it runs; empty when it can, and in every other state."""
    impaired_at: float | None = None
    """Epoch seconds since when."""
    reboot_stopped: bool = False
    """Whether that reboot has ended the program already, so that one that runs is the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What Start/Stop/TerminateInstances answers per instance."""

    instance_id: str
    previous: InstanceState
    current: InstanceState
