"""The cloud's state, folded from events."""

from __future__ import annotations

from dataclasses import replace

from client_builders import IDS, cloud, cloud_state, host, instance

from client.cloud_state import CloudState, Death, fold
from vmhost.api.views import CallView, FaultView, InstanceView, ReasonView

HOG = FaultView(fault_id="fault-1", fault="cpu_hog", instance_id=IDS[0], phase="started", at=1.0, until=11.0)


def call(number: int) -> CallView:
    return CallView(
        id=f"call-{number}", at=1.0, action="RunInstances", by="boto3", instances=(), outcome="ok", message=""
    )


def test_active_faults_of_the_snapshot_are_known() -> None:
    kill = replace(HOG, fault_id="fault-2", fault="kill", instance_id=IDS[1])
    known = fold(CloudState(), replace(cloud(), faults=(HOG, kill)))
    assert known.faults == {IDS[0]: (HOG,), IDS[1]: (kill,)}
    assert fold(known, replace(HOG, phase="ended")).faults == {IDS[1]: (kill,)}


def test_next_snapshot_ends_a_hog() -> None:
    assert fold(fold(cloud_state(), HOG), cloud()).faults == {}


def test_last_calls_are_kept_once() -> None:
    known = fold(CloudState(), replace(cloud(), calls=(call(0), call(1))))
    for number in (1, 2):
        known = fold(known, call(number))
    assert [each.id for each in known.calls] == ["call-0", "call-1", "call-2"]
    for number in range(3, 250):
        known = fold(known, call(number))
    assert [each.id for each in known.calls] == [f"call-{number}" for number in range(50, 250)]


def test_last_host_event_counts() -> None:
    fuller = replace(host("host-b"), cpu_used=0.7)
    known = fold(cloud_state(), fuller)
    assert known.snapshot is not None
    assert known.snapshot.hosts == (host("host-a"), fuller)
    assert known.instances == cloud_state().instances
    assert fold(CloudState(), fuller) == CloudState()


def in_state(state: str, generation: int, code: str = "") -> InstanceView:
    reason = ReasonView(code=code, message=code) if code else None
    return replace(instance(0), state=state, generation=generation, changed_at=50.0 + generation, reason=reason)


def test_death_is_known_until_the_next_start() -> None:
    killed = fold(cloud_state(in_state("running", 1)), replace(HOG, fault="kill", at=40.0, until=None))
    stopped = fold(killed, in_state("stopped", 2, "Server.InternalError"))
    assert stopped.deaths == {IDS[0]: Death(at=40.0, how="killed")}
    pending = fold(stopped, in_state("pending", 3))
    assert pending.deaths
    assert not fold(pending, in_state("running", 4)).deaths


def test_unrequested_end_is_a_crash_or_an_end() -> None:
    def how(code: str) -> str:
        return fold(cloud_state(in_state("running", 1)), in_state("stopped", 2, code)).deaths[IDS[0]].how

    assert how("Server.InternalError") == "crashed"
    assert how("Client.InstanceInitiatedShutdown") == "ended"


def test_requested_stop_is_not_a_death() -> None:
    stopping = fold(cloud_state(in_state("running", 1)), in_state("stopping", 2, "Client.UserInitiatedShutdown"))
    assert not fold(stopping, in_state("stopped", 3, "Client.UserInitiatedShutdown")).deaths
