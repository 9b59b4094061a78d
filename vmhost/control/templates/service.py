"""The requests about launch templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control import tags
from vmhost.control.client_tokens import CLIENT_TOKENS, created_before, token_of
from vmhost.control.service_context import ServiceContext
from vmhost.control.templates.record import TEMPLATES, LaunchTemplate, LaunchTemplateVersion

_ACTION = "CreateLaunchTemplate"
_MAX_TEMPLATES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRequest:
    """CreateLaunchTemplate: a name and the first version."""

    name: str
    image_id: str | None = None
    type_name: str | None = None
    user_data: bytes | None = None
    key_name: str | None = None
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the instances launched from it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the template itself."""
    description: str | None = None
    client_token: str | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)
    """Options, by EC2's names, that only state what applies to every instance here."""


class TemplateService:
    """The launch templates of one cloud."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._table = context.resources.table(TEMPLATES)
        self._tokens = context.resources.table(CLIENT_TOKENS)

    def all(self) -> tuple[LaunchTemplate, ...]:
        """Return every template."""
        return self._table.all()

    def get(self, id_or_name: str) -> LaunchTemplate:
        """Return the template with that id or name. Raises NotFound."""
        for template in self._table:
            if id_or_name in (template.id, template.name):
                return template
        if id_or_name.startswith(f"{TEMPLATES.prefix}-"):
            message = f"The specified launch template, with template ID {id_or_name[:60]}, does not exist."
            raise NotFound(message, code=TEMPLATES.not_found)
        message = f"The specified launch template, with template name {id_or_name[:130]}, does not exist."
        raise NotFound(message, code="InvalidLaunchTemplateName.NotFoundException")

    def version(self, id_or_name: str, version: str | None) -> tuple[LaunchTemplate, LaunchTemplateVersion]:
        """Return the template and one version: a number, "$Default" (also None) or "$Latest". Raises NotFound."""
        template = self.get(id_or_name)
        if version == "$Latest":
            return template, template.versions[-1]
        number = str(template.default_version) if version in (None, "$Default") else version
        for each in template.versions:
            if str(each.number) == number:
                return template, each
        message = f"launch template {template.name} has no version {version}; it has 1 to {len(template.versions)}"
        raise NotFound(message, code="InvalidLaunchTemplateId.VersionNotFound")

    def create(self, request: TemplateRequest) -> LaunchTemplate:
        """Create a template with its first version. Raises InvalidInput, for example if the name is in use."""
        if earlier := self._earlier(request):
            return earlier
        self._check(request)
        now = self._context.clock.now()
        first = LaunchTemplateVersion(
            number=1,
            created_at=now,
            description=request.description,
            image_id=request.image_id,
            type_name=request.type_name,
            user_data=request.user_data,
            key_name=request.key_name,
            tags=dict(request.instance_tags),
            stated=dict(request.stated),
        )
        template = LaunchTemplate(
            id=self._context.ids.new(TEMPLATES.prefix),
            name=request.name,
            created_at=now,
            versions=(first,),
            tags=dict(request.tags),
            client_token=request.client_token,
        )
        self._context.resources.commit((template, *token_of(_ACTION, request, [template.id], now)))
        return template

    def check_create(self, request: TemplateRequest) -> None:
        """Raise what `create` would raise now; change nothing."""
        if not self._earlier(request):
            self._check(request)

    def delete(self, id_or_name: str) -> LaunchTemplate:
        """Delete the template; fleets that use it can launch nothing more. Raises NotFound."""
        template = self.get(id_or_name)
        self._context.resources.commit(forget=[template])
        return template

    def _earlier(self, request: TemplateRequest) -> LaunchTemplate | None:
        created = created_before(self._tokens, _ACTION, request)
        return self._table.find(created[0]) if created else None

    def _check(self, request: TemplateRequest) -> None:
        if any(template.name == request.name for template in self._table):
            raise InvalidInput(
                f"Launch template name already in use: {request.name}",
                code="InvalidLaunchTemplateName.AlreadyExistsException",
            )
        if len(self._table) >= _MAX_TEMPLATES:
            raise InvalidInput(f"there are {_MAX_TEMPLATES} templates; delete one", code="ResourceLimitExceeded")
        tags.check(request.tags)
        tags.check(request.instance_tags)
