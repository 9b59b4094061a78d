"""The codec against botocore's own serializer and parser, and against what is no request at all."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel as BotoModel
from botocore.parsers import EC2QueryParser
from botocore.serialize import EC2Serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ec2.synthesis import synthesise
from vmhost.base.errors import InvalidInput
from vmhost.ec2.decode import MAX_FIELDS, decoder, parse_form
from vmhost.ec2.encode import encode_error, encoder
from vmhost.ec2.service_model import ServiceModel, load


@pytest.fixture(scope="module")
def ours() -> ServiceModel:
    return load()


@pytest.fixture(scope="module")
def boto() -> BotoModel:
    return BotoModel(Loader().load_service_model("ec2", "service-2"), "ec2")


def decode(model: ServiceModel, operation: str, form: bytes) -> dict[str, Any]:
    tree = parse_form(form)
    return decoder(model.operations[operation].input)(
        {name: node for name, node in tree.items() if name not in ("Action", "Version")}
    )


def test_botocore_requests_are_decoded_exactly(ours: ServiceModel, boto: BotoModel) -> None:
    rng = random.Random(1)
    for name in boto.operation_names:
        operation = boto.operation_model(name)
        params = synthesise(operation.input_shape, rng)
        body = EC2Serializer().serialize_to_request(params, operation)["body"]
        assert decode(ours, name, urlencode(body).encode()) == params, name


def test_botocore_parses_our_responses_exactly(ours: ServiceModel, boto: BotoModel) -> None:
    rng = random.Random(2)
    for name, operation in ours.operations.items():
        shape = boto.operation_model(name).output_shape
        answer = synthesise(shape, rng) if shape else {}
        body = encoder(operation, ours.namespace)(answer, "req-1")
        parsed = EC2QueryParser().parse({"status_code": 200, "headers": {}, "body": body}, shape)
        meta = parsed.pop("ResponseMetadata")
        assert meta["RequestId"] == "req-1"
        assert parsed == answer, name


def test_missing_members_are_omitted_empty_lists_kept(ours: ServiceModel) -> None:
    body = encoder(ours.operations["DescribeInstances"], ours.namespace)({"Reservations": [], "NextToken": None}, "r")
    assert b"<reservationSet></reservationSet>" in body
    assert b"nextToken" not in body


def test_botocore_parses_our_errors() -> None:
    body = encode_error("InvalidInstanceID.NotFound", "no <instance> & co", "req-2")
    parsed = EC2QueryParser().parse({"status_code": 400, "headers": {}, "body": body}, None)
    assert parsed["Error"] == {"Code": "InvalidInstanceID.NotFound", "Message": "no <instance> & co"}
    assert parsed["ResponseMetadata"]["RequestId"] == "req-2"


@pytest.mark.parametrize(
    ("form", "code", "words"),
    [
        (b"MinCount=1&MaxCount=1&Colour=red", "UnknownParameter", "Colour"),
        (b"MinCount=1&MaxCount=1&Placement.Colour=red", "UnknownParameter", "Placement.Colour"),
        (b"MinCount=1&MaxCount=1&ImageId.1=x", "UnknownParameter", "ImageId.1"),
        (b"MinCount=1&MaxCount=1&SecurityGroupId.x=y", "UnknownParameter", "SecurityGroupId.x"),
        (b"MinCount=1&MaxCount=1&SecurityGroupId.0=y", "UnknownParameter", "SecurityGroupId.0"),
        (b"MinCount=1&MaxCount=1&SecurityGroupId.99999=y", "InvalidParameterValue", "10000"),
        (b"MinCount=1&MaxCount=1&SecurityGroupId=y", "InvalidParameterValue", "SecurityGroupId.1"),
        (b"MinCount=1&MaxCount=1&Placement=y", "InvalidParameterValue", "members"),
        (b"MinCount=one&MaxCount=1", "InvalidParameterValue", "MinCount"),
        (b"MinCount=99999999999&MaxCount=1", "InvalidParameterValue", "whole number"),
        (b"MinCount=&MaxCount=1", "InvalidParameterValue", "MinCount"),
        (b"MinCount=1", "MissingParameter", "MaxCount"),
        (b"MinCount=1&MaxCount=1&Monitoring.X=1", "UnknownParameter", "Monitoring.X"),
        (b"MinCount=1&MaxCount=1&CreditSpecification.A=1", "UnknownParameter", "CreditSpecification.A"),
        (b"MinCount=1&MaxCount=1&EbsOptimized=maybe", "InvalidParameterValue", "true or false"),
        (b"MinCount=1&MinCount=1&MaxCount=1", "InvalidParameterValue", "twice"),
        (b"Placement=1&Placement.HostId=h&MinCount=1&MaxCount=1", "InvalidParameterValue", "both"),
        (b"Placement.HostId=h&Placement=1&MinCount=1&MaxCount=1", "InvalidParameterValue", "twice"),
        (b"ImageId=%00&MinCount=1&MaxCount=1", "InvalidParameterValue", "control character"),
        (b"ImageId=%ff&MinCount=1&MaxCount=1", "MalformedQueryString", "form"),
        (b"\xff\xfe", "MalformedQueryString", "form"),
        (b"MinCount", "MalformedQueryString", "form"),
        (b"&".join(b"a.%d=1" % n for n in range(MAX_FIELDS + 1)), "MalformedQueryString", str(MAX_FIELDS)),
        (b"a" + b".a" * 50_000 + b"=1", "UnknownParameter", "recognized"),
    ],
)
def test_malformed_requests_are_refused_with_reason(ours: ServiceModel, form: bytes, code: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(ours, "RunInstances", form)
    assert (caught.value.code, words in caught.value.message) == (code, True), caught.value.message
    assert len(caught.value.message) < 400


def test_lists_are_ordered_by_index(ours: ServiceModel) -> None:
    assert decode(ours, "DescribeInstances", b"InstanceId.10=c&InstanceId.2=b&InstanceId.1=a") == {
        "InstanceIds": ["a", "b", "c"]
    }


_names = st.sampled_from(["Filter", "1", "2", "Name", "Value", "InstanceId", "DryRun", "MaxResults", "", "0", "é"])
_fields = st.dictionaries(
    st.lists(_names, min_size=1, max_size=5).map(".".join), st.text(max_size=6) | st.sampled_from(["1", "true"])
)


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=120) | _fields.map(lambda fields: urlencode(fields).encode()))
def test_random_bytes_never_crash_the_decoder(ours: ServiceModel, body: bytes) -> None:
    try:
        values = decode(ours, "DescribeInstances", body)
    except InvalidInput:
        return
    assert set(values) <= {"InstanceIds", "Filters", "DryRun", "MaxResults", "NextToken", "IncludeManagedResources"}
