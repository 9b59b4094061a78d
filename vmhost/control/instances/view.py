"""An instance as clients of the platform see it (`vmhost.api.views`). Pure."""

from __future__ import annotations

from dataclasses import asdict

from vmhost.api.views import InstanceView, LimitsView, ReasonView
from vmhost.control.instances.record import Instance
from vmhost.control.inventory import Inventory


def instance_view(instance: Instance, inventory: Inventory) -> InstanceView:
    """Return the view of the instance."""
    reason, limits = instance.reason, inventory.limits(instance)
    return InstanceView(
        id=instance.id,
        type=instance.type_name,
        state=instance.api_state.value,
        host=instance.host_id,
        zone=instance.zone,
        image=instance.image_id,
        launched_at=instance.launched_at,
        address=instance.address,
        port=instance.port,
        web_port=inventory.web_port(instance),
        tags=dict(instance.tags),
        fleet=instance.fleet_id,
        reason=ReasonView(code=reason.code, message=reason.message) if reason else None,
        impaired=instance.impaired,
        generation=instance.generation,
        changed_at=instance.changed_at,
        limits=LimitsView(**asdict(limits)) if limits else None,
    )
