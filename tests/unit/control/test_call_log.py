"""The journal of calls."""

from __future__ import annotations

import asyncio

import pytest

from vmhost.api.views import CallView
from vmhost.base.clock import SystemClock
from vmhost.base.errors import Conflict, InvalidInput
from vmhost.base.ids import SeededIds
from vmhost.control.call_log import MAX_CALLS, MAX_INSTANCES_LISTED, CallLog


def fail(calls: CallLog, error: BaseException, *instances: str, understood: bool = True) -> None:
    """A call that ends with the error."""
    with calls.telling("StopInstances", by="x") as record:
        if understood:
            record.concerns(instances)
        raise error


@pytest.fixture
def told() -> list[CallView]:
    return []


@pytest.fixture
def calls(told: list[CallView]) -> CallLog:
    return CallLog(clock=SystemClock(), ids=SeededIds(1), publish=told.append)


def test_a_call_that_went_well_is_told_once_with_all_whom_it_concerned(calls: CallLog, told: list[CallView]) -> None:
    with calls.telling("RunInstances", by="boto3") as record:
        record.concerns(["i-1"])
        record.concerns(["i-1", "i-2"])
        assert told == []
    (call,) = told
    assert (call.action, call.by, call.instances) == ("RunInstances", "boto3", ("i-1", "i-2"))
    assert (call.outcome, call.message) == ("ok", "")
    assert calls.last() == (call,)


def test_a_refusal_is_told_with_its_code_and_words_and_goes_on_to_the_caller(
    calls: CallLog, told: list[CallView]
) -> None:
    with pytest.raises(Conflict):
        fail(calls, Conflict("i-1 is stopped; stop needs running"), "i-1")
    assert (told[0].outcome, told[0].message) == ("IncorrectInstanceState", "i-1 is stopped; stop needs running")
    assert told[0].instances == ("i-1",)


def test_a_refusal_inside_an_answer_is_told_too(calls: CallLog, told: list[CallView]) -> None:
    with calls.telling("DeleteFleets", by="x") as record:
        record.refused = InvalidInput("no such fleet", code="fleetIdDoesNotExist")
    assert (told[0].outcome, told[0].message) == ("fleetIdDoesNotExist", "no such fleet")


def test_what_was_not_understood_is_not_repeated_to_others(calls: CallLog, told: list[CallView]) -> None:
    quoting = InvalidInput("value (c2VjcmV0) for parameter LaunchTemplateData is invalid", code="UnknownParameter")
    with pytest.raises(InvalidInput, match="c2VjcmV0"):
        fail(calls, quoting, understood=False)
    assert told[0].outcome == "UnknownParameter"
    assert "c2VjcmV0" not in told[0].message
    assert told[0].message


def test_a_failure_of_our_own_is_told_without_its_innards(calls: CallLog, told: list[CallView]) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(calls, ZeroDivisionError("secret"))
    assert told[0].outcome == "InternalError"
    assert "secret" not in told[0].message


def test_a_call_that_was_broken_off_is_not_told(calls: CallLog, told: list[CallView]) -> None:
    with pytest.raises(asyncio.CancelledError):
        fail(calls, asyncio.CancelledError())
    assert told == []


def test_the_journal_and_each_entry_are_bounded(calls: CallLog) -> None:
    for number in range(MAX_CALLS + 5):
        calls.tell("CreateTags", by=str(number), instances=())
    assert [call.by for call in calls.last()] == [str(number) for number in range(5, MAX_CALLS + 5)]
    with pytest.raises(Conflict):
        fail(calls, Conflict("x" * 10_000), *(f"i-{number}" for number in range(10_000)))
    last = calls.last()[-1]
    assert len(last.instances) == MAX_INSTANCES_LISTED
    assert len(last.message) == 500
