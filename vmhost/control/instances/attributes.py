"""Changes of an instance's attributes: which are allowed in its state, and what they mean for its record. Pure.

A change of type is recorded at once, with the type whose limits the guest still has; the instance's task then changes
the limits. A stopped guest gets them before it starts again, a running one while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vmhost.api import USER_DATA_BYTES_MAX
from vmhost.base.errors import Conflict, Denied, InvalidInput
from vmhost.control.instances.record import Instance, InstanceState

SHUTDOWN_BEHAVIORS = ("stop", "terminate")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeChange:
    """New values of attributes; None: unchanged."""

    type_name: str | None = None
    user_data: bytes | None = None
    shutdown_behavior: str | None = None
    """What happens when the program ends by itself with exit code 0: "stop" or "terminate"."""
    termination_protected: bool | None = None
    stop_protected: bool | None = None


def check_user_data(data: bytes) -> None:
    """Raise InvalidInput for more user data than an instance can have."""
    if len(data) > USER_DATA_BYTES_MAX:
        raise InvalidInput(f"user data is limited to {USER_DATA_BYTES_MAX} bytes; this has {len(data)}")


def check_shutdown_behavior(behavior: str) -> None:
    """Raise InvalidInput for an unknown shutdown behavior."""
    if behavior not in SHUTDOWN_BEHAVIORS:
        raise InvalidInput(f"shutdown behavior {behavior[:40]!r} is invalid; use {' or '.join(SHUTDOWN_BEHAVIORS)}")


def changed_fields(instance: Instance, change: AttributeChange) -> dict[str, Any]:
    """Return the fields of the record to change; none if nothing changes.

    Raises InvalidInput for a wrong value, and Conflict (IncorrectInstanceState) for what only a stopped instance can
    change."""
    if change.user_data is not None:
        check_user_data(change.user_data)
    if change.shutdown_behavior is not None:
        check_shutdown_behavior(change.shutdown_behavior)
    if instance.state is InstanceState.TERMINATED or instance.state is InstanceState.SHUTTING_DOWN:
        raise Conflict(f"instance {instance.id} is {instance.state}; its attributes cannot be changed any more")
    if (change.type_name or change.user_data is not None) and instance.state is not InstanceState.STOPPED:
        raise Conflict(
            f"The instance '{instance.id}' is not in the 'stopped' state; stop it first to change its "
            f"{'type' if change.type_name else 'user data'}"
        )
    fields = {
        "user_data": change.user_data,
        "shutdown_behavior": change.shutdown_behavior,
        "termination_protected": change.termination_protected,
        "stop_protected": change.stop_protected,
    }
    given = {name: value for name, value in fields.items() if value not in (None, getattr(instance, name))}
    return given | (of_type(instance, change.type_name) if change.type_name else {})


def of_type(instance: Instance, type_name: str) -> dict[str, Any]:
    """Return the fields that give the instance another type; none if it has that type."""
    if type_name == instance.type_name:
        return {}
    return {"type_name": type_name, "former_type": instance.former_type or instance.type_name}


def check_protection(instance: Instance, *, stop: bool) -> None:
    """Raise Denied (OperationNotPermitted) if the instance is protected from a stop or a termination by a call.

    Protection from being stopped is also protection from being terminated."""
    name = "disableApiStop" if instance.stop_protected else "disableApiTermination"
    if instance.stop_protected or (instance.termination_protected and not stop):
        raise Denied(
            f"The instance '{instance.id}' may not be {'stopped' if stop else 'terminated'}. Modify its '{name}' "
            "instance attribute and try again.",
            code="OperationNotPermitted",
        )
