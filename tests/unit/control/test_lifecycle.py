from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import Conflict
from vmhost.control.instances.lifecycle import REQUESTS, TABLE, InstanceEvent, document, mermaid, next_state, states_for
from vmhost.control.instances.record import InstanceState

DOCUMENT = Path(__file__).parents[3] / "docs" / "lifecycle.md"


def test_document_is_generated_from_the_table() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m vmhost.control.instances.lifecycle > docs/lifecycle.md"


@given(state=st.sampled_from(InstanceState), event=st.sampled_from(InstanceEvent))
def test_pair_follows_the_table_or_is_refused(state: InstanceState, event: InstanceEvent) -> None:
    if (state, event) in TABLE:
        assert next_state(state, event) is TABLE[state, event]
        return
    with pytest.raises(Conflict) as refused:
        next_state(state, event, subject="instance i-1")
    assert refused.value.code == "IncorrectInstanceState"
    assert str(refused.value).startswith(f"instance i-1 is {state.in_api}; {event} needs ")


@given(events=st.lists(st.sampled_from(InstanceEvent), max_size=40))
def test_terminated_is_final_and_follows_shutting_down(events: list[InstanceEvent]) -> None:
    state = InstanceState.PENDING
    for event in events:
        after = TABLE.get((state, event), state)
        if after is InstanceState.TERMINATED:
            assert state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)
        assert state is not InstanceState.TERMINATED or after is InstanceState.TERMINATED
        state = after


def test_every_state_admits_terminate() -> None:
    goals = {state: next_state(state, InstanceEvent.TERMINATE) for state in InstanceState}
    assert goals.pop(InstanceState.TERMINATED) is InstanceState.TERMINATED
    assert set(goals.values()) == {InstanceState.SHUTTING_DOWN}


def test_requests_are_offered_where_they_have_effect() -> None:
    assert {event.value: set(states_for(event)) for event in InstanceEvent if event in REQUESTS} == {
        "start": {"stopped"},
        "stop": {"running"},
        "reboot": {"running"},
        "terminate": {"pending", "running", "stopping", "stopped"},
    }


def test_every_state_can_be_reached_and_drawn() -> None:
    assert set(TABLE.values()) == set(InstanceState)
    drawing = mermaid()
    assert all(state.value.replace("-", "_") in drawing for state in InstanceState)


def test_codes_are_those_of_ec2() -> None:
    assert {state.in_api.value: state.code for state in InstanceState} == {
        "pending": 0,
        "running": 16,
        "shutting-down": 32,
        "terminated": 48,
        "stopping": 64,
        "stopped": 80,
    }
