"""`glasscloud resize`: how it finds the instance, and what it prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.cli.instances import comparison, find_instance
from tests.unit.client.client_builders import IDS, instance
from vmhost.api.views import LimitsView, TypeView
from vmhost.base.errors import NotFound

INSTANCES = (instance(0), instance(1), instance(2, state="terminated"))
LIMITS = LimitsView(
    cpu_guaranteed_cores=0.1, cpu_quota_cores=1, cpu_weight=50, memory_mib=512, pids=9, disk_gib=1, network_mbps=5
)
NANO = TypeView(
    name="t3.nano", vcpus=2, memory_mib=512, price_usd_hour=0.0052, baseline_percent=5, limits=LIMITS, rooms=()
)
SMALL = replace(NANO, name="t3.small", memory_mib=2048, price_usd_hour=0.0208)


@pytest.mark.parametrize("named", [IDS[0], "i-00a", "00a1"])
def test_start_of_an_id_is_enough(named: str) -> None:
    assert find_instance(INSTANCES, named).id == IDS[0]


@pytest.mark.parametrize(
    ("named", "why"), [("i-00", f"2 .* {IDS[0]}, {IDS[1]}"), (IDS[2], "no instances"), ("x", "no ")]
)
def test_no_or_several_matches_name_what_is_there(named: str, why: str) -> None:
    with pytest.raises(NotFound, match=why):
        find_instance(INSTANCES, named)


def test_comparison_shows_prices_before_and_after() -> None:
    assert comparison(instance(0), NANO, SMALL) == [
        f"{IDS[0]} is now a t3.small",
        "          t3.nano           t3.small",
        "  memory  512 MiB           2048 MiB",
        "  cores   0.10-1.00         0.10-1.00",
        "  price   $0.0052 per hour  $0.0208 per hour",
    ]
    assert comparison(instance(0, state="stopped"), NANO, SMALL)[0].endswith("starts next as a t3.small")
