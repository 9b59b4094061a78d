"""Examples of failures: what was sent, what came back and what is wrong with it, a few of each kind.

They cost nothing for requests that succeed, nor for failures of a kind of which there are enough examples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PER_KIND_MAX = 3
EXAMPLES_MAX = 30
TEXT_MAX_CHARACTERS = 8000

Kind = tuple[int | str, int, str]
"""Target (its number or a step's name), status (0: no response) and fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureExample:
    """One failed request. `error` says in words what is wrong, in its first line; further lines are a script's
    traceback. `request` and `response` are text, cut and without secrets; `response` is empty where none came."""

    target: str
    status: int
    fault: str
    error: str
    request: str = ""
    response: str = ""
    took_ms: float = 0.0

    @property
    def kind(self) -> Kind:
        return self.target, self.status, self.fault


class FailureExamples:
    """At most three examples of a kind and thirty in all. Failures that were due before `since_ns`, in the warm-up,
    are left out as they are of the figures."""

    def __init__(self, since_ns: int = 0) -> None:
        self._since_ns = since_ns
        self._counts: dict[Kind, int] = {}
        self._all: list[FailureExample] = []
        self._sent = 0

    @property
    def all(self) -> tuple[FailureExample, ...]:
        """All examples, the oldest first."""
        return tuple(self._all)

    def wants(self, kind: Kind, due_ns: int = 0) -> bool:
        """Whether another example of that kind is needed."""
        if due_ns < self._since_ns or len(self._all) >= EXAMPLES_MAX:
            return False
        return self._counts.get(kind, 0) < PER_KIND_MAX

    def add(self, kind: Kind, example: FailureExample) -> None:
        """Keep an example that is wanted."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._all.append(example)

    def take(self) -> list[FailureExample]:
        """The examples added since the last call."""
        new = self._all[self._sent :]
        self._sent = len(self._all)
        return new


def bounded_example(example: FailureExample) -> FailureExample:
    """An example from another process, cut to the length of one made here."""
    return replace(
        example,
        target=example.target[:200],
        fault=example.fault[:50],
        error=example.error[:TEXT_MAX_CHARACTERS],
        request=example.request[:TEXT_MAX_CHARACTERS],
        response=example.response[:TEXT_MAX_CHARACTERS],
    )
