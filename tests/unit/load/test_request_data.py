"""The data of requests: sources, columns, placeholders, bodies, variables and what a response's body says."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes
from email.policy import HTTP
from itertools import islice
from pathlib import Path

import pytest

from client.load.plan.model import DataSource, Expect, FormField, Plan, Target, constant
from client.load.plan.placeholders import fill, hide, map_texts, variables_of
from client.load.plan.plan_json import redacted_plan_json
from client.load.plan.toml_file import plans_of, read_plans
from client.load.plan.urls import parse_resolve, parse_url
from client.load.plan.validation import check_plan
from client.load.request_factory import DRAWS, prepare_requests
from client.load.requests import RequestSequence, decode_body
from client.load.summary import Fault
from vmhost.base.errors import InvalidInput
from vmhost.base.http1 import MAX_BODY_BYTES
from vmhost.base.http_response import Response

URL = "http://127.0.0.1:8000/"


def planned(url: str = URL, *, sources: Mapping[str, DataSource] | None = None, **target: object) -> Plan:
    made = Target(url=url, **target)  # type: ignore[arg-type]
    return replace(constant(URL, 1), targets=(made,), sources=dict(sources or {}), traced=False)


def sent(plan: Plan, number: int = 0, variables: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """The header block and the body of a request."""
    head, _, body = prepare_requests(plan, variables).pick(number).raw.partition(b"\r\n\r\n")
    return head.decode(), body


def labels(requests: RequestSequence, count: int) -> list[str]:
    return [requests.pick(number).label for number in range(count)]


# Rows


def test_each_row_is_used_once_whatever_the_files_size(tmp_path: Path) -> None:
    rows = DRAWS * 3 + 7
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(map(str, range(rows))))
    requests = prepare_requests(planned(f"{URL}{{id}}", sources={"id": DataSource(file=str(file), draw="once")}))
    assert requests.count == rows
    assert requests.used_up == "id"
    assert labels(requests, rows) == list(map(str, range(rows)))


def test_rows_in_turn_come_equally_often_whatever_their_number(tmp_path: Path) -> None:
    for rows in (3, DRAWS + 5):
        source = DataSource(values=tuple(map(str, range(rows))), draw="in turn")
        requests = prepare_requests(planned(f"{URL}{{id}}", sources={"id": source}))
        assert requests.count is None
        assert [requests.drawn[number % len(requests.drawn)].label for number in range(2 * rows)] == [
            *source.values,
            *source.values,
        ]


def test_targets_share_the_rows_that_are_used_once() -> None:
    source = DataSource(values=tuple(map(str, range(1000))), draw="once")
    targets = (
        Target(url=f"{URL}a/{{id}}", name="a", weight=3),
        Target(url=f"{URL}b/{{id}}", name="b"),
        Target(url=f"{URL}c", name="c"),
    )
    requests = prepare_requests(replace(planned(), targets=targets, sources={"id": source}))
    assert requests.count is not None
    used = [each.label for number in range(requests.count) if (each := requests.pick(number)).target != 2]
    assert used == list(source.values)
    assert requests.pick(requests.count).target != 2


def test_columns_of_one_row_fill_one_request(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_bytes(b'\xef\xbb\xbfname,pass word,e-mail\r\nada,"x,1\r\n",a@x\r\nbob,"say ""hi""",b@x\r\n')
    plan = planned(
        f"{URL}?u={{user.name}}", body="{user.e-mail}", method="POST",
        sources={"user": DataSource(file=str(file), draw="once")},
    )  # fmt: skip
    requests = prepare_requests(plan)
    assert requests.count == 2
    assert [requests.pick(n).raw.split(b"\r\n\r\n")[1] for n in range(2)] == [b"a@x", b"b@x"]
    assert [requests.pick(n).raw.split()[1] for n in range(2)] == [b"/?u=ada", b"/?u=bob"]


@pytest.mark.parametrize(
    ("text", "url", "told"),
    [
        ("a,b\n1,2\n", "{u.c}", "has no column 'c'; its first line names a, b"),
        ("a,b\n1,2\n3\n", "{u.a}", "line 3 has 1 fields; its first line has 2"),
        ("a\n", "{u.a}", "has 0 values"),
        ('a\n"x', "{u.a}", "line 2 is not CSV"),
        ("a,b\n1,2\n", "{u.a}{u}", "use one of the two"),
    ],
)
def test_wrong_csv_is_refused_in_words(tmp_path: Path, text: str, url: str, told: str) -> None:
    file = tmp_path / "u.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=told):
        prepare_requests(planned(URL + url, sources={"u": DataSource(file=str(file))}))


def test_lines_of_a_file_are_values_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_bytes("\ufeffada\r\nx\u2028y\x0bz\r\n".encode())
    requests = prepare_requests(planned(f"{URL}{{w}}", sources={"w": DataSource(file=str(file), draw="in turn")}))
    assert labels(requests, 2) == ["ada", "x\u2028y\x0bz"]


def test_line_break_in_a_row_for_a_header_is_refused_at_the_start() -> None:
    source = DataSource(values=("good", "b\r\nX: y"), draw="once")
    with pytest.raises(InvalidInput, match="line break"):
        prepare_requests(planned(headers=(("X", "{v}"),), sources={"v": source}))


def test_host_from_a_source_used_once_is_refused() -> None:
    with pytest.raises(InvalidInput, match="takes its host from a source"):
        prepare_requests(planned("http://{h}/", sources={"h": DataSource(values=("a", "b"), draw="once")}))


# Placeholders


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("Authorization", "Bearer {TOKEN}"),)},
        {"body": "t={TOKEN}", "method": "POST"},
        {"url": f"{URL}?t={{TOKEN}}"},
        {"url": f"{URL}?t={{TOKEN.value}}"},
        {"form": (FormField(name="t", value="{TOKEN}"),), "method": "POST"},
    ],
)
def test_placeholder_without_a_source_is_refused_everywhere(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"\{TOKEN(\.value)?\} and there is no source 'TOKEN'"):
        check_plan(planned(**changes))  # type: ignore[arg-type]


def test_doubled_braces_are_sent_as_single_ones() -> None:
    _, body = sent(check_plan(planned(body='{"a": {"b": 1}} {{TOKEN}} {1} $${HOME}', method="POST")))
    assert body == b'{"a": {"b": 1}} {TOKEN} {1} ${HOME}'


def test_values_are_not_placeholders_themselves() -> None:
    assert fill("{a} ${V}", {"a": "${V}{b}", "b": "no"}, {"V": "{a}"}) == "${V}{b} {a}"


# Environment variables


SECRET = "s3cr3t/%41"


def with_variables() -> Plan:
    return planned(
        "http://${HOST}/x?k=${KEY}", headers=(("Authorization", "Bearer ${KEY}"),), body="${KEY} {w}", method="POST",
        sources={"w": DataSource(values=("one",))},
    )  # fmt: skip


def test_variables_fill_url_headers_and_body_and_are_never_shown() -> None:
    plan = with_variables()
    variables = variables_of(plan, {"HOST": "127.0.0.1:9", "KEY": SECRET, "OTHER": "x"})
    assert variables == {"HOST": "127.0.0.1:9", "KEY": SECRET}
    made = prepare_requests(check_plan(plan), variables).pick(0)
    assert made.origin.peer == "127.0.0.1:9"
    assert made.raw.count(SECRET.encode()) == 3
    assert SECRET not in made.label
    assert SECRET not in json.dumps(redacted_plan_json(plan))
    unlabelled = prepare_requests(replace(plan, targets=(replace(plan.targets[0], body=""),)), variables).pick(0)
    assert unlabelled.label == plan.targets[0].url


def test_variable_that_is_not_set_is_refused() -> None:
    with pytest.raises(InvalidInput, match="environment variable KEY is not set"):
        variables_of(with_variables(), {"HOST": "h"})


def test_refused_url_does_not_show_its_variables() -> None:
    with pytest.raises(InvalidInput) as caught:
        prepare_requests(with_variables(), {"HOST": "127.0.0.1:9", "KEY": "s3 cr3t"})
    assert "s3 cr3t" not in caught.value.message
    assert "${KEY}" in caught.value.message


def test_variable_values_are_hidden_in_messages() -> None:
    told = {"examples": [{"request": f"GET /?{SECRET}\nAuthorization: {SECRET}"}], "count": 1, "none": None}
    assert map_texts(told, lambda text: hide(text, {"KEY": SECRET, "EMPTY": ""})) == {
        "examples": [{"request": "GET /?${KEY}\nAuthorization: ${KEY}"}],
        "count": 1,
        "none": None,
    }


# Bodies


def test_body_file_is_sent_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "body"
    content = b"\xef\xbb\xbfa\r\nb\0\xff{TOKEN}${HOME}"
    file.write_bytes(content)
    head, body = sent(check_plan(planned(body_file=str(file), method="PUT")))
    assert body == content
    assert f"Content-Length: {len(content)}" in head


def test_form_is_multipart_with_files_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG\r\n\0{w}")
    form = (
        FormField(name='na"me', value="Zoë {w}"),
        FormField(name="photo", file=str(file), filename="a.png"),
        FormField(name="raw", file=str(file), filename="b", type="text/x"),
    )
    plan = check_plan(planned(form=form, method="POST", sources={"w": DataSource(values=("one",))}))
    head, body = sent(plan)
    kind = next(line for line in head.split("\r\n") if line.startswith("Content-Type"))
    parts = list(message_from_bytes(f"{kind}\r\n\r\n".encode() + body, policy=HTTP).iter_parts())  # type: ignore[attr-defined]
    assert [part.get_payload(decode=True) for part in parts] == [
        "Zoë one".encode(),
        file.read_bytes(),
        file.read_bytes(),
    ]
    assert [part.get_filename() for part in parts] == [None, "a.png", "b"]
    assert [part.get_content_type() for part in parts] == ["text/plain", "image/png", "text/x"]
    assert sent(plan) == (head, body)


def test_forms_and_body_files_are_written_in_a_plan(tmp_path: Path) -> None:
    form = {"a": "x", "f": {"file": "p.png", "type": "image/x"}}
    (plan,) = plans_of({"rate": 1, "target": [{"url": URL, "form": form}]}, folder=tmp_path)
    (target,) = plan.targets
    assert target.method == "POST"
    assert target.form == (
        FormField(name="a", value="x"),
        FormField(name="f", file=str(tmp_path / "p.png"), filename="p.png", type="image/x"),
    )
    (plan,) = plans_of({"rate": 1, "target": [{"url": URL, "body-file": "b"}]}, folder=tmp_path)
    assert plan.targets[0].body_file == str(tmp_path / "b")
    for wrong in ({"form": {"a": 1}}, {"form": {"a": {}}}, {"body": "x", "body-file": "b"}):
        with pytest.raises(InvalidInput):
            plans_of({"rate": 1, "target": [{"url": URL, **wrong}]}, folder=tmp_path)


def test_plan_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b'\xef\xbb\xbfrate = 1\n[[target]]\nurl = "http://127.0.0.1/"\n')
    assert read_plans(path)[0].targets[0].url == "http://127.0.0.1/"


# Headers and hosts


def test_header_values_are_sent_as_utf_8() -> None:
    head, _ = sent(check_plan(planned(headers=(("X-Name", "Zoë 日本"),))))
    assert "X-Name: Zoë 日本" in head


@pytest.mark.parametrize("name", ["X Name", "Näme", "X:", ""])
def test_header_name_that_cannot_be_sent_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="header name"):
        check_plan(planned(headers=((name, "x"),)))


@pytest.mark.parametrize(
    ("host", "ascii_host"), [("bücher.test", "xn--bcher-kva.test"), ("BÜCHER.test", "xn--bcher-kva.test")]
)
def test_international_hosts_use_their_ascii_form(host: str, ascii_host: str) -> None:
    origin, _ = parse_url(f"http://{host}:8000/")
    assert (origin.host, origin.authority) == (ascii_host, f"{ascii_host}:8000")


@pytest.mark.parametrize("host", ["straße.test", "b\u200dc.test", "ä" * 80 + ".test"], ids=range(3))
def test_host_without_one_ascii_form_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match="write it as xn--"):
        parse_url(f"http://{host}/")


# Compressed responses

TEXT = b'{"results": 1}' * 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body", "fault"),
    [
        ("gzip", gzip.compress(TEXT), ""),
        ("GZip", gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:]), ""),
        ("deflate", zlib.compress(TEXT), ""),
        ("deflate", raw_deflate(TEXT), ""),
        ("deflate, gzip", gzip.compress(zlib.compress(TEXT)), ""),
        ("identity", TEXT, ""),
        ("gzip", gzip.compress(b"other"), Fault.WRONG),
        ("br", b"\x0b\x02\x80", Fault.NOT_DECODABLE),
        ("gzip", gzip.compress(TEXT)[:-9], Fault.NOT_DECODABLE),
        ("gzip", b"plain", Fault.NOT_DECODABLE),
    ],
    ids=range(10),
)
def test_compressed_bodies_are_decoded_before_they_are_checked(coding: str, body: bytes, fault: str) -> None:
    prepared = prepare_requests(planned(expect=Expect(contains="results"))).pick(0)
    response = Response(200, [(b"content-encoding", coding.encode())], body, True)
    assert prepared.fault(response) == fault
    if fault == Fault.NOT_DECODABLE:
        assert repr(coding) in prepared.why(response, fault)


def test_body_that_unpacks_to_too_much_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    assert decode_body(Response(200, [(b"content-encoding", b"gzip")], bomb, True)) is None


def test_rows_drawn_at_random_beside_rows_used_once_repeat_with_the_seed() -> None:
    sources = {
        "id": DataSource(values=tuple(map(str, range(50))), draw="once"),
        "w": DataSource(values=("a", "b", "c")),
        "z": DataSource(values=("a", "b", "c"), draw="zipf"),
    }
    plan = planned(f"{URL}{{id}}/{{w}}/{{z}}", sources=sources)
    one, two = prepare_requests(plan), prepare_requests(plan)
    assert labels(one, 50) == labels(two, 50)
    assert len({label.split()[1] for label in labels(one, 50)}) == 3
    assert labels(prepare_requests(replace(plan, seed=2)), 50) != labels(one, 50)
    assert list(islice((one.drawn[number].server for number in range(3)), 3)) == [0, 0, 0]


def test_addresses_for_a_host_and_port_are_read_as_curl_reads_them() -> None:
    texts = ["API.test:443:10.0.0.7,[::1]", "other.test:80:::1", "other.test:80:10.0.0.8"]
    assert parse_resolve(texts) == {("api.test", 443): ("10.0.0.7", "::1"), ("other.test", 80): ("10.0.0.8",)}


@pytest.mark.parametrize("text", ["", "a.test", "a.test:80", "a.test:x:10.0.0.7", "a.test:0:10.0.0.7", ":80:10.0.0.7"])
def test_a_malformed_address_for_a_host_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(InvalidInput, match="write HOST:PORT:ADDRESS, such as"):
        parse_resolve([text])
