"""Parsing of fault requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.admin.fault_requests import EndFault, HogCpu, Kill, parse_fault_request
from vmhost.base.errors import InvalidInput

ODD = (
    b"[" * 5000,
    b'{"fault":"cpu_hog","instance_id":"i","workers_per_vcpu":NaN}',
    b'{"fault":["kill"],"instance_id":"i"}',
)


def test_valid_requests_are_parsed() -> None:
    assert parse_fault_request(b'{"fault": "kill", "instance_id": "i-1"}') == Kill(instance_id="i-1")
    assert parse_fault_request(b'{"fault": "cpu_hog", "instance_id": "i-1", "seconds": 2}') == HogCpu(
        instance_id="i-1", seconds=2.0, workers_per_vcpu=8
    )
    assert parse_fault_request(b'{"fault": "end", "fault_id": "fault-1"}') == EndFault(
        fault_id="fault-1", instance_id=None
    )
    assert parse_fault_request(b'{"fault": "end", "instance_id": "i-1"}') == EndFault(fault_id=None, instance_id="i-1")


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "kill"},
        {"fault": "kill", "instance_id": ""},
        {"fault": "kill", "instance_id": 7},
        {"fault": "kill", "instance_id": "i-1", "seconds": 1},
        {"fault": "kill", "fault_id": "fault-1"},
        {"fault": "meteor", "instance_id": "i-1"},
        {"fault": "end"},
        {"fault": "end", "fault_id": None},
        {"fault": "end", "fault_id": "fault-1", "instance_id": "i-1"},
        {"fault": "end", "instance_id": "i-1", "seconds": 1},
        {"fault": "cpu_hog", "instance_id": "i-1", "seconds": True},
        {"fault": "cpu_hog", "instance_id": "i-1", "seconds": "10"},
        {"fault": "cpu_hog", "instance_id": "i-1", "workers_per_vcpu": 1.5},
        {"fault": "cpu_hog", "instance_id": "i-1", "seconds": int("9" * 400)},
        [],
        None,
    ],
)
def test_invalid_requests_are_refused(fault: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_fault_request(json.dumps(fault).encode())


@given(
    body=st.binary(max_size=60)
    | st.just(b"[" * 5000)
    | st.just(b'{"fault":"cpu_hog","instance_id":"i","workers_per_vcpu":NaN}')
)
def test_random_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_fault_request(body)
