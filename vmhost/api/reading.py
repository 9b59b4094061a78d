"""EC2's XML as views. What EC2 does not tell (generation, limits) stays None."""

from __future__ import annotations

import base64
from datetime import datetime

from vmhost.api.query import Element
from vmhost.api.views import FleetView, ImageView, InstanceView, ReasonView, StateChangeView, TemplateView
from vmhost.base.errors import Internal

FLEET_TAG = "aws:ec2:fleet-id"
"""Tag that a fleet's instances carry: the fleet's id."""
PORT_TAG = "glasscloud:port"
"""Tag of an instance that has no address of its own: the port that it got instead."""


def instance(item: Element) -> InstanceView:
    """One of DescribeInstances' or RunInstances' instances."""
    tags = item.tags()
    code = item.text("stateReason/code")
    return InstanceView(
        id=item.need("instanceId"),
        type=item.need("instanceType"),
        state=item.need("instanceState/name"),
        host=item.text("placement/hostId") or "",
        zone=item.text("placement/availabilityZone") or "",
        image=item.need("imageId"),
        launched_at=moment(item.need("launchTime")),
        address=item.text("privateIpAddress"),
        port=int(tags[PORT_TAG]) if tags.get(PORT_TAG, "").isdecimal() else None,
        tags=tags,
        fleet=tags.get(FLEET_TAG),
        reason=ReasonView(code=code, message=item.text("stateReason/message") or "") if code else None,
    )


def state_change(item: Element) -> StateChangeView:
    """One of the changes that Start-, Stop- and TerminateInstances answer."""
    previous, current = item.need("previousState/name"), item.need("currentState/name")
    return StateChangeView(id=item.need("instanceId"), previous=previous, current=current)


def image(item: Element) -> ImageView:
    """One of DescribeImages' images."""
    return ImageView(
        id=item.need("imageId"),
        name=item.need("name"),
        description=item.text("description") or "",
        architecture=item.need("architecture"),
    )


def template(item: Element) -> TemplateView:
    """One launch template."""
    return TemplateView(
        id=item.need("launchTemplateId"),
        name=item.need("launchTemplateName"),
        default_version=int(item.need("defaultVersionNumber")),
        latest_version=int(item.need("latestVersionNumber")),
        tags=item.tags(),
    )


def fleet(item: Element) -> FleetView:
    """One of DescribeFleets' fleets."""
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
        trouble=error.text("errorMessage") or "",
    )


def blob(text: str | None) -> bytes:
    """The bytes of a base64 text; none where there is no text. Raises Internal for anything else."""
    try:
        return base64.b64decode(text or "", validate=True)
    except ValueError:
        raise Internal("the platform's answer holds no base64 where it should; is it a glasscloud?") from None


def moment(text: str) -> float:
    """Epoch seconds of an ISO 8601 time. Raises Internal for anything else."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Internal(f"the platform's answer has the time {text[:40]!r}; expected ISO 8601") from None
