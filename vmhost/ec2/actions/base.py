"""What an action is: a check that turns a form's values into a typed request, and an act that carries it out."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

from vmhost.base.errors import Denied, InvalidInput, Unsupported
from vmhost.control.cloud import Cloud

ACCOUNT = "000000000000"
"""The one account that owns everything here."""

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any]
"""A decoded request, by the model's member names."""
Answer: TypeAlias = Mapping[str, Any]
"""An answer by the model's member names; None is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every action may use."""

    cloud: Cloud
    endpoint: str
    """How the caller named us: host and port."""
    by: str
    """Who the caller says that it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Generic[T]):
    """One action of the API."""

    name: str
    takes: frozenset[str]
    """The members of its input that it honours. Any other is refused: nothing that was asked for is ignored."""
    check: Callable[[Context, Params], T]
    """Validates and types the request, with no effect; DryRun ends after it."""
    act: Callable[[Context, T], Answer | Awaitable[Answer]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Members that may only say what is so anyway."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing; the names of EC2's actions tell."""
        return self.name.startswith(("Describe", "Get"))

    async def call(self, context: Context, params: Params) -> Answer:
        """The answer. Raises CloudErrors; Denied (DryRunOperation) where a dry run would have succeeded."""
        only(self.name, params, self.takes | {"DryRun"}, self.fixed)
        request = self.check(context, params)
        if params.get("DryRun"):
            raise Denied("Request would have succeeded, but DryRun flag is set.", code="DryRunOperation")
        answer = self.act(context, request)
        return await answer if inspect.isawaitable(answer) else answer


def only(where: str, params: Params, takes: frozenset[str], fixed: Mapping[str, Any] | None = None) -> None:
    """Raises Unsupported for a member that is not honoured here, unless it says what is so anyway."""
    for name, value in params.items():
        if name in takes or (fixed and name in fixed and value == fixed[name]):
            continue
        hint = f"; {fixed[name]!r} is what it always is" if fixed and name in fixed else "; leave it out"
        raise Unsupported(f"{where} does not support {name} here{hint}")


def moment(epoch_s: float) -> datetime:
    """The time as answers carry it."""
    return datetime.fromtimestamp(epoch_s, UTC)


def tag_list(tags: Mapping[str, str]) -> list[Answer] | None:
    """Tags as answers carry them; None where there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def tag_map(tags: Sequence[Params]) -> dict[str, str]:
    """Tags as requests carry them. Raises InvalidInput for a key that comes twice."""
    found: dict[str, str] = {}
    for tag in tags:
        key = tag.get("Key", "")
        if key in found:
            raise InvalidInput(f"tag key {key[:60]!r} is given twice; expected each key once")
        found[key] = tag.get("Value", "")
    return found


def tags_by_resource(params: Params, kinds: Sequence[str]) -> dict[str, dict[str, str]]:
    """The tags that TagSpecifications give, by the kinds of resource that this action makes. Raises InvalidInput."""
    tags: dict[str, list[Params]] = {kind: [] for kind in kinds}
    for specification in params.get("TagSpecifications", ()):
        kind = specification.get("ResourceType")
        if kind not in tags:
            words = f"'{str(kind)[:40]}' is not a valid taggable resource type for this operation"
            raise InvalidInput(f"{words}; expected {' or '.join(kinds)}")
        tags[kind].extend(specification.get("Tags", ()))
    return {kind: tag_map(given) for kind, given in tags.items()}


def specified_tags(params: Params, kind: str) -> dict[str, str]:
    """The same for an action that makes one kind."""
    return tags_by_resource(params, (kind,))[kind]
