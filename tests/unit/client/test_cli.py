"""The command line as people meet it: help, mistakes, exit codes."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from client_builders import IDS, cloud, host, instance, load, trace

from client.called import as_typed, called, examples
from client.cli import COMMANDS, main, overview
from client.cli.down import Done, lines_of
from client.cli.flow import line_of
from client.cli.ps import since, table
from client.cli.status import host_line, places_of
from client.cli.up import block
from client.console.keys import Key
from client.local.places import LocalFacts
from client.view.model import Note
from client.view.plain import FOR_PROGRAMS
from client.view.watching import block as watch_block
from server.__main__ import main as server_main
from server.api.flow import FlowRecord
from vmhost.api.views import LimitsView


@pytest.fixture(autouse=True)
def _nothing_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("GLASSCLOUD_ACCESS", "GLASSCLOUD_FRONTEND", "GLASSCLOUD_ENDPOINT", "GLASSCLOUD_SHOWN_API",
                 "GLASSCLOUD_CLOUD", "GLASSCLOUD_CONSOLE", "GLASSCLOUD_CONSOLE_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def test_the_overview_names_every_command_and_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)
    assert f"Start with: {called()} demo" in text
    assert "GLASSCLOUD_LOG_LEVEL" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"glasscloud {name}" in text
    assert name == importlib.import_module(f"client.cli.{name}").NAME


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_understood_by_its_command(name: str) -> None:
    module = importlib.import_module(f"client.cli.{name}")
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.add_arguments(parser)
    for example in module.EXAMPLES.splitlines():
        words = example.split("   ")[0].replace("'", "").split("|")[0].split(">")[0].split()
        if f"glasscloud {name}" not in example or "eval" in example or "docker" in example or "Bearer" in example:
            continue
        words = words[words.index(name) + 1 :]
        if "--help" not in words:
            parser.parse_known_args(words)


def test_nothing_heavy_is_loaded_to_show_the_overview() -> None:
    code = "import sys, client.cli; client.cli.main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    assert not loaded & {"aiohttp", "asyncio", "structlog", "uvloop", "json"}


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("stauts", "did you mean status?"), ("UP", "did you mean up?"), ("xyzzy", "--help lists them"),
     ("--json", "comes after a command")],
)  # fmt: skip
def test_a_wrong_command_gets_a_hint_and_code_2(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([typed]) == 2
    said = capsys.readouterr()
    assert hint in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--drivr", "x"], "unknown option --drivr; did you mean --driver?"),
        (["up", "--driver", "vmware"], "invalid choice"),
        (["up", "--instances", "5"], "5 instances cannot be divided among 2 shards; use --instances 4 or 6"),
        (["up", "--shards", "0"], "--shards must be at least 1"),
        (["up", "--corpus", "/does/not/exist"], "is not a folder"),
        (["up", "--corpus", "/", "--driver", "container"], "--corpus needs --driver process"),
        (["up", "--overcommit", "0.5"], "--overcommit must be at least 1"),
        (["up", "--port", "99999"], "port 99999 is out of range (0 to 65535)"),
        (["demo", "--console-port", "-1"], "port -1 is out of range (0 to 65535)"),
        (["ps", "--al"], "unknown option --al; did you mean --all?"),
        (["ps", "--xyzzy"], "unknown option --xyzzy\n"),
        (["ps", "all"], "unexpected argument all"),
        (["demo", "--json"], "--json needs --once"),
        (["demo", "--once", "--seconds", "0"], "--seconds must be from 1 to 600"),
        (["watch", "--load", "-3"], "rate -3/s is not possible"),
        (["serve", "nothing"], "invalid choice"),
        (["console", "--bind", "0.0.0.0"], "to let an audience in, use"),
        (["console", "--bind", "::"], "every address of this computer"),
        (["serve"], "name the program: serve frontend, or serve leaf"),
        (["load", "http://127.0.0.1:1/", "--rate", "0"], "the rate must be above 0"),
    ],
)
def test_wrong_use_is_told_in_words_with_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["ps"], ["status"], ["env"], ["flow"], ["watch"]])
def test_without_a_cloud_one_sentence_says_how_to_start_one(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said == f"glasscloud {words[0]}: no cloud is up here; start one with: {called()} up\n"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_a_flow_from_nowhere_is_one_plain_sentence(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", url]) == 1
    said = f"glasscloud flow: no front end answers at {url}\n"
    assert capsys.readouterr().err == said


def test_env_prints_exports_of_the_access_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    access = {"endpoint": "http://a:1", "region": "r", "access_key_id": "K", "secret_access_key": "it's"}
    (tmp_path / "access.json").write_text(json.dumps(access))
    monkeypatch.setenv("GLASSCLOUD_ACCESS", str(tmp_path / "access.json"))
    monkeypatch.setenv("GLASSCLOUD_ENDPOINT", "http://b:2")
    assert main(["env"]) == 0
    text = capsys.readouterr().out
    assert "export AWS_ENDPOINT_URL=http://b:2\n" in text
    assert "export AWS_SECRET_ACCESS_KEY='it'\"'\"'s'\n" in text
    monkeypatch.setenv("GLASSCLOUD_SHOWN_API", "http://outside:3")
    assert main(["env"]) == 0
    assert "export AWS_ENDPOINT_URL=http://outside:3\n" in capsys.readouterr().out
    assert main(["env", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["AWS_ACCESS_KEY_ID"] == "K"


def test_the_machines_as_a_table_with_the_reason_of_those_that_stand() -> None:
    limits = LimitsView(
        cpu_guaranteed_cores=0.05, cpu_quota_cores=0.5, cpu_weight=5, memory_mib=512, pids=64, disk_gib=1,
        network_mbps=100,
    )  # fmt: skip
    lines = table([replace(instance(0), limits=limits), instance(1, state="stopped")], 160.0, cpu_limited=True)
    assert lines[0].split()[:3] == ["INSTANCE", "STATE", "TYPE"]
    assert lines[1].split() == [IDS[0], "running", "t3.nano", "host-a", "0.05-0.50", "127.0.0.1:8080",
                                "search", "shard", "0", "1", "min"]  # fmt: skip
    assert lines[-1] == "CORES: guaranteed, and at most (its type's vCPUs, or its host's cores where those are fewer)"
    assert table([instance(0)], 160.0, cpu_limited=False)[-1].endswith("status says why it is not enforced here")
    assert table([], 0.0, cpu_limited=True) == ["no instances"]
    assert [since(5), since(7300), since(90000)] == ["5 s", "2 h", "1 d"]


def test_host_is_shown_with_its_cpus_and_what_is_guaranteed_on_it() -> None:
    line = "host-a   us-east-1a, {}: 0.20 of 0.75 cores and 1024 of 4000 MiB guaranteed to instances"
    assert host_line(host("host-a")) == line.format("any CPU")
    assert host_line(replace(host("host-a"), cpus=(0, 1, 4))) == line.format("CPU 0-1,4")
    assert host_line(replace(host("host-a"), cpus=(0,), shared=True)) == line.format("shared CPU 0")
    open_ = replace(host("host-a"), enforced=False, why="no groups")
    assert host_line(open_).endswith("instances (not enforced: no groups)")


def facts(cloud: str = "glasscloud") -> LocalFacts:
    return LocalFacts(
        cloud=cloud, asked="auto", driver="process", why="", supervisor=1, endpoint="http://127.0.0.1:4566",
        search="http://127.0.0.1:8000", access="a", queries="q", instances=4, shards=2, type="t3.nano", since=0.0,
    )  # fmt: skip


def test_status_tells_programs_where_console_search_and_api_are(tmp_path: Path) -> None:
    key = Key.kept(tmp_path / "key")
    told = replace(facts(), console="http://127.0.0.1:8080", console_key=str(tmp_path / "key"))
    assert places_of("http://127.0.0.1:4566", told) == {
        "console": key.address("http://127.0.0.1:8080"),
        "search": "http://127.0.0.1:8000",
        "endpoint": "http://127.0.0.1:4566",
    }
    assert places_of("http://other:4566", None) == {"console": None, "search": None, "endpoint": "http://other:4566"}


def test_up_says_where_it_is_and_how_to_end_it() -> None:
    text = "\n".join(block(facts(), already=True, differs=True, program=".venv/bin/glasscloud"))
    assert text.startswith("glasscloud is already up: 4 instances (t3.nano), 2 shards")
    assert 'eval "$(.venv/bin/glasscloud env)"' in text
    assert "stop     .venv/bin/glasscloud down" in text
    assert "started with other options" in text


def test_commands_for_another_cloud_carry_its_name() -> None:
    program = called("mine")
    assert program == f"GLASSCLOUD_CLOUD=mine {called()}"
    text = "\n".join(block(facts("mine"), already=False, differs=True, program=program))
    assert text.startswith("the cloud mine is up: 4 instances")
    assert f'eval "$({program} env)"' in text
    assert text.count(f"{program} ") == 4
    watched = watch_block(replace(cloud(instance(0)), cloud="mine"), console="", search="s", api="a", composed=False)
    assert watched[-1] == f"  stop     {program} down"


def test_up_says_when_another_installation_started_the_cloud() -> None:
    other = replace(facts(), installed="/somewhere/else")
    assert (
        "started from another installation: /somewhere/else"
        in block(other, already=True, differs=False, program="p")[-1]
    )


def test_down_says_what_was_there() -> None:
    def said(**what: object) -> list[str]:
        return lines_of(replace(Done(cloud="glasscloud", was_up=False, clean=True), **what))  # type: ignore[arg-type]

    left = ("container mine-i-1", "container mine-i-2", "network mine")
    assert said() == ["no cloud was up"]
    assert said(demos_running=("glasscloud-demo-1",))[1:] == [
        "glasscloud-demo-1 is still running; end it with q in its terminal"
    ]
    assert said(cloud="mine", was_up=True) == ["the cloud mine is down; nothing is left"]
    assert said(was_up=True) == ["glasscloud is down; nothing is left"]
    assert said(was_up=True, clean=False) == ["glasscloud did not end in time and was killed; what it left is removed"]
    assert said(killed=True) == ["removed what a killed platform had left"]
    assert said(removed=left) == ["removed what a killed platform had left: 2 instances, 1 network"]
    assert said(demos_removed=1) == ["removed what 1 killed demo had left"]
    assert said(left=left[:1])[0].startswith("still there: 1 instance of the cloud glasscloud; the platform that made")


@pytest.mark.parametrize("name", ["../x", "", "UP", "x" * 41])
def test_a_name_that_can_be_no_clouds_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--cloud", name]) == 2
    assert "cannot be the name of a cloud" in capsys.readouterr().err


def test_watch_tells_programs_what_it_tells_people() -> None:
    assert json.loads(FOR_PROGRAMS.note(Note(at=1.5, text="i-0a12 is stopped"))) == {
        "at": 1.5, "event": "i-0a12 is stopped"
    }  # fmt: skip
    told = json.loads(FOR_PROGRAMS.figures(10.0, load(requests=200, lost=3), 4))
    assert (told["requests_per_s"], told["failed"], told["p99_ms"], told["running"]) == (20.0, 3, None, 4)


@pytest.mark.parametrize("program", ["frontend", "leaf", "index"])
def test_each_single_program_shows_examples(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        server_main([program, "--help"])
    assert f"examples:\n  python -m server {program}" in capsys.readouterr().out.replace("PORT=8081 ", "")


def test_watch_prints_one_block_for_the_people_before_compose() -> None:
    snapshot = cloud(instance(0), instance(1), driver="container")
    lines = watch_block(
        snapshot,
        console="http://127.0.0.1:8080/#token=t",
        search="http://127.0.0.1:8000",
        api="http://127.0.0.1:4566",
        composed=True,
    )
    assert lines[0] == "glasscloud is up: 2 instances (t3.nano, plain processes on one OS) on 2 hosts"
    assert lines[1:] == [
        "  console  http://127.0.0.1:8080/#token=t",
        "  search   http://127.0.0.1:8000/search?q=hypervisor",
        '  EC2 API  http://127.0.0.1:4566   eval "$(docker compose exec -T client glasscloud env)"',
        f"  break it docker kill glasscloud-{IDS[0]}",
        "  stop     Ctrl-C once, then docker compose down: the instances are removed too",
        "           a second Ctrl-C kills it: then .venv/bin/glasscloud down",
    ]
    other = watch_block(replace(snapshot, cloud="mine"), console="", search="s", api="a", composed=True)
    assert other[-1].endswith("glasscloud down --cloud mine")


def test_the_overview_fits_a_terminal() -> None:
    assert all(len(text) <= 80 for text in overview(".venv/bin/glasscloud").splitlines())


def test_flow_tells_a_request_and_its_hops_by_short_ids() -> None:
    record = FlowRecord(at=0.0, query="hypervisor", status=200, partial=False, agent="", trace=trace())
    shorts = {IDS[0]: "i-00a1", IDS[3]: "i-00d9"}
    assert line_of(record, shorts).endswith(
        '200    3.4 ms  "hypervisor"  front end 0.5, shard 0 i-00a1 2.1, shard 1 i-00d9 2.9'
    )


def test_the_program_is_named_as_it_can_be_typed(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "glasscloud"
    program.parent.mkdir()
    program.touch()
    assert as_typed(str(program), on_path=str(program), here=tmp_path) == "glasscloud"
    assert as_typed(str(program), on_path=None, here=tmp_path) == "bin/glasscloud"
    assert as_typed(str(program), on_path="/bin/sh", here=Path("/usr")) == str(program)
    assert as_typed(str(tmp_path / "none"), on_path=None, here=tmp_path) == "glasscloud"


def test_help_names_the_program_as_it_was_called_and_leaves_other_programs_alone() -> None:
    text = '  A=1 glasscloud ps    glasscloud is up\n  eval "$(glasscloud env)"\n  docker exec client glasscloud env\n'
    assert examples(text) == (
        f'  A=1 {called()} ps    glasscloud is up\n  eval "$({called()} env)"\n  docker exec client glasscloud env\n'
    )
