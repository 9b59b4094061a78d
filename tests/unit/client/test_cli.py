"""The command line: help, usage errors, exit codes."""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from client_builders import IDS, cloud, host, instance, load, trace

from client.cli import SUMMARIES, find_command, main, overview
from client.cli.cloud_status import addresses, host_line, since, table
from client.cli.down import DownResult, lines_of
from client.cli.follow_cloud import line_of
from client.cli.up import block
from client.console.request_guard import ConsoleKey
from client.local.state_dir import LocalFacts
from client.program_name import as_typed, examples, program_name
from client.view.plain_view import figures_json, note_json
from client.view.view_state import Note
from client.view.watch_cloud import block as watch_block
from server.__main__ import main as server_main
from server.api.flow import FlowRecord
from vmhost.api.drivers import DriverObject
from vmhost.api.views import LimitsView

HELP_PAGES = (*sorted(SUMMARIES), "load compare", "load sweep", "load worker")
OF_A_CLOUD = ("up", "down", "status", "ps", "env", "flow", "watch", "console", "share")


@pytest.fixture(autouse=True)
def _nothing_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("GLASSCLOUD_ACCESS", "GLASSCLOUD_FRONTEND", "GLASSCLOUD_ENDPOINT", "GLASSCLOUD_SHOWN_API",
                 "GLASSCLOUD_CLOUD", "GLASSCLOUD_CONSOLE", "GLASSCLOUD_CONSOLE_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def test_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in SUMMARIES)
    assert f"Start with: {program_name()} demo" in text
    assert "GLASSCLOUD_LOG_LEVEL" in text


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"glasscloud {name}" in text


@pytest.mark.parametrize("name", HELP_PAGES)
def test_help_fits_80_columns(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out.replace(program_name(), "glasscloud")
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", SUMMARIES)
def test_examples_parse(name: str) -> None:
    command = find_command(name)
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.add_arguments(parser)
    for example in command.examples.splitlines():
        words = example.split("   ")[0].replace("'", "").split("|")[0].split(">")[0].split()
        if f"glasscloud {name}" not in example or "eval" in example or "docker" in example or "Bearer" in example:
            continue
        words = words[words.index(name) + 1 :]
        if "--help" not in words:
            parser.parse_known_args(words)


@pytest.mark.parametrize("name", OF_A_CLOUD)
def test_cloud_option_is_the_same_everywhere(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "--cloud NAME name of the cloud (default $GLASSCLOUD_CLOUD, else glasscloud)" in text


@pytest.mark.parametrize("name", HELP_PAGES)
def test_defaults_are_written_alike(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "(default:" not in text
    # Such as "(10s)" for "(default 10s)".
    assert re.findall(r"\(\d+s?\)", text) == []


def test_overview_imports_nothing_heavy() -> None:
    code = "import sys, client.cli; client.cli.main(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    loaded = set(ast.literal_eval(done.stdout.splitlines()[-1]))
    assert not loaded & {"aiohttp", "asyncio", "structlog", "uvloop", "json"}


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("stauts", "did you mean status?"), ("UP", "did you mean up?"), ("xyzzy", "--help lists them"),
     ("--json", "comes after a command")],
)  # fmt: skip
def test_unknown_command_gets_a_hint(typed: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([typed]) == 2
    said = capsys.readouterr()
    assert hint in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--drivr", "x"], "unknown option --drivr; did you mean --driver?"),
        (["up", "--driver", "vmware"], "driver 'vmware' does not exist; use one of auto, container, process"),
        (["up", "--driver", "process,process"], "driver process is named twice"),
        (["up", "--driver", "auto,process"], "cannot be combined; name the drivers, as in process,container"),
        (["up", "--instances", "5"], "5 instances cannot be divided among 2 shards; use --instances 4 or 6"),
        (["up", "--shards", "0"], "--shards must be at least 1"),
        (["up", "--corpus", "/does/not/exist"], "is not a folder"),
        (["up", "--corpus", "/", "--driver", "container"], "--corpus needs --driver process"),
        (["up", "--corpus", "/", "--driver", "container,process"], "--corpus needs --driver process"),
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
def test_usage_errors_exit_with_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["ps"], ["status"], ["env"], ["flow"], ["watch"]])
def test_commands_without_a_cloud_say_how_to_start_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    said = capsys.readouterr().err
    assert said == f"glasscloud {words[0]}: no cloud is up here; start one with: {program_name()} up\n"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense"])
def test_flow_without_a_front_end(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", url]) == 1
    said = f"glasscloud flow: no front end responds at {url}\n"
    assert capsys.readouterr().err == said


def test_env_uses_the_access_file_of_the_environment(
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


def test_ps_table() -> None:
    limits = LimitsView(
        cpu_guaranteed_cores=0.05, cpu_quota_cores=0.5, cpu_weight=5, memory_mib=512, pids=64, disk_gib=1,
        network_mbps=100,
    )  # fmt: skip
    lines = table([replace(instance(0), limits=limits), instance(1, state="stopped")], 160.0, cpu_limited=True)
    assert lines[0].split()[:3] == ["INSTANCE", "STATE", "TYPE"]
    assert lines[1].split() == [IDS[0], "running", "t3.nano", "host-a", "0.05-0.50", "127.0.0.1:8080",
                                "search", "shard", "0", "1", "min"]  # fmt: skip
    assert lines[-1] == "CORES: guaranteed to maximum (the type's vCPUs, or the host's cores if those are fewer)"
    assert table([instance(0)], 160.0, cpu_limited=False)[-1].endswith("status says why it is not enforced here")
    assert table([], 0.0, cpu_limited=True) == ["no instances"]
    assert [since(5), since(59.7), since(3599), since(7300), since(90000)] == ["5 s", "59 s", "59 min", "2 h", "1 d"]


def test_host_line() -> None:
    line = "host-a   us-east-1a, {}: 0.20 of 0.75 cores and 1024 of 4000 MiB allocated to instances"
    assert host_line(host("host-a")) == line.format("any CPU")
    assert host_line(replace(host("host-a"), cpus=(0, 1, 4))) == line.format("CPU 0-1,4")
    assert host_line(replace(host("host-a"), cpus=(0,), shared=True)) == line.format("shared CPU 0")
    open_ = replace(host("host-a"), enforced=False, why="no groups")
    assert host_line(open_).endswith("instances (not enforced: no groups)")


def facts(cloud: str = "glasscloud") -> LocalFacts:
    return LocalFacts(
        cloud=cloud, driver_option="auto", driver="process", why="", supervisor=1, endpoint="http://127.0.0.1:4566",
        search="http://127.0.0.1:8000", access="a", queries="q", instances=4, shards=2, type="t3.nano", since=0.0,
    )  # fmt: skip


def test_status_addresses(tmp_path: Path) -> None:
    key = ConsoleKey.read_or_create(tmp_path / "key")
    served = replace(facts(), console="http://127.0.0.1:8080", console_key=str(tmp_path / "key"))
    assert addresses("http://127.0.0.1:4566", served) == {
        "console": key.link("http://127.0.0.1:8080"),
        "search": "http://127.0.0.1:8000",
        "endpoint": "http://127.0.0.1:4566",
    }
    assert addresses("http://other:4566", None) == {"console": None, "search": None, "endpoint": "http://other:4566"}


def test_up_prints_addresses_and_stop_command() -> None:
    text = "\n".join(block(facts(), already=True, differs=True, program=".venv/bin/glasscloud"))
    assert text.startswith("glasscloud is already up: 4 instances (t3.nano), 2 shards")
    assert 'eval "$(.venv/bin/glasscloud env)"' in text
    assert "stop     .venv/bin/glasscloud down" in text
    assert "started with other options" in text


def test_commands_of_another_cloud_contain_its_name() -> None:
    program = program_name("mine")
    assert program == f"GLASSCLOUD_CLOUD=mine {program_name()}"
    text = "\n".join(block(facts("mine"), already=False, differs=True, program=program))
    assert text.startswith("the cloud mine is up: 4 instances")
    assert f'eval "$({program} env)"' in text
    assert text.count(f"{program} ") == 4
    watched = watch_block(replace(cloud(instance(0)), cloud="mine"), console="", search="s", api="a", composed=False)
    assert watched[-1] == f"  stop     {program} down"


def test_up_names_another_installation() -> None:
    other = replace(facts(), installed="/somewhere/else")
    assert (
        "started from another installation: /somewhere/else"
        in block(other, already=True, differs=False, program="p")[-1]
    )


def test_down_messages() -> None:
    def said(**what: object) -> list[str]:
        return lines_of(replace(DownResult(cloud="glasscloud", was_up=False, clean=True), **what))  # type: ignore[arg-type]

    left = (
        DriverObject(kind="container", name="mine-i-1", noun="instance"),
        DriverObject(kind="container", name="mine-i-2", noun="instance"),
        DriverObject(kind="network", name="mine", noun="network"),
    )
    assert said() == ["no cloud was up"]
    assert said(demos_running=("glasscloud-demo-1",))[1:] == [
        "glasscloud-demo-1 is still running; end it with q in its terminal"
    ]
    assert said(cloud="mine", was_up=True) == ["the cloud mine is down; nothing is left"]
    assert said(was_up=True) == ["glasscloud is down; nothing is left"]
    assert said(was_up=True, clean=False) == ["glasscloud did not stop in time and was killed"]
    assert said(killed=True) == ["removed what a killed platform had left"]
    assert said(removed=left) == ["removed what a killed platform had left: 2 instances, 1 network"]
    assert said(demos_removed=1) == ["removed what 1 killed demo had left"]
    assert said(left=left[:1])[0].startswith("still there: 1 instance of the cloud glasscloud; the platform that made")


@pytest.mark.parametrize("name", ["../x", "", "UP", "x" * 41])
def test_invalid_cloud_name_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down", "--cloud", name]) == 2
    assert "is not a valid cloud name" in capsys.readouterr().err


def test_watch_json_lines() -> None:
    assert json.loads(note_json(Note(at=1.5, text="i-0a12 is stopped"))) == {"at": 1.5, "event": "i-0a12 is stopped"}
    figures = json.loads(figures_json(load(requests=200, lost=3), 4))
    assert (figures["requests_per_s"], figures["failed"], figures["p99_ms"], figures["running"]) == (20.0, 3, None, 4)


@pytest.mark.parametrize("program", ["frontend", "leaf", "index"])
def test_single_programs_show_examples(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        server_main([program, "--help"])
    assert f"examples:\n  python -m server {program}" in capsys.readouterr().out.replace("PORT=8081 ", "")


def test_watch_block_in_compose() -> None:
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


def test_overview_fits_80_columns() -> None:
    assert all(len(text) <= 80 for text in overview(".venv/bin/glasscloud").splitlines())


def test_flow_line() -> None:
    record = FlowRecord(at=0.0, query="hypervisor", status=200, partial=False, agent="", trace=trace())
    shorts = {IDS[0]: "i-00a1", IDS[3]: "i-00d9"}
    assert line_of(record, shorts).endswith(
        '200    3.4 ms  "hypervisor"  front end 0.5, shard 0 i-00a1 2.1, shard 1 i-00d9 2.9'
    )


def test_program_name_can_be_typed(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "glasscloud"
    program.parent.mkdir()
    program.touch()
    assert as_typed(str(program), on_path=str(program), here=tmp_path) == "glasscloud"
    assert as_typed(str(program), on_path=None, here=tmp_path) == "bin/glasscloud"
    assert as_typed(str(program), on_path="/bin/sh", here=Path("/usr")) == str(program)
    assert as_typed(str(tmp_path / "none"), on_path=None, here=tmp_path) == "glasscloud"


def test_examples_use_the_typed_program_name() -> None:
    text = '  A=1 glasscloud ps    glasscloud is up\n  eval "$(glasscloud env)"\n  docker exec client glasscloud env\n'
    assert examples(text) == (
        f'  A=1 {program_name()} ps    glasscloud is up\n  eval "$({program_name()} env)"\n'
        "  docker exec client glasscloud env\n"
    )
