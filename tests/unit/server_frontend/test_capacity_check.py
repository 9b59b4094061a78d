"""The error messages when the service's instances do not fit."""

from __future__ import annotations

import pytest

from server.frontend.deployment import Deployment, shortage, unknown_type
from vmhost.api.views import HostView, LimitsView, RoomView, Snapshot, TypesView, TypeView


def deployment(count: int, *, shards: int = 2, type_name: str = "t3.nano") -> Deployment:
    return Deployment(service="search", shards=shards, replicas=count // shards, image_id="ami", type_name=type_name)


def kind(name: str, *, cores: float, memory_mib: int, fits: int, why: str = "") -> TypeView:
    limits = LimitsView(
        cpu_guaranteed_cores=cores, cpu_quota_cores=cores, cpu_weight=1, memory_mib=memory_mib, pids=64, disk_gib=1,
        network_mbps=100,
    )  # fmt: skip
    rooms = (RoomView(host="host-a", fits=fits, why=why), RoomView(host="host-b", fits=fits, why=why))
    return TypeView(
        name=name, vcpus=2, memory_mib=memory_mib, price_usd_hour=0.1, baseline_percent=None, limits=limits, rooms=rooms
    )  # fmt: skip


NANO = kind("t3.nano", cores=0.1, memory_mib=512, fits=7)
SMALL = kind("t3.small", cores=0.4, memory_mib=2048, fits=3)
LARGE = kind(
    "m5.large", cores=2, memory_mib=8192, fits=0, why="host-a has 0.75 of 0.75 cores free; m5.large needs 2 cores"
)
TYPES = TypesView(as_of="2026-01-01", region="us-east-1", types=(NANO, SMALL, LARGE))


def cloud(*, overcommit: float = 1.0) -> Snapshot:
    hosts = tuple(
        HostView(
            id=name, zone="z", cpu_cores=0.75 * overcommit, memory_mib=int(9000 * overcommit), cpu_used=0,
            memory_used_mib=0, enforced=True, why="",
        )
        for name in ("host-a", "host-b")
    )  # fmt: skip
    return Snapshot(
        cloud="c", region="r", driver="process", stands_for="", capabilities=(), overcommit=overcommit, hosts=hosts,
        instances=(),
    )  # fmt: skip


def test_instances_that_fit_are_accepted() -> None:
    assert shortage(deployment(14), NANO, TYPES, cloud()) == ""


def test_shortage_names_number_and_overcommit() -> None:
    assert shortage(deployment(30), NANO, TYPES, cloud()) == (
        "30 t3.nano instances do not fit here; 14 fit. "
        "To continue: start 14, or use --overcommit 2 for 30 (in compose: GLASSCLOUD_OVERCOMMIT=2)"
    )
    assert "use --overcommit 3 for 36" in shortage(deployment(36), NANO, TYPES, cloud(overcommit=2))


def test_number_that_fits_is_a_multiple_of_shards() -> None:
    assert "12 fit. To continue: start 12" in shortage(deployment(30, shards=6), NANO, TYPES, cloud())


def test_too_large_type_gives_the_platforms_reason() -> None:
    assert shortage(deployment(4, type_name="m5.large"), LARGE, TYPES, cloud()) == (
        "4 m5.large instances do not fit here: host-a has 0.75 of 0.75 cores free; m5.large needs 2 cores. "
        "To continue: choose a smaller type, at most t3.small, or use --overcommit 6 for 4 (in compose: "
        "GLASSCLOUD_OVERCOMMIT=6)"
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [("t3.nanoo", "did you mean t3.nano?"), ("t3nano", "did you mean t3.nano?"), ("x", "the families here are m5, t3")],
)
def test_misspelt_type_gets_a_suggestion(name: str, hint: str) -> None:
    known = [each.name for each in TYPES.types]
    assert unknown_type(name, known) == f"instance type {name} does not exist; {hint}"
