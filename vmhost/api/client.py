"""The platform's client: typed calls, typed errors, and the stream of what happens."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from vmhost.api import reading
from vmhost.api.access import Access
from vmhost.api.query import Value, error_of_code
from vmhost.api.transport import Transport
from vmhost.api.views import (
    EVENTS,
    CloudEvent,
    CpuView,
    FaultView,
    FleetView,
    ImageView,
    InstanceView,
    Snapshot,
    StateChangeView,
    TemplateView,
    TypesView,
)
from vmhost.base.clock import Clock, SystemClock
from vmhost.base.errors import Unavailable
from vmhost.base.logs import get_logger
from vmhost.base.sse import read_events

_SILENCE_S = 30.0
_PAUSE_FIRST_S = 0.1
_PAUSE_MAX_S = 2.0
_log = get_logger("cloud-client")

Tags = Mapping[str, str]
Filters = Mapping[str, Sequence[str]]


class CloudClient:
    """A cloud, seen from outside. An async context; every call has a deadline and raises CloudErrors only."""

    def __init__(
        self, access: Access, *, clock: Clock | None = None, timeout_s: float = 30.0, agent: str = "glasscloud"
    ) -> None:
        """`agent`: the program's name, by which everyone is told of the calls that it makes."""
        self._clock = clock or SystemClock()
        self._transport = Transport(access, clock=self._clock, timeout_s=timeout_s, agent=agent)

    async def __aenter__(self) -> CloudClient:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._transport.__aexit__(*error)

    # What is, and what happens

    async def status(self) -> Snapshot:
        """The whole cloud now."""
        return Snapshot.from_json(await self._transport.json("GET", "/_glasscloud/status"))

    async def types(self) -> TypesView:
        """The instance types: price, what each gets here, and how many of it fit on each host now."""
        return TypesView.from_json(await self._transport.json("GET", "/_glasscloud/types"))

    async def cpu(self) -> CpuView:
        """What each running instance has had of the CPU, and how busy each core was, measured now."""
        return CpuView.from_json(await self._transport.json("GET", "/_glasscloud/cpu"))

    async def events(
        self, *, stats: bool = True, silent: Callable[[], None] | None = None
    ) -> AsyncIterator[CloudEvent]:
        """What happens from now on, without end: a Snapshot first and again after each gap, then the changes.

        Without `stats` nobody measures what instances use on this reader's account.

        A cloud that does not answer is tried again, at most every two seconds; one that refuses raises. `silent` is
        called once a gap, when the second try has failed too: a stream may break without a reason to tell of."""
        path = "/_glasscloud/events" if stats else "/_glasscloud/events?without=stats"
        pause, tries = _PAUSE_FIRST_S, 0
        while True:
            try:
                async with self._transport.stream(path, silence_s=_SILENCE_S) as lines:
                    async for event in read_events(lines):
                        pause, tries = _PAUSE_FIRST_S, 0
                        if event.kind in EVENTS:
                            yield EVENTS[event.kind](event.data)
            except Unavailable as error:
                _log.debug("stream_broke", error=error.message)
            tries += 1
            if tries == 2 and silent is not None:
                silent()
            await self._clock.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)

    async def kill(self, instance_id: str) -> FaultView:
        """Ends the instance's program as a crash would; the platform is not told, it must notice."""
        return await self._fault({"fault": "kill", "instance_id": instance_id})

    async def hog_cpu(self, instance_id: str, *, seconds: float = 10.0, workers_per_vcpu: int = 8) -> FaultView:
        """Lets the instance burn all CPU that it can get for so long; answers when it has begun."""
        return await self._fault(
            {
                "fault": "cpu_hog",
                "instance_id": instance_id,
                "seconds": seconds,
                "workers_per_vcpu": workers_per_vcpu,
            }
        )

    async def end_fault(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """Ends a hog before its time, named by its id or by its instance; answers when it has ended.

        Naming one that has ended already is no error; an instance that is not hogged is a Conflict."""
        names = {"fault_id": fault_id, "instance_id": instance_id}
        return await self._fault({"fault": "end", **{key: name for key, name in names.items() if name is not None}})

    async def _fault(self, order: Mapping[str, str | float]) -> FaultView:
        return FaultView.from_json(await self._transport.json("POST", "/_glasscloud/faults", order))

    # Images and instances

    async def describe_images(self, filters: Filters | None = None) -> tuple[ImageView, ...]:
        """The images of the catalogue that pass the filters."""
        answer = await self._transport.action("DescribeImages", {"Filter": _filters(filters)})
        return tuple(reading.image(item) for item in answer.items("imagesSet"))

    async def describe_instances(self, filters: Filters | None = None) -> tuple[InstanceView, ...]:
        """The instances that pass EC2's filters, such as {"tag:role": ["leaf"], "instance-state-name": ["running"]}."""
        answer = await self._transport.action("DescribeInstances", {"Filter": _filters(filters)})
        groups = answer.items("reservationSet")
        return tuple(reading.instance(item) for group in groups for item in group.items("instancesSet"))

    async def impaired_instances(self) -> frozenset[str]:
        """The running instances whose instance status is impaired: they cannot answer."""
        wanted: Filters = {"instance-status.status": ["impaired"], "instance-state-name": ["running"]}
        answer = await self._transport.action("DescribeInstanceStatus", {"Filter": _filters(wanted)})
        return frozenset(item.need("instanceId") for item in answer.items("instanceStatusSet"))

    async def run_instances(
        self,
        *,
        image_id: str,
        type_name: str,
        count: int = 1,
        tags: Tags | None = None,
        user_data: bytes = b"",
        zone: str | None = None,
        host_id: str | None = None,
        client_token: str | None = None,
    ) -> tuple[InstanceView, ...]:
        """Launches `count` instances or none; they come back as they are then, most often pending."""
        params: dict[str, Value] = {
            "ImageId": image_id,
            "InstanceType": type_name,
            "MinCount": count,
            "MaxCount": count,
            "ClientToken": client_token,
            "UserData": base64.b64encode(user_data).decode() or None,
            "TagSpecification": _tag_specification("instance", tags),
            "Placement": {"AvailabilityZone": zone, "HostId": host_id},
        }
        answer = await self._transport.action("RunInstances", params)
        return tuple(reading.instance(item) for item in answer.items("instancesSet"))

    async def console_output(self, instance_id: str) -> str:
        """The last 64 KiB that the instance's program printed."""
        answer = await self._transport.action("GetConsoleOutput", {"InstanceId": instance_id, "Latest": True})
        return reading.blob(answer.text("output")).decode(errors="replace")

    async def user_data(self, instance_id: str) -> bytes:
        """The user data that the instance was launched with; empty where there is none."""
        params: dict[str, Value] = {"InstanceId": instance_id, "Attribute": "userData"}
        answer = await self._transport.action("DescribeInstanceAttribute", params)
        return reading.blob(answer.text("userData/value"))

    async def start_instances(self, ids: Sequence[str]) -> tuple[StateChangeView, ...]:
        """Starts stopped instances."""
        return await self._change("StartInstances", {"InstanceId": list(ids)})

    async def stop_instances(self, ids: Sequence[str], *, force: bool = False) -> tuple[StateChangeView, ...]:
        """Stops running instances; with `force` without asking their programs."""
        return await self._change("StopInstances", {"InstanceId": list(ids), "Force": force})

    async def terminate_instances(self, ids: Sequence[str]) -> tuple[StateChangeView, ...]:
        """Ends instances for good."""
        return await self._change("TerminateInstances", {"InstanceId": list(ids)})

    async def reboot_instances(self, ids: Sequence[str]) -> None:
        """Restarts the programs of running instances."""
        await self._transport.action("RebootInstances", {"InstanceId": list(ids)})

    async def _change(self, action: str, params: Mapping[str, Value]) -> tuple[StateChangeView, ...]:
        answer = await self._transport.action(action, params)
        return tuple(reading.state_change(item) for item in answer.items("instancesSet"))

    # Templates and fleets

    async def create_launch_template(
        self,
        name: str,
        *,
        image_id: str,
        type_name: str,
        user_data: bytes = b"",
        instance_tags: Tags | None = None,
        tags: Tags | None = None,
        client_token: str | None = None,
    ) -> TemplateView:
        """Makes a template; `instance_tags` go to what is launched from it, `tags` to the template itself."""
        data: dict[str, Value] = {
            "ImageId": image_id,
            "InstanceType": type_name,
            "UserData": base64.b64encode(user_data).decode() or None,
            "TagSpecification": _tag_specification("instance", instance_tags),
        }
        params: dict[str, Value] = {
            "LaunchTemplateName": name,
            "LaunchTemplateData": data,
            "ClientToken": client_token,
            "TagSpecification": _tag_specification("launch-template", tags),
        }
        answer = await self._transport.action("CreateLaunchTemplate", params)
        return reading.template(answer.child("launchTemplate"))

    async def describe_launch_templates(self, filters: Filters | None = None) -> tuple[TemplateView, ...]:
        """The templates that pass the filters."""
        answer = await self._transport.action("DescribeLaunchTemplates", {"Filter": _filters(filters)})
        return tuple(reading.template(item) for item in answer.items("launchTemplates"))

    async def delete_launch_template(self, template_id: str) -> None:
        """Removes a template; instances and fleets made from it stay."""
        await self._transport.action("DeleteLaunchTemplate", {"LaunchTemplateId": template_id})

    async def create_fleet(
        self,
        *,
        template_id: str,
        target: int,
        template_version: str = "$Default",
        tags: Tags | None = None,
        client_token: str | None = None,
        replace_unhealthy: bool = False,
    ) -> str:
        """Makes a fleet that keeps `target` instances of the template alive; its id.

        With `replace_unhealthy` it also replaces running instances that fail their status checks."""
        specification = {"LaunchTemplateId": template_id, "Version": template_version}
        params: dict[str, Value] = {
            "Type": "maintain",
            "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": specification}],
            "TargetCapacitySpecification": _capacity(target),
            "ReplaceUnhealthyInstances": replace_unhealthy,
            "TagSpecification": _tag_specification("fleet", tags),
            "ClientToken": client_token,
        }
        answer = await self._transport.action("CreateFleet", params)
        return answer.need("fleetId")

    async def describe_fleets(self, ids: Sequence[str] = ()) -> tuple[FleetView, ...]:
        """The named fleets, or all that are not deleted."""
        answer = await self._transport.action("DescribeFleets", {"FleetId": list(ids)})
        return tuple(reading.fleet(item) for item in answer.items("fleetSet"))

    async def fleet_instances(self, fleet_id: str) -> tuple[str, ...]:
        """The ids of the fleet's active instances."""
        answer = await self._transport.action("DescribeFleetInstances", {"FleetId": fleet_id})
        return tuple(item.need("instanceId") for item in answer.items("activeInstanceSet"))

    async def modify_fleet(self, fleet_id: str, *, target: int) -> None:
        """Changes how many instances the fleet keeps."""
        params: dict[str, Value] = {"FleetId": fleet_id, "TargetCapacitySpecification": {"TotalTargetCapacity": target}}
        await self._transport.action("ModifyFleet", params)

    async def delete_fleets(self, ids: Sequence[str], *, terminate_instances: bool = True) -> None:
        """Ends fleets, and by default their instances. Raises the first refusal, after all were tried."""
        params: dict[str, Value] = {"FleetId": list(ids), "TerminateInstances": terminate_instances}
        answer = await self._transport.action("DeleteFleets", params)
        for item in answer.items("unsuccessfulFleetDeletionSet"):
            code, message = item.need("error/code"), item.text("error/message") or ""
            raise error_of_code(code, message)


def _filters(filters: Filters | None) -> list[Value]:
    return [{"Name": name, "Value": list(values)} for name, values in (filters or {}).items()]


def _tag_specification(resource: str, tags: Tags | None) -> list[Value]:
    if not tags:
        return []
    return [{"ResourceType": resource, "Tag": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def _capacity(target: int) -> Value:
    return {"TotalTargetCapacity": target, "DefaultTargetCapacityType": "on-demand"}
