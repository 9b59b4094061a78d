"""Options with one value here: accepted wherever EC2 accepts them, shown in responses, refused with another value."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from tests.integration.ec2.ec2_clients import Ec2, launch, tagged
from tests.integration.ec2.ec2_server import IMAGE, Served

RUN = {"ImageId": IMAGE, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1}
STATED: dict[str, Any] = {
    "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
    "CreditSpecification": {"CpuCredits": "unlimited"},
    "DisableApiStop": False,
    "DisableApiTermination": False,
    "EbsOptimized": False,
    "EnclaveOptions": {"Enabled": False},
    "HibernationOptions": {"Configured": False},
    "InstanceInitiatedShutdownBehavior": "stop",
    "MaintenanceOptions": {"AutoRecovery": "default"},
    "MetadataOptions": {
        "HttpTokens": "optional",
        "HttpPutResponseHopLimit": 1,
        "HttpEndpoint": "enabled",
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "enabled",
    },
    "Monitoring": {"Enabled": False},
    "NetworkPerformanceOptions": {"BandwidthWeighting": "default"},
    "Placement": {"GroupName": "", "Tenancy": "default"},
    "PrivateDnsNameOptions": {
        "HostnameType": "ip-name",
        "EnableResourceNameDnsARecord": False,
        "EnableResourceNameDnsAAAARecord": False,
    },
}
ONLY_AT_LAUNCH: dict[str, Any] = {"Ipv6AddressCount": 0, "EnablePrimaryIpv6": False}
OTHER: dict[str, Any] = {
    "open": "none",
    "unlimited": "standard",
    "stop": "terminate",
    "default": "disabled",
    "optional": "required",
    "enabled": "disabled",
    "disabled": "enabled",
    "ip-name": "resource-name",
    "": "group",
}


CHANGEABLE = ("DisableApiStop", "DisableApiTermination", "InstanceInitiatedShutdownBehavior")
"""Options that RunInstances accepts with every value."""


def changed(stated: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each option alone with another value, and the name that the error must contain."""
    for name, value in stated.items():
        if isinstance(value, dict):
            for inner, params in changed(value):
                yield inner, {name: params}
        elif isinstance(value, bool):
            yield name, {name: not value}
        else:
            yield name, {name: value + 1 if isinstance(value, int) else OTHER[value]}


async def test_launch_accepts_fixed_options(ec2: Ec2) -> None:
    for options in (STATED | ONLY_AT_LAUNCH, *({name: value} for name, value in STATED.items())):
        instance = (await ec2.run_instances(**RUN, **options))["Instances"][0]
        shown = (await ec2.describe_instances(InstanceIds=[instance["InstanceId"]]))["Reservations"][0]["Instances"][0]
        for name in set(options) & set(shown) - {"Placement", "MetadataOptions", "Monitoring"}:
            assert shown[name] == options[name]
        assert shown["MetadataOptions"] == {"State": "applied", **STATED["MetadataOptions"]}
        assert shown["Monitoring"] == {"State": "disabled"}
        lists = ("BlockDeviceMappings", "NetworkInterfaces", "ProductCodes", "SecurityGroups")
        assert [shown[name] for name in lists] == [[], [], [], []]


async def test_template_accepts_and_shows_fixed_options(ec2: Ec2) -> None:
    data = {"ImageId": IMAGE, "InstanceType": "t3.nano", **STATED}
    await ec2.create_launch_template(LaunchTemplateName="all", LaunchTemplateData=data)
    answer = await ec2.describe_launch_template_versions(LaunchTemplateName="all", Versions=["1"])
    assert answer["LaunchTemplateVersions"][0]["LaunchTemplateData"] == data
    assert await ec2.run_instances(LaunchTemplate={"LaunchTemplateName": "all"}, MinCount=1, MaxCount=1)


async def test_other_values_are_refused_by_name(ec2: Ec2, cloud: Served) -> None:
    for name, params in changed(STATED | ONLY_AT_LAUNCH):
        if name not in CHANGEABLE:
            error = await ec2.error("run_instances", **RUN, **params)
            assert (error["Code"], name in error["Message"]) == ("UnsupportedOperation", True), (name, error)
    for name, params in changed(STATED):
        data = {"ImageId": IMAGE, "InstanceType": "t3.nano", **params}
        error = await ec2.error("create_launch_template", LaunchTemplateName="odd", LaunchTemplateData=data)
        assert (error["Code"], name in error["Message"]) == ("UnsupportedOperation", True), (name, error)
    assert cloud.cloud.instances.all() == ()
    assert cloud.cloud.templates.all() == ()


async def test_type_options_depend_on_the_type(ec2: Ec2) -> None:
    refusals = (
        ("m5.large", {"CreditSpecification": {"CpuCredits": "unlimited"}}),
        ("t3.nano", {"CpuOptions": {"CoreCount": 2, "ThreadsPerCore": 1}}),
    )
    for type_name, params in refusals:
        assert (
            await ec2.refused("run_instances", **RUN | {"InstanceType": type_name}, **params) == "UnsupportedOperation"
        )
    await ec2.create_launch_template(LaunchTemplateName="type", LaunchTemplateData={"InstanceType": "t2.nano"})
    launched = await ec2.run_instances(
        **{name: value for name, value in RUN.items() if name != "InstanceType"},
        LaunchTemplate={"LaunchTemplateName": "type"},
        CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1},
    )
    assert launched["Instances"][0]["CpuOptions"] == {"CoreCount": 1, "ThreadsPerCore": 1}


def fleet(**more: Any) -> dict[str, Any]:
    specification = {"LaunchTemplateName": "leaf", "Version": "$Default"}
    return {
        "LaunchTemplateConfigs": [{"LaunchTemplateSpecification": specification, **more.pop("config", {})}],
        "TargetCapacitySpecification": {"TotalTargetCapacity": 0, "DefaultTargetCapacityType": "on-demand"},
        **more,
    }


async def test_fleets_show_and_accept_documented_defaults(ec2: Ec2) -> None:
    await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData={"ImageId": IMAGE})
    spot = {
        "AllocationStrategy": "lowest-price",
        "InstanceInterruptionBehavior": "terminate",
        "InstancePoolsToUseCount": 1,
    }
    stated = {"OnDemandOptions": {"AllocationStrategy": "lowest-price"}, "SpotOptions": spot}
    stated |= {"ReplaceUnhealthyInstances": False, "TerminateInstancesWithExpiration": False}
    stated |= {"ExcessCapacityTerminationPolicy": "termination", "Type": "maintain"}
    for options in ({}, stated, {"config": {"Overrides": [{"InstanceType": "t3.nano", "WeightedCapacity": 1.0}]}}):
        made = await ec2.create_fleet(**fleet(**options))
        shown = (await ec2.describe_fleets(FleetIds=[made["FleetId"]]))["Fleets"][0]
        strategy = {"AllocationStrategy": "lowestPrice"}
        as_shown = stated | {"OnDemandOptions": strategy, "SpotOptions": spot | strategy}
        assert {name: shown[name] for name in stated} == as_shown
    made = await ec2.create_fleet(**fleet(ReplaceUnhealthyInstances=True))
    shown = (await ec2.describe_fleets(FleetIds=[made["FleetId"]]))["Fleets"][0]
    assert shown["ReplaceUnhealthyInstances"] is True
    for name, value in (
        ("AllocationStrategy", {"SpotOptions": {"AllocationStrategy": "diversified"}}),
        ("InstancePoolsToUseCount", {"SpotOptions": {"InstancePoolsToUseCount": 2}}),
        ("AllocationStrategy", {"OnDemandOptions": {"AllocationStrategy": "prioritized"}}),
        ("MaxTotalPrice", {"OnDemandOptions": {"MaxTotalPrice": "1"}}),
        ("ValidUntil", {"ValidUntil": "2030-01-01T00:00:00Z"}),
    ):
        error = await ec2.error("create_fleet", **fleet(**value))
        assert (error["Code"], name in error["Message"]) == ("UnsupportedOperation", True), error


async def test_maintain_fleet_refuses_tags_for_its_instances(ec2: Ec2) -> None:
    """Botocore's documentation of CreateFleet: only the launch template of such a fleet can tag its instances."""
    await ec2.create_launch_template(LaunchTemplateName="leaf", LaunchTemplateData={"ImageId": IMAGE})
    for kind in ("instance", "volume", "network-interface"):
        for options in ({}, {"Type": "maintain"}):
            error = await ec2.error("create_fleet", **fleet(**options, TagSpecifications=tagged(kind, a="b")))
            assert error["Code"] == "InvalidParameterValue"
            assert kind in error["Message"]
            assert "launch template" in error["Message"]
    assert (await ec2.describe_fleets())["Fleets"] == []


async def test_tags_for_missing_resources_are_unsupported(ec2: Ec2) -> None:
    for kind in ("volume", "network-interface", "spot-instances-request"):
        error = await ec2.error("run_instances", **RUN, TagSpecifications=tagged(kind, a="b"))
        assert error["Code"] == "UnsupportedOperation"
        assert error["Message"] == f"tags for a {kind} are not supported, because none is created here; leave them out"
    assert await ec2.refused("run_instances", **RUN, TagSpecifications=tagged("vpc", a="b")) == "InvalidParameterValue"


async def test_types_show_documented_network_support(ec2: Ec2) -> None:
    types = (await ec2.describe_instance_types(InstanceTypes=["t3.nano", "m5.large", "t2.micro"]))["InstanceTypes"]
    support = {itype["InstanceType"]: itype["NetworkInfo"]["EnaSupport"] for itype in types}
    assert support == {"t3.nano": "required", "m5.large": "required", "t2.micro": "unsupported"}


async def test_attributes_of_missing_parts_are_empty(ec2: Ec2) -> None:
    (one,) = await launch(ec2, UserData=base64.b64encode(b"x").decode())
    for attribute, member, value in (
        ("blockDeviceMapping", "BlockDeviceMappings", []),
        ("enclaveOptions", "EnclaveOptions", {"Enabled": False}),
        ("groupSet", "Groups", []),
        ("productCodes", "ProductCodes", []),
    ):
        answer = await ec2.describe_instance_attribute(InstanceId=one, Attribute=attribute)
        assert answer[member] == value
