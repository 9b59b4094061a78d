"""Proofs, addresses and bundled jobs of workers and their coordinator, without a network."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
import uvloop

from client.load.distributed.connection import Address, parse_address
from client.load.distributed.handshake import WorkerToken, fresh_nonce, make_proof, read_token, verify_proof
from client.load.distributed.job_files import bundle, unbundle
from client.load.messages import Failed, Job, Output, Ready, decode_reply, encode_command, encode_reply
from client.load.plan.model import DataSource, OpenLoop, Plan, Target
from client.load.worker import LineWriter, decode_job
from vmhost.base.errors import InvalidInput

SECRET = b"a token that is long enough"


def test_a_proof_holds_for_its_words_its_side_and_its_token_only() -> None:
    said = make_proof(SECRET, "worker", "a", "b")
    assert verify_proof(said, SECRET, "worker", "a", "b")
    assert not verify_proof(said, SECRET, "coordinator", "a", "b")
    assert not verify_proof(said, SECRET, "worker", "ab", "")
    assert not verify_proof(said, SECRET + b"!", "worker", "a", "b")
    assert not verify_proof("ü", SECRET, "worker", "a", "b")
    assert SECRET.decode() not in said


def test_numbers_do_not_come_twice() -> None:
    assert len({fresh_nonce() for _ in range(100)}) == 100


def test_a_token_comes_from_a_file_or_the_environment_and_never_shows(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(SECRET + b"\n")
    assert read_token(file, {}).secret() == SECRET
    told = read_token(None, {"GLASSCLOUD_LOAD_TOKEN": SECRET.decode()})
    assert told.secret() == SECRET
    assert SECRET.decode() not in repr(told)
    file.write_bytes(b"replaced, and long enough")
    assert WorkerToken(file=file).secret() == b"replaced, and long enough"


def test_a_missing_or_short_token_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a token is required: give --token-file"):
        read_token(None, {})
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read_token(tmp_path / "none", {})
    with pytest.raises(InvalidInput, match="the token has 5 characters; use 16") as told:
        read_token(None, {"GLASSCLOUD_LOAD_TOKEN": "short"})
    assert "short" not in told.value.message


def test_addresses() -> None:
    assert parse_address("10.0.0.5:7077") == Address(host="10.0.0.5", port=7077)
    assert parse_address("[::1]:7077") == Address(host="::1", port=7077)
    assert str(parse_address("[::1]:7077")) == "[::1]:7077"
    assert parse_address(":0", default_host="127.0.0.1") == parse_address("0", default_host="127.0.0.1")


@pytest.mark.parametrize("text", ["", "host", "host:", ":7077", "host:70777", "host:-1", "host:x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="write HOST:PORT"):
        parse_address(text)


def plan(**changes: object) -> Plan:
    settings: dict[str, object] = {"targets": (Target(url="http://h/"),), "open": OpenLoop(rate_per_s=1), **changes}
    return Plan(**settings)  # type: ignore[arg-type]


def sent(plan: Plan) -> Job:
    return decode_job(encode_command(bundle(Job(plan=plan, part=(1, 2)))))


def test_the_files_of_a_plan_travel_with_it(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    corpus, words = here / "queries.json", here / "words"
    corpus.write_text('{"queries": []}')
    words.write_text("één\ntwo\n", encoding="utf-8")
    sources = {"w": DataSource(file=str(words)), "v": DataSource(values=("x",))}
    whole = plan(targets=(Target(url="http://h/{w}{v}", corpus=str(corpus)),), sources=sources)
    arrived = sent(whole)
    corpus.unlink()
    words.unlink()
    job = unbundle(arrived, there)
    assert job.part == (1, 2)
    assert job.plan.sources is not None
    assert job.plan.sources["v"] == sources["v"]
    (target,) = job.plan.targets
    assert target.corpus is not None
    assert Path(target.corpus).parent == there
    assert Path(target.corpus).read_text() == '{"queries": []}'
    file = job.plan.sources["w"].file
    assert file is not None
    assert Path(file).read_text(encoding="utf-8") == "één\ntwo\n"


def test_a_plan_without_files_travels_as_it_is(tmp_path: Path) -> None:
    job = unbundle(sent(plan()), tmp_path)
    assert job.plan == plan()
    assert list(tmp_path.iterdir()) == []


def test_missing_file_names_the_place_that_needs_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"file of the plan: .*queries\.json cannot be read: No such file"):
        sent(plan(targets=(Target(url="http://h/", corpus=str(tmp_path / "queries.json")),)))


def test_a_worker_opens_no_file_of_its_own_because_it_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    job = Job(plan=plan(targets=(Target(url="http://h/{w}"),), sources={"w": DataSource(file=str(secret))}))
    with pytest.raises(InvalidInput, match="secret of the plan did not come"):
        unbundle(job, tmp_path)


def test_names_of_files_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    unbundle(Job(plan=plan(), files={"../escaped": b"x", "/absolute": b"y"}), folder)
    assert [path.parent for path in tmp_path.rglob("*") if path.is_file()] == [folder, folder]


def test_a_worker_runs_no_code_that_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"script flow\.py cannot run on a worker"):
        unbundle(sent(plan(targets=(), script="flow.py")), tmp_path)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `type`"),
        (b'{"type": "job", "plan": 1}', r"got `int` - at `\$\.plan`"),
        (b'{"type": "job", "plan": {"seed": "x"}}', r"Expected `int`, got `str` - at `\$\.plan\.seed`"),
        (b'{"type": "job", "plan": {}, "files": {"a": "?"}}', r"at `\$\.files\[\.\.\.\]`"),
        (b'{"type": "stop"}', "the first message must be a job, not Stop"),
        (b"\xff", "malformed"),
    ],
)
def test_invalid_job_is_refused_naming_the_field(line: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        decode_job(line)


def test_job_with_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not Unicode text"):
        encode_command(Job(plan=plan(cacert="\udcff.pem")))


def test_odd_text_of_a_script_is_sent_with_question_marks() -> None:
    reply = decode_reply(encode_reply(Output(lines=["caf\udce9", "fine"], left_out=0), {}))
    assert reply == Output(lines=["caf?", "fine"], left_out=0)


def test_values_of_variables_are_hidden_in_replies() -> None:
    line = encode_reply(Failed(kind="invalid", message="no host s3cret"), {"TOKEN": "s3cret"})
    assert decode_reply(line) == Failed(kind="invalid", message="no host ${TOKEN}")


def test_line_to_an_ended_connection_is_dropped() -> None:
    async def write_twice() -> bytes:
        ours, theirs = socket.socketpair()
        with ours:
            transport, writer = await asyncio.get_running_loop().create_connection(LineWriter, sock=theirs)
            writer.send(Ready(pid=1))
            transport.close()
            await asyncio.sleep(0.01)
            writer.send(Ready(pid=2))
            return ours.recv(1000)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(write_twice()) == b'{"type":"ready","pid":1}\n'
