from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.control.instances.decide import DriverCall, InstanceDecision, admit, decide
from vmhost.control.instances.lifecycle import REQUESTS, TABLE, InstanceEvent, next_state
from vmhost.control.instances.record import Instance, InstanceState, Wanted
from vmhost.model.guest import Death, Endpoint, GuestPhase, GuestStatus

I = "i-01"  # noqa: E741
RUNNING = GuestStatus(instance_id=I, phase=GuestPhase.RUNNING, endpoint=Endpoint(address="198.18.0.2"))
MADE = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED)
DEAD = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED, death=Death(exit_code=137))
ENDED = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED, death=Death(exit_code=0))
UNREACHABLE = replace(RUNNING, endpoint=None)
OBSERVED = (None, MADE, DEAD, ENDED, RUNNING, UNREACHABLE)


def instance(state: InstanceState, shutdown_behavior: str = "stop") -> Instance:
    return Instance(
        id=I,
        reservation_id="r-01",
        launch_index=0,
        image_id="ami-01",
        type_name="t3.nano",
        host_id="host-a",
        zone="us-east-1a",
        wanted=Wanted.RUNNING,
        state=state,
        generation=1,
        launched_at=0,
        changed_at=0,
        shutdown_behavior=shutdown_behavior,
    )


@pytest.mark.parametrize(
    ("state", "observed", "step"),
    [
        (InstanceState.PENDING, None, InstanceDecision(call=DriverCall.CREATE)),
        (InstanceState.PENDING, MADE, InstanceDecision(call=DriverCall.START)),
        (InstanceState.PENDING, DEAD, InstanceDecision(call=DriverCall.START)),
        (InstanceState.PENDING, RUNNING, InstanceDecision(event=InstanceEvent.STARTED)),
        (InstanceState.RUNNING, RUNNING, None),
        (InstanceState.REBOOTING, RUNNING, InstanceDecision(call=DriverCall.STOP)),
        (InstanceState.REBOOTING, ENDED, InstanceDecision(event=InstanceEvent.STOPPED)),
        (InstanceState.REBOOTING, DEAD, InstanceDecision(event=InstanceEvent.STOPPED)),
        (InstanceState.RESTARTING, ENDED, InstanceDecision(call=DriverCall.START)),
        (InstanceState.RESTARTING, UNREACHABLE, InstanceDecision(call=DriverCall.START)),
        (InstanceState.RESTARTING, RUNNING, InstanceDecision(event=InstanceEvent.STARTED)),
        (InstanceState.STOPPING, RUNNING, InstanceDecision(call=DriverCall.STOP)),
        (InstanceState.STOPPING, DEAD, InstanceDecision(event=InstanceEvent.STOPPED)),
        (InstanceState.STOPPED, MADE, None),
        (InstanceState.STOPPED, None, None),
        (InstanceState.STOPPED, RUNNING, InstanceDecision(call=DriverCall.STOP)),
        (InstanceState.SHUTTING_DOWN, RUNNING, InstanceDecision(call=DriverCall.REMOVE)),
        (InstanceState.SHUTTING_DOWN, None, InstanceDecision(call=DriverCall.REMOVE)),
        (InstanceState.TERMINATED, MADE, InstanceDecision(call=DriverCall.REMOVE)),
        (InstanceState.TERMINATED, None, None),
    ],
)
def test_next_step_toward_the_wanted_state(
    state: InstanceState, observed: GuestStatus | None, step: InstanceDecision | None
) -> None:
    assert decide(instance(state), observed) == step


@pytest.mark.parametrize(
    ("observed", "code", "words"),
    [
        (DEAD, "Server.InternalError", "signal 9 (SIGKILL)"),
        (ENDED, "Client.InstanceInitiatedShutdown", "exit code 0"),
        (None, "Server.InternalError", "gone"),
        (replace(DEAD, death=Death(exit_code=137, oom=True)), "Server.InternalError", "memory limit of 512 MiB"),
        (replace(DEAD, death=Death(exit_code=2)), "Server.InternalError", "exit code 2"),
        # A child was killed for memory some time before.
        (replace(DEAD, death=Death(exit_code=3, oom=True)), "Server.InternalError", "exit code 3"),
        (replace(DEAD, death=Death(exit_code=143, oom=True)), "Server.InternalError", "signal 15 (SIGTERM)"),
        (replace(ENDED, death=Death(exit_code=0, oom=True)), "Client.InstanceInitiatedShutdown", "exit code 0"),
        (replace(DEAD, death=Death(exit_code=None, detail="its host ended")), "Server.InternalError", "host ended"),
        (replace(DEAD, death=Death(exit_code=128 + 99)), "Server.InternalError", "signal 99"),
    ],
)
def test_unexpected_exit_stops_with_a_reason(observed: GuestStatus | None, code: str, words: str) -> None:
    step = decide(instance(InstanceState.RUNNING), observed, memory_mib=512)
    assert step is not None
    assert step.event is InstanceEvent.DIED
    assert step.reason is not None
    assert step.reason.code == code
    assert step.reason.message.startswith(f"{code}: ")
    assert words in step.reason.message


def test_exit_code_0_can_terminate() -> None:
    for observed, event in ((ENDED, InstanceEvent.TERMINATE), (DEAD, InstanceEvent.DIED)):
        decision = decide(instance(InstanceState.RUNNING, "terminate"), observed)
        assert decision is not None
        assert decision.event is event


@pytest.mark.parametrize("state", [InstanceState.REBOOTING, InstanceState.RESTARTING])
@pytest.mark.parametrize("shutdown_behavior", ["stop", "terminate"])
def test_exit_during_a_reboot_is_no_failure(state: InstanceState, shutdown_behavior: str) -> None:
    for observed in (ENDED, DEAD):
        decision = decide(instance(state, shutdown_behavior), observed)
        assert decision is not None
        assert decision.event in (None, InstanceEvent.STOPPED)


@pytest.mark.parametrize("state", [InstanceState.REBOOTING, InstanceState.RESTARTING])
def test_guest_gone_during_reboot_has_died(state: InstanceState) -> None:
    decision = decide(instance(state), None)
    assert decision is not None
    assert decision.event is InstanceEvent.DIED


@given(state=st.sampled_from(InstanceState), request=st.sampled_from(sorted(REQUESTS)))
def test_request_is_accepted_ignored_or_refused_by_the_table(state: InstanceState, request: InstanceEvent) -> None:
    admission = admit(instance(state), request)
    target = TABLE.get((state, request))
    if target is None:
        assert admission.refusal is not None
        assert admission.refusal.code == "IncorrectInstanceState"
        assert not admission.changes
    else:
        assert admission.refusal is None
        assert admission.changes.get("state", state) is target
        assert bool(admission.changes) is (target is not state)


@given(state=st.sampled_from(InstanceState), observed=st.sampled_from(OBSERVED))
def test_every_decided_event_is_in_the_table(state: InstanceState, observed: GuestStatus | None) -> None:
    decision = decide(instance(state), observed)
    assert decision is None or decision.event is None or (state, decision.event) in TABLE


@given(
    state=st.sampled_from(InstanceState),
    observed=st.sampled_from(OBSERVED),
    disturbances=st.lists(st.sampled_from(OBSERVED), max_size=6),
)
def test_decisions_settle_from_any_state(
    state: InstanceState, observed: GuestStatus | None, disturbances: list[GuestStatus | None]
) -> None:
    one, seen = instance(state), observed
    for disturbance in disturbances:
        one, _ = _advance(one, seen)
        seen = disturbance
    for _ in range(8):
        if decide(one, seen) is None:
            break
        one, seen = _advance(one, seen)
    assert decide(one, seen) is None
    assert one.state in (InstanceState.RUNNING, InstanceState.STOPPED, InstanceState.TERMINATED)


def _advance(one: Instance, seen: GuestStatus | None) -> tuple[Instance, GuestStatus | None]:
    """Carry out one decision with a driver that never fails."""
    decision = decide(one, seen)
    if decision is None:
        return one, seen
    if decision.event is not None:
        return replace(one, state=next_state(one.state, decision.event)), seen
    if decision.call is DriverCall.REMOVE and one.state is InstanceState.SHUTTING_DOWN:
        one = replace(one, state=next_state(one.state, InstanceEvent.REMOVED))
    after = {DriverCall.CREATE: MADE, DriverCall.START: RUNNING, DriverCall.STOP: ENDED, DriverCall.REMOVE: None}
    return one, after[decision.call] if decision.call else seen
