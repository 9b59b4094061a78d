"""Makes the snapshot of the whole cloud that clients get."""

from __future__ import annotations

from vmhost.api.views import CapabilityView, Snapshot
from vmhost.control.cloud import Cloud
from vmhost.control.instances.lifecycle import REQUESTS, InstanceEvent, states_for
from vmhost.control.instances.record import InstanceState
from vmhost.faults.registry import FAULTS

ALLOWED = {
    **{event.value: tuple(state.value for state in states_for(event)) for event in InstanceEvent if event in REQUESTS},
    **dict.fromkeys(FAULTS, (InstanceState.RUNNING.value,)),
}
"""The states in which each request has an effect, from the lifecycle table."""


def snapshot(cloud: Cloud) -> Snapshot:
    """Return the present state. Nothing awaits here, so it agrees with the hub's last event."""
    capabilities = cloud.capabilities()
    return Snapshot(
        cloud=cloud.settings.name,
        region=cloud.region,
        driver=capabilities.driver,
        stands_for=capabilities.stands_for,
        one=capabilities.one,
        capabilities=tuple(
            CapabilityView(name=item.name, enforced=item.enforced, why=item.why) for item in capabilities.items
        ),
        overcommit=cloud.settings.overcommit,
        hosts=cloud.hosts.hosts(),
        instances=tuple(cloud.instances.view(instance) for instance in cloud.instances.all()),
        faults=cloud.faults.running(),
        fault_kinds=tuple(fault.describe() for fault in FAULTS.values()),
        calls=cloud.calls.last(),
        allowed=ALLOWED,
    )
