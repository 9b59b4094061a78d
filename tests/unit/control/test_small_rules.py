from __future__ import annotations

import pytest

from vmhost.base.errors import InvalidInput
from vmhost.control import tags
from vmhost.control.stats import use
from vmhost.model.guest import GuestStats


def reading(cpu: float, throttled: float | None = 0.0) -> GuestStats:
    return GuestStats(instance_id="i-01", cpu_seconds=cpu, memory_mib=10.04, pids=3, throttled_seconds=throttled)


def test_rates_come_from_two_readings() -> None:
    view = use(reading(5.0, 1.5), reading(4.0, 1.0), 2.0)
    assert (view.cpu_cores, view.throttled_percent, view.memory_mib, view.pids) == (0.5, 25.0, 10.0, 3)


def test_no_rate_from_one_reading_or_after_restart() -> None:
    assert use(reading(5.0), None, 0.0).cpu_cores is None
    assert use(reading(1.0), reading(5.0), 2.0).cpu_cores is None
    assert use(reading(5.0, None), reading(4.0, None), 2.0).throttled_percent is None


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "", "k" * 129])
def test_reserved_and_invalid_tags_are_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        tags.check({key: "v"})


def test_reserved_tags_are_not_counted_or_removed() -> None:
    old = {"aws:ec2:fleet-id": "fleet-1", "a": "1", "b": "2"}
    assert tags.without(old, None) == {"aws:ec2:fleet-id": "fleet-1"}
    assert tags.without(old, {"a": "1", "b": "9"}) == {"aws:ec2:fleet-id": "fleet-1", "b": "2"}
    many = {f"k{number}": "" for number in range(50)}
    assert len(tags.merged({"aws:x": ""}, many)) == 51
    with pytest.raises(InvalidInput):
        tags.merged({"one more": ""}, many)
