"""Who asks, by a request's User-Agent: a name that people know. Pure; it is no proof of anything."""

from __future__ import annotations

_KNOWN = (("aws-cli/", "AWS CLI"), ("boto3/", "boto3"))
_TERRAFORM = "terraform"
_NAME_MAX = 40
UNKNOWN = "unknown"


def who_asks(user_agent: str) -> str:
    """A short printable name: that of a tool we know, else the first product's; "unknown" where it says nothing."""
    folded = user_agent.lower()
    for beginning, name in _KNOWN:
        if folded.startswith(beginning):
            return name
    if _TERRAFORM in folded:
        return "Terraform"
    product = next(iter(user_agent.split()), "").partition("/")[0]
    return "".join(character for character in product if character.isprintable())[:_NAME_MAX] or UNKNOWN
