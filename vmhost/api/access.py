"""Where a cloud is and the key to it: one small file with the rights of its owner only."""

from __future__ import annotations

import json
import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.base.sigv4 import Credentials

ACCESS_VARIABLE = "GLASSCLOUD_ACCESS"
"""Environment variable: the access file's path, where none is named."""
ENDPOINT_VARIABLE = "GLASSCLOUD_ENDPOINT"
"""Environment variable: the endpoint as reached from here, in place of the file's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A cloud's address, region and access key. The secret never shows in a repr."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def fresh(cls, endpoint: str, region: str = "us-east-1") -> Access:
        """Access with a new key that nobody can guess."""
        letters = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
        secret = secrets.token_urlsafe(30)
        return cls(endpoint=endpoint, region=region, access_key_id=f"AKIA{letters}", secret_access_key=secret)

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Access:
        """The access in the file named here, else by GLASSCLOUD_ACCESS; GLASSCLOUD_ENDPOINT replaces its endpoint.

        Raises NotFound where there is no file, InvalidInput for one that is not whole."""
        named = path or (Path(environ[ACCESS_VARIABLE]) if environ.get(ACCESS_VARIABLE) else None)
        if named is None:
            raise NotFound(f"no access file is named; expected a path or the variable {ACCESS_VARIABLE}")
        access = _parse(named, _read(named))
        endpoint = environ.get(ENDPOINT_VARIABLE)
        return replace(access, endpoint=endpoint) if endpoint else access

    def save(self, path: Path) -> None:
        """Writes the file whole, readable by its owner only."""
        from vmhost.base.web import write_atomically  # a web server, which readers of the file need not load

        write_atomically(path, json.dumps(asdict(self), indent=2) + "\n", mode=0o600)

    @property
    def credentials(self) -> Credentials:
        """The key to sign with."""
        return Credentials(access_key_id=self.access_key_id, secret_access_key=self.secret_access_key)

    def environment(self) -> dict[str, str]:
        """The variables that lead the AWS CLI and the SDKs here, and nowhere else for credentials."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        raise NotFound(f"access file {path} does not exist; expected a cloud that is up to have written it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"access file {path} cannot be read: {error}") from None


def _parse(path: Path, text: str) -> Access:
    try:
        values = json.loads(text)
        access = Access(**{name: values[name] for name in Access.__slots__})
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"access file {path} is not whole; expected JSON with {', '.join(Access.__slots__)}"
        ) from None
    if not all(isinstance(value, str) and value for value in asdict(access).values()):
        raise InvalidInput(f"access file {path} has values that are no text; expected four strings")
    return access
