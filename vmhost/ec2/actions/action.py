"""An EC2 action: a check that turns a request's parameters into a typed request, and an act that performs it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeAlias, TypeVar

from vmhost.base.errors import Denied, InvalidInput, Unsupported
from vmhost.control.cloud import Cloud

DEPENDS = object()
"""A fixed value that depends on the request; the action's check compares it."""

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any]
"""A decoded request by the service model's member names."""
ResponseData: TypeAlias = Mapping[str, Any]
"""A response by the service model's member names; None is omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every action may use."""

    cloud: Cloud
    endpoint: str
    """Host and port by which the client reached us."""
    client: str
    """The client's name, as its User-Agent gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Generic[T]):
    """One action of the API. A parameter is supported, fixed or refused by name; none is ignored."""

    name: str
    supported: frozenset[str]
    """Paths of the parameters that it honors, such as "Placement.HostId", each with all that is below it."""
    check: Callable[[Context, Params], T]
    """Validates and types the request; changes nothing."""
    act: Callable[[Context, T], ResponseData | Awaitable[ResponseData]]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that are accepted only with the value that is true here anyway: that value, a frozenset of its
    spellings, DEPENDS, or a mapping for the members of a structure."""
    without_effect: frozenset[str] = frozenset()
    """Parameters that are accepted with any value, because none of them changes the result here."""
    dry_run: Callable[[Context, T], object] = lambda _, __: None
    """Raises all that `act` would raise now and changes nothing; called after `check`."""

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing, by its name."""
        return self.name.startswith(("Describe", "Get"))

    async def call(self, context: Context, params: Params) -> ResponseData:
        """Perform the action. Raises CloudErrors; Denied (DryRunOperation) if a dry run succeeds."""
        check_supported(self.name, params, self.supported | self.without_effect | {"DryRun"}, self.fixed)
        request = self.check(context, params)
        if params.get("DryRun"):
            self.dry_run(context, request)
            raise Denied("Request would have succeeded, but DryRun flag is set.", code="DryRunOperation")
        response = self.act(context, request)
        return await response if inspect.isawaitable(response) else response


def check_supported(
    where: str, params: Params, supported: Collection[str], fixed: Mapping[str, Any], parent: str = ""
) -> None:
    """Raise Unsupported for a parameter that is neither supported nor given with its fixed value."""
    for name, value in params.items():
        path = parent + name
        if path in supported:
            continue
        allowed = fixed.get(name)
        if isinstance(allowed, Mapping) or any(other.startswith(f"{path}.") for other in supported):
            for item in value if isinstance(value, list) else (value,):
                check_supported(where, item, supported, allowed or {}, f"{path}.")
        elif name not in fixed:
            raise Unsupported(f"{where} does not support {path} here; leave it out")
        elif allowed is not DEPENDS:
            check_fixed(where, path, value, allowed)


def check_fixed(where: str, path: str, value: Any, allowed: Any) -> None:
    """Raise Unsupported unless the value is the allowed one, or one of the allowed frozenset."""
    if value not in allowed if isinstance(allowed, frozenset) else value != allowed:
        always = min(allowed) if isinstance(allowed, frozenset) else allowed
        raise Unsupported(f"{where} does not support {path}={_format(value)} here; it is always {_format(always)}")


def _format(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)[:80]


def check_count(limit: int, what: str, given: Sequence[Any]) -> None:
    """Raise InvalidInput for a list longer than the limit."""
    if len(given) > limit:
        raise InvalidInput(f"the request has {len(given)} {what}; the limit is {limit}")


def utc_datetime(epoch_s: float) -> datetime:
    """Convert epoch seconds to the form of times in responses."""
    return datetime.fromtimestamp(epoch_s, UTC)


def tag_list(tags: Mapping[str, str]) -> list[ResponseData] | None:
    """Convert tags to their form in responses; None if there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] or None


def tag_map(tags: Sequence[Params]) -> dict[str, str]:
    """Convert tags from their form in requests. Raises InvalidInput for a duplicate key."""
    found: dict[str, str] = {}
    for tag in tags:
        key = tag.get("Key", "")
        if key in found:
            raise InvalidInput(f"tag key {key[:60]!r} is given twice; give each key once")
        found[key] = tag.get("Value", "")
    return found


def tags_for_resource(params: Params, kind: str, missing: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the tags in TagSpecifications for the kind of resource that the action creates.

    Raises InvalidInput for other kinds; Unsupported for the `missing` ones, which EC2's action also creates."""
    tags: list[Params] = []
    for specification in params.get("TagSpecifications", ()):
        given = specification.get("ResourceType")
        if given in missing:
            raise Unsupported(f"tags for a {given} are not supported, because none is created here; leave them out")
        if given != kind:
            words = f"'{str(given)[:40]}' is not a valid taggable resource type for this operation"
            raise InvalidInput(f"{words}; use {kind}")
        tags.extend(specification.get("Tags", ()))
    return tag_map(tags)
