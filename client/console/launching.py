"""What the launch dialog sends and is shown, as typed values and JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from client.console.routes.body import text_of
from vmhost.api.constants import USER_DATA_BYTES_MAX
from vmhost.api.views import ImageView, TypesView
from vmhost.base.errors import InvalidInput

COUNT_MAX = 100
_NAME_CHARS_MAX = 256
_WORD_CHARS_MAX = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One launch, checked as far as it can be without the platform."""

    image_id: str
    type_name: str
    count: int
    host_id: str | None = None
    """None: wherever there is room."""
    tags: dict[str, str] = field(default_factory=dict)
    user_data: bytes = b""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Launch:
        """What the form asks for. Raises InvalidInput, naming the field."""
        name = text_of(data, "name", chars_max=_NAME_CHARS_MAX, default="").strip()
        return cls(
            image_id=_word(data, "image_id"),
            type_name=_word(data, "type"),
            count=_count(data.get("count", 1)),
            host_id=text_of(data, "host", chars_max=_WORD_CHARS_MAX, default="") or None,
            tags={"Name": name} if name else {},
            user_data=_user_data(data),
        )


def _word(data: dict[str, Any], name: str) -> str:
    word = text_of(data, name, chars_max=_WORD_CHARS_MAX).strip()
    if not word:
        raise InvalidInput(f"{name} is required")
    return word


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= COUNT_MAX:
        raise InvalidInput(f"count must be a whole number from 1 to {COUNT_MAX}, not {str(value)[:40]!r}")
    return value


def _user_data(data: dict[str, Any]) -> bytes:
    text = text_of(data, "user_data", chars_max=USER_DATA_BYTES_MAX, default="")
    found = text.encode()
    if len(found) > USER_DATA_BYTES_MAX:
        raise InvalidInput(f"user_data has {len(found)} bytes; the maximum is {USER_DATA_BYTES_MAX}")
    return found


def types_json(told: TypesView) -> dict[str, Any]:
    """The types; each with `why` where not one of it fits anywhere now, in the platform's words."""
    return {
        "as_of": told.as_of,
        "region": told.region,
        "types": [
            {
                **asdict(each),
                "why": "" if any(room.fits for room in each.rooms) else "; ".join(room.why for room in each.rooms),
            }
            for each in told.types
        ],
    }


def images_json(told: tuple[ImageView, ...]) -> dict[str, Any]:
    """The images, and what a launch may hold."""
    return {"images": [asdict(each) for each in told]}
