"""An instance as clients of the platform see it (`vmhost.api.views`). Pure."""

from __future__ import annotations

from dataclasses import asdict

from vmhost.api.views import InstanceView, LimitsView, ReasonView
from vmhost.control.instances.record import Instance
from vmhost.model.limits import Limits


def instance_view(instance: Instance, limits: Limits | None, web_port: int | None) -> InstanceView:
    """Return the view of the instance."""
    reason = instance.reason
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
        web_port=web_port,
        tags=dict(instance.tags),
        fleet=instance.fleet_id,
        reason=ReasonView(code=reason.code, message=reason.message) if reason else None,
        impaired=instance.impaired,
        generation=instance.generation,
        changed_at=instance.changed_at,
        limits=LimitsView(**asdict(limits)) if limits else None,
    )
