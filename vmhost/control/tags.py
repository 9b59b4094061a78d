"""What a tag may be, and who may write which. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from vmhost.base.errors import InvalidInput

MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256
_RESERVED = "aws:"


def check(tags: Mapping[str, str]) -> None:
    """Raises InvalidInput for tags that a user may not write: reserved, too long, too many."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(f"{len(tags)} tags are given; expected at most {MAX_TAGS}", code="TagLimitExceeded")
    for key, value in tags.items():
        if key.lower().startswith(_RESERVED):
            raise InvalidInput(f"tag key {key!r} is reserved; expected one that does not begin with {_RESERVED}")
        if not 1 <= len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            raise InvalidInput(
                f"tag {key[:_MAX_KEY]!r} has {len(key)} and {len(value)} characters; "
                f"expected a key of 1 to {_MAX_KEY} and a value of at most {_MAX_VALUE}"
            )


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The tags after putting new ones. Raises InvalidInput when they become too many (reserved ones don't count)."""
    result = {**old, **new}
    if len(own(result)) > MAX_TAGS:
        raise InvalidInput(f"the resource would have {len(own(result))} tags; expected at most {MAX_TAGS}")
    return result


def without(old: Mapping[str, str], removal: Mapping[str, str | None] | None) -> dict[str, str]:
    """The tags after taking some off: by key, and by value where one is given; None takes off all that users wrote."""
    if removal is None:
        return {key: value for key, value in old.items() if key not in own(old)}
    return {key: value for key, value in old.items() if key not in removal or removal[key] not in (None, value)}


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that users wrote."""
    return {key: value for key, value in tags.items() if not key.startswith(_RESERVED)}
