"""The whole cloud at one moment, as readers outside get it."""

from __future__ import annotations

from vmhost.api.views import CapabilityView, Snapshot
from vmhost.control.cloud import Cloud
from vmhost.control.wire import host_view, instance_view


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
    )
