"""DescribeRegions and DescribeAvailabilityZones: one region, a zone for each host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vmhost.base.errors import InvalidInput
from vmhost.ec2.actions.base import Action, Answer, Context, Params
from vmhost.ec2.filters import Field, parse_filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """An availability zone by its name ("us-east-1a") and region."""

    name: str
    region: str

    @property
    def id(self) -> str:
        """EC2's account-independent name for it, such as "use1-az1"."""
        return f"use1-az{ord(self.name[-1]) - ord('a') + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Names asked for (none: all) and the filters."""

    names: frozenset[str]
    keep: Callable[[Zone], bool]


_REGION_FIELDS: Mapping[str, Field[Zone]] = {
    "opt-in-status": lambda zone: ["opt-in-not-required"],
    "region-name": lambda zone: [zone.region],
}
_ZONE_FIELDS: Mapping[str, Field[Zone]] = {
    **_REGION_FIELDS,
    "group-name": lambda zone: [zone.region],
    "state": lambda zone: ["available"],
    "zone-id": lambda zone: [zone.id],
    "zone-name": lambda zone: [zone.name],
    "zone-type": lambda zone: ["availability-zone"],
}


def _zones(context: Context) -> tuple[Zone, ...]:
    names = sorted({view.host.zone for view in context.cloud.hosts()})
    return tuple(Zone(name=name, region=context.cloud.region) for name in names)


def _check_regions(context: Context, params: Params) -> Choice:
    for name in params.get("RegionNames", ()):
        if name != context.cloud.region:
            raise InvalidInput(f"Invalid region '{name[:40]}'; the one here is {context.cloud.region}")
    return Choice(names=frozenset(), keep=parse_filters(params, _REGION_FIELDS))


def _regions(context: Context, choice: Choice) -> Answer:
    region = context.cloud.region
    answer = {"RegionName": region, "Endpoint": context.endpoint, "OptInStatus": "opt-in-not-required"}
    return {"Regions": [answer] if choice.keep(Zone(name=f"{region}a", region=region)) else []}


def _check_zones(context: Context, params: Params) -> Choice:
    known = {name for zone in _zones(context) for name in (zone.name, zone.id)}
    asked = frozenset([*params.get("ZoneNames", ()), *params.get("ZoneIds", ())])
    if missing := asked - known:
        raise InvalidInput(f"Invalid availability zone: [{min(missing)[:40]}]; there are {', '.join(sorted(known))}")
    return Choice(names=asked, keep=parse_filters(params, _ZONE_FIELDS))


def _describe_zones(context: Context, choice: Choice) -> Answer:
    chosen = [zone for zone in _zones(context) if choice.keep(zone)]
    return {
        "AvailabilityZones": [
            {
                "OptInStatus": "opt-in-not-required",
                "Messages": [],
                "RegionName": zone.region,
                "ZoneName": zone.name,
                "ZoneId": zone.id,
                "GroupName": zone.region,
                "NetworkBorderGroup": zone.region,
                "ZoneType": "availability-zone",
                "State": "available",
            }
            for zone in chosen
            if not choice.names or {zone.name, zone.id} & choice.names
        ]
    }


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
