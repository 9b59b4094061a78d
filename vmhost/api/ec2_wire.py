"""EC2's wire format for our client: dicts to form fields, XML to views, error responses to exceptions.

What EC2 does not report (an instance's generation and limits) stays None."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlencode
from xml.etree import ElementTree

import msgspec

from vmhost.api import API_VERSION, FLEET_TAG, PORT_TAG
from vmhost.api.views import FleetView, ImageView, InstanceView, ReasonView, StateChangeView, TemplateView
from vmhost.base.errors import (
    CloudError,
    Conflict,
    DeadlineExceeded,
    Denied,
    Internal,
    InvalidInput,
    NoCapacity,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

Value: TypeAlias = "str | float | Sequence[Value] | Mapping[str, Value] | None"

_BY_KIND = {kind.kind: kind for kind in CloudError.__subclasses__()}
_BY_CODE: Mapping[str, type[CloudError]] = {
    "AuthFailure": Unauthenticated,
    "MissingAuthenticationToken": Unauthenticated,
    "IncompleteSignature": Unauthenticated,
    "SignatureDoesNotMatch": Unauthenticated,
    "RequestExpired": Unauthenticated,
    "UnauthorizedOperation": Denied,
    "DryRunOperation": Denied,
    "InsufficientInstanceCapacity": NoCapacity,
    "fleetIdDoesNotExist": NotFound,
    "UnsupportedOperation": Unsupported,
    "Unsupported": Unsupported,
    "InvalidAction": Unsupported,
    "Unavailable": Unavailable,
    "InternalError": Internal,
    "InternalFailure": Internal,
}


def form(action: str, params: Mapping[str, Value]) -> bytes:
    """Encode an action's request; lists are numbered from 1, None is omitted."""
    fields = [("Action", action), ("Version", API_VERSION)]
    for name, value in params.items():
        fields.extend(_flat(name, value))
    return urlencode(fields).encode()


def _flat(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
    elif value is not None:
        for number, item in enumerate(value, 1):
            yield from _flat(f"{name}.{number}", item)


class Element:
    """An XML element of a response. Paths have no namespaces; a missing element is empty."""

    __slots__ = ("_node",)

    def __init__(self, node: ElementTree.Element | None) -> None:
        self._node = node

    def text(self, path: str) -> str | None:
        """Return the text at the path, or None."""
        found = self._find(path)
        return None if found is None else found.text or ""

    def need(self, path: str) -> str:
        """Return the text at the path. Raises Internal if it is missing."""
        text = self.text(path)
        if text is None:
            raise Internal(f"the platform's response has no {path}; is it a glasscloud with EC2 API {API_VERSION}?")
        return text

    def child(self, path: str) -> Element:
        """Return the element at the path."""
        return Element(self._find(path))

    def items(self, path: str) -> list[Element]:
        """Return the items of the list at the path."""
        return [Element(child) for child in self._find(path) or ()]

    def tags(self) -> dict[str, str]:
        """Return the tags in its tagSet."""
        return {item.need("key"): item.text("value") or "" for item in self.items("tagSet")}

    def _find(self, path: str) -> ElementTree.Element | None:
        return None if self._node is None else self._node.find("/".join(f"{{*}}{part}" for part in path.split("/")))


def parse_xml(body: bytes) -> Element:
    """Parse a response. Raises Internal if it is not XML."""
    try:
        return Element(ElementTree.fromstring(body))
    except ElementTree.ParseError as error:
        raise Internal(f"the platform's response is not XML ({error}); is it a glasscloud?") from None


def instance(item: Element) -> InstanceView:
    """Convert an instance of DescribeInstances or RunInstances."""
    tags = item.tags()
    code = item.text("stateReason/code")
    return InstanceView(
        id=item.need("instanceId"),
        type=item.need("instanceType"),
        state=item.need("instanceState/name"),
        host=item.text("placement/hostId") or "",
        zone=item.text("placement/availabilityZone") or "",
        image=item.need("imageId"),
        launched_at=epoch_seconds(item.need("launchTime")),
        address=item.text("privateIpAddress"),
        port=int(tags[PORT_TAG]) if tags.get(PORT_TAG, "").isdecimal() else None,
        tags=tags,
        fleet=tags.get(FLEET_TAG),
        reason=ReasonView(code=code, message=item.text("stateReason/message") or "") if code else None,
    )


def state_change(item: Element) -> StateChangeView:
    """Convert a state change of Start-, Stop- or TerminateInstances."""
    previous, current = item.need("previousState/name"), item.need("currentState/name")
    return StateChangeView(id=item.need("instanceId"), previous=previous, current=current)


def image(item: Element) -> ImageView:
    """Convert an image of DescribeImages."""
    return ImageView(
        id=item.need("imageId"),
        name=item.need("name"),
        description=item.text("description") or "",
        architecture=item.need("architecture"),
    )


def template(item: Element) -> TemplateView:
    """Convert a launch template."""
    return TemplateView(
        id=item.need("launchTemplateId"),
        name=item.need("launchTemplateName"),
        default_version=int(item.need("defaultVersionNumber")),
        latest_version=int(item.need("latestVersionNumber")),
        tags=item.tags(),
    )


def fleet(item: Element) -> FleetView:
    """Convert a fleet of DescribeFleets."""
    specification = next(iter(item.items("launchTemplateConfigs")), Element(None))
    error = next(iter(item.items("errorSet")), Element(None))
    return FleetView(
        id=item.need("fleetId"),
        state=item.need("fleetState"),
        type=item.need("type"),
        target=int(item.need("targetCapacitySpecification/totalTargetCapacity")),
        fulfilled=float(item.text("fulfilledCapacity") or 0),
        template_id=specification.text("launchTemplateSpecification/launchTemplateId") or "",
        template_version=specification.text("launchTemplateSpecification/version") or "",
        tags=item.tags(),
        error=error.text("errorMessage") or "",
    )


def blob(text: str | None) -> bytes:
    """Decode base64; None gives empty bytes. Raises Internal for invalid base64."""
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        raise Internal("the platform's response has invalid base64; is it a glasscloud?") from None


def epoch_seconds(text: str) -> float:
    """Convert an ISO 8601 time to epoch seconds. Raises Internal for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Internal(f"the platform's response has an invalid time {text[:40]!r}; is it a glasscloud?") from None


def error_of_xml(status: int, body: bytes) -> CloudError:
    """Return the exception for an EC2 error response."""
    try:
        root = parse_xml(body)
        code, message = root.need("Errors/Error/Code"), root.need("Errors/Error/Message")
    except Internal:
        return Unavailable(f"the platform responded with {status} without an EC2 error; is it a glasscloud?")
    return error_of_code(code, message, status=status)


def error_of_code(code: str, message: str, *, status: int = 400) -> CloudError:
    """Return the exception for an EC2 error code."""
    return _kind_of(code, status)(message, code=code)


def _kind_of(code: str, status: int) -> type[CloudError]:
    if code == DeadlineExceeded.default_code and status >= 500:
        return DeadlineExceeded
    if code in _BY_CODE:
        return _BY_CODE[code]
    if ".NotFound" in code or code.endswith("NotFoundException"):
        return NotFound
    if code.startswith("Incorrect") or "AlreadyExists" in code or code == "IdempotentParameterMismatch":
        return Conflict
    return Unavailable if status >= 500 else InvalidInput


class _Error(msgspec.Struct):
    kind: str
    code: str
    message: str


class _ErrorBody(msgspec.Struct):
    error: _Error


def error_of_json(status: int, body: bytes) -> CloudError:
    """Return the exception for an error response of the platform's own JSON endpoints."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return Unavailable(f"the platform responded with {status} without an error object; is it a glasscloud?")
    return _BY_KIND.get(error.kind, Internal)(error.message, code=error.code)
