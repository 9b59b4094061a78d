"""The explanations on the live screen: its words and its keys. Pure."""

from __future__ import annotations

from client.load.plan.model import Plan

WAITING = "waiting for the first responses"

EXPLANATIONS = (
    ("target", "the rate that is set; + and - change it"),
    ("offered", "due by the schedule, however slow the service"),
    ("started", "sent; requests that are due but not sent wait"),
    ("completed", "got a response, good or bad; failed: any error"),
    ("response", "from when a request was due to its response: a user's wait"),
    ("service", "from when it was sent: the service's own time"),
    ("waiting", "due, but all connections are busy: a slow service, or too few connections (-c)"),
    ("p99", "99 of 100 were faster; - means too few responses"),
    ("heat map", "columns: seconds; rows: response times; darker: more requests"),
    ("bad", "an instance's responses: too late, or errors"),
    ("lag", "how late the generator itself sent"),
    ("INVALID", "ignore the figures: the generator was too late"),
    ("FAILED", "requests failed or a threshold is broken"),
)


def key_help(plan: Plan, *, paused: bool) -> tuple[tuple[str, str], ...]:
    """Returns the keys and what they do at present."""
    rate_keys = (("+ -", "rate"), ("p", "continue" if paused else "pause")) if plan.open is not None else ()
    return (*rate_keys, ("m", "mark"), ("s q", "stop and report"), ("?", "help"))
