"""Texts of the screen: the glossary, and which limits are enforced here. Pure."""

from __future__ import annotations

from client.experiments.runner import EXPERIMENTS
from client.terminal.plain_text import clean, wrap
from client.terminal.styled_text import cut, fitting
from vmhost.api.views import CapabilityView, Snapshot

GLOSSARY = (
    "instance               behaves like a computer of its own (w: its isolation)",
    "host                   stands for a physical server: a part of your",
    "                       computer's CPUs and memory",
    "shard                  a part of all documents; a search goes to every shard",
    "replica                an instance with the same shard: if one fails, another",
    "                       answers",
    "front end              sends a search to one replica of each shard",
    "fleet                  keeps N instances running; replaces those that fail",
    *(f"{each.title:22} {each.summary}" for each in EXPERIMENTS.values()),
    "hedge                  the same search to another replica, as one is slow",
    "half within 2 ms       the usual wait (p50)",
    "99 of 100 within 6 ms  only 1 in 100 waits longer (p99)",
)

_NAMES = {"cpu": "CPU", "crash": "crashes", "pids": "number of processes"}
_FIRST = ("crash", "cpu", "memory")
_CRASH = CapabilityView(name="crash", enforced=True, why="a failed instance takes no other with it")


def _capabilities(snapshot: Snapshot) -> dict[str, CapabilityView]:
    """Return the capabilities by name, crashes first: every kind of instance fails alone."""
    known = {each.name: each for each in snapshot.capabilities}
    return {"crash": known.get("crash", _CRASH), **known}


def _name(capability: CapabilityView) -> str:
    return _NAMES.get(capability.name, capability.name)


def isolation_sentence(snapshot: Snapshot, why: str, columns: int) -> str:
    """Return what the instances are and what is isolated, as much as fits."""
    known = _capabilities(snapshot)
    first = [known[name] for name in _FIRST if name in known]
    what = why.partition(". ")[0] or f"instances are {snapshot.stands_for}"
    kind = what.partition(":")[0]
    variants = [
        f"{kinds[:1].upper()}{kinds[1:]}. {_isolated(some)}{hint}"
        for kinds in (what, what.removeprefix("instances are "), kind, kind.removeprefix("instances are "))
        for some in (first, first[:2])
        for hint in ("  (w: details)", " (w: why)")
    ]
    variants.append(f"{_isolated(first)} (w: why)")
    return cut(clean(fitting(variants, columns)), columns)


def _isolated(capabilities: list[CapabilityView]) -> str:
    yes = [_name(each) for each in capabilities if each.enforced]
    no = [_name(each) for each in capabilities if not each.enforced]
    return f"Isolated: {', '.join(yes)}" + (f", not {', '.join(no)}" if no else "")


def isolation_lines(snapshot: Snapshot, why: str, columns: int) -> list[str]:
    """Return how to get instances of another kind, then the enforced and the missing limits, each with its reason."""
    lines = wrap(clean(f"Instances are {snapshot.stands_for}."), columns, indent="  ")
    if other := why.partition(". ")[2]:
        lines += wrap(clean(other), columns, indent="  ")
    known = _capabilities(snapshot).values()
    for title, enforced in (("Enforced", True), ("Not enforced", False)):
        if some := [each for each in known if each.enforced is enforced]:
            lines.append(f"{title}:")
        for each in some:
            lines += wrap(clean(f"  {_name(each)}" + (f": {each.why}" if each.why else "")), columns, indent=" " * 4)
    if snapshot.overcommit != 1:
        lines.append(
            f"Overcommit {snapshot.overcommit:g}: {snapshot.overcommit:g} times the real capacity can be allocated."
        )
    return lines
