"""EC2 without HTTP: a form's bytes in, an answer's bytes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import CloudError, InvalidInput
from vmhost.base.logs import get_logger
from vmhost.control.call_log import OpenCall
from vmhost.ec2 import told
from vmhost.ec2.actions.base import Action, Context
from vmhost.ec2.actions.table import ACTIONS, find
from vmhost.ec2.codec.decode import decoder
from vmhost.ec2.codec.encode import encoder
from vmhost.ec2.codec.form import Tree, parse_form
from vmhost.ec2.model import API_VERSION, Operation, load

_log = get_logger("ec2")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wire:
    """How one action's requests are read and its answers written."""

    decode: Callable[[Tree], dict[str, Any]]
    encode: Callable[[Mapping[str, Any], str], bytes]


class Ec2Service:
    """Every action, with its codec made once. Making it reads the service model, which takes a moment."""

    def __init__(self) -> None:
        model = load(ACTIONS.keys())
        self._modelled = model.names
        self._wires = {name: _wire(operation, model.namespace) for name, operation in model.operations.items()}

    async def call(self, context: Context, body: bytes, request_id: str) -> bytes:
        """The answer's XML. Raises CloudErrors with EC2's codes."""
        form = parse_form(body)
        name = _take(form, "Action")
        if name is None:
            raise InvalidInput("the request must contain the parameter Action", code="MissingAction")
        action = find(name, self._modelled)
        _log.debug("action", name=name, request_id=request_id)
        with _telling(context, action, form) as call:
            _check_version(_take(form, "Version"))
            wire = self._wires[name]
            params = wire.decode(form)
            call.add_instances(told.named(params))
            answer = await action.call(context, params)
            call.add_instances(told.made(answer))
            call.refusal = told.refused(answer)
            return wire.encode(answer, request_id)


def _telling(context: Context, action: Action[Any], form: Tree) -> AbstractContextManager[OpenCall]:
    """Calls that change something are told to everyone; dry runs and those that read are nobody's news."""
    if action.reads or str(form.get("DryRun")).lower() == "true":
        return nullcontext(OpenCall())
    return context.cloud.calls.recording(action.name, by=context.by)


def _wire(operation: Operation, namespace: str) -> _Wire:
    return _Wire(decode=decoder(operation.input), encode=encoder(operation, namespace))


def _take(form: Tree, name: str) -> str | None:
    value = form.pop(name, None)
    if isinstance(value, dict):
        raise _odd(name)
    return value


def _odd(name: str) -> CloudError:
    return InvalidInput(f"parameter {name} is given as a structure; expected text")


def _check_version(version: str | None) -> None:
    if version is None:
        raise InvalidInput("the request must contain the parameter Version", code="MissingParameter")
    if version != API_VERSION:
        raise InvalidInput(
            f"version {version[:20]} of the EC2 API is not provided here; use {API_VERSION}",
            code="NoSuchVersion",
        )
