"""Views, forms, XML and errors as they cross the wire."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import msgspec
import pytest

from vmhost.api.ec2_wire import blob, error_of_code, error_of_json, error_of_xml, form, instance, parse_xml
from vmhost.api.views import (
    EVENTS,
    CallView,
    CapabilityView,
    FaultView,
    HostView,
    InstanceView,
    LimitsView,
    ReasonView,
    RoomView,
    Snapshot,
    StatsView,
    TypesView,
    TypeView,
    UseView,
    decode,
)
from vmhost.base.errors import CloudError, Conflict, Denied, Internal, InvalidInput, NoCapacity, NotFound, Unavailable
from vmhost.ec2.decode import parse_form
from vmhost.ec2.encode import encode_error

LIMITS = LimitsView(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=1.5,
    cpu_weight=50,
    memory_mib=512,
    pids=1024,
    disk_gib=8,
    network_mbps=5000,
)
RUNNING = InstanceView(
    id="i-1",
    type="t3.nano",
    state="running",
    host="host-a",
    zone="us-east-1a",
    image="ami-1",
    launched_at=1.5,
    address="198.18.0.2",
    tags={"shard": "0"},
    reason=ReasonView(code="Server.InternalError", message="died"),
    generation=3,
    changed_at=2.5,
    limits=LIMITS,
)
FAULT = FaultView(fault_id="f-1", fault="kill", instance_id="i-1", phase="started", at=1.0)
HOG = FaultView(fault_id="f-2", fault="cpu_hog", instance_id="i-1", phase="started", at=1.0, until=11.0)
CALL = CallView(
    id="call-1", at=1.0, action="RunInstances", by="boto3", instances=("i-1", "i-2"), outcome="ok", message=""
)
HOST = HostView(
    id="host-a",
    zone="us-east-1a",
    cpu_cores=0.75,
    memory_mib=1024,
    cpu_used=0.1,
    memory_used_mib=512,
    enforced=False,
    why="fake",
)
TYPES = TypesView(
    as_of="2026-01-01",
    region="us-east-1",
    types=(
        TypeView(
            name="t3.nano",
            vcpus=2,
            memory_mib=512,
            price_usd_hour=0.0052,
            baseline_percent=5.0,
            limits=LIMITS,
            rooms=(RoomView(host="host-a", fits=0, why="full"),),
        ),
    ),
)
SNAPSHOT = Snapshot(
    cloud="glasscloud",
    region="us-east-1",
    driver="fake",
    stands_for="nothing",
    capabilities=(CapabilityView(name="cpu", enforced=False, why="fake"),),
    overcommit=1.0,
    hosts=(HOST,),
    instances=(RUNNING,),
    faults=(HOG,),
    calls=(CALL,),
)
STATS = StatsView(
    at=1.0, instances=(UseView(id="i-1", cpu_cores=0.5, memory_mib=12.0, pids=3, throttled_percent=None),)
)


@pytest.mark.parametrize("view", [LIMITS, RUNNING, SNAPSHOT, STATS, FAULT, HOG, CALL, HOST, TYPES])
def test_views_survive_the_wire(view: object) -> None:
    assert decode(type(view), json.loads(msgspec.json.encode(view))) == view


def test_a_reader_ignores_what_it_does_not_know() -> None:
    assert decode(FaultView, {**asdict(FAULT), "colour": "red"}) == FAULT


def test_fields_missing_from_older_platforms_are_empty() -> None:
    data = {key: value for key, value in asdict(SNAPSHOT).items() if key not in ("faults", "calls")}
    snapshot = decode(Snapshot, data)
    assert (snapshot.faults, snapshot.calls) == ((), ())
    assert decode(FaultView, {key: value for key, value in asdict(HOG).items() if key != "until"}).until is None


def test_events_are_parsed_by_name() -> None:
    told = {"snapshot": SNAPSHOT, "instance": RUNNING, "host": HOST, "fault": HOG, "call": CALL, "stats": STATS}
    assert {kind: decode(view, asdict(told[kind])) for kind, view in EVENTS.items()} == told


def test_invalid_base64_is_reported() -> None:
    assert (blob(None), blob(""), blob("eA==")) == (b"", b"", b"x")
    with pytest.raises(Internal, match="base64"):
        blob("not base64 at all")


@pytest.mark.parametrize(
    ("data", "why"),
    [(None, "null"), (7, "int"), ([], "array"), ({}, "`fault_id`"), ({**asdict(FAULT), "at": "now"}, r"str.*\$\.at")],
)
def test_invalid_view_is_reported(data: Any, why: str) -> None:
    with pytest.raises(Internal, match=f"^invalid FaultView from the platform: .*{why}"):
        decode(FaultView, data)
    with pytest.raises(Internal, match=r"^invalid Snapshot from the platform: .*\$\.faults\[0\]"):
        decode(Snapshot, {**asdict(SNAPSHOT), "faults": [data]})


def test_forms_number_lists_and_omit_none() -> None:
    params = {"A": ["x", "y"], "B": {"C": True, "D": None}, "E": [{"F": 1}], "G": []}
    assert parse_form(form("Do", params)) == {
        "Action": "Do",
        "Version": "2016-11-15",
        "A": {"1": "x", "2": "y"},
        "B": {"C": "true"},
        "E": {"1": {"F": "1"}},
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidInstanceID.NotFound", NotFound),
        ("InvalidLaunchTemplateName.NotFoundException", NotFound),
        ("InvalidLaunchTemplateName.AlreadyExistsException", Conflict),
        ("fleetIdDoesNotExist", NotFound),
        ("IncorrectInstanceState", Conflict),
        ("InsufficientInstanceCapacity", NoCapacity),
        ("UnauthorizedOperation", Denied),
        ("InternalError", Internal),
        ("SomethingElse", InvalidInput),
    ],
)
def test_xml_errors_keep_their_class(code: str, kind: type[CloudError]) -> None:
    for error in (error_of_code(code, "why <&>"), error_of_xml(400, encode_error(code, "why <&>", "r"))):
        assert (type(error), error.code, error.message) == (kind, code, "why <&>")


def test_json_errors_keep_their_kind() -> None:
    body = {"error": {"kind": "no_capacity", "code": "InsufficientInstanceCapacity", "message": "full"}}
    error = error_of_json(503, json.dumps(body).encode())
    assert (type(error), error.code, error.message) == (NoCapacity, "InsufficientInstanceCapacity", "full")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"error": 1}', b"<a/>", b"\xff"])
def test_foreign_response_is_recognized(body: bytes) -> None:
    assert type(error_of_json(502, body)) is Unavailable
    assert type(error_of_xml(502, body)) is Unavailable


def test_incomplete_response_is_reported() -> None:
    with pytest.raises(Internal, match="instanceId"):
        instance(parse_xml(b"<item/>"))
