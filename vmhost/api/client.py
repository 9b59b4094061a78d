"""The platform's client: typed calls, typed errors and the event stream."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from vmhost.api import ec2_wire
from vmhost.api.access import Access
from vmhost.api.ec2_wire import Value, error_of_code
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
    decode,
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
    """Client of one cloud, an async context manager. Every call has a deadline and raises only CloudErrors."""

    def __init__(
        self, access: Access, *, clock: Clock | None = None, timeout_s: float = 30.0, agent: str = "glasscloud"
    ) -> None:
        """`agent`: the program's name in the cloud's log of calls."""
        self._clock = clock or SystemClock()
        self._transport = Transport(access, clock=self._clock, timeout_s=timeout_s, agent=agent)

    async def __aenter__(self) -> CloudClient:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._transport.__aexit__(*error)

    # State and events

    async def status(self) -> Snapshot:
        """Return the state of the whole cloud."""
        return decode(Snapshot, await self._transport.json("GET", "/_glasscloud/status"))

    async def types(self) -> TypesView:
        """Return the instance types with their prices, limits, and how many still fit on each host."""
        return decode(TypesView, await self._transport.json("GET", "/_glasscloud/types"))

    async def cpu(self) -> CpuView:
        """Measure the CPU time of each running instance and core."""
        return decode(CpuView, await self._transport.json("GET", "/_glasscloud/cpu"))

    async def events(
        self, *, stats: bool = True, silent: Callable[[], None] | None = None
    ) -> AsyncIterator[CloudEvent]:
        """Yield all events from now on, without end. A Snapshot comes first, and again after each gap.

        With `stats` the platform measures what instances use while this reader is connected. If the cloud does not
        respond, the client retries at most every two seconds; if it refuses, this raises. `silent` is called once per
        gap, after the second failed attempt, because a single break is normal."""
        path = "/_glasscloud/events" if stats else "/_glasscloud/events?without=stats"
        pause, tries = _PAUSE_FIRST_S, 0
        while True:
            try:
                async with self._transport.stream(path, silence_s=_SILENCE_S) as lines:
                    async for event in read_events(lines):
                        pause, tries = _PAUSE_FIRST_S, 0
                        if event.kind in EVENTS:
                            yield decode(EVENTS[event.kind], event.data)
            except Unavailable as error:
                _log.debug("stream_broke", error=error.message)
            tries += 1
            if tries == 2 and silent is not None:
                silent()
            await self._clock.sleep(pause)
            pause = min(pause * 2, _PAUSE_MAX_S)

    async def inject_fault(self, fault: str, instance_id: str, **parameters: float) -> FaultView:
        """Inject a fault into the instance; for one that lasts, returns when it has started.

        The faults and their parameters are those in `vmhost/faults`, such as "kill" or "cpu_hog"."""
        return await self._fault({"fault": fault, "instance_id": instance_id, **parameters})

    async def end_fault(self, *, fault_id: str | None = None, instance_id: str | None = None) -> FaultView:
        """End a fault early, given its id or its instance; returns when it has ended.

        Ending one that has ended already is no error; if no fault is running in the instance, raises Conflict."""
        names = {"fault_id": fault_id, "instance_id": instance_id}
        return await self._fault({"fault": "end", **{key: name for key, name in names.items() if name is not None}})

    async def _fault(self, request: Mapping[str, str | float]) -> FaultView:
        return decode(FaultView, await self._transport.json("POST", "/_glasscloud/faults", request))

    # Images and instances

    async def describe_images(self, filters: Filters | None = None) -> tuple[ImageView, ...]:
        """Return the images that match the filters."""
        response = await self._transport.action("DescribeImages", {"Filter": _filters(filters)})
        return tuple(ec2_wire.image(item) for item in response.items("imagesSet"))

    async def describe_instances(self, filters: Filters | None = None) -> tuple[InstanceView, ...]:
        """Return the instances that match EC2's filters, such as {"tag:role": ["leaf"]}."""
        response = await self._transport.action("DescribeInstances", {"Filter": _filters(filters)})
        groups = response.items("reservationSet")
        return tuple(ec2_wire.instance(item) for group in groups for item in group.items("instancesSet"))

    async def impaired_instances(self) -> frozenset[str]:
        """Return the running instances whose status is impaired: they cannot respond."""
        wanted: Filters = {"instance-status.status": ["impaired"], "instance-state-name": ["running"]}
        response = await self._transport.action("DescribeInstanceStatus", {"Filter": _filters(wanted)})
        return frozenset(item.need("instanceId") for item in response.items("instanceStatusSet"))

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
        """Launch `count` instances or none; usually they are still pending when this returns."""
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
        response = await self._transport.action("RunInstances", params)
        return tuple(ec2_wire.instance(item) for item in response.items("instancesSet"))

    async def console_output(self, instance_id: str) -> str:
        """Return the last 64 KiB of the instance's output."""
        response = await self._transport.action("GetConsoleOutput", {"InstanceId": instance_id, "Latest": True})
        return ec2_wire.blob(response.text("output")).decode(errors="replace")

    async def user_data(self, instance_id: str) -> bytes:
        """Return the instance's user data; empty without any."""
        params: dict[str, Value] = {"InstanceId": instance_id, "Attribute": "userData"}
        response = await self._transport.action("DescribeInstanceAttribute", params)
        return ec2_wire.blob(response.text("userData/value"))

    async def start_instances(self, ids: Sequence[str]) -> tuple[StateChangeView, ...]:
        """Start stopped instances."""
        return await self._change("StartInstances", {"InstanceId": list(ids)})

    async def stop_instances(self, ids: Sequence[str], *, force: bool = False) -> tuple[StateChangeView, ...]:
        """Stop running instances; with `force` kill their programs."""
        return await self._change("StopInstances", {"InstanceId": list(ids), "Force": force})

    async def terminate_instances(self, ids: Sequence[str]) -> tuple[StateChangeView, ...]:
        """Terminate instances."""
        return await self._change("TerminateInstances", {"InstanceId": list(ids)})

    async def reboot_instances(self, ids: Sequence[str]) -> None:
        """Reboot running instances."""
        await self._transport.action("RebootInstances", {"InstanceId": list(ids)})

    async def resize_instance(self, instance_id: str, type_name: str) -> InstanceView:
        """Change the type of a running instance while it runs; returns when its new limits are in force.

        Raises Conflict if it does not run or uses more memory than the type has, NoCapacity if its host has no room."""
        path = f"/_glasscloud/instances/{instance_id}/resize"
        return decode(InstanceView, await self._transport.json("POST", path, {"type": type_name}))

    async def change_type(self, instance_id: str, type_name: str) -> None:
        """Change the type of a stopped instance, for its next start. Raises Conflict if it is not stopped."""
        params = {"InstanceId": instance_id, "InstanceType.Value": type_name}
        await self._transport.action("ModifyInstanceAttribute", params)

    async def _change(self, action: str, params: Mapping[str, Value]) -> tuple[StateChangeView, ...]:
        response = await self._transport.action(action, params)
        return tuple(ec2_wire.state_change(item) for item in response.items("instancesSet"))

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
        """Create a template; `instance_tags` are for its instances, `tags` for the template."""
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
        response = await self._transport.action("CreateLaunchTemplate", params)
        return ec2_wire.template(response.child("launchTemplate"))

    async def describe_launch_templates(self, filters: Filters | None = None) -> tuple[TemplateView, ...]:
        """Return the templates that match the filters."""
        response = await self._transport.action("DescribeLaunchTemplates", {"Filter": _filters(filters)})
        return tuple(ec2_wire.template(item) for item in response.items("launchTemplates"))

    async def delete_launch_template(self, template_id: str) -> None:
        """Delete a template; its instances and fleets remain."""
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
        """Create a fleet that keeps `target` instances of the template running; returns its id.

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
        response = await self._transport.action("CreateFleet", params)
        return response.need("fleetId")

    async def describe_fleets(self, ids: Sequence[str] = ()) -> tuple[FleetView, ...]:
        """Return the fleets with these ids, or all that are not deleted."""
        response = await self._transport.action("DescribeFleets", {"FleetId": list(ids)})
        return tuple(ec2_wire.fleet(item) for item in response.items("fleetSet"))

    async def fleet_instances(self, fleet_id: str) -> tuple[str, ...]:
        """Return the ids of the fleet's active instances."""
        response = await self._transport.action("DescribeFleetInstances", {"FleetId": fleet_id})
        return tuple(item.need("instanceId") for item in response.items("activeInstanceSet"))

    async def modify_fleet(self, fleet_id: str, *, target: int) -> None:
        """Change the number of instances that the fleet keeps."""
        params: dict[str, Value] = {"FleetId": fleet_id, "TargetCapacitySpecification": {"TotalTargetCapacity": target}}
        await self._transport.action("ModifyFleet", params)

    async def delete_fleets(self, ids: Sequence[str], *, terminate_instances: bool = True) -> None:
        """Delete fleets and by default their instances. Raises the first error after all were tried."""
        params: dict[str, Value] = {"FleetId": list(ids), "TerminateInstances": terminate_instances}
        response = await self._transport.action("DeleteFleets", params)
        for item in response.items("unsuccessfulFleetDeletionSet"):
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
