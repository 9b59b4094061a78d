"""DescribeRegions and DescribeAvailabilityZones: one region, a zone for each host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.actions.instance_response import zone_id
from vmhost.ec2.filters import Field, Keep, parse_filters


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceQuery:
    """Requested names (empty: all) and the filters."""

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


def _zones(context: Context) -> list[ResponseData]:
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


def _check_regions(context: Context, params: Params) -> PlaceQuery:
    for name in params.get("RegionNames", ()):
        if name != context.cloud.region:
            raise InvalidInput(f"region '{name[:40]}' is not provided here; the only one is {context.cloud.region}")
    return PlaceQuery(names=frozenset(), keep=parse_filters(params, _REGION_FIELDS))


def _regions(context: Context, query: PlaceQuery) -> ResponseData:
    region = context.cloud.region
    shown = {"RegionName": region, "Endpoint": context.endpoint, "OptInStatus": "opt-in-not-required"}
    return {"Regions": [shown] if query.keep(shown) else []}


def _check_zones(context: Context, params: Params) -> PlaceQuery:
    known = {name for zone in _zones(context) for name in (zone["ZoneName"], zone["ZoneId"])}
    requested = frozenset([*params.get("ZoneNames", ()), *params.get("ZoneIds", ())])
    if missing := requested - known:
        names = ", ".join(sorted(known))
        raise InvalidInput(f"availability zone '{min(missing)[:40]}' is not provided here; zones are {names}")
    return PlaceQuery(names=requested, keep=parse_filters(params, _ZONE_FIELDS))


def _describe_zones(context: Context, query: PlaceQuery) -> ResponseData:
    found = (z for z in _zones(context) if not query.names or {z["ZoneName"], z["ZoneId"]} & query.names)
    return {"AvailabilityZones": list(filter(query.keep, found))}


ACTIONS = (
    Action(
        name="DescribeRegions",
        supported=frozenset({"Filters", "RegionNames"}),
        # The only region and its zones are always enabled.
        without_effect=frozenset({"AllRegions"}),
        check=_check_regions,
        act=_regions,
    ),
    Action(
        name="DescribeAvailabilityZones",
        supported=frozenset({"Filters", "ZoneIds", "ZoneNames"}),
        without_effect=frozenset({"AllAvailabilityZones"}),
        check=_check_zones,
        act=_describe_zones,
    ),
)
