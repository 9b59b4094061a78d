"""DescribeRegions and DescribeAvailabilityZones: one region, a zone for each host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.base import Action, Answer, Context, Params
from vmhost.ec2.actions.instance_answer import zone_id
from vmhost.ec2.filters import Field, Keep, parse_filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names asked for (none: all) and the filters."""

    names: frozenset[str]
    keep: Keep


_REGION_FIELDS: Mapping[str, Field] = {
    "endpoint": "Endpoint",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
}
_ZONE_FIELDS: Mapping[str, Field] = {
    "group-name": "GroupName",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


def _zones(context: Context) -> list[Answer]:
    region = context.cloud.region
    return [
        {
            "OptInStatus": "opt-in-not-required",
            "Messages": [],
            "RegionName": region,
            "ZoneName": name,
            "ZoneId": zone_id(name),
            "GroupName": region,
            "NetworkBorderGroup": region,
            "ZoneType": "availability-zone",
            "State": "available",
        }
        for name in sorted({host.zone for host in context.cloud.hosts.hosts()})
    ]


def _check_regions(context: Context, params: Params) -> Choice:
    for name in params.get("RegionNames", ()):
        if name != context.cloud.region:
            raise InvalidInput(f"region '{name[:40]}' is not provided here; the only one is {context.cloud.region}")
    return Choice(names=frozenset(), keep=parse_filters(params, _REGION_FIELDS))


def _regions(context: Context, choice: Choice) -> Answer:
    region = context.cloud.region
    shown = {"RegionName": region, "Endpoint": context.endpoint, "OptInStatus": "opt-in-not-required"}
    return {"Regions": [shown] if choice.keep(shown) else []}


def _check_zones(context: Context, params: Params) -> Choice:
    known = {name for zone in _zones(context) for name in (zone["ZoneName"], zone["ZoneId"])}
    asked = frozenset([*params.get("ZoneNames", ()), *params.get("ZoneIds", ())])
    if missing := asked - known:
        names = ", ".join(sorted(known))
        raise InvalidInput(f"availability zone '{min(missing)[:40]}' is not provided here; zones are {names}")
    return Choice(names=asked, keep=parse_filters(params, _ZONE_FIELDS))


def _describe_zones(context: Context, choice: Choice) -> Answer:
    named = (z for z in _zones(context) if not choice.names or {z["ZoneName"], z["ZoneId"]} & choice.names)
    return {"AvailabilityZones": list(filter(choice.keep, named))}


ACTIONS = (
    Action(
        name="DescribeRegions",
        takes=frozenset({"AllRegions", "Filters", "RegionNames"}),
        check=_check_regions,
        act=_regions,
    ),
    Action(
        name="DescribeAvailabilityZones",
        takes=frozenset({"AllAvailabilityZones", "Filters", "ZoneIds", "ZoneNames"}),
        check=_check_zones,
        act=_describe_zones,
    ),
)
