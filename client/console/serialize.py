"""The platform's and the front end's views as JSON for the page. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from msgspec import to_builtins

from client.cloud_state import CloudState, shard_of
from client.console.actions import Action, actions_of, disabled_reason
from server.api.flow import Counters, FlowRecord
from vmhost.api.views import InstanceView, UseView
from vmhost.base.ids import short_ids

LOAD_AGENT = "glasscloud-load"
CONSOLE_AGENT = "glasscloud-console"
AUDIENCE_AGENT = "glasscloud-audience"
_SPAN_S_MAX = 5.0


def cloud_json(world: CloudState, why: str) -> dict[str, Any] | None:
    """Return the cloud as a whole; `why` says why its instances are of this kind."""
    if (snapshot := world.snapshot) is None:
        return None
    same = {name: getattr(snapshot, name) for name in ("region", "driver", "stands_for", "one", "notes", "overcommit")}
    drivers = {each.name: {"one": each.one, "isolation": each.capabilities} for each in snapshot.drivers}
    return {"name": snapshot.cloud, "isolation": snapshot.capabilities, "drivers": drivers, "why": why, **same}


def instance_rows(world: CloudState, busy: str, *, browser_here: bool) -> Iterator[dict[str, Any]]:
    """Yield every known instance with its short id, its shard and the actions that are disabled.

    Without `browser_here` no instance has a `web_port`: the page's browser reaches no address of theirs."""
    shorts, actions = short_ids(world.instances), actions_of(world)
    for view in world.instances.values():
        row = _instance(view, shorts[view.id], world, actions, busy)
        yield row if browser_here else {**row, "web_port": None}


def _instance(
    view: InstanceView, short: str, world: CloudState, actions: tuple[Action, ...], busy: str
) -> dict[str, Any]:
    death = world.deaths.get(view.id)
    return {
        **to_builtins(view),
        "short": short,
        "shard": shard_of(view),
        "driver": "" if world.snapshot is None else world.snapshot.driver_of(view.host),
        "faults": [
            {"id": each.fault_id, "label": world.fault_title(each.fault), "at": each.at, "until": each.until}
            for each in world.faults.get(view.id, ())
        ],
        "death": None if death is None or view.state == "running" else asdict(death),
        "disabled": {
            action.name: reason for action in actions if (reason := disabled_reason(action, view, world, busy))
        },
    }


def request_json(record: FlowRecord, **more: Any) -> dict[str, Any]:
    """Return one request with its source; `more` is what only the console knows of it."""
    source = source_of(record.agent)
    return {"id": record.trace.trace_id, "source": source, **record.to_json(), **more}


def source_of(agent: str) -> str:
    """Return one word for the client with that User-Agent."""
    if agent.startswith(LOAD_AGENT):
        return "load"
    if agent.startswith(CONSOLE_AGENT):
        return "you"
    if agent.startswith(AUDIENCE_AGENT):
        return "audience"
    if agent.startswith("Mozilla/"):
        return "browser"
    return agent.partition("/")[0].partition(" ")[0][:20].lower() or "unknown"


def second_json(before: Counters | None, now: Counters, uses: dict[str, UseView]) -> dict[str, Any]:
    """Return a second of the service: rates from two counts, and what each instance did and used; None if unknown."""
    span_s = now.at - before.at if before is not None else 0.0
    known = {each.instance_id: each for each in before.instances} if before is not None else {}

    def rate(later: int, earlier: int | None) -> float | None:
        # A restarted front end counts from 0 again, and a rate over a gap in the counts means nothing.
        if not 0 < span_s <= _SPAN_S_MAX or earlier is None or later < earlier:
            return None
        return round((later - earlier) / span_s, 1)

    instances: dict[str, Any] = {}
    for each in now.instances:
        earlier = known.get(each.instance_id)
        instances[each.instance_id] = {
            "req_s": rate(each.attempts, None if earlier is None else earlier.attempts),
            "in_flight": each.in_flight,
            "p50_ms": each.p50_ms,
            "p99_ms": each.p99_ms,
            "errors": each.errors + each.timeouts,
            "aside": each.aside,
        }
    for use in uses.values():
        instances.setdefault(use.id, {}).update(
            cpu=use.cpu_cores, memory_mib=use.memory_mib, pids=use.pids, throttled=use.throttled_percent
        )
    return {
        "id": round(now.at, 3),
        "req_s": rate(now.requests, None if before is None else before.requests),
        "failed_s": rate(now.failed + now.shed, None if before is None else before.failed + before.shed),
        "hedges_s": rate(now.hedges, None if before is None else before.hedges),
        "in_flight": now.in_flight,
        "p50_ms": now.p50_ms,
        "p99_ms": now.p99_ms,
        "instances": instances,
    }
