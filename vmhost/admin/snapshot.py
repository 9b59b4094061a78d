"""The whole cloud at one moment, as readers outside get it."""

from __future__ import annotations

from vmhost.api.views import CapabilityView, Snapshot
from vmhost.control.cloud import Cloud
from vmhost.control.view_conversion import host_view, instance_view
from vmhost.model.instance import InstanceState
from vmhost.model.lifecycle import ASKED, Event, states_for

_FAULTS = ("kill", "hog")
ALLOWED = {
    **{event.value: tuple(state.value for state in states_for(event)) for event in Event if event in ASKED},
    **dict.fromkeys(_FAULTS, (InstanceState.RUNNING.value,)),
}
"""The states in which each request has an effect, from the table of the life of an instance."""


def snapshot(cloud: Cloud) -> Snapshot:
    """What is now; read between two events, so it agrees with the hub's last one."""
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
        overcommit=cloud.overcommit,
        hosts=tuple(host_view(view) for view in cloud.hosts()),
        instances=tuple(instance_view(instance, cloud.limits(instance)) for instance in cloud.instances()),
        faults=cloud.faults(),
        calls=cloud.calls(),
        allowed=ALLOWED,
    )
