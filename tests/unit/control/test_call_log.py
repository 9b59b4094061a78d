"""The log of calls."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import SeededIds
from vmhost.api.views import CallView
from vmhost.base.clock import SystemClock
from vmhost.base.errors import Conflict, InvalidInput
from vmhost.control.call_log import MAX_CALLS, MAX_INSTANCES_LISTED, CallLog


def fail(calls: CallLog, error: BaseException, *instances: str, is_read: bool = True) -> None:
    """A call that ends with the error."""
    with calls.recording("StopInstances", by="x") as call:
        if is_read:
            call.add_instances(instances)
        raise error


@pytest.fixture
def published() -> list[CallView]:
    return []


@pytest.fixture
def calls(published: list[CallView]) -> CallLog:
    return CallLog(clock=SystemClock(), ids=SeededIds(1), publish=published.append)


def test_successful_call_is_published_once(calls: CallLog, published: list[CallView]) -> None:
    with calls.recording("RunInstances", by="boto3") as call:
        call.add_instances(["i-1"])
        call.add_instances(["i-1", "i-2"])
        assert published == []
    (call,) = published
    assert (call.action, call.by, call.instances) == ("RunInstances", "boto3", ("i-1", "i-2"))
    assert (call.outcome, call.message) == ("ok", "")
    assert calls.last() == (call,)


def test_refusal_is_published_and_raised(calls: CallLog, published: list[CallView]) -> None:
    with pytest.raises(Conflict):
        fail(calls, Conflict("i-1 is stopped; stop needs running"), "i-1")
    assert (published[0].outcome, published[0].message) == (
        "IncorrectInstanceState",
        "i-1 is stopped; stop needs running",
    )
    assert published[0].instances == ("i-1",)


def test_refusal_inside_a_response_is_published(calls: CallLog, published: list[CallView]) -> None:
    with calls.recording("DeleteFleets", by="x") as call:
        call.refusal = InvalidInput("no such fleet", code="fleetIdDoesNotExist")
    assert (published[0].outcome, published[0].message) == ("fleetIdDoesNotExist", "no such fleet")


def test_unreadable_request_is_not_quoted(calls: CallLog, published: list[CallView]) -> None:
    quoting = InvalidInput("value (c2VjcmV0) for parameter LaunchTemplateData is invalid", code="UnknownParameter")
    with pytest.raises(InvalidInput, match="c2VjcmV0"):
        fail(calls, quoting, is_read=False)
    assert published[0].outcome == "UnknownParameter"
    assert "c2VjcmV0" not in published[0].message
    assert published[0].message


def test_internal_error_is_published_without_details(calls: CallLog, published: list[CallView]) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(calls, ZeroDivisionError("secret"))
    assert published[0].outcome == "InternalError"
    assert "secret" not in published[0].message


def test_cancelled_call_is_not_published(calls: CallLog, published: list[CallView]) -> None:
    with pytest.raises(asyncio.CancelledError):
        fail(calls, asyncio.CancelledError())
    assert published == []


def test_log_and_its_entries_are_bounded(calls: CallLog) -> None:
    for number in range(MAX_CALLS + 5):
        calls.record("CreateTags", by=str(number), instances=())
    assert [call.by for call in calls.last()] == [str(number) for number in range(5, MAX_CALLS + 5)]
    with pytest.raises(Conflict):
        fail(calls, Conflict("x" * 10_000), *(f"i-{number}" for number in range(10_000)))
    last = calls.last()[-1]
    assert len(last.instances) == MAX_INSTANCES_LISTED
    assert len(last.message) == 500
