"""Access control over real connections, and that no request causes a 500."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import aiohttp
import pytest

from tests.integration.ec2.ec2_server import IMAGE, Served, served
from vmhost.base.clock import SystemClock
from vmhost.base.sigv4 import Unsigned, sign
from vmhost.ec2.ec2_service import ACTIONS
from vmhost.ec2.service_model import ListOf, Scalar, ScalarType, Shape, load
from vmhost.http_api import BODY_BYTES_MAX

BODY = b"Action=DescribeInstances&Version=2016-11-15"
RUN = f"Action=RunInstances&Version=2016-11-15&ImageId={IMAGE}&MinCount=1&MaxCount=1".encode()


async def send(
    cloud: Served,
    body: bytes = BODY,
    *,
    method: str = "POST",
    path: str = "/",
    signed: bool = True,
    age_s: float = 0.0,
    region: str = "us-east-1",
    **headers: str,
) -> tuple[int, str]:
    """Send one request on a new connection; return status and body."""
    url = cloud.access.endpoint
    base = {"Host": urlsplit(url).netloc} | {name.replace("_", "-"): value for name, value in headers.items()}
    if signed:
        unsigned = Unsigned(method=method, url=path, headers=base, body=body)
        now = SystemClock().now() - age_s
        base |= sign(unsigned, cloud.access.credentials, region=region, service="ec2", now=now)
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, data=io.BytesIO(body) if body else None, headers=base) as response,
    ):
        return response.status, await response.text()


async def test_only_fresh_valid_signatures_are_accepted(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        assert (await send(cloud))[0] == 200
        status, text = await send(cloud, signed=False)
        assert (status, "<Code>MissingAuthenticationToken</Code>" in text) == (401, True)
        status, text = await send(cloud, age_s=16 * 60)
        assert (status, "<Code>RequestExpired</Code>" in text) == (400, True)
        other = replace(cloud, access=replace(cloud.access, secret_access_key="guess"))
        status, text = await send(other)
        assert (status, "<Code>SignatureDoesNotMatch</Code>" in text) == (403, True)
        assert cloud.access.secret_access_key not in text


async def test_repeated_header_is_signed_as_one(tmp_path: Path) -> None:
    """Its values count in their order, with commas between them ("Create a signed AWS API request")."""
    async with served(tmp_path) as cloud, aiohttp.ClientSession() as session:
        headers = {"Host": urlsplit(cloud.access.endpoint).netloc, "X-Meta": "b,a"}
        unsigned = Unsigned(method="POST", url="/", headers=headers, body=BODY)
        now = SystemClock().now()
        headers |= sign(unsigned, cloud.access.credentials, region="us-east-1", service="ec2", now=now)
        for values, status in ((("b", "a"), 200), (("a", "b"), 403)):
            sent = [*((name, headers[name]) for name in headers if name != "X-Meta"), *(("X-Meta", v) for v in values)]
            async with session.post(cloud.access.endpoint, data=io.BytesIO(BODY), headers=sent) as response:
                assert response.status == status


async def test_action_and_version_are_required(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        for body, code in (
            (b"Version=2016-11-15", "MissingAction"),
            (b"Action=DescribeInstances", "MissingParameter"),
            (b"Action=DescribeInstances&Version=2013-10-15", "NoSuchVersion"),
        ):
            status, text = await send(cloud, body)
            assert (status, f"<Code>{code}</Code>" in text) == (400, True), text


async def test_other_region_is_refused(tmp_path: Path) -> None:
    for opened in (False, True):
        async with served(tmp_path, change=lambda auth, opened=opened: replace(auth, open=opened)) as cloud:
            status, text = await send(cloud, region="eu-west-1")
            assert (status, "<Code>AuthFailure</Code>" in text) == (401, True)
            assert "&#39;" not in text
            assert "signed for region 'eu-west-1', but glasscloud has only us-east-1" in text


async def test_signed_headers_must_be_utf8(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        address, key = urlsplit(cloud.access.endpoint), cloud.access.access_key_id
        for region, extra in ((b"us-east-1", b"\xff"), (b"us-\xff-1", b"x"), (b"us-east-1", b"\xc3\xbc")):
            scope = b"%b/20260101/%b/ec2/aws4_request" % (key.encode(), region)
            head = (
                b"POST / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\nContent-Length: 0\r\n" % address.netloc.encode(),
                b"X-Amz-Date: 20260101T000000Z\r\nX-Foo: %b\r\n" % extra,
                b"Authorization: AWS4-HMAC-SHA256 Credential=%b, " % scope,
                b"SignedHeaders=host;x-amz-date;x-foo, Signature=%b\r\n\r\n" % (b"0" * 64),
            )
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(b"".join(head))
            answer = (await reader.read()).decode()
            writer.close()
            expected = "403" if extra == b"\xc3\xbc" else "401"
            assert answer.startswith(f"HTTP/1.1 {expected} "), answer


async def test_compressed_body_is_refused_on_an_open_connection(tmp_path: Path) -> None:
    async with (
        served(tmp_path, change=lambda auth: replace(auth, open=True)) as cloud,
        aiohttp.ClientSession() as session,
    ):
        for encoding in ("gzip", "deflate", "br", "zstd", "odd"):
            headers = {"Authorization": "AWS4-HMAC-SHA256 x", "Content-Encoding": encoding}
            async with session.post(cloud.access.endpoint, data=b"<xml/>", headers=headers, compress=None) as response:
                text = await response.text()
                assert (response.status, "<Code>UnsupportedOperation</Code>" in text) == (400, True)
                assert f"Content-Encoding '{encoding}' is not supported" in text
        headers = {"Authorization": "AWS4-HMAC-SHA256 x", "Content-Encoding": "identity"}
        async with asyncio.timeout(5), session.post(cloud.access.endpoint, data=BODY, headers=headers) as response:
            assert response.status == 200


async def test_unsigned_body_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        status, text = await send(cloud, X_Amz_Content_Sha256="UNSIGNED-PAYLOAD")
        assert (status, "the signature must cover the body" in text) == (401, True)


async def test_get_works_and_other_methods_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        status, text = await send(cloud, b"", method="GET", path="/?" + BODY.decode())
        assert (status, "<DescribeInstancesResponse" in text) == (200, True)
        for method in ("PUT", "DELETE", "PROPFIND"):
            status, text = await send(cloud, b"", method=method)
            assert (status, "<Code>InvalidParameterValue</Code>" in text) == (400, True)
            assert f"/ does not support {method}; use GET or POST" in text


@pytest.mark.parametrize("sent", [b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"what is this\r\n\r\n"])
async def test_unknown_methods_get_an_ec2_error(tmp_path: Path, sent: bytes) -> None:
    async with served(tmp_path) as cloud:
        status, text = await send_raw(cloud, sent)
        assert status == 400
        root = ElementTree.fromstring(text)
        assert root.findtext("Errors/Error/Code") == "InvalidParameterValue"
        assert "GET or POST" in (root.findtext("Errors/Error/Message") or "")
        assert root.findtext("RequestID")


async def test_too_long_lines_get_an_ec2_error(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        status, text = await send_raw(cloud, b"GET /?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (status, "<Code>InvalidParameterValue</Code>" in text) == (400, True)


async def send_raw(cloud: Served, sent: bytes) -> tuple[int, str]:
    """Send bytes; return status and body of the response."""
    address = urlsplit(cloud.access.endpoint)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(sent)
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()


async def test_foreign_hosts_and_pages_are_refused_even_signed(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}):
            status, text = await send(cloud, **headers)
            assert (status, "<Code>UnauthorizedOperation</Code>" in text) == (403, True)
            status, text = await send(cloud, b"", method="GET", path="/_glasscloud/status", **headers)
            assert (status, json.loads(text)["error"]["kind"]) == (403, "denied")
        assert (await send(cloud, b"", method="GET", path="/_glasscloud/health", signed=False))[0] == 200


async def test_instances_get_no_response(tmp_path: Path) -> None:
    async with served(
        tmp_path, change=lambda auth: replace(auth, from_guest=lambda peer: peer == "127.0.0.1")
    ) as cloud:
        for path in ("/", "/_glasscloud/health"):
            with pytest.raises(aiohttp.ClientError):
                await send(cloud, path=path)
        with pytest.raises((ConnectionError, IndexError)):
            await send_raw(cloud, b"FOO / HTTP/1.1\r\n\r\n")
        with pytest.raises(aiohttp.ClientError):
            await send(cloud, RUN)
        assert cloud.cloud.instances.all() == ()


async def test_broken_off_request_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served(tmp_path, change=lambda auth: replace(auth, open=True)) as cloud:
        address = urlsplit(cloud.access.endpoint)
        head = f"POST / HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: AWS4-HMAC-SHA256 x\r\n"
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head.encode() + b"Content-Length: 500\r\n\r\n" + RUN)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await send(cloud))[0] == 200
        assert cloud.cloud.instances.all() == ()
    assert "request_failed" not in "".join(capsys.readouterr())


async def test_open_endpoint_still_needs_the_header(tmp_path: Path) -> None:
    async with served(tmp_path, change=lambda auth: replace(auth, open=True)) as cloud:
        assert (await send(cloud, signed=False))[0] == 401
        assert (await send(cloud, signed=False, Authorization="AWS4-HMAC-SHA256 whatever"))[0] == 200


async def test_large_bodies_and_unknown_paths_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        status, text = await send(cloud, BODY + b"&x=" + b"y" * BODY_BYTES_MAX)
        assert (status, "<Code>RequestEntityTooLarge</Code>" in text) == (413, True)
        assert (await send(cloud, b"", method="GET"))[0] == 400
        status, text = await send(cloud, b"", method="GET", path="/_glasscloud/nothing")
        assert (status, json.loads(text)["error"]["kind"]) == (404, "not_found")
        status, text = await send(cloud, b"{", path="/_glasscloud/faults")
        assert (status, json.loads(text)["error"]["kind"]) == (400, "invalid")


async def test_malformed_actions_get_documented_codes(tmp_path: Path) -> None:
    async with served(tmp_path) as cloud:
        for body, code in (
            (b"", "MissingAction"),
            (b"Action=MakeCoffee&Version=2016-11-15", "InvalidAction"),
            (b"Action=CreateVpc&Version=2016-11-15", "UnsupportedOperation"),
            (b"Action=DescribeInstances", "MissingParameter"),
            (b"Action=DescribeInstances&Version=1999-01-01", "NoSuchVersion"),
            (b"Action.1=DescribeInstances", "InvalidParameterValue"),
            (b"%%%", "MalformedQueryString"),
            (BODY + b"&InstanceIds.1=i-0", "UnknownParameter"),
        ):
            status, text = await send(cloud, body)
            assert (status, f"<Code>{code}</Code>" in text) == (400, True), text


_TEXTS = ("", "1", "x*", "ü<&>", "i-00000000000000000", IMAGE, "t3.nano", "instance", "fleet", "$Latest", "-1", "eA==")


def odd_form(shape: Shape, rng: random.Random, supported: frozenset[str] | None, path: str = "") -> dict[str, str]:
    """Return random fields of the shape, some with meaningful values."""
    if isinstance(shape, Scalar):
        numbers = ("0", "1", "2", "1000", "-1")
        values = {ScalarType.STRING: _TEXTS, ScalarType.BOOLEAN: ("true", "false")}
        return {path: rng.choice(values.get(shape.type, numbers))}
    fields: dict[str, str] = {}
    if isinstance(shape, ListOf):
        for number in range(1, rng.randint(2, 4)):
            fields |= odd_form(shape.element, rng, None, f"{path}.{number}")
        return fields
    for member in shape.members:
        likely = 0.97 if member.required else 0.4 if supported is None or member.name in supported else 0.01
        if rng.random() < likely:
            name = f"{path}.{member.request_name}" if path else member.request_name
            fields |= odd_form(member.shape, rng, None, name)
    return fields


async def test_random_forms_never_cause_a_500(tmp_path: Path) -> None:
    rng, model, seen = random.Random(7), load(ACTIONS.keys()), Counter[int]()
    async with served(tmp_path, change=lambda auth: replace(auth, open=True)) as cloud:
        headers = {"Authorization": "AWS4-HMAC-SHA256 x"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for name, action in [*ACTIONS.items()] * 25:
                form = odd_form(model.operations[name].input, rng, action.supported)
                whole = form | {"Action": name, "Version": "2016-11-15"}
                async with session.post(cloud.access.endpoint, data=whole) as response:
                    assert response.status in (200, 400, 412), (whole, await response.text())
                    seen[response.status] += 1
    assert min(seen[200], seen[400]) > 10, seen
