"""Questions and texts of `glasscloud share`, and QR codes."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from typing import Any
from xml.etree import ElementTree

import pytest

from client.cli import main, share
from client.cli.share import check_consent, choose, outcome_lines, question
from client.console.share.addresses import qr_blocks, qr_svg
from client.console.share.sharing import check_address, check_name
from vmhost.base.errors import InvalidInput

WIFI = {"name": "wlan0", "address": "192.168.1.7", "label": "Wi-Fi wlan0", "public": False}
WIRED = {"name": "eth0", "address": "10.0.0.5", "label": "eth0", "public": False}
PUBLIC = {"name": "eth0", "address": "8.8.4.4", "label": "eth0", "public": True}


def args(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    share.add_arguments(parser)
    return parser.parse_args(words)


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def order(address: str) -> dict[str, Any]:
    return {"address": address, "port": 8081, "name": ""}


def test_question_names_network_and_address() -> None:
    assert question(WIFI, "192.168.1.7", 8081) == (
        "Serve the search page and a view-only page to everyone on Wi-Fi wlan0 at http://192.168.1.7:8081? [y/N]"
    )
    assert question(PUBLIC, "8.8.4.4", 8081).startswith(
        "This address is public: it can be reached from outside this room.\n"
    )


@pytest.mark.parametrize(
    ("typed", "shared"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_only_yes_shares(monkeypatch: pytest.MonkeyPatch, typed: str, shared: bool) -> None:
    answering(monkeypatch, typed)
    assert choose(args(), [WIFI]) == (order("192.168.1.7") if shared else None)


def test_choice_between_networks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answering(monkeypatch, "3\n2\ny\n")
    assert choose(args(), [WIFI, WIRED]) == order("10.0.0.5")
    said = capsys.readouterr().out
    assert "1  Wi-Fi wlan0" in said
    assert said.count("Which network? [1]") == 2
    answering(monkeypatch, "")
    assert choose(args(), [WIFI, WIRED]) is None


def test_yes_takes_the_first_network_and_asks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, "")
    assert choose(args("--yes"), [WIFI, WIRED]) == order("192.168.1.7")
    assert choose(args("--yes", "--address", "10.9.9.9"), [WIFI]) == order("10.9.9.9")
    assert capsys.readouterr().out == ""


def test_public_address_needs_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"8\.8\.4\.4 is a public address"):
        choose(args("--yes"), [PUBLIC])
    assert choose(args("--yes", "--address", "8.8.4.4"), [PUBLIC]) == order("8.8.4.4")
    answering(monkeypatch, "y\n")
    assert choose(args(), [PUBLIC]) == order("8.8.4.4")


def test_without_a_network_there_is_nothing_to_choose() -> None:
    with pytest.raises(InvalidInput, match="is not on a network; join one, or open a hotspot"):
        choose(args("--yes"), [])


@pytest.mark.parametrize("command", [["up", "--share"], ["share"], ["share", "--json"]])
def test_share_without_terminal_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    answering(monkeypatch, "y\n")
    assert main(command) == 2
    assert "sharing needs your consent: run it in a terminal, or add --yes" in capsys.readouterr().err


def test_a_yes_beforehand_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "")
    check_consent(yes=True, as_json=True)


def test_share_without_cloud_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("GLASSCLOUD_CLOUD", "GLASSCLOUD_CONSOLE", "GLASSCLOUD_CONSOLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["share", "--yes"]) == 1
    assert "no cloud is up here; start one with" in capsys.readouterr().err


def test_advice_when_no_phone_came() -> None:
    state: dict[str, Any] = {"url": "http://192.168.1.7:8083", "reached": 0}
    text = "\n".join(outcome_lines(state, 20, "glasscloud"))
    assert "No phone has opened it within 20 s" in text
    assert "open a hotspot on your phone" in text
    assert "allow incoming connections to port 8083" in text
    assert "glasscloud share --stop" in text


def test_phones_counted() -> None:
    state: dict[str, Any] = {"url": "http://192.168.1.7:8081", "reached": 1}
    assert outcome_lines(state, 20, "glasscloud")[0] == "1 phone opened it."
    assert outcome_lines({**state, "reached": 7}, 20, "glasscloud")[0] == "7 phones opened it."
    assert outcome_lines(None, 20, "glasscloud") == ["sharing was stopped in the meantime"]


def test_qr_svg_has_no_style_or_script() -> None:
    root = ElementTree.fromstring(qr_svg("http://192.168.1.7:8081/"))
    assert root.tag.endswith("}svg")
    assert root.get("viewBox")
    kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
    assert kinds == {"svg", "path"}
    assert all("style" not in each.attrib for each in root.iter())


def test_terminal_qr_code_square_with_colours() -> None:
    plain, coloured = (qr_blocks("http://192.168.1.7:8081/", colours=colours) for colours in (False, True))
    assert {len(line) for line in plain} == {len(plain[0])}
    assert abs(len(plain[0]) - 2 * len(plain)) <= 1
    assert [line.replace("\x1b[97;40m", "").replace("\x1b[0m", "") for line in coloured] == plain
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in coloured)


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "localhost", "", "1.2.3", "1.2.3.4:80"]
)
def test_address_of_one_computer_required(text: str) -> None:
    with pytest.raises(InvalidInput, match="address"):
        check_address(text)


@pytest.mark.parametrize("text", ["", "a b", "evil.example/x", "host:80", "-a", "a" * 80, "a." * 20 + "b", "ü"])
def test_invalid_host_name_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"such as laptop\.local"):
        check_name(text)


def test_a_name_is_compared_in_small_letters() -> None:
    assert check_name("Laptop.local.") == "laptop.local"


def test_share_in_container_refused() -> None:
    with pytest.raises(InvalidInput, match="runs in a container"):
        choose(args("--yes", "--address", "10.0.0.5"), [], "this console runs in a container")


@pytest.mark.parametrize("seconds", ["-3", "nan", "inf"])
def test_invalid_wait_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["share", "--yes", "--wait", seconds]) == 2
    assert "--wait must be from 0 to 3600 seconds" in capsys.readouterr().err
