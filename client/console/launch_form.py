"""The launch dialog's data: the form as typed values, types and images as JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from client.console.routes.request_body import text_field
from vmhost.api import USER_DATA_BYTES_MAX
from vmhost.api.views import ImageView, TypesView
from vmhost.base.errors import InvalidInput

COUNT_MAX = 100
_NAME_CHARS_MAX = 256
_ID_CHARS_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchForm:
    """One launch, checked as far as possible without the platform."""

    image_id: str
    type_name: str
    count: int
    host_id: str | None = None
    """None: any host with room."""
    tags: dict[str, str] = field(default_factory=dict)
    user_data: bytes = b""

    @classmethod
    def of(cls, data: dict[str, Any]) -> LaunchForm:
        """Return the form's values. Raises InvalidInput that names the field."""
        name = text_field(data, "name", chars_max=_NAME_CHARS_MAX, default="").strip()
        return cls(
            image_id=_required(data, "image_id"),
            type_name=_required(data, "type"),
            count=_count(data.get("count", 1)),
            host_id=text_field(data, "host", chars_max=_ID_CHARS_MAX, default="") or None,
            tags={"Name": name} if name else {},
            user_data=_user_data(data),
        )


def _required(data: dict[str, Any], name: str) -> str:
    text = text_field(data, name, chars_max=_ID_CHARS_MAX).strip()
    if not text:
        raise InvalidInput(f"{name} is required")
    return text


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= COUNT_MAX:
        raise InvalidInput(f"count must be a whole number from 1 to {COUNT_MAX}, not {str(value)[:40]!r}")
    return value


def _user_data(data: dict[str, Any]) -> bytes:
    content = text_field(data, "user_data", chars_max=USER_DATA_BYTES_MAX, default="").encode()
    if len(content) > USER_DATA_BYTES_MAX:
        raise InvalidInput(f"user_data has {len(content)} bytes; the maximum is {USER_DATA_BYTES_MAX}")
    return content


def types_json(view: TypesView) -> dict[str, Any]:
    """Return the types. One that fits nowhere now has the platform's reasons in `why`."""
    return {
        "as_of": view.as_of,
        "region": view.region,
        "types": [
            {
                **asdict(each),
                "why": "" if any(room.fits for room in each.rooms) else "; ".join(room.why for room in each.rooms),
            }
            for each in view.types
        ],
    }


def images_json(images: tuple[ImageView, ...]) -> dict[str, Any]:
    """Return the images."""
    return {"images": [asdict(each) for each in images]}
