from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.control.instances.decide import SETTLED, Decision, DriverCall, decide
from vmhost.model.guest import Booted, Death, GuestPhase, GuestStatus
from vmhost.model.instance import Instance, InstanceState, Wanted
from vmhost.model.lifecycle import TABLE, Event, next_state

I = "i-01"  # noqa: E741
RUNNING = GuestStatus(instance_id=I, phase=GuestPhase.RUNNING, booted=Booted(address="198.18.0.2"))
MADE = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED)
DEAD = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED, death=Death(exit_code=137))
ENDED = GuestStatus(instance_id=I, phase=GuestPhase.STOPPED, death=Death(exit_code=0))
OBSERVED = (None, MADE, DEAD, ENDED, RUNNING)


def instance(state: InstanceState, shutdown_behavior: str = "stop", *, rebooting: bool = False) -> Instance:
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
        rebooting=rebooting,
    )


@pytest.mark.parametrize(
    ("state", "observed", "step"),
    [
        (InstanceState.PENDING, None, Decision(act=DriverCall.CREATE)),
        (InstanceState.PENDING, MADE, Decision(act=DriverCall.START)),
        (InstanceState.PENDING, DEAD, Decision(act=DriverCall.START)),
        (InstanceState.PENDING, RUNNING, Decision(event=Event.STARTED)),
        (InstanceState.RUNNING, RUNNING, SETTLED),
        (InstanceState.STOPPING, RUNNING, Decision(act=DriverCall.STOP)),
        (InstanceState.STOPPING, DEAD, Decision(event=Event.STOPPED)),
        (InstanceState.STOPPED, MADE, SETTLED),
        (InstanceState.STOPPED, None, SETTLED),
        (InstanceState.STOPPED, RUNNING, Decision(act=DriverCall.STOP)),
        (InstanceState.SHUTTING_DOWN, RUNNING, Decision(act=DriverCall.REMOVE)),
        (InstanceState.SHUTTING_DOWN, None, Decision(act=DriverCall.REMOVE)),
        (InstanceState.TERMINATED, MADE, Decision(act=DriverCall.REMOVE)),
        (InstanceState.TERMINATED, None, SETTLED),
    ],
)
def test_one_step_towards_what_is_wanted(state: InstanceState, observed: GuestStatus | None, step: Decision) -> None:
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
def test_a_machine_that_dies_is_stopped_with_its_reason(observed: GuestStatus | None, code: str, words: str) -> None:
    step = decide(instance(InstanceState.RUNNING), observed, memory_mib=512)
    assert step.event is Event.DIED
    assert step.reason is not None
    assert step.reason.code == code
    assert step.reason.message.startswith(f"{code}: ")
    assert words in step.reason.message


def test_an_orderly_end_terminates_where_the_owner_said_so() -> None:
    assert decide(instance(InstanceState.RUNNING, "terminate"), ENDED).event is Event.TERMINATE
    assert decide(instance(InstanceState.RUNNING, "terminate"), DEAD).event is Event.DIED


@pytest.mark.parametrize("shutdown_behavior", ["stop", "terminate"])
@pytest.mark.parametrize(
    ("observed", "act"), [(RUNNING, DriverCall.STOP), (ENDED, DriverCall.START), (DEAD, DriverCall.START)]
)
def test_the_end_that_a_reboot_brings_is_no_death(
    observed: GuestStatus, act: DriverCall, shutdown_behavior: str
) -> None:
    rebooting = instance(InstanceState.RUNNING, shutdown_behavior, rebooting=True)
    assert decide(rebooting, observed) == Decision(act=act)


def test_a_guest_that_is_gone_amid_a_reboot_has_died() -> None:
    assert decide(instance(InstanceState.RUNNING, rebooting=True), None).event is Event.DIED


@given(state=st.sampled_from(InstanceState), observed=st.sampled_from(OBSERVED))
def test_every_event_that_it_finds_is_in_the_table(state: InstanceState, observed: GuestStatus | None) -> None:
    step = decide(instance(state), observed)
    assert step.event is None or (state, step.event) in TABLE


@given(
    state=st.sampled_from(InstanceState),
    rebooting=st.booleans(),
    observed=st.sampled_from(OBSERVED),
    disturbances=st.lists(st.sampled_from(OBSERVED), max_size=6),
)
def test_from_anywhere_it_comes_to_rest_whatever_happens_meanwhile(
    state: InstanceState, rebooting: bool, observed: GuestStatus | None, disturbances: list[GuestStatus | None]
) -> None:
    one, seen = instance(state, rebooting=rebooting), observed
    for disturbance in disturbances:
        one, _ = _advance(one, seen)
        seen = disturbance
    for _ in range(8):
        if decide(one, seen) == SETTLED:
            break
        one, seen = _advance(one, seen)
    assert decide(one, seen) == SETTLED
    assert one.state in (InstanceState.RUNNING, InstanceState.STOPPED, InstanceState.TERMINATED)


def _advance(one: Instance, seen: GuestStatus | None) -> tuple[Instance, GuestStatus | None]:
    """A driver that does what it is told."""
    step = decide(one, seen)
    if step.event is not None:
        return replace(one, state=next_state(one.state, step.event), rebooting=False), seen
    if step.act is DriverCall.REMOVE and one.state is InstanceState.SHUTTING_DOWN:
        one = replace(one, state=next_state(one.state, Event.REMOVED))
    if step.act is DriverCall.START:
        one = replace(one, rebooting=False)
    after = {DriverCall.CREATE: MADE, DriverCall.START: RUNNING, DriverCall.STOP: ENDED, DriverCall.REMOVE: None}
    return one, after[step.act] if step.act else seen
