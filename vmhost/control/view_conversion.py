"""The model's words as the views that leave the platform (`vmhost.api.views`). Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vmhost.api.views import HostView as HostJson
from vmhost.api.views import InstanceView, LimitsView, ReasonView
from vmhost.model.host import Host, HostUse
from vmhost.model.instance import Instance
from vmhost.model.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class HostView:
    """A host as reads see it: its promise (overcommit in it), what is given away, and whether a wall holds."""

    host: Host
    used: HostUse
    enforced: bool
    why_not: str

    @property
    def free(self) -> HostUse:
        """What may still be promised (pids are a ceiling, never promised)."""
        return HostUse(
            cpu_cores=max(0.0, round(self.host.cpu_cores - self.used.cpu_cores, 4)),
            memory_mib=max(0, self.host.memory_mib - self.used.memory_mib),
        )


def host_view(view: HostView) -> HostJson:
    """The host as readers outside get it."""
    return HostJson(
        id=view.host.id,
        zone=view.host.zone,
        cpu_cores=view.host.cpu_cores,
        memory_mib=view.host.memory_mib,
        cpu_used=view.used.cpu_cores,
        memory_used_mib=view.used.memory_mib,
        enforced=view.enforced,
        why=view.why_not,
        cpus=view.host.cpus,
        shared=view.host.shared,
    )


def instance_view(instance: Instance, limits: Limits | None) -> InstanceView:
    """The instance as readers outside get it."""
    reason = instance.reason
    return InstanceView(
        id=instance.id,
        type=instance.type_name,
        state=instance.state.value,
        host=instance.host_id,
        zone=instance.zone,
        image=instance.image_id,
        launched_at=instance.launched_at,
        address=instance.address,
        port=instance.port,
        tags=dict(instance.tags),
        fleet=instance.fleet_id,
        reason=ReasonView(code=reason.code, message=reason.message) if reason else None,
        impaired=instance.impaired,
        generation=instance.generation,
        changed_at=instance.changed_at,
        limits=LimitsView(**asdict(limits)) if limits else None,
    )
