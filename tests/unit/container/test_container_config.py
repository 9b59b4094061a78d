"""Limits and rights as the engine's JSON."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import msgspec
import pytest

from vmhost.base.errors import NotFound
from vmhost.drivers.container.container_config import (
    ShareConversion,
    SharedConfig,
    container_config,
    own_user,
    resources,
)
from vmhost.drivers.container.engine_responses import EngineInfo, read_container
from vmhost.drivers.container.firewall import GuestNetwork, ruleset, shaping
from vmhost.drivers.container.helper import Check, ConfigureNetwork, Response, Shape, decode_request, encode
from vmhost.drivers.container.isolation import GuestUsers, capabilities, may_limit_disks
from vmhost.drivers.container.netns import ContainerProcess
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

LIMITS = Limits(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=4.0,
    cpu_weight=100,
    memory_mib=512,
    pids=256,
    disk_gib=8,
    network_mbps=32,
)
SETTING = SharedConfig(cloud="c", network="c", conversion=ShareConversion.LINEAR, own_users=True, disk_limited=True)
PROGRAM = ("run", "it")
ADDRESS = IPv4Address("198.18.0.4")
BOOT = Boot(image="x:1", command=("run", "it"), environment={"A": "1", "PORT": "80"}, read_only=True)
SPEC = GuestSpec(instance_id="i-1", host_id="host-a", boot=BOOT, limits=LIMITS, environment={"B": "2"})
CORES = Capability(name="cores", enforced=True)
INFO = EngineInfo(
    cpus=2,
    memory_mib=4000,
    architecture="x86_64",
    cgroup_version=2,
    cgroup_driver="systemd",
    storage="overlay2 on extfs",
    operating_system="Debian",
)


def test_a_ceiling_above_the_core_count_is_a_quota() -> None:
    found = resources(LIMITS, ShareConversion.LINEAR)
    assert (found["CpuQuota"], found["CpuPeriod"]) == (40_000, 10_000)
    assert "NanoCpus" not in found
    assert resources(replace(LIMITS, cpu_quota_cores=0.001), ShareConversion.LINEAR)["CpuQuota"] == 1000


def test_no_swap_on_top_of_the_memory() -> None:
    found = resources(LIMITS, ShareConversion.LINEAR)
    assert found["Memory"] == found["MemorySwap"] == 512 * 1024 * 1024


def test_guest_has_no_capabilities_and_our_labels() -> None:
    config = container_config(SPEC, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent="/p")
    host = config["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert "CapAdd" not in host
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["CgroupParent"] == "/p"
    assert config["Labels"]["glasscloud.cloud"] == "c"
    assert config["Labels"]["glasscloud.instance"] == "i-1"
    assert config["Labels"]["glasscloud.address"] == "198.18.0.4"


def test_the_catalogues_environment_goes_before_the_usual_one() -> None:
    config = container_config(SPEC, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent=None)
    assert set(config["Env"]) == {"HOST=0.0.0.0", "PORT=80", "A=1", "B=2"}
    assert config["Entrypoint"] == ["run", "it"]
    assert "CgroupParent" not in config["HostConfig"]


def test_user_own_is_another_one_for_each_address() -> None:
    own = replace(SPEC, boot=replace(BOOT, user="own"))
    users = {
        container_config(own, SETTING, address=IPv4Address(address), program=PROGRAM, cgroup_parent=None)["User"]
        for address in ("198.18.0.4", "198.18.0.5", "10.213.0.4", "172.29.0.4")
    }
    assert len(users) == 4
    assert all((1 << 30) <= int(user.split(":")[0]) < (1 << 31) for user in users)
    mapped = replace(SETTING, own_users=False)
    assert "User" not in container_config(own, mapped, address=ADDRESS, program=PROGRAM, cgroup_parent=None)


@pytest.mark.parametrize(("user", "expected"), [(None, ""), ("1000", "1000"), ("app:app", "app:app")])
def test_another_user_is_the_images_or_the_catalogues(user: str | None, expected: str) -> None:
    spec = replace(SPEC, boot=replace(BOOT, user=user))
    assert container_config(spec, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent=None)["User"] == expected


def test_init_program_starts_the_command() -> None:
    config = container_config(
        SPEC, replace(SETTING, init_volume="c-init"), program=("x", "y"), address=ADDRESS, cgroup_parent=None
    )
    assert config["Entrypoint"] == ["/.glasscloud/init", "x", "y"]
    assert "Init" not in config["HostConfig"]
    (mounted,) = config["HostConfig"]["Mounts"]
    assert (mounted["Source"], mounted["ReadOnly"]) == ("c-init", True)
    plain = container_config(SPEC, SETTING, program=("x", "y"), address=ADDRESS, cgroup_parent=None)
    assert (plain["Entrypoint"], plain["Cmd"], plain["HostConfig"]["Init"]) == (["x", "y"], [], True)


def test_a_guest_has_4096_open_files() -> None:
    host = container_config(SPEC, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent=None)["HostConfig"]
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 4096, "Hard": 4096}]


def test_guests_that_share_kernel_user_limits_are_named() -> None:
    users = GuestUsers(INFO)
    labels = {"glasscloud.instance": "i-1", "glasscloud.address": "198.18.0.4"}
    found: dict[str, Any] = {"Id": "a", "Config": {"Labels": labels, "Image": "mine:1", "User": "0"}}
    users.check(read_container(found))
    assert not users.capability().enforced
    assert "share inotify instances and pipe memory" in users.capability().why
    assert "mine:1" in users.capability().why
    found["Config"] = {"Labels": labels, "Image": "mine:1", "User": own_user(ADDRESS)}
    users.check(read_container(found))
    assert users.capability().enforced
    assert not GuestUsers(replace(INFO, maps_users=True)).possible


def test_read_only_guests_get_tmpfs_others_a_disk_size() -> None:
    read_only = container_config(SPEC, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent=None)["HostConfig"]
    assert read_only["ReadonlyRootfs"]
    assert "StorageOpt" not in read_only
    writing = replace(SPEC, boot=replace(BOOT, read_only=False, command=()))
    config = container_config(writing, SETTING, address=ADDRESS, program=PROGRAM, cgroup_parent=None)
    assert config["HostConfig"]["StorageOpt"] == {"size": "8G"}
    unlimited = replace(SETTING, disk_limited=False)
    assert (
        "StorageOpt"
        not in container_config(writing, unlimited, address=ADDRESS, program=PROGRAM, cgroup_parent=None)["HostConfig"]
    )


def test_rules_replace_earlier_ones_and_end_with_reject() -> None:
    guest = GuestNetwork(network=IPv4Network("10.9.0.0/24"), gateway=IPv4Address("10.9.0.1"), mbps=32)
    rules = ruleset(guest)
    assert rules.index("delete table") < rules.index("chain input")
    output = rules[rules.index("chain output") :]
    broadcasts = "{ 10.9.0.0, 10.9.0.255, 255.255.255.255, 224.0.0.0/4 } drop"
    assert output.index(broadcasts) < output.index("ct state established")
    assert output.index("ip daddr 10.9.0.1 reject") < output.index("ip daddr 10.9.0.0/24 update")
    assert "ip saddr { 10.9.0.1, 10.9.0.240/28 } accept" in rules
    assert rules.index("ip daddr 127.0.0.11 reject") < rules.index("    oif lo accept")
    assert rules.count("policy drop") == 3
    assert "4000 kbytes/second" in rules


def test_rules_without_counting_keep_the_rate_of_new_flows() -> None:
    guest = GuestNetwork(network=IPv4Network("10.9.0.0/24"), gateway=IPv4Address("10.9.0.1"), mbps=32, counted=False)
    assert "ct count" in ruleset(replace(guest, counted=True))
    assert "ct count" not in ruleset(guest)
    assert "limit rate over 200/second" in ruleset(guest)


def test_helper_reads_the_requests_of_the_platform() -> None:
    guest = GuestNetwork(network=IPv4Network("10.9.0.0/24"), gateway=IPv4Address("10.9.0.1"), mbps=32, counted=False)
    process = ContainerProcess(pid=7, container_id="abc")
    for request in (Check(guest), ConfigureNetwork(process, guest), Shape(process, 8)):
        assert decode_request(encode(request)) == request
    with pytest.raises(NotFound, match="ended"):
        msgspec.json.decode(encode(Response(error="it has ended", not_found=True)), type=Response).check()


def test_rate_allows_a_burst() -> None:
    assert shaping("eth0", 8)[:9] == ("qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "8mbit", "burst")
    assert shaping("eth0", 8)[9] == "131072b"
    assert shaping("eth0", 10_000)[9] == "25000000b"


def test_missing_isolation_is_explained() -> None:
    found = capabilities(INFO, disk_limited=False, rules_by="by hand", checked=(CORES,), host_why_not="no groups")
    assert not found.of("disk").enforced
    assert "extfs" in found.of("disk").why
    assert found.of("host").why == "memory and processes of a host as a whole: no groups"
    assert found.of("cpu").enforced
    assert found.of("connections").enforced
    connections_uncounted = capabilities(
        INFO,
        disk_limited=False,
        rules_by="by hand",
        checked=(CORES,),
        host_why_not="",
        connections_uncounted="no nft_connlimit",
    )
    assert connections_uncounted.of("connections").why == "no nft_connlimit"
    assert not connections_uncounted.of("connections").enforced


def test_capabilities_name_isolation_only() -> None:
    found = capabilities(INFO, disk_limited=False, rules_by="by hand", checked=(CORES,), host_why_not="")
    assert {item.name for item in found.items}.isdisjoint({"resize", "stats", "address", "metadata"})


def test_guest_is_pinned_to_the_cpus_of_its_host() -> None:
    assert resources(replace(LIMITS, cpus=(0, 1, 5)), ShareConversion.NONE)["CpusetCpus"] == "0-1,5"
    assert "CpusetCpus" not in resources(LIMITS, ShareConversion.NONE)


def test_ceiling_of_all_cpus_has_a_long_period() -> None:
    """Counted every 10 ms it would take 7 % from a guest that its set of CPUs bounds already."""
    found = resources(replace(LIMITS, cpu_quota_cores=1.0, cpus=(0,)), ShareConversion.NONE)
    assert (found["CpuQuota"], found["CpuPeriod"]) == (100_000, 100_000)
    found = resources(replace(LIMITS, cpu_quota_cores=1.0, cpus=(0, 1)), ShareConversion.NONE)
    assert (found["CpuQuota"], found["CpuPeriod"]) == (10_000, 10_000)


def test_only_storage_with_quotas_is_tried() -> None:
    assert not may_limit_disks(INFO)
    assert may_limit_disks(replace(INFO, storage="btrfs"))
    assert may_limit_disks(replace(INFO, storage="overlay2 on xfs"))
