"""The record of an instance: what its owner wants and what was observed, in EC2's terms. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from vmhost.control.kind import Kind

MAX_INSTANCES = 500
"""Of one cloud."""


class InstanceState(StrEnum):
    """EC2's six states, and two that EC2's API shows as running: the halves of a reboot."""

    PENDING = "pending"
    RUNNING = "running"
    REBOOTING = "rebooting"
    """A reboot was requested; the program has not ended yet."""
    RESTARTING = "restarting"
    """The program has ended for a reboot and is starting again."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"

    @property
    def code(self) -> int:
        """Return the state's number in the API (InstanceState.Code)."""
        return _CODES[self.in_api]

    @property
    def in_api(self) -> InstanceState:
        """Return the state that EC2's API shows."""
        return InstanceState.RUNNING if self in (InstanceState.REBOOTING, InstanceState.RESTARTING) else self


_CODES: Mapping[InstanceState, int] = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}


class Wanted(StrEnum):
    """The state that the owner last requested; the instance's task works until the observed state agrees."""

    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an instance is in its state (EC2's StateReason): a `Client.…` or `Server.…` code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance. Outside of its reconciler, compare `api_state`, not `state`."""

    id: str
    reservation_id: str
    launch_index: int
    image_id: str
    type_name: str
    host_id: str
    zone: str
    driver: str = ""
    """The driver of its host; empty for an instance that an earlier version launched."""
    wanted: Wanted
    state: InstanceState
    generation: int
    """One higher at each published change."""
    launched_at: float
    """Epoch seconds of the last start (EC2's LaunchTime)."""
    changed_at: float
    """Epoch seconds of the last change of the state that the API shows."""
    reason: Reason | None = None
    address: str | None = None
    """Address of the guest as the driver measured it; None while it has none."""
    port: int | None = None
    """Set only if the guest could not have an address of its own and got a port instead."""
    user_data: bytes = b""
    key_name: str | None = None
    public_key: str = ""
    """The public half of that key pair, which may be deleted before the instance."""
    tags: Mapping[str, str] = field(default_factory=dict)
    client_token: str | None = None
    shutdown_behavior: str = "stop"
    termination_protected: bool = False
    stop_protected: bool = False
    former_type: str | None = None
    """The type whose limits the guest still has after a change of type; None: it has those of `type_name`."""
    fleet_id: str | None = None
    template_id: str | None = None
    template_version: int | None = None
    spread_key: str | None = None
    """Instances with the same key are placed on different hosts if there is room."""
    boots: int = 0
    """Number of successful starts; 0 while the launch may still fail."""
    impaired: str = ""
    """Why a running instance cannot answer; empty if it can, and in every other state."""
    impaired_at: float | None = None
    """Since when, in epoch seconds."""

    @property
    def api_state(self) -> InstanceState:
        """Return the state that EC2's API shows: one of six."""
        return self.state.in_api


def _stamp(former: Instance, changed: Instance, now: float) -> Instance:
    changed_at = former.changed_at if changed.api_state is former.api_state else now
    return replace(changed, generation=former.generation + 1, changed_at=changed_at)


INSTANCES = Kind(
    name="instance",
    record=Instance,
    table="instance",
    prefix="i",
    noun="instance ID",
    not_found="InvalidInstanceID.NotFound",
    taggable=True,
    stamp=_stamp,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """The response to a start, stop or terminate request for one instance."""

    instance_id: str
    previous: InstanceState
    current: InstanceState
