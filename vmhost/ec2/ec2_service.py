"""The EC2 API without HTTP: takes a form's bytes and returns the response's bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from vmhost.api.constants import API_VERSION
from vmhost.base.errors import InvalidInput
from vmhost.base.logs import get_logger
from vmhost.control.call_log import OpenCall
from vmhost.ec2 import call_audit
from vmhost.ec2.actions.action import Action, Context
from vmhost.ec2.actions.registry import ACTIONS, find_action
from vmhost.ec2.codec.decode import decoder
from vmhost.ec2.codec.encode import encoder
from vmhost.ec2.codec.form import Tree, parse_form
from vmhost.ec2.service_model import Operation, load

_log = get_logger("ec2")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Codec:
    """Decodes the requests and encodes the responses of one action."""

    decode: Callable[[Tree], dict[str, Any]]
    encode: Callable[[Mapping[str, Any], str], bytes]


class Ec2Service:
    """All actions with their codecs. Creating it reads the service model, which takes half a second."""

    def __init__(self) -> None:
        model = load(ACTIONS.keys())
        self._documented = model.names
        self._codecs = {name: _codec(operation, model.namespace) for name, operation in model.operations.items()}

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
            codec = self._codecs[name]
            params = codec.decode(form)
            call.add_instances(call_audit.requested_instances(params))
            response = await action.call(context, params)
            call.add_instances(call_audit.launched_instances(response))
            call.refusal = call_audit.partial_failure(response)
            return codec.encode(response, request_id)


def _logged(context: Context, action: Action[Any], form: Tree) -> AbstractContextManager[OpenCall]:
    """Log calls that change something; reading ones and dry runs are not logged."""
    if action.read_only or str(form.get("DryRun")).lower() == "true":
        return nullcontext(OpenCall())
    return context.cloud.calls.recording(action.name, by=context.client)


def _codec(operation: Operation, namespace: str) -> _Codec:
    return _Codec(decode=decoder(operation.input), encode=encoder(operation, namespace))


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
