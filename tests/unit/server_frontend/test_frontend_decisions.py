"""Pure decisions: which instances are leaves, which requests become samples, which options are valid."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

import pytest

from server.api.flow import FlowRecord
from server.api.timing import Attempt, RequestTrace
from server.frontend.deployment import Deployment
from server.frontend.discovery import leaf_of
from server.frontend.main import add_arguments, checked_options
from server.frontend.observer import Sampler
from vmhost.api.views import InstanceView
from vmhost.base.errors import InvalidInput

LEAF = InstanceView(
    id="i-0a",
    type="t3.nano",
    state="running",
    host="host-a",
    zone="us-east-1a",
    image="ami-0",
    launched_at=0.0,
    address="198.18.0.2",
    tags={"search:service": "search", "search:shard": "1"},
)


def test_running_tagged_instance_is_a_leaf() -> None:
    leaf = leaf_of(LEAF, service="search", shards=2)
    assert leaf is not None
    assert (leaf.shard, leaf.address, leaf.port) == (1, "198.18.0.2", 8080)


@pytest.mark.parametrize(
    "other",
    [
        replace(LEAF, state="stopping"),
        replace(LEAF, address=None),
        replace(LEAF, tags={}),
        replace(LEAF, tags={"search:service": "other", "search:shard": "1"}),
        *[replace(LEAF, tags={"search:service": "search", "search:shard": odd}) for odd in ("2", "", "x", "-1", "²")],
    ],
)
def test_other_instances_are_not_leaves(other: InstanceView) -> None:
    assert leaf_of(other, service="search", shards=2) is None


def test_unsafe_words_never_reach_a_header() -> None:
    leaf = leaf_of(replace(LEAF, type='t3"\r\n evil'), service="search", shards=2)
    assert leaf is not None
    assert leaf.type == "-"


def test_sampler_keeps_a_reserve_for_people() -> None:
    sampler = Sampler(50.0)
    programs = sum(sampler.take(0.0, person=False) for _ in range(200))
    people = sum(sampler.take(0.0, person=True) for _ in range(200))
    assert (programs, people) == (40, 10)
    assert sum(sampler.take(1.0 + n / 100, person=False) for n in range(100)) <= 90


@pytest.mark.parametrize(
    "words",
    ["--shards 0", "--shards 99", "--replicas 0", "--deadline-ms 1", "--hedge-percent -1", "--port 70000",
     "--deadline-ms nan"],
)  # fmt: skip
def test_options_out_of_range_are_refused(words: str) -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    with pytest.raises(InvalidInput, match=words.split()[0]):
        checked_options(parser.parse_args(words.split()))


def test_template_name_stays_across_versions() -> None:
    """Another name for the same content would replace every instance of a cloud that a new version opens."""
    wanted = Deployment(
        service="search", shards=2, replicas=2, image_id="ami-0d0c5ea2c4", type_name="t3.nano", index="/index"
    )
    assert wanted.template_name(0) == "search-shard-0-of-2-b08514b031"


def test_flow_records_survive_json() -> None:
    attempt = Attempt(instance_id="i-0", type="t3.nano", host="host-a", shard=0, start_ms=0.1, dur_ms=1.0, hedge=True)
    trace = RequestTrace(trace_id="a" * 32, total_ms=2.0, frontend_ms=1.0, attempts=(attempt,))
    record = FlowRecord(at=1.0, query="q", status=200, partial=False, agent="", trace=trace)
    assert FlowRecord.from_json(record.to_json()) == record
    odd: list[Any] = [None, [], {}, {**record.to_json(), "attempts": [{}]}, {"instances": 1}]
    for garbage in odd:
        with pytest.raises(ValueError, match=r"Expected|missing required field"):
            FlowRecord.from_json(garbage)
