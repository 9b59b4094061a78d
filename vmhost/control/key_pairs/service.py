"""The requests about key pairs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmhost.base.errors import InvalidInput, NotFound
from vmhost.control import tags
from vmhost.control.key_pairs.record import KEY_PAIRS, RSA, KeyPair, PublicKey
from vmhost.control.service_context import ServiceContext

_MAX_NAME = 255
_MAX_KEY_PAIRS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPairRequest:
    """CreateKeyPair or ImportKeyPair: with the type of a key to be generated, or with a public key."""

    name: str
    type: str = RSA
    public_key: PublicKey | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def read_public_key(material: bytes) -> PublicKey:
    """Read a public key in one of the forms that users have. Raises InvalidInput (InvalidKey.Format)."""
    from vmhost.control.key_pairs.ssh_keys import parse

    return parse(material)


class KeyPairService:
    """The key pairs of one cloud."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._table = context.resources.table(KEY_PAIRS)

    def all(self) -> tuple[KeyPair, ...]:
        """Return every key pair."""
        return self._table.all()

    def named(self, name: str) -> KeyPair:
        """Return the key pair of that name. Raises NotFound."""
        if found := self._find(name):
            return found
        raise NotFound(f"The key pair '{name[:_MAX_NAME]}' does not exist", code=KEY_PAIRS.not_found)

    def get(self, key_pair_id: str) -> KeyPair:
        """Return the key pair with that id. Raises NotFound."""
        return self._table.get(key_pair_id)

    async def create(self, request: KeyPairRequest) -> tuple[KeyPair, str]:
        """Generate a key pair and return it with its private half, which is kept nowhere. Raises InvalidInput."""
        # It needs OpenSSL, whose 10 MiB a platform without key pairs does not load.
        from vmhost.control.key_pairs.ssh_keys import generate

        self.check(request)
        public, private = await asyncio.to_thread(generate, request.type)
        # Another request may have taken the name meanwhile.
        return self._add(request, public), private

    def add(self, request: KeyPairRequest) -> KeyPair:
        """Record a public key that a user has. Raises InvalidInput."""
        assert request.public_key is not None
        return self._add(request, request.public_key)

    def check(self, request: KeyPairRequest) -> None:
        """Raise what `create` or `add` would raise now; change nothing."""
        name = request.name
        if not 1 <= len(name) <= _MAX_NAME or not name.isascii() or not name.isprintable() or name != name.strip():
            raise InvalidInput(
                f"invalid key pair name {name[:60]!r}; use 1 to {_MAX_NAME} ASCII characters without spaces at the ends"
            )
        if self._find(name):
            raise InvalidInput(f"The keypair '{name}' already exists.", code="InvalidKeyPair.Duplicate")
        if len(self._table) >= _MAX_KEY_PAIRS:
            raise InvalidInput(f"there are {_MAX_KEY_PAIRS} key pairs; delete one", code="KeyPairLimitExceeded")
        tags.check(request.tags)

    def delete(self, name: str | None, key_pair_id: str | None) -> KeyPair | None:
        """Delete a key pair by name or id and return it; None for one that does not exist, which is no error in EC2.

        Instances that were launched with it keep its public half."""
        found = self._find(name) if name is not None else self._table.find(key_pair_id or "")
        if found:
            self._context.resources.commit(forget=[found])
        return found

    def _add(self, request: KeyPairRequest, key: PublicKey) -> KeyPair:
        self.check(request)
        record = KeyPair(
            id=self._context.ids.new(KEY_PAIRS.prefix),
            name=request.name,
            type=key.type,
            fingerprint=key.fingerprint,
            public_key=key.text,
            created_at=self._context.clock.now(),
            tags=dict(request.tags),
        )
        self._context.resources.commit([record])
        return record

    def _find(self, name: str) -> KeyPair | None:
        return next((each for each in self._table if each.name == name), None)
