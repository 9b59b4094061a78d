"""The words on the live screen, explained. Pure."""

from __future__ import annotations

from client.load.plan.words import Plan

WAITING = "waiting for the first answers"

WORDS = (
    ("offered", "due by the schedule, whatever the service does"),
    ("started", "sent; what is due but not sent waits"),
    ("completed", "answered, well or badly; failed: any error"),
    ("response", "from the instant a request was due to its answer: what a user waits"),
    ("service", "from the instant it was sent: what the service took"),
    ("waiting", "due, but all connections are busy: a slow service, or too few connections (-c)"),
    ("p99", "99 of 100 were faster; - where too few to say"),
    ("heat map", "columns are seconds, rows spans of response time; darker: more requests took so long"),
    ("bad", "an instance's answers: too late, or errors"),
    ("lag", "how late the generator itself sent"),
    ("INVALID", "the generator broke its schedule: nothing counts"),
    ("FAILED", "the figures count, and a threshold was broken"),
)


def keys_of(plan: Plan, *, paused: bool) -> tuple[tuple[str, str], ...]:
    """The keys and what they do now."""
    steer = (("+ -", "rate"), ("p", "go on" if paused else "pause")) if plan.open is not None else ()
    return (*steer, ("m", "mark"), ("s q", "stop and report"), ("?", "words"))
