"""The Security Token Service, of which only GetCallerIdentity is here: programs call it to try their keys.

Source: AWS STS API reference, "GetCallerIdentity"; the protocol is `query`.
"""

from __future__ import annotations

from vmhost.base.errors import InvalidInput, Unsupported
from vmhost.ec2.decode import parse_form
from vmhost.ec2.encode import XML_DECLARATION, escape
from vmhost.model.region import ACCOUNT_ID

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
_ACTION = "GetCallerIdentity"


def call(body: bytes, request_id: str) -> bytes:
    """Return the response's XML: every key of a cloud belongs to its account's root user.

    Raises InvalidInput for a form without an action, Unsupported for another action."""
    action = parse_form(body).get("Action")
    if not isinstance(action, str):
        raise InvalidInput("the request must contain the parameter Action", code="MissingAction")
    if action != _ACTION:
        raise Unsupported(f"The STS action {action[:80]} is not supported here; of STS there is {_ACTION} only")
    return (
        f'{XML_DECLARATION}<{_ACTION}Response xmlns="{_NAMESPACE}"><{_ACTION}Result>'
        f"<Arn>arn:aws:iam::{ACCOUNT_ID}:root</Arn><UserId>{ACCOUNT_ID}</UserId><Account>{ACCOUNT_ID}</Account>"
        f"</{_ACTION}Result><ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata></{_ACTION}Response>"
    ).encode()
