"""Launch templates: made, resolved, deleted."""

from __future__ import annotations

from vmhost.base.clock import Clock
from vmhost.base.errors import InvalidInput, NotFound
from vmhost.base.ids import Ids
from vmhost.control import tags
from vmhost.control.client_tokens import made_before, token_of
from vmhost.control.records import Records
from vmhost.control.requests import TemplateRequest
from vmhost.model.fleet import LaunchTemplate, LaunchTemplateVersion

_ACTION = "CreateLaunchTemplate"
_MAX_TEMPLATES = 5000


class Templates:
    """The templates of one cloud."""

    def __init__(self, records: Records, clock: Clock, ids: Ids) -> None:
        self._records = records
        self._clock = clock
        self._ids = ids

    def check(self, request: TemplateRequest) -> None:
        """Raises what `create` would raise now; changes nothing."""
        made = made_before(self._records, _ACTION, request)
        if not made or made[0] not in self._records.templates:
            self._check(request)

    def create(self, request: TemplateRequest) -> LaunchTemplate:
        """A template with its first version. Raises InvalidInput for a name that is taken."""
        made = made_before(self._records, _ACTION, request)
        if made and made[0] in self._records.templates:
            return self._records.templates[made[0]]
        self._check(request)
        now = self._clock.now()
        first = LaunchTemplateVersion(
            number=1,
            created_at=now,
            description=request.description,
            image_id=request.image_id,
            type_name=request.type_name,
            user_data=request.user_data,
            tags=dict(request.instance_tags),
            stated=dict(request.stated),
        )
        template = LaunchTemplate(
            id=self._ids.new("lt"),
            name=request.name,
            created_at=now,
            versions=(first,),
            tags=dict(request.tags),
            client_token=request.client_token,
        )
        self._records.put(template, *token_of(_ACTION, request, [template.id], now))
        return template

    def delete(self, id_or_name: str) -> LaunchTemplate:
        """Forgets the template; fleets that use it can launch nothing more. Raises NotFound."""
        template = self._records.template(id_or_name)
        self._records.forget([template])
        return template

    def version(self, id_or_name: str, version: str | None) -> tuple[LaunchTemplate, LaunchTemplateVersion]:
        """The template and the version meant by a number, "$Default" (also None) or "$Latest". Raises NotFound."""
        template = self._records.template(id_or_name)
        if version == "$Latest":
            return template, template.versions[-1]
        wanted = str(template.default_version) if version in (None, "$Default") else version
        for one in template.versions:
            if str(one.number) == wanted:
                return template, one
        message = f"launch template {template.name} has no version {version}; it has 1 to {len(template.versions)}"
        raise NotFound(message, code="InvalidLaunchTemplateId.VersionNotFound")

    def _check(self, request: TemplateRequest) -> None:
        if any(template.name == request.name for template in self._records.templates.values()):
            raise InvalidInput(
                f"Launch template name already in use: {request.name}",
                code="InvalidLaunchTemplateName.AlreadyExistsException",
            )
        if len(self._records.templates) >= _MAX_TEMPLATES:
            raise InvalidInput(f"there are {_MAX_TEMPLATES} templates; delete one", code="ResourceLimitExceeded")
        tags.check(request.tags)
        tags.check(request.instance_tags)
