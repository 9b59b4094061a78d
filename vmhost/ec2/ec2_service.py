"""The EC2 API without HTTP: takes a form's bytes and returns the response's bytes.

The log of calls gets the instances and the error of each call that changes something, and never a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from vmhost.api import API_VERSION
from vmhost.base.errors import CloudError, InvalidInput, Unsupported
from vmhost.base.logs import get_logger
from vmhost.control.call_log import OpenCall
from vmhost.ec2.actions import (
    catalogue,
    fleets,
    instance_attributes,
    instance_details,
    instances,
    key_pairs,
    launch_templates,
    run_instances,
    tags,
)
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData
from vmhost.ec2.actions.instances import INSTANCE_ID
from vmhost.ec2.decode import Tree, decoder, parse_form
from vmhost.ec2.encode import encoder
from vmhost.ec2.service_model import load

_FAMILIES = (
    run_instances,
    instances,
    instance_attributes,
    instance_details,
    catalogue,
    tags,
    key_pairs,
    launch_templates,
    fleets,
)
ACTIONS: Mapping[str, Action[Any]] = {action.name: action for family in _FAMILIES for action in family.ACTIONS}
"""All actions by name."""
_log = get_logger("ec2")


class Ec2Service:
    """All actions with their codecs. Creating it reads the service model, which takes half a second."""

    def __init__(self) -> None:
        model = load(ACTIONS.keys())
        self._documented = model.names
        self._decoders = {name: decoder(each.input) for name, each in model.operations.items()}
        self._encoders = {name: encoder(each, model.namespace) for name, each in model.operations.items()}

    async def call(self, context: Context, body: bytes, request_id: str) -> bytes:
        """Perform the action in the form and return the response's XML. Raises CloudErrors with EC2's codes."""
        form = parse_form(body)
        name = _take(form, "Action")
        if name is None:
            raise InvalidInput("the request must contain the parameter Action", code="MissingAction")
        action = find_action(name, self._documented)
        _log.debug("action", name=name, request_id=request_id)
        with _logged(context, action, form) as call:
            _check_version(_take(form, "Version"))
            params = self._decoders[name](form)
            call.add_instances(_named_instances(params))
            response = await action.call(context, params)
            call.add_instances(launched["InstanceId"] for launched in response.get("Instances", ()))
            call.refusal = _partial_failure(response)
            return self._encoders[name](response, request_id)


def find_action(name: str, documented: frozenset[str]) -> Action[Any]:
    """Return the named action. Raises Unsupported if only EC2 has it, InvalidInput (InvalidAction) if EC2 has not."""
    if name in ACTIONS:
        return ACTIONS[name]
    if name in documented:
        raise Unsupported(f"The EC2 action {name} is not supported here")
    raise InvalidInput(f"The action {name[:80]} is not valid for this web service.", code="InvalidAction")


def _logged(context: Context, action: Action[Any], form: Tree) -> AbstractContextManager[OpenCall]:
    """Log calls that change something; reading ones and dry runs are not logged."""
    if action.read_only or str(form.get("DryRun")).lower() == "true":
        return nullcontext(OpenCall())
    return context.cloud.calls.recording(action.name, by=context.client)


def _named_instances(params: Params) -> Iterator[str]:
    """Yield the instance ids in a request."""
    for text in (*params.get("InstanceIds", ()), *params.get("Resources", ())):
        if INSTANCE_ID.fullmatch(text):
            yield text


def _partial_failure(response: ResponseData) -> CloudError | None:
    """Return the first error in a response to a call that succeeded otherwise."""
    for item in response.get("UnsuccessfulFleetDeletions", ()):
        return InvalidInput(item["Error"]["Message"], code=item["Error"]["Code"])
    return None


def _take(form: Tree, name: str) -> str | None:
    value = form.pop(name, None)
    if isinstance(value, dict):
        raise InvalidInput(f"parameter {name} must be text, not a structure")
    return value


def _check_version(version: str | None) -> None:
    if version is None:
        raise InvalidInput("the request must contain the parameter Version", code="MissingParameter")
    if version != API_VERSION:
        raise InvalidInput(
            f"version {version[:20]} of the EC2 API is not supported here; use {API_VERSION}",
            code="NoSuchVersion",
        )
