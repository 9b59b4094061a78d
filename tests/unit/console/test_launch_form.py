"""The launch form's fields and limits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from client.console.instance_routes import LaunchForm, types_json
from vmhost.api import USER_DATA_BYTES_MAX
from vmhost.api.views import LimitsView, RoomView, TypesView, TypeView
from vmhost.base.errors import InvalidInput
from vmhost.base.json_request import decode_body

FORM: dict[str, Any] = {"image_id": "ami-1", "type": "t3.nano"}


def form(data: dict[str, Any]) -> LaunchForm:
    return decode_body(msgspec.json.encode(data), LaunchForm)


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


def test_minimal_form_is_one_instance_on_any_host() -> None:
    launch = form(FORM)
    assert launch == LaunchForm(image_id="ami-1", type="t3.nano", count=1)


def test_all_form_fields_are_used() -> None:
    launch = form({**FORM, "count": 3, "host": "host-b", "name": " by hand ", "user_data": "é"})
    assert (launch.count, launch.host, launch.name, launch.user_data_bytes) == (
        3,
        "host-b",
        " by hand ",
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
        ({"user_data": "x" * (USER_DATA_BYTES_MAX + 1)}, "user_data"),
        ({"user_data": "é" * (USER_DATA_BYTES_MAX // 2 + 1)}, "user_data"),
    ],
)
def test_invalid_field_is_named_in_error(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{named} "):
        assert form({**FORM, **change}).user_data_bytes


def test_user_data_limit_is_that_of_ec2() -> None:
    assert len(form({**FORM, "user_data": "é" * (USER_DATA_BYTES_MAX // 2)}).user_data_bytes) == USER_DATA_BYTES_MAX


def test_type_without_room_has_reason_for_each_host() -> None:
    data = types_json(TypesView(as_of="2025-01-01", region="us-east-1", types=(kind(0, 2), kind(0, 0))))
    assert [each["why"] for each in data["types"]] == ["", "host-0 is full; host-1 is full"]
