"""The words on the screen: keys, the vocabulary, and what walls hold here and why not. Pure."""

from __future__ import annotations

from client.view.text import cells, clean, cut, wrap
from vmhost.api.views import CapabilityView, Snapshot

KEYS = (
    ("k", "kill"),
    ("h", "hog one machine"),
    ("+ -", "load"),
    ("s", "search"),
    ("?", "words"),
    ("q", "quit"),
)

WORDS = (
    "machine (EC2: instance)  a computer of its own, as far as its walls hold (w)",
    "host                     the big computer that machines share; here two halves",
    "                         of yours stand for two",
    "shard                    a part of all documents; a search asks each shard once",
    "replica                  a machine with the same shard as another; when one",
    "                         dies, the other answers",
    "front end                asks a replica of each shard, joins the answers",
    "fleet                    the order 'keep two of these'; replaces the dead",
    "kill                     the program ends at once; nobody is told of it",
    "hog                      burns all CPU it gets; good walls keep the others fast",
    "hedge                    a second try elsewhere because the first is slow",
    "half within 2 ms         the usual wait (p50)",
    "99 of 100 within 6 ms    what the unlucky wait (p99)",
)

_SAID = {"cpu": "CPU"}
_FIRST = ("crash", "cpu", "memory")
_CRASH = CapabilityView(name="crash", enforced=True, why="a dead machine takes no other with it")


def _walls(snapshot: Snapshot) -> tuple[CapabilityView, ...]:
    """The walls, the crash first: whatever a machine is, it dies alone."""
    known = {wall.name: wall for wall in snapshot.capabilities}
    return tuple({"crash": known.get("crash", _CRASH), **known}.values())


def _word(wall: CapabilityView) -> str:
    return f"{_SAID.get(wall.name, wall.name)} {'yes' if wall.enforced else 'no'}"


def walls_sentence(snapshot: Snapshot, why: str, columns: int) -> str:
    """What the machines are and which walls hold, as much of it as fits."""
    known = {wall.name: wall for wall in _walls(snapshot)}
    walls = [_word(known[name]) for name in _FIRST if name in known]
    what = why.partition(". ")[0] or f"machines are {snapshot.stands_for}"
    kind = what.partition(":")[0]
    variants = [
        f"{what}. Walls: {', '.join(walls)}  (w why)",
        f"{what}. Walls: {', '.join(walls[:2])}  (w why)",
        f"{what.removeprefix('machines are ')}. Walls: {', '.join(walls[:2])}  (w why)",
        f"{kind}. Walls: {', '.join(walls)}  (w why)",
        f"{kind}. Walls: {', '.join(walls[:2])}  (w why)",
        f"{kind.removeprefix('machines are ')}. Walls: {', '.join(walls[:2])} (w why)",
        f"walls: {', '.join(walls)} (w why)",
    ]
    return cut(clean(next((text for text in variants if cells(text) <= columns), variants[-1])), columns)


def walls_lines(snapshot: Snapshot, why: str, columns: int) -> list[str]:
    """How to get other machines, and every wall with its reason: where there is little room, the end is not seen."""
    lines = wrap(clean(f"Machines here are {snapshot.stands_for}."), columns, indent="  ")
    if other := why.partition(". ")[2]:
        lines += wrap(clean(other), columns, indent="  ")
    for wall in _walls(snapshot):
        reason = f": {wall.why}" if wall.why else ""
        text = f"{'holds ' if wall.enforced else 'open  '} {_SAID.get(wall.name, wall.name)}{reason}"
        lines += wrap(clean(text), columns, indent=" " * 7)
    if snapshot.overcommit != 1:
        lines.append(f"overcommit {snapshot.overcommit:g}: promised {snapshot.overcommit:g} times what is there")
    return lines
