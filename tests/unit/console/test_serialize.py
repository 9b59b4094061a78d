"""The platform's and the front end's views as JSON for the page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from client.cloud_state import CloudState, fold
from client.console.serialize import instance_rows, request_json, second_json, source_of
from server.api.flow import Counters, FlowRecord, InstanceCounters
from server.api.timing import RequestTrace
from tests.unit.client.client_builders import cloud
from vmhost.admin import ALLOWED
from vmhost.api.views import InstanceView, UseView

MACHINE = InstanceCounters(
    instance_id="i-00a1", type="t3.nano", host="host-a", shard=0, in_flight=1, attempts=100, won=98, lost=2, errors=0,
    timeouts=0, p50_ms=2.0, p95_ms=3.0, p99_ms=None, aside=False,
)  # fmt: skip
COUNTERS = Counters(
    at=10.0, uptime_s=10.0, in_flight=1, requests=100, answered=100, partial=0, failed=0, rejected=0, shed=0, hedges=2,
    hedges_won=1, retries=0, p50_ms=2.0, p99_ms=None, instances=(MACHINE,),
)  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "source"),
    [
        ("glasscloud-load", "load"),
        ("glasscloud-console", "you"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "browser"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("", "unknown"),
    ],
)
def test_request_source_from_agent(agent: str, source: str) -> None:
    assert source_of(agent) == source


def test_request_row_has_trace_id_and_console_fields() -> None:
    trace = RequestTrace(trace_id="ab" * 16, total_ms=2.0, frontend_ms=0.5, attempts=())
    record = FlowRecord(at=1.0, query="shard", status=200, partial=False, agent="curl/8", trace=trace)
    row = request_json(record, mine=True)
    assert (row["id"], row["trace_id"], row["mine"], row["source"]) == ("ab" * 16, "ab" * 16, True, "curl")


def test_rates_from_two_counts() -> None:
    later = structs.replace(
        COUNTERS, at=12.0, requests=140, hedges=3, instances=(structs.replace(MACHINE, attempts=130),)
    )
    use = UseView(id="i-00a1", cpu_cores=0.1, memory_mib=33.0, pids=3, throttled_percent=None)
    second = second_json(COUNTERS, later, {"i-00a1": use})
    assert (second["req_s"], second["hedges_s"]) == (20.0, 0.5)
    assert second["instances"]["i-00a1"]["req_s"] == 15.0
    assert second["instances"]["i-00a1"]["cpu"] == 0.1


def test_no_rate_over_restart_or_sleep() -> None:
    assert second_json(None, COUNTERS, {})["req_s"] is None
    late = second_json(COUNTERS, structs.replace(COUNTERS, at=72.0, requests=140), {})
    assert late["req_s"] is None
    anew = structs.replace(COUNTERS, at=12.0, requests=3, instances=(structs.replace(MACHINE, attempts=2),))
    second = second_json(COUNTERS, anew, {})
    assert (second["req_s"], second["instances"]["i-00a1"]["req_s"]) == (None, None)


def test_instance_row_has_shard_and_disabled_actions() -> None:
    view = InstanceView(
        id="i-00a1", type="t3.nano", state="stopped", host="host-a", zone="us-east-1a", image="ami-1", launched_at=0.0,
        tags={"search:shard": "1"},
    )  # fmt: skip
    cloud_state = fold(CloudState(), replace(cloud(view), allowed=ALLOWED))
    (row,) = instance_rows(cloud_state, "", browser_here=True)
    assert (row["short"], row["shard"], row["faults"]) == ("i-00a1", 1, [])
    assert "start" not in row["disabled"]
    assert row["death"] is None
    assert row["disabled"]["kill"] == "it is stopped; kill works on running instances"


def test_no_web_port_for_browser_elsewhere() -> None:
    view = InstanceView(
        id="i-00a1", type="t3.nano", state="running", host="host-a", zone="us-east-1a", image="ami-1", launched_at=0.0,
        address="127.8.0.2", web_port=8080,
    )  # fmt: skip
    state = fold(CloudState(), cloud(view))
    ports = [row["web_port"] for here in (True, False) for row in instance_rows(state, "", browser_here=here)]
    assert ports == [8080, None]
