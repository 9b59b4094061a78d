"""Converts EC2's XML to views. What EC2 does not report (generation, limits) stays None."""

from __future__ import annotations

import base64
from datetime import datetime

from vmhost.api.constants import FLEET_TAG, PORT_TAG
from vmhost.api.ec2_wire import Element
from vmhost.api.views import FleetView, ImageView, InstanceView, ReasonView, StateChangeView, TemplateView
from vmhost.base.errors import Internal


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
