"""Key pairs."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from vmhost.base.errors import InvalidInput
from vmhost.control.key_pairs.record import ED25519, RSA, KeyPair
from vmhost.control.key_pairs.service import KeyPairRequest, read_public_key
from vmhost.ec2.actions.action import Action, Context, Params, ResponseData, tag_list, tags_for_resource, utc_datetime
from vmhost.ec2.actions.describe import describe, item_tags

_KINDS = (RSA, ED25519)


def _check_create(_: Context, params: Params) -> KeyPairRequest:
    kind = params.get("KeyType", RSA)
    if kind not in _KINDS:
        raise InvalidInput(f"invalid key type '{kind[:40]}'; use {' or '.join(_KINDS)}")
    return KeyPairRequest(name=params["KeyName"], type=kind, tags=tags_for_resource(params, "key-pair"))


async def _create(context: Context, request: KeyPairRequest) -> ResponseData:
    pair, private = await context.cloud.key_pairs.create(request)
    return {**_response(pair), "KeyMaterial": private}


def _check_import(_: Context, params: Params) -> KeyPairRequest:
    material = params["PublicKeyMaterial"]
    return KeyPairRequest(
        name=params["KeyName"], public_key=read_public_key(material), tags=tags_for_resource(params, "key-pair")
    )


def _import(context: Context, request: KeyPairRequest) -> ResponseData:
    return _response(context.cloud.key_pairs.add(request))


def _delete(context: Context, named: tuple[str | None, str | None]) -> ResponseData:
    deleted = context.cloud.key_pairs.delete(*named)
    return {"Return": True, "KeyPairId": deleted.id if deleted else named[1]}


def _check_delete(_: Context, params: Params) -> tuple[str | None, str | None]:
    """Return name and id, one of which is given."""
    name, key_pair_id = params.get("KeyName"), params.get("KeyPairId")
    if (name is None) == (key_pair_id is None):
        code = "MissingParameter" if name is None else "InvalidParameterCombination"
        raise InvalidInput("give either KeyName or KeyPairId of the key pair", code=code)
    return name, key_pair_id


def _key_pairs(context: Context, params: Params) -> Iterator[ResponseData]:
    service = context.cloud.key_pairs
    wanted = {service.named(name).id for name in params.get("KeyNames", ())}
    wanted |= {service.get(key_pair_id).id for key_pair_id in params.get("KeyPairIds", ())}
    with_key = params.get("IncludePublicKey", False)
    return (
        {
            **_response(pair),
            "KeyType": pair.type,
            "CreateTime": utc_datetime(pair.created_at),
            "PublicKey": f"{pair.public_key} {pair.name}" if with_key else None,
        }
        for pair in service.all()
        if not wanted or pair.id in wanted
    )


def _response(pair: KeyPair) -> ResponseData:
    return {
        "KeyPairId": pair.id,
        "KeyName": pair.name,
        "KeyFingerprint": pair.fingerprint,
        "Tags": tag_list(pair.tags),
    }


ACTIONS = (
    Action(
        name="CreateKeyPair",
        supported=frozenset({"KeyName", "KeyType", "TagSpecifications"}),
        fixed={"KeyFormat": "pem"},
        check=_check_create,
        dry_run=lambda context, request: context.cloud.key_pairs.check(request),
        act=_create,
    ),
    Action(
        name="ImportKeyPair",
        supported=frozenset({"KeyName", "PublicKeyMaterial", "TagSpecifications"}),
        check=_check_import,
        dry_run=lambda context, request: context.cloud.key_pairs.check(request),
        act=_import,
    ),
    Action(name="DeleteKeyPair", supported=frozenset({"KeyName", "KeyPairId"}), check=_check_delete, act=_delete),
    describe(
        "DescribeKeyPairs",
        items=_key_pairs,
        response="KeyPairs",
        key=itemgetter("KeyPairId"),
        fields={"fingerprint": "KeyFingerprint", "key-name": "KeyName", "key-pair-id": "KeyPairId"},
        tags=item_tags,
        pages=None,
        supported=frozenset({"KeyNames", "KeyPairIds", "IncludePublicKey"}),
    ),
)
