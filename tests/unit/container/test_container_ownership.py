from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.errors import CloudError, Conflict
from vmhost.drivers.base import Remains
from vmhost.drivers.container import labels
from vmhost.drivers.container.ownership import (
    Decision,
    Life,
    Owner,
    Presence,
    Stranger,
    decide,
    home_of,
    is_present,
    owner_id,
    take_id,
)

GUEST = {labels.INSTANCE: "i-01", labels.OWNER: "aa"}
OLD_GUEST = {labels.INSTANCE: "i-01"}
NETWORK = {labels.OWNER: "aa"}


def stranger(life: Life, found: dict[str, str] = GUEST) -> Stranger:
    return Stranger(id="x", labels=found, life=life)


def test_the_id_of_a_state_folder_is_made_once_and_differs_from_others(tmp_path: Path) -> None:
    first = owner_id(tmp_path / "a")
    assert owner_id(tmp_path / "a") == first
    assert owner_id(tmp_path / "b") != first
    take_id(tmp_path / "b", first)
    assert owner_id(tmp_path / "b") == first


def test_objects_are_the_owners_by_label_and_older_ones_if_they_are_on_record() -> None:
    owner = Owner(id="aa", home="here", known=frozenset({"i-01"}))
    assert owner.owns(GUEST)
    assert owner.owns(OLD_GUEST)
    assert owner.owns({})
    assert not owner.owns(OLD_GUEST | {labels.INSTANCE: "i-02"})
    assert not owner.owns(GUEST | {labels.OWNER: "bb"})


@given(
    remains=st.sampled_from(Remains), others=st.lists(st.sampled_from(Life)), found=st.sampled_from([GUEST, NETWORK])
)
def test_nothing_of_a_platform_that_runs_is_ever_touched(
    remains: Remains, others: list[Life], found: dict[str, str]
) -> None:
    with pytest.raises(Conflict, match="another platform runs the cloud c"):
        decide([*map(stranger, others), stranger(Life.RUNS, found)], remains, "c")


@given(remains=st.sampled_from(Remains), others=st.lists(st.sampled_from(Life)))
def test_nothing_is_touched_while_its_platform_is_not_proved_to_be_gone(remains: Remains, others: list[Life]) -> None:
    with pytest.raises(CloudError):
        decide([*map(stranger, others), stranger(Life.UNKNOWN)], remains, "c")


@pytest.mark.parametrize(
    ("remains", "found", "decision"),
    [
        (Remains.THROWAWAY, GUEST, Decision.REMOVE),
        (Remains.SWEEP, GUEST, Decision.REMOVE),
        (Remains.ADOPT, GUEST, Decision.BECOME_THEIR_OWNER),
        (Remains.ASK, NETWORK, Decision.REMOVE),
        (Remains.ADOPT, NETWORK, Decision.REMOVE),
    ],
)
def test_what_a_platform_left_that_is_gone_is_dealt_with_as_asked(
    remains: Remains, found: dict[str, str], decision: Decision
) -> None:
    assert decide([stranger(Life.GONE, found)], remains, "c") is decision


@pytest.mark.parametrize(
    ("remains", "found", "words"),
    [
        (Remains.ASK, GUEST, "1 instance of the cloud c .* --adopt.*--sweep.*--cloud"),
        (Remains.ASK, OLD_GUEST, "--sweep"),
        (Remains.THROWAWAY, OLD_GUEST, "--sweep"),
        (Remains.ADOPT, OLD_GUEST, "cannot be adopted"),
    ],
)
def test_a_refusal_names_the_choices(remains: Remains, found: dict[str, str], words: str) -> None:
    with pytest.raises(Conflict, match=words):
        decide([stranger(Life.GONE if labels.OWNER in found else Life.UNKNOWN, found)], remains, "c")


def test_guests_of_an_older_version_go_with_a_sweep() -> None:
    assert decide([stranger(Life.UNKNOWN, OLD_GUEST)], Remains.SWEEP, "c") is Decision.REMOVE


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's own")
def test_a_platform_is_present_until_its_process_ends_however_it_ends() -> None:
    code = """
import sys, time
from vmhost.drivers.container.ownership import Presence
presence = Presence("test-presence")
assert presence.take()
print("taken", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        assert is_present("test-presence")
        assert not Presence("test-presence").take()
        process.kill()
        process.wait()
    assert not is_present("test-presence")


def test_a_home_is_the_container_or_the_network_namespace() -> None:
    assert home_of("abc") == "container:abc"
    assert home_of("") in ("", Path("/proc/self/ns/net").readlink().name if Path("/proc").exists() else "")
