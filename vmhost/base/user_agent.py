"""Names a client by its User-Agent header. The name is not verified."""

from __future__ import annotations

_KNOWN = (("aws-cli/", "AWS CLI"), ("boto3/", "boto3"))
_TERRAFORM = "terraform"
_NAME_MAX = 40
UNKNOWN = "unknown"


def client_name(user_agent: str) -> str:
    """Return a short printable name: a known tool's, else the first product in the header, else "unknown"."""
    folded = user_agent.lower()
    for beginning, name in _KNOWN:
        if folded.startswith(beginning):
            return name
    if _TERRAFORM in folded:
        return "Terraform"
    product = next(iter(user_agent.split()), "").partition("/")[0]
    return "".join(character for character in product if character.isprintable())[:_NAME_MAX] or UNKNOWN
