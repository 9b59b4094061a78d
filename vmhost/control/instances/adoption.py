"""Guests that exist and are on no record: an emptied store must not make strays of a whole cloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vmhost.base.errors import Conflict
from vmhost.base.logs import get_logger
from vmhost.control.records import Records
from vmhost.model.guest import GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, Wanted
from vmhost.store.codec import load

_log = get_logger("cloud")


def check_records(records: Records, guests: Iterable[GuestStatus], *, adopt: bool) -> None:
    """With `adopt`, records every guest that is on no record, from what it carries of its launch.

    Raises Conflict, changing nothing, for a guest that carries no record, and where nothing at all is on record."""
    unknown = [guest for guest in guests if guest.instance_id not in records.instances]
    if not unknown or (records.instances and not adopt):
        return
    if not adopt:
        count = "1 instance exists" if len(unknown) == 1 else f"{len(unknown)} instances exist"
        raise Conflict(
            f"{count}, but no instance is on record: the state was lost or emptied; take them over with --adopt, "
            "or remove them with --sweep"
        )
    fleets = records.fleets
    adopted = [_adopted(guest) for guest in unknown]
    records.add([one if one.fleet_id in fleets else replace(one, fleet_id=None) for one in adopted])
    _log.warning("instances_adopted", instances=[one.id for one in adopted])


def _adopted(guest: GuestStatus) -> Instance:
    """The instance as the guest shows it. Raises Conflict for one without its record."""
    try:
        launched = load(Instance, guest.record)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Conflict(
            f"instance {guest.instance_id} carries no record of its launch and cannot be adopted; "
            "remove what is there with --sweep, or choose another name with --cloud"
        ) from None
    runs = guest.phase is GuestPhase.RUNNING
    place = guest.booted if runs else None
    return replace(
        launched,
        id=guest.instance_id,
        state=InstanceState.RUNNING if runs else InstanceState.STOPPED,
        wanted=Wanted.RUNNING if runs else Wanted.STOPPED,
        generation=launched.generation + 1,
        address=place.address if place else None,
        port=place.port if place else None,
        boots=max(1, launched.boots),
    )
