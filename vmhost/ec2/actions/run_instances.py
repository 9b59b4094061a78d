"""RunInstances."""

from __future__ import annotations

import base64
import re

from vmhost.api import USER_DATA_BYTES_MAX
from vmhost.base.errors import InvalidInput
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, tags_for_resource
from vmhost.ec2.actions.instance_response import BY_TYPE, OPTIONS, PLACEMENT, check_type_options, instance_response
from vmhost.model.region import ACCOUNT_ID

_TEMPLATE_ID = re.compile(r"lt-[0-9a-f]{8,17}", re.ASCII)
_SUPPORTED = frozenset(
    {
        "ClientToken",
        "DisableApiStop",
        "DisableApiTermination",
        "ImageId",
        "InstanceInitiatedShutdownBehavior",
        "InstanceType",
        "KeyName",
        "LaunchTemplate",
        "MaxCount",
        "MinCount",
        "Placement.AvailabilityZone",
        "Placement.HostId",
        "TagSpecifications",
        "UserData",
    }
)
_FIXED = {**OPTIONS, **BY_TYPE, "EnablePrimaryIpv6": False, "Ipv6AddressCount": 0, "Placement": PLACEMENT}
NOT_CREATED = frozenset({"elastic-gpu", "network-interface", "spot-instances-request", "volume"})
"""Resources that EC2 creates and tags at a launch besides the instance."""


def _check(context: Context, params: Params) -> LaunchRequest:
    placement = params.get("Placement", {})
    template, version = template_of(params["LaunchTemplate"]) if "LaunchTemplate" in params else (None, None)
    if not template and not params.get("ImageId"):
        raise InvalidInput(
            "the request must contain the parameter ImageId or a LaunchTemplate", code="MissingParameter"
        )
    request = LaunchRequest(
        image_id=params.get("ImageId") or None,
        type_name=params.get("InstanceType") or None,
        min_count=params["MinCount"],
        max_count=params["MaxCount"],
        client_token=params.get("ClientToken") or None,
        tags=tags_for_resource(params, "instance", NOT_CREATED),
        user_data=user_data(params),
        key_name=params.get("KeyName") or None,
        zone=placement.get("AvailabilityZone") or None,
        host_id=placement.get("HostId") or None,
        template=template,
        template_version=version,
        shutdown_behavior=params.get("InstanceInitiatedShutdownBehavior", "stop"),
        termination_protected=params.get("DisableApiTermination", False),
        stop_protected=params.get("DisableApiStop", False),
    )
    if stated := {name: params[name] for name in BY_TYPE if name in params}:
        check_type_options("RunInstances", stated, context.cloud.instances.check_run(request))
    return request


def template_of(specification: Params) -> tuple[str, str | None]:
    """Return id or name, and version, in a LaunchTemplateSpecification. Raises InvalidInput unless it has just one."""
    names = [name for key in ("LaunchTemplateId", "LaunchTemplateName") if (name := specification.get(key))]
    if len(names) != 1:
        raise InvalidInput(
            "give either LaunchTemplateId or LaunchTemplateName of the launch template",
            code="InvalidParameterCombination" if names else "MissingParameter",
        )
    if template_id := specification.get("LaunchTemplateId"):
        check_template_id(template_id)
    return names[0], specification.get("Version") or None


def check_template_id(template_id: str) -> None:
    """Raise InvalidInput for a malformed launch template id."""
    if not _TEMPLATE_ID.fullmatch(template_id):
        words = f'Invalid id: "{template_id[:60]}" (expecting "lt-...")'
        raise InvalidInput(words, code="InvalidLaunchTemplateId.Malformed")


def user_data(params: Params) -> bytes | None:
    """Return the request's UserData, or None. Raises InvalidInput."""
    text: str | None = params.get("UserData")
    if text is None:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise InvalidInput("Invalid BASE64 encoding of user data.") from None
    if len(data) > USER_DATA_BYTES_MAX:
        raise InvalidInput(f"user data of {len(data)} bytes is too large; the limit is {USER_DATA_BYTES_MAX} bytes")
    return data


def _act(context: Context, request: LaunchRequest) -> ResponseData:
    launched = context.cloud.instances.run(request)
    return {
        "ReservationId": launched[0].reservation_id,
        "OwnerId": ACCOUNT_ID,
        "Groups": [],
        "Instances": [instance_response(instance, context.cloud.inventory) for instance in launched],
    }


ACTIONS = (
    Action(
        name="RunInstances",
        supported=_SUPPORTED,
        fixed=_FIXED,
        check=_check,
        dry_run=lambda context, request: context.cloud.instances.check_run(request),
        act=_act,
    ),
)
