"""What the launch dialog may ask for, and how long a hog may last."""

from __future__ import annotations

from typing import Any

import pytest

from client.console.launching import USER_DATA_BYTES_MAX, Launch, types_json
from vmhost.api.views import LimitsView, RoomView, TypesView, TypeView
from vmhost.base.errors import InvalidInput

WISH: dict[str, Any] = {"image_id": "ami-1", "type": "t3.nano"}


def kind(*fits: int) -> TypeView:
    limits = LimitsView(
        cpu_guaranteed_cores=0.1, cpu_quota_cores=0.5, cpu_weight=50, memory_mib=512, pids=9, disk_gib=1, network_mbps=5
    )
    rooms = tuple(
        RoomView(host=f"host-{n}", fits=each, why="" if each else f"host-{n} is full") for n, each in enumerate(fits)
    )
    return TypeView(
        name="t3.nano", vcpus=2, memory_mib=512, price_usd_hour=0.1, baseline_percent=5.0, limits=limits, rooms=rooms
    )


def test_a_wish_with_the_least_in_it_is_one_instance_anywhere() -> None:
    launch = Launch.of(WISH)
    assert launch == Launch(image_id="ami-1", type_name="t3.nano", count=1)


def test_all_that_the_form_has_is_honoured() -> None:
    launch = Launch.of({**WISH, "count": 3, "host": "host-b", "name": " by hand ", "user_data": "é"})
    assert (launch.count, launch.host_id, launch.tags, launch.user_data) == (
        3,
        "host-b",
        {"Name": "by hand"},
        b"\xc3\xa9",
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"image_id": ""}, "image_id"),
        ({"image_id": 5}, "image_id"),
        ({"type": "  "}, "type"),
        ({"type": "x" * 200}, "type"),
        ({"count": 0}, "count"),
        ({"count": 101}, "count"),
        ({"count": True}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": "2"}, "count"),
        ({"host": []}, "host"),
        ({"name": "x" * 257}, "name"),
        ({"user_data": "\ud800"}, "user_data"),
        ({"user_data": "x" * (USER_DATA_BYTES_MAX + 1)}, "user_data"),
        ({"user_data": "é" * (USER_DATA_BYTES_MAX // 2 + 1)}, "user_data"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_the_name_of_its_field(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{named} "):
        Launch.of({**WISH, **change})


def test_user_data_may_have_just_as_many_bytes_as_ec2_takes() -> None:
    assert len(Launch.of({**WISH, "user_data": "é" * (USER_DATA_BYTES_MAX // 2)}).user_data) == USER_DATA_BYTES_MAX


def test_a_type_that_fits_nowhere_says_why_for_each_host() -> None:
    told = types_json(TypesView(as_of="2025-01-01", region="us-east-1", types=(kind(0, 2), kind(0, 0))))
    assert [each["why"] for each in told["types"]] == ["", "host-0 is full; host-1 is full"]
