"""The access file: a cloud's address and its key, readable by the owner only."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import msgspec

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.base.files import indented_json, write_atomically
from vmhost.base.sigv4 import Credentials

ACCESS_VARIABLE = "GLASSCLOUD_ACCESS"
"""Environment variable: default path of the access file."""
ENDPOINT_VARIABLE = "GLASSCLOUD_ENDPOINT"
"""Environment variable: the endpoint to use instead of the one in the file."""

_NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A cloud's address, region and access key. The secret is not shown in its repr."""

    endpoint: _NonEmpty
    region: _NonEmpty
    access_key_id: _NonEmpty
    secret_access_key: _NonEmpty = field(repr=False)

    @classmethod
    def fresh(cls, endpoint: str, region: str = "us-east-1") -> Access:
        """Return access with a new random key."""
        letters = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
        secret = secrets.token_urlsafe(30)
        return cls(endpoint=endpoint, region=region, access_key_id=f"AKIA{letters}", secret_access_key=secret)

    @classmethod
    def load(cls, path: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Access:
        """Load the file at `path`, else at GLASSCLOUD_ACCESS; GLASSCLOUD_ENDPOINT replaces its endpoint.

        Raises NotFound if there is no file, InvalidInput if it is incomplete."""
        named = path or (Path(environ[ACCESS_VARIABLE]) if environ.get(ACCESS_VARIABLE) else None)
        if named is None:
            raise NotFound(f"no access file given; give its path or set {ACCESS_VARIABLE}")
        try:
            access = msgspec.json.decode(named.read_bytes(), type=cls)
        except FileNotFoundError:
            raise NotFound(f"access file {named} does not exist; start the cloud, which writes it") from None
        except OSError as error:
            raise InvalidInput(f"access file {named} cannot be read: {error}") from None
        except msgspec.DecodeError as error:
            fields = ", ".join(cls.__slots__)
            raise InvalidInput(f"access file {named} is invalid ({error}); it must be JSON with {fields}") from None
        endpoint = environ.get(ENDPOINT_VARIABLE)
        return replace(access, endpoint=endpoint) if endpoint else access

    def save(self, path: Path) -> None:
        """Write the file in one step, readable by its owner only."""
        write_atomically(path, indented_json(self) + "\n", mode=0o600)

    @property
    def credentials(self) -> Credentials:
        """Return the key that signs requests."""
        return Credentials(access_key_id=self.access_key_id, secret_access_key=self.secret_access_key)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make the AWS CLI and SDKs use this cloud and only this key."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
