"""One fleet's task: it launches, replaces and terminates instances until the fleet has its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vmhost.base.errors import CloudError, NoCapacity
from vmhost.base.logs import get_logger
from vmhost.control.call_log import CallLog
from vmhost.control.fleets.decide import FleetDecision, Price, decide, members, overrides_in_order
from vmhost.control.fleets.record import FLEETS, Fleet, FleetState
from vmhost.control.instances.controller import InstanceController
from vmhost.control.instances.launcher import Launcher, LaunchRequest
from vmhost.control.instances.lifecycle import InstanceEvent
from vmhost.control.instances.record import INSTANCES, Instance, InstanceState, Wanted
from vmhost.control.reconciler import Reconciler, Retry
from vmhost.control.service_context import ServiceContext

_AT_ONCE = 16
"""Launches before other tasks get their turn."""
_NOTHING = FleetDecision()
_log = get_logger("fleets")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetStatus:
    """A fleet as measured now."""

    fleet: Fleet
    members: tuple[Instance, ...]
    unhealthy: frozenset[str]
    """Members that have been impaired for too long."""
    may_launch: bool
    """False while the next launch waits for the end of a back-off."""


class FleetReconciler(Reconciler[FleetStatus, FleetDecision, None]):
    """The owner of one fleet."""

    def __init__(
        self,
        fleet_id: str,
        context: ServiceContext,
        launcher: Launcher,
        controller: InstanceController,
        *,
        calls: CallLog,
        price: Price,
    ) -> None:
        clock, timeouts = context.clock, context.timeouts
        super().__init__(fleet_id, clock=clock, retry=Retry(clock, timeouts.fleet, immediate=1))
        self.error = ""
        """Why the last launch failed; empty if it succeeded."""
        self._resources = context.resources
        self._fleets = context.resources.table(FLEETS)
        self._instances = context.resources.table(INSTANCES)
        self._launcher = launcher
        self._controller = controller
        self._calls = calls
        self._price = price
        self._timeouts = timeouts
        self._recorded_refusal = ""
        self._lacks_room = False

    def on_room(self) -> None:
        """Retry at once a launch that found no room: an instance has freed its place."""
        if self._lacks_room:
            self.retry.now()
            self.wake()

    def on_change(self, changed: Instance, former: Instance | None) -> None:
        """Learn from a change of one of its instances whether launches succeed, and measure again."""
        if former is not None and former.api_state is not changed.api_state:
            self._learn(changed, former)
        self.wake()

    def _learn(self, changed: Instance, former: Instance) -> None:
        why = changed.reason.message if changed.reason else "it stopped for an unknown reason"
        state = changed.api_state
        if state is InstanceState.SHUTTING_DOWN and not changed.boots and changed.wanted is Wanted.RUNNING:
            self._launch_failed(why)
        elif state is InstanceState.STOPPED and former.api_state is InstanceState.RUNNING:
            if self._clock.now() - former.launched_at < self._timeouts.early_death_s:
                self._launch_failed(why)
            else:
                self.retry.reset()

    async def measure(self) -> FleetStatus:
        """Return the fleet with its members and their health."""
        await self._clock.sleep(0)
        own = members(self._instances, self.id)
        late = {each.id for each in own if self._healthy_for_s(each) <= 0}
        may_launch = not self.retry.wait_s
        return FleetStatus(
            fleet=self._fleets.get(self.id), members=own, unhealthy=frozenset(late), may_launch=may_launch
        )

    def decide(self, observed: FleetStatus) -> FleetDecision | None:
        """Return the next step toward the target."""
        decision = decide(observed.fleet, observed.members, unhealthy=observed.unhealthy)
        if not observed.may_launch:
            decision = replace(decision, launch=0)
        return None if decision == _NOTHING else decision

    async def act(self, decision: FleetDecision, observed: FleetStatus) -> None:
        """Terminate, delete or launch."""
        if decision.terminate:
            self._controller.request(decision.terminate, InstanceEvent.TERMINATE)
            self._calls.record("TerminateInstances", by=self.id, instances=decision.terminate)
        if decision.over:
            self._resources.commit([replace(observed.fleet, state=FleetState.DELETED)])
        if decision.launch:
            self._launch(observed.fleet, decision.launch)

    def is_over(self, observed: FleetStatus) -> bool:
        """Return whether the fleet is deleted and its members are gone."""
        return observed.fleet.state is FleetState.DELETED

    def on_progress(self) -> None:
        """Keep counting failures: whether a launch succeeded is known only later (`on_change`)."""

    def look_again_s(self) -> float | None:
        """Return the time until the next launch, or until an impaired member is to be replaced."""
        waits = [self.retry.wait_s, *(self._healthy_for_s(each) for each in members(self._instances, self.id))]
        return min((wait for wait in waits if 0 < wait < float("inf")), default=None)

    def _healthy_for_s(self, member: Instance) -> float:
        """Return how long the member may still be impaired before it counts as unhealthy."""
        if member.impaired_at is None:
            return float("inf")
        return member.impaired_at + self._timeouts.unhealthy_s - self._clock.now()

    def _launch(self, fleet: Fleet, count: int) -> None:
        launched: list[str] = []
        refusal: CloudError | None = None
        try:
            for _ in range(min(count, _AT_ONCE)):
                launched.extend(each.id for each in self._launch_one(fleet))
            self.error = ""
        except CloudError as error:
            self.error, refusal = error.message, error
            raise
        finally:
            self._lacks_room = isinstance(refusal, NoCapacity)
            self._record(launched, refusal)

    def _launch_one(self, fleet: Fleet) -> Sequence[Instance]:
        last: NoCapacity | None = None
        for override in overrides_in_order(fleet, members(self._instances, self.id), self._price):
            try:
                return self._launcher.run(
                    LaunchRequest(
                        type_name=override.type_name,
                        zone=override.zone,
                        fleet_id=fleet.id,
                        template=fleet.template_id,
                        template_version=str(fleet.template_version),
                        tags=fleet.instance_tags,
                    )
                )
            except NoCapacity as error:
                last = error
        if last is not None:
            raise last
        return ()

    def _record(self, launched: Sequence[str], refusal: CloudError | None) -> None:
        if launched:
            self._calls.record("RunInstances", by=self.id, instances=launched)
        # The launch is retried again and again; the same refusal is recorded once.
        if refusal is not None and refusal.message != self._recorded_refusal:
            self._calls.record("RunInstances", by=self.id, instances=(), error=refusal)
        self._recorded_refusal = refusal.message if refusal else ""

    def _launch_failed(self, why: str) -> None:
        self.error = why
        self.retry.failed()
        _log.warning("fleet_launch_failed", fleet=self.id, why=why, retry_after_s=round(self.retry.wait_s, 3))
