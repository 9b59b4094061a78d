"""Admission of requests: accepted, ignored because nothing would change, or refused with a reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmhost.base.errors import CloudError


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The answer to one request about one resource."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the record that an accepted request changes; empty: the request is ignored."""
    refusal: CloudError | None = None
    """Why the request is refused; its code is EC2's name of the reason."""

    def required(self) -> Mapping[str, Any]:
        """Return the changes. Raises the refusal, if it is one."""
        if self.refusal is not None:
            raise self.refusal
        return self.changes
