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
    """Validates and types the request, with no effect."""
    act: Callable[[Context, T], Answer | Awaitable[Answer]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Members that may only say what is so anyway."""
    dry: Callable[[Context, T], object] = lambda _, __: None
    """What a dry run does after `check`: raises all that `act` would raise now, with no effect."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing; the names of EC2's actions tell."""
        return self.name.startswith(("Describe", "Get"))

    async def call(self, context: Context, params: Params) -> Answer:
        """The answer. Raises CloudErrors; Denied (DryRunOperation) where a dry run would have succeeded."""
        only(self.name, params, self.takes | {"DryRun"}, self.fixed)
        request = self.check(context, params)
        if params.get("DryRun"):
            self.dry(context, request)
            raise Denied("Request would have succeeded, but DryRun flag is set.", code="DryRunOperation")
        answer = self.act(context, request)
        return await answer if inspect.isawaitable(answer) else answer


def only(where: str, params: Params, takes: frozenset[str], fixed: Mapping[str, Any] | None = None) -> None:
    """Raises Unsupported for a member that is not honoured here, unless it says what is so anyway.

    A structure among the fixed ones may be stated in part; of a frozenset any value may be."""
    for name, value in params.items():
        if name not in takes:
            _must_be_so(where, name, value, fixed or {})


def _must_be_so(where: str, path: str, value: Any, fixed: Mapping[str, Any]) -> None:
    name = path.rpartition(".")[2]
    if name not in fixed:
        raise Unsupported(f"{where} does not support {path} here; leave it out")
    truth = fixed[name]
    if isinstance(truth, Mapping):
        for inner, stated in value.items():
            _must_be_so(where, f"{path}.{inner}", stated, truth)
    elif value not in truth if isinstance(truth, frozenset) else value != truth:
        always = min(truth) if isinstance(truth, frozenset) else truth
        raise Unsupported(f"{where} does not support {path}={_said(value)} here; it is always {_said(always)}")


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)[:80]


def at_most(limit: int, what: str, given: Sequence[Any]) -> None:
    """Raises InvalidInput for a longer list."""
    if len(given) > limit:
        raise InvalidInput(f"{len(given)} {what} are given; the limit is {limit}")


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


def tags_by_resource(
    params: Params, kinds: Sequence[str], absent: frozenset[str] = frozenset()
) -> dict[str, dict[str, str]]:
    """The tags that TagSpecifications give, by the kinds of resource that this action makes.

    Raises InvalidInput; Unsupported for the `absent` kinds, which EC2's action makes and this one does not."""
    tags: dict[str, list[Params]] = {kind: [] for kind in kinds}
    for specification in params.get("TagSpecifications", ()):
        kind = specification.get("ResourceType")
        if kind in absent:
            raise Unsupported(f"tags for a {kind} are not supported here, because there is none; leave them out")
        if kind not in tags:
            words = f"'{str(kind)[:40]}' is not a valid taggable resource type for this operation"
            raise InvalidInput(f"{words}; expected {' or '.join(kinds)}")
        tags[kind].extend(specification.get("Tags", ()))
    return {kind: tag_map(given) for kind, given in tags.items()}


def specified_tags(params: Params, kind: str, absent: frozenset[str] = frozenset()) -> dict[str, str]:
    """The same for an action that makes one kind."""
    return tags_by_resource(params, (kind,), absent)[kind]
