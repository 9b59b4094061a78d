"""Parsing of fault requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.api.views import ParameterView
from vmhost.base.errors import InvalidInput
from vmhost.faults.cpu_hog import HogCpu
from vmhost.faults.kill import Kill
from vmhost.faults.registry import FAULTS, FaultRequest, parse_fault_request

ODD = (
    b"[" * 5000,
    b'{"fault":"cpu_hog","instance_id":"i","workers_per_vcpu":NaN}',
    b'{"fault":["kill"],"instance_id":"i"}',
)


def test_valid_requests_are_parsed() -> None:
    kill = parse_fault_request(b'{"fault": "kill", "instance_id": "i-1"}')
    assert (kill, kill.action) == (FaultRequest(fault=Kill(), instance_id="i-1"), "Kill")
    hog = parse_fault_request(b'{"fault": "cpu_hog", "instance_id": "i-1", "seconds": 2}')
    assert (hog.fault, hog.action) == (HogCpu(seconds=2.0, workers_per_vcpu=8), "HogCpu")
    end = parse_fault_request(b'{"fault": "end", "fault_id": "fault-1"}')
    assert (end, end.action) == (FaultRequest(fault=None, fault_id="fault-1"), "EndFault")
    by_instance = parse_fault_request(b'{"fault": "end", "instance_id": "i-1"}')
    assert by_instance == FaultRequest(fault=None, instance_id="i-1")


def test_faults_are_described_with_their_bounds() -> None:
    kill, hog = (FAULTS[name].describe() for name in ("kill", "cpu_hog"))
    assert (kill.parameters, kill.lasts, kill.ends_as, kill.action) == ((), False, "killed", "Kill")
    assert (hog.lasts, hog.ends_as, hog.action) == (True, "", "HogCpu")
    assert hog.parameters[1] == ParameterView(
        name="workers_per_vcpu", label="busy loops per vCPU", default=8, least=1, most=64, whole=True
    )


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
